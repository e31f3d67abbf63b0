import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from mlflow.utils.validation import _validate_model_alias_name

from objloc.errors import ObjlocError
from objloc.tracking import Contest, Entry, read_entry
from tests.helpers.runs import measured

CONTEST = Contest(
    data="scenes",
    data_hash="ab" * 32,
    categories=("cat", "dog"),
    metric="success_rate.greedy.mean",
    image_set="val",
    conditions={"iou_threshold": 0.5},
)


def entry_of(
    tmp_path: Path, figures: Any, metric: str = "success_rate.greedy.mean", image_set: str = "val"
) -> Entry:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(figures))
    return read_entry(
        path, sha256="5" * 64, data_hash="ab" * 32, image_set=image_set, metric=metric
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


def test_the_value_is_that_of_the_metric_and_image_set(tmp_path: Path) -> None:
    figures = {"val": measured("5" * 64, 0.5), "test": measured("5" * 64, 0.9)}
    assert entry_of(tmp_path, figures).value == 0.5
    assert entry_of(tmp_path, figures, "ap.triggered.voc2007.mean").value == 0.125
    assert entry_of(tmp_path, figures).contest.categories == ("cat", "dog")


def test_a_figure_that_could_not_be_measured_is_none(tmp_path: Path) -> None:
    assert entry_of(tmp_path, {"val": measured("5" * 64, None)}).value is None


@pytest.mark.parametrize(
    ("metric", "key", "another"),
    [
        ("success_rate.greedy.mean", "iou_threshold", True),
        ("success_rate.greedy.mean", "images_by_category", True),
        ("success_rate.greedy.mean", "epsilon", False),
        ("success_rate.episodes15.mean", "epsilon", True),
        ("success_rate.episodes15.mean", "episodes", True),
        ("ap.triggered.voc2007.mean", "episodes", False),
        ("ap.triggered.voc2007.mean", "images", True),
        ("ap.triggered.voc2007.mean", "nms", True),
        ("success_rate.greedy.mean", "nms", False),
    ],
)
def test_a_contest_is_another_if_it_was_measured_otherwise(
    tmp_path: Path, metric: str, key: str, another: bool
) -> None:
    figures = measured("5" * 64, 0.5)
    before = entry_of(tmp_path, {"val": figures}, metric).contest.id
    after = entry_of(tmp_path, {"val": {**figures, key: 0.3}}, metric).contest.id
    assert (after != before) == another


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"test": {}}, "metrics.json: expected figures of image set 'val'.*; found test$"),
        ([], "metrics.json: expected figures of image set 'val'.*; found list$"),
        ({"val": {"images": 1}}, "val: expected success_rate.greedy.mean; found no 'model'"),
        ({"val": measured("6" * 64, 1.0)}, "of the model 555555555555…; found.* 666666666666…"),
        (
            {"val": measured("5" * 64, 1.0, "voc2007", "cd" * 32)},
            r"learned from \(abababababab…\); found voc2007 \(cdcdcdcdcdcd…\)",
        ),
    ],
)
def test_figures_that_do_not_fit_are_refused(tmp_path: Path, figures: Any, told: str) -> None:
    with pytest.raises(ObjlocError, match=told) as caught:
        entry_of(tmp_path, figures)
    assert "\n" not in str(caught.value)


def test_missing_or_broken_figures_are_refused(tmp_path: Path) -> None:
    given = {"sha256": "", "data_hash": "", "image_set": "val", "metric": "images"}
    with pytest.raises(ObjlocError, match="no such file: run the evaluate stage first"):
        read_entry(tmp_path / "none.json", **given)
    (tmp_path / "half.json").write_text('{"val": ')
    with pytest.raises(ObjlocError, match=r"half\.json: expected the figures of evaluate"):
        read_entry(tmp_path / "half.json", **given)
