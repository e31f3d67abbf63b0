import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from objloc.data.own.conventions import Convention, decide, placed
from objloc.params import Boxes, Dataset
from tests.helpers.check_reports import about, report_of, rewrite_boxes
from tests.helpers.own_data import change_json, make_coco, make_flat

TRUE = (10.0, 20.0, 50.0, 60.0)
SIZE = (100.0, 80.0)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("voc", (11, 21, 50, 60)),
        ("labelimg", (10, 20, 50, 60)),
        ("zero_exclusive", (10, 20, 50, 60)),
        ("zero_inclusive", (10, 20, 49, 59)),
        ("one_exclusive", (11, 21, 51, 61)),
        ("corner_size", (10, 20, 40, 40)),
        ("centre_size", (30, 40, 40, 40)),
        ("fraction_corners", (0.1, 0.25, 0.5, 0.75)),
        ("fraction_corner_size", (0.1, 0.25, 0.4, 0.5)),
        ("fraction_centre_size", (0.3, 0.5, 0.4, 0.5)),
        ("far_first", (50, 60, 10, 20)),
        ("y_first", (20, 10, 60, 50)),
    ],
)
def test_each_form_of_one_box_is_placed_in_pixels(form: str, written: tuple[float, ...]) -> None:
    found = placed(form, np.array([written], dtype=float), np.array([SIZE]))
    np.testing.assert_allclose(found, [TRUE])


def test_labelimg_writes_0_as_1() -> None:
    found = placed("labelimg", np.array([[1.0, 1, 100, 80]]), np.array([SIZE]))
    np.testing.assert_allclose(found, [[0, 0, 100, 80]])


INNER = [(11, 21, 50, 60), (5, 7, 30, 40)]


def decided(boxes: list[tuple[float, ...]], writer: str = "", asked: Boxes = "auto") -> Convention:
    sizes = np.array([SIZE] * len(boxes))
    return decide("voc", asked, np.array(boxes, dtype=float), sizes, writer)


@pytest.mark.parametrize(
    ("border", "writer", "name", "certain"),
    [
        # The border tells, whoever wrote the files.
        ([(0, 0, 100, 80)], "", "zero_exclusive", True),
        ([(0, 0, 100, 80)], "labelImg", "zero_exclusive", True),
        ([(0, 0, 99, 79)], "", "zero_inclusive", True),
        ([(0.3, 0.4, 30, 40)], "", "zero_exclusive", True),
        ([(1, 1, 101, 81)], "supervision", "one_exclusive", True),
        ([(1, 1, 100, 80)], "", "voc", True),
        # A slip of one corner among many is not a convention.
        ([(1, 1, 100, 80), (1, 1, 20, 20), (0, 1, 20, 20)], "", "voc", True),
        # Fractions of pixels count from zero.
        ([(10.5, 20.25, 40.5, 60.5), (11.5, 3.5, 41, 70), (12.5, 4, 80, 66)], "", "zero_exclusive",
         True),
        # Nothing at the border: the tool tells.
        ([], "labelImg", "labelimg", True),
        ([], "Label Studio", "zero_exclusive", True),
        ([], "Pascal VOC", "voc", True),
        ([], "", "voc", False),
    ],
)  # fmt: skip
def test_the_first_pixel_is_decided_by_the_border_then_by_the_tool(
    border: list[tuple[float, ...]], writer: str, name: str, certain: bool
) -> None:
    found = decided([*INNER, *border], writer)
    assert (found.name, found.certain, found.fits) == (name, certain, True)


def test_the_parameter_overrides_all_evidence() -> None:
    assert decided([(0, 0, 100, 80)], "labelImg", "voc").name == "voc"


@pytest.mark.parametrize(
    ("rewrite", "name", "severity"),
    [
        (lambda a, b, c, d, _w, _h: (a, b, c, d), "voc", None),
        (lambda a, b, c, d, _w, _h: (a - 1, b - 1, c, d), "zero_exclusive", "note"),
        (lambda a, b, c, d, _w, _h: (a - 1, b - 1, c - 1, d - 1), "zero_inclusive", "note"),
        (lambda a, b, c, d, _w, _h: (a, b, c + 1, d + 1), "one_exclusive", "note"),
        (lambda a, b, c, d, w, h: (a / w, b / h, c / w, d / h), "fraction_corners", "error"),
        (lambda a, b, c, d, _w, _h: (c, d, a, b), "far_first", "error"),
        (lambda a, b, c, d, _w, _h: (b, a, d, c), "y_first", "error"),
    ],
)
def test_the_form_of_a_folders_boxes_is_reported_with_its_evidence(
    tmp_path: Path, rewrite: Callable[..., tuple[float, ...]], name: str, severity: str | None
) -> None:
    folder = make_flat(tmp_path / "pets", 60)
    wide = name == "y_first"
    # Two boxes that touch the border on all sides, as real ones do.
    for path in sorted(folder.glob("*.xml"))[: 60 if wide else 2]:
        box = "<xmin>1</xmin><ymin>1</ymin><xmax>96</xmax><ymax>72</ymax>"
        path.write_text(
            re.sub(r"(<bndbox>).*?(</bndbox>)", rf"\g<1>{box}\2", path.read_text(), count=1)
        )
    rewrite_boxes(folder, rewrite)
    report = report_of(folder)
    assert report.convention is not None
    assert report.convention.name == name
    findings = about(report, "convention")
    assert [each.severity for each in findings] == ([severity] if severity else [])
    assert all(report.convention.evidence in each.message for each in findings)
    if severity == "error":
        assert about(report, "box") == [], "one finding for all, not one for each box"
        if name not in ("far_first", "y_first"):
            assert f"dataset.boxes={name} reads it" in findings[0].message
            assert report_of(folder, Dataset(boxes=name)).passed  # type: ignore[arg-type]


@pytest.mark.parametrize(("failing", "fits", "hint"), [(4, True, False), (5, True, True),
                                                       (9, True, True),
                                                       (11, False, False)])  # fmt: skip
def test_another_form_is_believed_if_most_boxes_fail_in_their_own(
    failing: int, fits: bool, hint: bool
) -> None:
    # Corner and size, of which some make sense as corners too.
    boxes: list[tuple[float, ...]] = [(50, 40, 30 + n, 20) for n in range(failing)]
    boxes += [(10, 8, 60 + n, 50) for n in range(20 - failing)]
    found = decided(boxes)
    assert (found.fits, bool(found.hint)) == (fits, hint)
    assert (found.name == "corner_size") == (not fits)


@pytest.mark.parametrize("form", ["zero_exclusive", "centre_size"])
def test_coco_boxes_of_another_form_are_reported_and_read_when_told(
    tmp_path: Path, form: str
) -> None:
    folder = make_coco(tmp_path / "coco", ("all",))
    path = folder / "all" / "_annotations.coco.json"
    box = {"zero_exclusive": [40, 30, 70, 70], "centre_size": [45, 45, 40, 40]}[form]
    same = [
        {"id": n, "image_id": n % 8, "category_id": 5, "bbox": [box[0] - n / 10, *box[1:]]}
        for n in range(9)
    ]
    change_json(path, {"annotations": same})
    report = report_of(folder)
    assert report.convention is not None
    assert (report.convention.name, report.convention.fits) == (form, False)
    assert not report.passed
    assert report_of(folder, Dataset(boxes=form)).passed  # type: ignore[arg-type]


def test_a_handful_of_bad_boxes_is_no_other_convention(tmp_path: Path) -> None:
    folder = make_flat(tmp_path / "pets", 8)
    rewrite_boxes(folder, lambda a, b, c, d, _w, _h: (c, d, a, b), "000003.xml")
    report = report_of(folder)
    assert not [each for each in about(report, "convention") if each.severity == "error"]
    assert {each.place.split(":")[0] for each in report.of("error")} == {"000003.xml"}
