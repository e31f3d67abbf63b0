import json
from pathlib import Path
from typing import Any

import pytest

from objloc.errors import ObjlocError
from objloc.evaluation.metrics import metrics_as_json, parse_metrics
from objloc.params import Register
from tests.helpers.imports import ROOT
from tests.helpers.metrics import make_metrics, metrics_json

COPIES = ("voc2007_cat_dqn2018", "voc2007_pretrained")
"""Results that are a copy of ``metrics.json``, as versions since the first wrote it."""


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "results" / "evaluate" / "metrics.json",
        *(ROOT / "benchmarks" / "results" / f"{name}.json" for name in COPIES),
    ],
    ids=lambda path: path.stem,
)
def test_published_metrics_come_back_as_they_were(path: Path) -> None:
    published = json.loads(path.read_text("utf-8"))
    published.pop("seeds", None)
    text = json.dumps(published, indent=2)
    metrics = parse_metrics(text, path)
    # The oldest lack three keys, which are None since then.
    again = {name: part.model_dump(by_alias=True, exclude_unset=True)
             for name, part in metrics.items()}  # fmt: skip
    assert json.dumps(again, indent=2) == text
    later = {"answer": None, "soft_nms": None, "search": None}
    written = json.loads(json.dumps(metrics_as_json(metrics)))
    assert all(written[name] == later | part for name, part in published.items())


def test_what_is_written_is_read_to_the_byte() -> None:
    curve = [{"budget": 14, "windows": 14.0, "recall_0.5": 0.5, "recall_0.6": 0.25,
              "recall_0.7": 1e-9, "ap_triggered": None, "ap_attended": 0.1 + 0.2}]  # fmt: skip
    search = {
        "curve": curve,
        "triggers_per_image": 2.0,
        "steps_to_trigger": {"median": None, "mean": 4.5},
    }
    intervals = {"success_rate": {key: [0.1, 1 / 3] for key in ("cat", "dog", "mean")}}
    intervals["gain_over_best_baseline"] = intervals["success_rate"]
    figures = dict.fromkeys(("cat", "dog", "mean"), 0.5)
    answer = {
        "windows": 9,
        "success_rate": figures,
        "gain_over_best_baseline": figures,
        "interval": intervals,
        "success_by_iou": {"0.50": 0.5},
    }
    boxes = {"cat": [0.0, 0.1, 1.0, 0.9], "dog": [0.0, 0.0, 1.0, 1.0]}
    whole = metrics_json(search=search, answer=answer, interval=intervals, fixed_box=boxes)
    text = json.dumps({"val": whole}, indent=2)
    metrics = parse_metrics(text, "here")
    assert json.dumps(metrics_as_json(metrics), indent=2) == text
    found = metrics["val"].search
    assert found is not None
    assert found.by_budget[14].recall_60 == 0.25


def changed(*keys: str, value: Any) -> dict[str, Any]:
    """Metrics with another value at a place; None takes the key away."""
    whole = json.loads(json.dumps({"val": metrics_json()}))
    *parents, last = keys
    node = whole["val"]
    for key in parents:
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return dict(whole)


DAMAGED: list[tuple[Any, str]] = [
    ("", "the file: Invalid JSON: EOF"),
    ('{"val": ', "the file: Invalid JSON: EOF"),
    ([], r"the file: expected an object; found \[\]"),
    ({"val": 1}, "val: expected an object; found 1"),
    ({"val": {}}, "val.images: required; found nothing$"),
    (changed("model", value=None), "val.model: required; found images, success_rate, .*, data$"),
    (changed("images", value="3"), "val.images: expected a valid integer; found '3'"),
    (changed("steps", "mean", value=None), "val.steps.mean: required"),
    (changed("nothing", value=1), "val.nothing: unknown key"),
    (changed("success_rate", "greedy", "mean", value=[1]),
     r"val.success_rate.greedy.mean: expected a valid number; found \[1\]"),
    (changed("success_rate", "greedy", "cat", value=None),
     "val.success_rate.greedy: expected figures of cat, dog, mean; found dog, mean"),
    (changed("baselines", "random", value=None),
     "val.baselines: expected random, whole_image, fixed_box; found whole_image, fixed_box"),
    (changed("ap", "attended", value=None), "val.ap: expected triggered, attended; found trigg"),
    (changed("epsilon", value=float("nan")), "val.epsilon: expected a finite number; found nan"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_a_damaged_file_is_refused_in_one_line(content: Any, message: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    expected = f"^here: expected metrics.json of stages.evaluate; {message}"
    with pytest.raises(ObjlocError, match=expected) as caught:
        parse_metrics(text, "here")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_figure_is_found_by_its_name() -> None:
    metrics = make_metrics(0.75)
    assert metrics.figure("success_rate.greedy.mean") == 0.75
    assert metrics.figure("ap.attended.area.cat") == 0.0625
    assert metrics.figure("gain_over_best_baseline.mean") is None
    for strange in ("success_rate.greedy", "success_rate.best.mean", "data.name", "images.cat"):
        with pytest.raises((KeyError, TypeError)):
            metrics.figure(strange)


@pytest.mark.parametrize("metric", Register.model_json_schema()["properties"]["metric"]["enum"])
def test_every_figure_that_models_compete_by_is_there(metric: str) -> None:
    assert isinstance(make_metrics().figure(metric), float)


def test_the_summary_is_of_the_means() -> None:
    metrics = make_metrics(0.75, blind=0.5)
    assert metrics.summary() == {
        "success": 0.75,
        "gain": 0.25,
        "fixed_box": 0.5,
        "success15": 0.25,
        "ap_triggered": 0.125,
        "ap_attended": 0.125,
        "steps": 7.25,
    }


def test_a_column_has_its_images_and_its_baselines() -> None:
    metrics = make_metrics(blind=0.5)
    assert (metrics.images_of("cat"), metrics.images_of("mean")) == (2, 3)
    assert metrics.blind_rates("dog") == {"random": 0.5, "whole_image": 0.5, "fixed_box": 0.5}
