"""Recipes: which script exports what, with which versions of which packages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Form = Literal["VOC", "COCO", "YOLO", "CVAT", "labelme"]
FORMS: tuple[Form, ...] = ("VOC", "COCO", "YOLO", "CVAT", "labelme")
"""Forms of annotations, in the order of the page."""


@dataclass(frozen=True)
class Recipe:
    """One export of one tool.

    Attributes:
        tool: name of the tool, for people.
        version: version of the package; empty if nothing is run.
        form: form of the annotations.
        script: module in ``scripts``.
        writer: name of a function there.
        requirements: what pip installs; empty if the script needs no tool.
        variant: words that tell this export from others of the same form.
        rotates: whether the tool knows rotated boxes.
    """

    tool: str
    version: str
    form: Form
    script: str
    writer: str
    requirements: tuple[str, ...]
    variant: str = ""
    rotates: bool = False

    @property
    def environment(self) -> str:
        """Name of the environment; empty if the script needs no tool."""
        return self.requirements[0].replace("==", "-") if self.requirements else ""

    @property
    def name(self) -> str:
        """Name of the export's folder."""
        return f"{self.environment or 'described'}-{self.writer}"


def _of_package(
    tool: str,
    requirements: Sequence[str],
    script: str,
    writers: Sequence[tuple[str, Form, str]],
    *,
    rotates: bool = False,
) -> Iterator[Recipe]:
    version = requirements[0].partition("==")[2]
    for writer, form, variant in writers:
        yield Recipe(tool, version, form, script, writer, tuple(requirements), variant, rotates)


_THREE: tuple[tuple[str, Form, str], ...] = (
    ("voc", "VOC", ""),
    ("coco", "COCO", ""),
    ("yolo", "YOLO", ""),
)

_DESCRIBED: tuple[tuple[str, Form, str, str], ...] = (
    ("labelme's VOC example", "VOC", "labelme-voc", ""),
    ("Roboflow", "VOC", "roboflow-voc", "from one is an assumption"),
    ("Roboflow", "COCO", "roboflow-coco", ""),
    ("Roboflow", "COCO", "roboflow-coco-namesake", "project called like a class"),
    ("Roboflow", "YOLO", "roboflow-yolo", ""),
    ("VIA", "COCO", "via-coco", ""),
    ("COCO's folders of 2017", "COCO", "coco-official", ""),
)
RECIPES: tuple[Recipe, ...] = (
    *_of_package(
        "labelImg",
        ("labelImg==1.8.6",),
        "labelimg",
        (("voc", "VOC", ""), ("yolo", "YOLO", "")),
    ),
    *(
        recipe
        for version in ("0.31.2", "0.27.0", "0.25.1")
        for recipe in _of_package(
            "supervision", (f"supervision=={version}",), "supervision", _THREE
        )
    ),
    *_of_package(
        "datumaro",
        ("datumaro==1.13.12",),
        "datumaro",
        (
            ("voc", "VOC", ""),
            ("voc-from-one", "VOC", "`voc-one-based`"),
            ("voc-without-sizes", "VOC", "sizes not given"),
            ("coco", "COCO", ""),
            ("yolo", "YOLO", "darknet"),
            ("yolo-ultralytics", "YOLO", "Ultralytics"),
        ),
        rotates=True,
    ),
    *_of_package(
        "CVAT, by datumaro",
        ("datumaro==1.13.12",),
        "datumaro",
        (("cvat-voc", "VOC", ""), ("cvat-coco", "COCO", ""), ("cvat", "CVAT", "")),
        rotates=True,
    ),
    *_of_package(
        "Label Studio SDK",
        ("label-studio-sdk==2.1.2",),
        "label_studio",
        (
            ("voc", "VOC", ""),
            ("coco", "COCO", "with pictures"),
            ("coco-alone", "COCO", "without pictures"),
            ("yolo", "YOLO", ""),
        ),
        rotates=True,
    ),
    *_of_package(
        "Label Studio converter",
        ("label-studio-converter==0.0.59",),
        "label_studio",
        _THREE,
        rotates=True,
    ),
    *_of_package(
        "globox",
        ("globox==2.9.0",),
        "globox",
        (*_THREE, ("labelme", "labelme", "")),
    ),
    *_of_package(
        "pylabel",
        ("pylabel==0.1.55", "pandas<3"),
        "pylabel",
        (*_THREE, ("yolo-from-zero", "YOLO", "`cat_id_index=0`")),
    ),
    *_of_package(
        "pascal-voc-writer",
        ("pascal-voc-writer==0.1.4",),
        "pascal_voc_writer",
        (("voc", "VOC", ""),),
    ),
    *_of_package("FiftyOne", ("fiftyone==1.22.1",), "fiftyone", _THREE),
    *_of_package(
        "ImgAnn",
        ("ImgAnn==0.8.1", "scikit-learn"),
        "imgann",
        (("coco", "COCO", ""), ("yolo", "YOLO", "")),
    ),
    *_of_package("labelme", ("labelme==6.3.1",), "labelme", (("labelme", "labelme", ""),)),
    *(
        Recipe(tool, "", form, "described", writer, (), variant)
        for tool, form, writer, variant in _DESCRIBED
    ),
)
"""All exports, tool by tool."""


def one_of_each(recipes: Sequence[Recipe]) -> list[Recipe]:
    """Choose one export of each version of each tool that is run, the forms in turn."""
    tools: dict[tuple[str, str], list[Recipe]] = {}
    for recipe in recipes:
        if recipe.requirements:
            tools.setdefault((recipe.tool, recipe.version), []).append(recipe)
    return [group[number % len(group)] for number, group in enumerate(tools.values())]
