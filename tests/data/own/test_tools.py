"""Each tool's form of VOC's XML, for boxes within the picture and at its borders.

``docs/annotation-tools.md`` has what the tools themselves wrote, by `make tools-table`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from objloc.data.own.convert import write_own_devkit
from objloc.data.voc.devkit import open_devkit
from objloc.params import Dataset
from tests.helpers.check_reports import report_of
from tests.helpers.own_data import draw_blanks, write_texts

Box = tuple[float, float, float, float]
Form = Callable[[Box], tuple[object, ...]]

INNER: tuple[Box, ...] = ((10, 20, 50, 60), (33, 7, 71, 58))
BORDER: tuple[Box, ...] = ((0, 0, 40, 30), (60, 50, 100, 80), (42, 0, 58, 80))
SIZE = "<size><width>100</width><height>80</height><depth>3</depth></size>"
UNKNOWN = "<source><database>Unknown</database></source>"
FLAGS = "<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"


def whole(box: Box) -> tuple[object, ...]:
    return tuple(int(number) for number in box)


def raised(box: Box) -> tuple[object, ...]:
    return tuple(max(1, int(number)) for number in box[:2]) + whole(box)[2:]


def decimal(box: Box) -> tuple[object, ...]:
    return tuple(float(number) for number in box)


def minima_moved(box: Box) -> tuple[object, ...]:
    return (int(box[0]) + 1, int(box[1]) + 1, int(box[2]), int(box[3]))


def all_moved(box: Box) -> tuple[object, ...]:
    return tuple(int(number) + 1 for number in box)


TOOLS: dict[str, tuple[str, str, Form, bool]] = {
    # Head, flags, numbers, whether boxes within the picture alone are recognised.
    "labelImg": (f"<folder>x</folder><path>/x/a.jpg</path>{UNKNOWN}{SIZE}", FLAGS, raised, True),
    "pascal-voc-writer": (f"<folder>x</folder><path>/x/a.jpg</path>{UNKNOWN}{SIZE}", FLAGS, whole,
                          True),
    "supervision": (
        f"<folder>VOC</folder><source><database>roboflow.ai</database></source>{SIZE}", "",
        minima_moved, True,
    ),
    "supervision to 0.27": (
        f"<folder>VOC</folder><source><database>roboflow.ai</database></source>{SIZE}", "",
        all_moved, False,
    ),
    "datumaro, no size": (
        "<source><database>Unknown</database><annotation>Unknown</annotation>"
        "<image>Unknown</image></source><segmented>0</segmented>", "<occluded>0</occluded>",
        decimal, True,
    ),
    "datumaro, one-based": (
        "<source><database>Unknown</database><annotation>Unknown</annotation>"
        f"<image>Unknown</image></source>{SIZE}", "", minima_moved, True,
    ),
    "Label Studio": (
        "<source><database>MyDatabase</database></source>"
        f"<owner><name>Label Studio</name></owner>{SIZE}", FLAGS, whole, True,
    ),
    "FiftyOne": (
        f"<folder></folder><path>/x/a.jpg</path><source><database></database></source>{SIZE}"
        "<segmented></segmented>", "<difficult>False</difficult>", whole, True,
    ),
    "labelme's example": (
        f"<folder/><filename>a.jpg</filename><database/><annotation/><image/>{SIZE}",
        "<pose/><truncated/><difficult/>", decimal, True,
    ),
    "globox": (
        "<filename>a.jpg</filename><size><width>100</width><height>80</height></size>", "", whole,
        True,
    ),
    "Pascal VOC": (f"<source><database>The VOC2007 Database</database></source>{SIZE}", FLAGS,
                   minima_moved, True),
    "Roboflow": (
        "<folder></folder><path>a.jpg</path><source><database>roboflow.com</database></source>"
        f"{SIZE}", FLAGS, minima_moved, True,
    ),
    "nobody known": (SIZE, "", minima_moved, True),
    "nobody known, from zero": (SIZE, "", whole, False),
}  # fmt: skip


def written(folder: Path, tool: str, boxes: tuple[Box, ...]) -> Path:
    head, flags, form, _ = TOOLS[tool]
    draw_blanks(folder, "a.jpg")
    objects = ""
    for box in boxes:
        xmin, ymin, xmax, ymax = form(box)
        objects += (
            f"<object><name>cat</name>{flags}<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin>"
            f"<xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
        )
    write_texts(folder, {"a.xml": f"<annotation>{head}{objects}</annotation>"})
    return folder


def read(folder: Path) -> tuple[Box, ...]:
    assert report_of(folder).passed
    write_own_devkit(folder, folder.parent / "out", Dataset())
    return tuple(each.box for each in open_devkit(folder.parent / "out").read("a").objects)


@pytest.mark.parametrize("tool", TOOLS)
def test_boxes_at_the_border_and_within_are_read_to_the_pixel(tool: str, tmp_path: Path) -> None:
    boxes = (*INNER, *BORDER)
    assert read(written(tmp_path / "own", tool, boxes)) == boxes


@pytest.mark.parametrize("tool", [tool for tool, (*_, known) in TOOLS.items() if known])
def test_boxes_within_the_picture_alone_are_read_to_the_pixel(tool: str, tmp_path: Path) -> None:
    assert read(written(tmp_path / "own", tool, INNER)) == INNER


def test_without_any_evidence_the_report_says_that_vocs_form_is_assumed(tmp_path: Path) -> None:
    folder = written(tmp_path / "own", "nobody known, from zero", INNER)
    notes = [each.message for each in report_of(folder).findings if each.kind == "convention"]
    assert len(notes) == 1
    assert "nothing shows whether they count from one or zero" in notes[0]
    assert "dataset.boxes=zero_exclusive" in notes[0]
