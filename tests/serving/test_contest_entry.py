import json
from pathlib import Path
from typing import Any

import pytest

from objloc.errors import ObjlocError
from objloc.evaluation.read import read_metrics
from objloc.serving.contest_entry import entry_of
from objloc.tracking.contest import Entry
from tests.helpers.metrics import metrics_json


def entered(
    tmp_path: Path, figures: Any, metric: str = "success_rate.greedy.mean", image_set: str = "val"
) -> Entry:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(figures))
    return entry_of(
        read_metrics(path),
        path,
        sha256="5" * 64,
        data_hash="ab" * 32,
        image_set=image_set,
        metric=metric,
    )


def test_the_value_is_that_of_the_metric_and_image_set(tmp_path: Path) -> None:
    figures = {"val": metrics_json(0.5), "test": metrics_json(0.9)}
    assert entered(tmp_path, figures).value == 0.5
    assert entered(tmp_path, figures, "ap.triggered.voc2007.mean").value == 0.125
    assert entered(tmp_path, figures).contest.categories == ("cat", "dog")


def test_a_figure_that_could_not_be_measured_is_none(tmp_path: Path) -> None:
    assert entered(tmp_path, {"val": metrics_json(None)}).value is None


@pytest.mark.parametrize(
    ("metric", "key", "value", "another"),
    [
        ("success_rate.greedy.mean", "iou_threshold", 0.3, True),
        ("success_rate.greedy.mean", "images_by_category", {"cat": 1, "dog": 2}, True),
        ("success_rate.greedy.mean", "epsilon", 0.3, False),
        ("success_rate.episodes15.mean", "epsilon", 0.3, True),
        ("success_rate.episodes15.mean", "episodes", 3, True),
        ("ap.triggered.voc2007.mean", "episodes", 3, False),
        ("ap.triggered.voc2007.mean", "images", 4, True),
        ("ap.triggered.voc2007.mean", "nms", 0.3, True),
        ("ap.triggered.voc2007.mean", "order", "tree", True),
        ("ap.triggered.voc2007.mean", "order", "best_first", False),
        ("success_rate.greedy.mean", "nms", 0.3, False),
    ],
)
def test_a_contest_is_another_if_it_was_measured_otherwise(
    tmp_path: Path, metric: str, key: str, value: Any, another: bool
) -> None:
    figures = metrics_json(0.5)
    before = entered(tmp_path, {"val": figures}, metric).contest.id
    after = entered(tmp_path, {"val": {**figures, key: value}}, metric).contest.id
    assert (after != before) == another


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"test": metrics_json()}, "metrics.json: expected .* set 'val', which .*; found test$"),
        ({}, "metrics.json: expected figures of image set 'val', which .*; found none$"),
        ({"val": metrics_json(sha256="6" * 64)}, "model 555555555555…; found.* 666666666666…"),
        (
            {"val": metrics_json(data="voc2007", data_hash="cd" * 32)},
            r"learned from \(abababababab…\); found voc2007 \(cdcdcdcdcdcd…\)",
        ),
    ],
)
def test_figures_that_do_not_fit_are_refused(tmp_path: Path, figures: Any, message: str) -> None:
    with pytest.raises(ObjlocError, match=message) as caught:
        entered(tmp_path, figures)
    assert "\n" not in str(caught.value)
