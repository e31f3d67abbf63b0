import dataclasses
from typing import Any

import pytest
from mlflow.utils.validation import _validate_model_alias_name

from objloc.tracking.contest import Contest

CONTEST = Contest(
    data="scenes",
    data_hash="ab" * 32,
    categories=("cat", "dog"),
    metric="success_rate.greedy.mean",
    image_set="val",
    conditions={"iou_threshold": 0.5},
)


@pytest.mark.parametrize(
    "change",
    [
        {"data_hash": "cd" * 32},
        {"categories": ("cat",)},
        {"metric": "ap.triggered.voc2007.mean"},
        {"image_set": "trainval"},
        {"conditions": {"iou_threshold": 0.3}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_contest_is_another_if_anything_that_matters_differs(change: dict[str, Any]) -> None:
    other = dataclasses.replace(CONTEST, **change)
    assert other.id != CONTEST.id
    assert other.alias != CONTEST.alias


def test_the_order_of_categories_does_not_matter() -> None:
    assert dataclasses.replace(CONTEST, categories=("dog", "cat")).id == CONTEST.id


def test_an_alias_can_be_read_and_is_one_to_mlflow() -> None:
    assert CONTEST.alias == f"champion-scenes-cat-dog-{CONTEST.id}"
    long = dataclasses.replace(
        CONTEST,
        data="voc2007 (own archives a95bd28b, 6b06333e)",
        categories=("cat", "dog", "cow", "horse"),
    )
    assert long.alias == f"champion-voc2007-own-archives-a95bd28b-6b06333e-4-categories-{long.id}"
    _validate_model_alias_name(long.alias)  # type: ignore[no-untyped-call]
