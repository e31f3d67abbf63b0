"""Recognise the tool that wrote a VOC file by the elements that only it writes.

``docs/annotation-tools.md`` shows what each of them writes for a known box.
"""

from collections.abc import Callable

from lxml import etree

Form = str
"""Name of a form of boxes in ``objloc.data.own.conventions``."""


def _database(root: etree._Element) -> str | None:
    database: str | None = root.findtext("source/database")
    return database


def _first_numbers(root: etree._Element) -> str:
    return " ".join(each.text or "" for each in root.findall("object/bndbox/*"))


def _from_pascal(root: etree._Element) -> bool:
    source = (_database(root) or "").upper()
    return "VOC20" in source or "PASCAL" in (root.findtext("source/annotation") or "").upper()


def _from_datumaro(root: etree._Element) -> bool:
    source = [root.findtext(f"source/{name}") for name in ("database", "annotation", "image")]
    return source == ["Unknown"] * 3


def _from_pylabel(root: etree._Element) -> bool:
    first = root.find("object")
    if first is None or root.find("source") is not None:
        return False
    order = [each.tag for each in first.findall("bndbox/*")]
    flags = [first.find(name) for name in ("pose", "truncated", "difficult")]
    empty = all(flag is not None and not (flag.text or "").strip() for flag in flags)
    return empty and order == ["xmin", "xmax", "ymin", "ymax"]


def _from_globox(root: etree._Element) -> bool:
    head = [each.tag for each in root if each.tag != "object"]
    inner = {tuple(each.tag for each in found) for found in root.findall("object")}
    size = [each.tag for each in root.findall("size/*")]
    return (
        head == ["filename", "size"]
        and size == ["width", "height"]
        and inner <= {("name", "bndbox")}
    )


_WRITERS: tuple[tuple[str, Form, Callable[[etree._Element], bool]], ...] = (
    ("Pascal VOC", "voc", _from_pascal),
    (
        "Label Studio",
        "zero_exclusive",
        lambda root: root.findtext("owner/name") == "Label Studio",
    ),
    # Its numbers are decimal fractions unless it was told to count from one.
    (
        "CVAT or datumaro",
        "zero_exclusive",
        lambda root: _from_datumaro(root) and "." in _first_numbers(root),
    ),
    ("datumaro, voc-one-based", "voc", _from_datumaro),
    # Roboflow's path is the bare name of the file.
    (
        "Roboflow",
        "voc",
        lambda root: "roboflow" in (_database(root) or "") and root.find("path") is not None,
    ),
    ("supervision", "voc", lambda root: _database(root) == "roboflow.ai"),
    (
        "labelImg",
        "labelimg",
        lambda root: _database(root) == "Unknown" and root.find("path") is not None,
    ),
    (
        "FiftyOne",
        "zero_exclusive",
        lambda root: _database(root) == "" and root.find("path") is not None,
    ),
    # Its example puts the source's elements into the root.
    ("labelme's example", "zero_exclusive", lambda root: root.find("database") is not None),
    ("pylabel", "zero_exclusive", _from_pylabel),
    ("globox", "zero_exclusive", _from_globox),
)

FORMS: dict[str, Form] = {name: form for name, form, _ in _WRITERS}
"""Form of boxes that each tool writes, by the tool's name."""


def writer_of(root: etree._Element) -> str:
    """Name of the tool that wrote an annotation; empty if nothing reveals it."""
    return next((name for name, _, matches in _WRITERS if matches(root)), "")
