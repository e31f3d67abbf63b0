from typing import Any

import pytest

from objloc.view.report.texts import FIGURES, best_blind, facts, link, lost, shown_on

CONTENTS: dict[str, Any] = {
    "data": {"name": "scenes"}, "image_set": "val", "images": 6, "iou_threshold": 0.5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("cost", "expected"),
    [(None, "0"), (0.0, "0"), (0.0004, "0"), (0.131, "-.131"), (-0.02, ".020"), (1.0, "-1.000")],
)
def test_a_cost_is_a_loss(cost: float | None, expected: str) -> None:
    assert lost(cost) == expected


def test_the_best_blind_figure_is_that_of_a_column() -> None:
    figures: dict[str, dict[str, float | None]] = {
        "random": {"cat": 0.5, "dog": None}, "fixed_box": {"cat": None, "dog": None},
    }  # fmt: skip
    assert best_blind(figures, "cat") == 0.5
    assert best_blind(figures, "dog") is None


def test_an_address_in_the_explorer_holds_any_name() -> None:
    entry = {"image_id": "a b", "category": "<&)#>"}
    assert link("x.html", entry) == "x.html#image=a+b&search=%3C%26%29%23%3E&step=end"


def test_a_caption_begins_with_the_images_it_is_of() -> None:
    assert facts(CONTENTS) == "scenes, val: 6 images"
    assert shown_on(CONTENTS, "steps.png") == "scenes, val: 6 images; success from IoU > 0.5."
    assert shown_on(CONTENTS, "training.png") == "scenes, training and validation set."
    assert all(name == each.file for name, each in FIGURES.items())
