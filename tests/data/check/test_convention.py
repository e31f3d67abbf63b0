import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from objloc.data.check.convention import sniff
from tests.helpers.check_reports import about, report_of, rewrite_boxes
from tests.helpers.own_data import make_coco


@pytest.mark.parametrize(
    ("rewrite", "name", "severity"),
    [
        (lambda a, b, c, d, _w, _h: (a, b, c, d), "voc", None),
        (lambda a, b, c, d, _w, _h: (a - 1, b - 1, c, d), "zero-based half-open", "warning"),
        (
            lambda a, b, c, d, _w, _h: (a - 1, b - 1, c - 1, d - 1),
            "zero-based inclusive",
            "warning",
        ),
        (lambda a, b, c, d, _w, _h: (a - 1, b - 1, c - a + 1, d - b + 1), "xywh", "error"),
        (lambda a, b, c, d, w, h: (a / w, b / h, c / w, d / h), "normalised", "error"),
        (lambda a, b, c, d, _w, _h: (c, d, a, b), "swapped", "error"),
        (lambda a, b, c, d, _w, _h: (b, a, d, c), "yxyx", "error"),
    ],
)
def test_the_convention_of_boxes_is_reported_with_its_evidence(
    folder: Path, rewrite: Callable[..., tuple[float, ...]], name: str, severity: str | None
) -> None:
    # Two boxes that touch the border on all sides, as real ones do.
    for image_id in ("000001", "000002"):
        path = folder / f"{image_id}.xml"
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


def test_coco_boxes_that_are_corners_are_reported(tmp_path: Path) -> None:
    folder = make_coco(tmp_path / "coco", ("all",))
    path = folder / "all" / "_annotations.coco.json"
    tree = json.loads(path.read_text())
    for each in tree["annotations"]:
        x, y, width, height = each["bbox"]
        each["bbox"] = [x, y, x + width, y + height]
    path.write_text(json.dumps(tree))
    report = report_of(folder)
    assert report.convention is not None
    assert report.convention.name == "xyxy"
    assert not report.passed


def test_boxes_far_from_the_border_do_not_show_where_counting_begins() -> None:
    boxes = np.array([[10.5, 12, 40, 50], [20, 22.25, 60, 60]])
    found = sniff("voc", boxes, np.array([[100.0, 80.0]] * 2))
    assert (found.name, found.fits) == ("corners", True)
    assert "0 corners are 0 and 0 are 1 (the least is 10.5)" in found.evidence
