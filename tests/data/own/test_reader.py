"""Every case is read twice: by the check, and by the download stage."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objloc.data.own.convert import write_own_devkit
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError
from objloc.params import Dataset
from tests.helpers.check_reports import report_of
from tests.helpers.own_data import draw_blanks, write_texts

Boxes = list[tuple[float, ...]]
AUTO = Dataset()


def read(folder: Path, section: Dataset = AUTO) -> dict[str, Boxes] | str:
    """Boxes by image id as the stage writes them; or the error of the stage.

    The check must have come to the same result.
    """
    report = report_of(folder, section)
    out = folder.parent / "out"
    if not report.passed:
        with pytest.raises(ObjlocError) as refused:
            write_own_devkit(folder, out, section)
        message = str(refused.value)
        errors = [f"{each.place or folder}: {each.message}" for each in report.of("error")]
        assert any(message.startswith(each) for each in errors), errors
        return message
    write_own_devkit(folder, out, section)
    devkit = open_devkit(out)
    found = {
        image_id: [tuple(each.box) for each in devkit.read(image_id).objects]
        for image_id in devkit.images
    }
    assert report.objects == sum(map(len, found.values()))
    assert report.annotated == len(found)
    assert report.image_sets == {name: len(ids) for name, ids in devkit.image_sets.items()}
    return found


def voc(folder: Path, *boxes: tuple[object, ...], head: str = "", name: str = "a") -> Path:
    draw_blanks(folder, f"{name}.jpg")
    tags = ("xmin", "ymin", "xmax", "ymax")
    inner = "".join(
        "<object><name>cat</name><bndbox>"
        + "".join(f"<{tag}>{n}</{tag}>" for tag, n in zip(tags, box, strict=True))
        + "</bndbox></object>"
        for box in boxes
    )
    size = "<size><width>100</width><height>80</height><depth>3</depth></size>"
    write_texts(folder, {f"{name}.xml": f"<annotation>{head}{size}{inner}</annotation>"})
    return folder


def coco(folder: Path, *boxes: tuple[float, ...], name: str = "a.jpg") -> Path:
    draw_blanks(folder, "a.jpg")
    annotations = [
        {"id": number, "image_id": 1, "category_id": 1, "bbox": box}
        for number, box in enumerate(boxes, 1)
    ]
    tree = {
        "images": [{"id": 1, "file_name": name, "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": annotations,
    }
    write_texts(folder, {"c.json": json.dumps(tree)})
    return folder


def yolo(folder: Path, row: str) -> Path:
    draw_blanks(folder, "a.jpg", "b.jpg")
    write_texts(folder, {"a.txt": row, "classes.txt": "cat\n"})
    return folder


LABELIMG = "<path>/me/a.jpg</path><source><database>Unknown</database></source>"
CVAT = (
    '<annotations><version>1.1</version><image id="0" name="a.jpg" width="100" height="80">'
    '<box label="cat" occluded="0" xtl="10.00" ytl="20.00" xbr="50.00" ybr="60.00"/></image>'
    "</annotations>"
)
LABELME = {
    "imagePath": "a.jpg", "imageWidth": 100, "imageHeight": 80,
    "shapes": [{"label": "cat", "shape_type": "rectangle", "points": [[50, 20], [10, 60]]}],
}  # fmt: skip


def cvat(folder: Path) -> Path:
    draw_blanks(folder, "a.jpg")
    write_texts(folder, {"annotations.xml": CVAT})
    return folder


def labelme(folder: Path) -> Path:
    draw_blanks(folder, "a.jpg")
    write_texts(folder, {"a.json": json.dumps(LABELME)})
    return folder


TRUE = (10.0, 20.0, 50.0, 60.0)


@pytest.mark.parametrize(
    ("make", "images"),
    [
        (lambda f: voc(f, (11, 21, 50, 60)), {"a": [TRUE]}),
        (lambda f: voc(f, (10, 20, 50, 60), head=LABELIMG), {"a": [TRUE]}),
        (lambda f: voc(f, (1, 1, 100, 80), head=LABELIMG), {"a": [(0, 0, 100, 80)]}),
        (lambda f: voc(f, (10.0, 20.0, 50.5, 60.25)), {"a": [(10, 20, 50.5, 60.25)]}),
        (lambda f: voc(f, (0, 0, 30, 40), (10, 20, 50, 60)), {"a": [(0, 0, 30, 40), TRUE]}),
        (voc, {"a": []}),
        (lambda f: coco(f, (10, 20, 40, 40)), {"a": [TRUE]}),
        (lambda f: coco(f, (10, 20, 40, 40), name="D:\\b\\a.jpg"), {"a": [TRUE]}),
        # What is left out, or cut.
        (lambda f: coco(f, (10, 20, 0.0004, 40)), {"a": []}),
        (lambda f: coco(f, (100, 20, 0.5, 40)), {"a": []}),
        (lambda f: coco(f, (10, 20, 40, 60.08)), {"a": [(10, 20, 50, 80)]}),
        (lambda f: coco(f, (-0.5, -1, 40, 60)), {"a": [(0, 0, 39.5, 59)]}),
        (lambda f: yolo(f, "0 0.3 0.5 0.4 0.5\n"), {"a": [TRUE], "b": []}),
        (cvat, {"a": [TRUE]}),
        (labelme, {"a": [TRUE]}),
    ],
)
def test_boxes_are_read_to_the_pixel(
    make: Callable[[Path], Path], images: dict[str, Boxes], tmp_path: Path
) -> None:
    found = read(make(tmp_path / "own"))
    assert isinstance(found, dict), found
    assert found.keys() == images.keys()
    for name, boxes in images.items():
        np.testing.assert_allclose(np.array(found[name]), np.array(boxes), atol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda f: voc(f, (11, 21, 50, 60), (50, 21, 11, 60)),
            "a.xml: object 2: 'cat' (50, 21, 11, 60): the far corner comes first (swapped?)",
        ),
        (
            lambda f: voc(f, (11, 21, 150, 60)),
            "a.xml: object 1: 'cat' (11, 21, 150, 60): reaches beyond the image of 100 x 80",
        ),
        # The numbers as the file has them.
        (
            lambda f: coco(f, (10, 20, 40.5, 61.8), (0, 0, 30, 40)),
            "c.json: annotation 1: 'cat' [10, 20, 40.5, 61.8]: reaches beyond the image",
        ),
        (
            lambda f: coco(f, (10, 20, -4, 40)),
            "c.json: annotation 1: 'cat' [10, 20, -4, 40]: the far corner comes first",
        ),
        (lambda f: coco(f, (10, 20, 40, 40), name="no.jpg"), "c.json: image 'no.jpg': expected"),
        (lambda f: yolo(f, "0 0.3 0.5 0.4\n"), "a.txt"),
        (
            lambda f: voc(draw_blanks(f, "lone.jpg")[0].parent, (11, 21, 50, 60)),
            "lone.jpg: expected an annotation; found none",
        ),
    ],
)
def test_a_bad_box_or_file_is_refused_by_its_place(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    found = read(make(tmp_path / "own"))
    assert isinstance(found, str)
    assert found.startswith(message)


def test_a_parameter_clips_boxes_beyond_the_border(tmp_path: Path) -> None:
    boxes = [(-20, 20, 40, 40), (90, 70, 40, 40), (120, 20, 10, 10)]
    folder = coco(tmp_path / "own", *boxes)
    assert not report_of(folder).passed
    clip = Dataset(outside="clip")
    assert read(folder, clip) == {"a": [(0, 20, 20, 60), (90, 70, 100, 80)]}
    findings = {each.message for each in report_of(folder, clip).findings}
    assert any(each.startswith("cut at the border: boxes beyond") for each in findings)
    assert any(each.startswith("left out: boxes without an area") for each in findings)


@pytest.mark.parametrize(
    ("make", "rule", "images"),
    [
        (lambda f: voc(f, (11, 21, 50, 60)), "empty", {"a": 1, "lone": 0}),
        (lambda f: voc(f, (11, 21, 50, 60)), "leave_out", {"a": 1}),
        (lambda f: coco(f, (10, 20, 40, 40)), "empty", {"a": 1, "lone": 0}),
        (lambda f: coco(f, (10, 20, 40, 40)), "leave_out", {"a": 1}),
        (lambda f: coco(f, (10, 20, 40, 40)), "auto", {"a": 1}),
        (
            lambda f: voc(f, (11, 21, 50, 60), head="<owner><name>Label Studio</name></owner>"),
            "auto",
            {"a": 1, "lone": 0},
        ),
    ],
)
def test_a_parameter_says_what_becomes_of_images_without_an_annotation(
    make: Callable[[Path], Path], rule: str, images: dict[str, int], tmp_path: Path
) -> None:
    folder = make(tmp_path / "own")
    draw_blanks(folder, "lone.jpg")
    found = read(folder, Dataset(unannotated=rule))  # type: ignore[arg-type]
    assert isinstance(found, dict)
    assert {name: len(boxes) for name, boxes in found.items()} == images


def test_an_image_without_an_annotation_is_refused_if_told(tmp_path: Path) -> None:
    folder = coco(tmp_path / "own", (10, 20, 40, 40))
    draw_blanks(folder, "lone.jpg")
    assert "lone.jpg: expected an annotation" in str(read(folder, Dataset(unannotated="refuse")))


def test_files_of_several_tools_are_read_each_in_its_own_form(tmp_path: Path) -> None:
    folder = voc(tmp_path / "own", (10, 20, 50, 60), head=LABELIMG)
    pascal = "<source><database>The VOC2007 Database</database></source>"
    voc(folder, (11, 21, 50, 60), (1, 1, 100, 80), name="b", head=pascal)
    assert read(folder) == {"a": [TRUE], "b": [TRUE, (0, 0, 100, 80)]}


def test_a_grey_picture_of_12_bits_keeps_its_contrast(tmp_path: Path) -> None:
    folder = voc(tmp_path / "own", (11, 21, 50, 60))
    (folder / "a.jpg").unlink()
    ramp = np.tile(np.linspace(100, 4000, 100), (80, 1)).astype(np.uint16)
    Image.fromarray(ramp).save(folder / "a.png")
    assert isinstance(read(folder), dict)
    with Image.open(next((tmp_path / "out").rglob("*.jpg"))) as image:
        grey = np.asarray(image.convert("L"))
    assert grey.min() < 5
    assert grey.max() > 250
    kinds = [each.message for each in report_of(folder).findings if each.kind == "kind"]
    assert kinds == ["greys of more than 8 bits are scaled by their range: a.png"]
