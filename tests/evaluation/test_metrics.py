import json
from typing import Any

import pytest

from objloc.evaluation.measure import measure
from objloc.evaluation.metrics import (
    Figures,
    by_iou_table,
    figures,
    gain_over_best_baseline,
    metrics_of,
    summary_of,
    table_of,
)
from objloc.params import Evaluate
from tests.evaluation.test_measure import AGENT, FIXED, make_network
from tests.helpers.stores import make_store

PARAMS = Evaluate(episodes=2)


def measured_metrics(*, fitted: bool = True) -> dict[str, Any]:
    done = measure(
        make_store(10),
        make_network(trigger=100.0),
        AGENT.mdp,
        PARAMS,
        fixed=FIXED if fitted else None,
        say=lambda _: None,
    )
    return metrics_of(done, PARAMS, "a" * 64)


def test_the_mean_of_figures_leaves_out_null() -> None:
    assert figures(["cat", "cow"], [0.5, None]) == {"cat": 0.5, "cow": None, "mean": 0.5}


def test_gain_is_over_the_best_baseline_of_each_column() -> None:
    rates: dict[str, Figures] = {
        "greedy": {"cat": 0.6, "dog": 0.2, "mean": 0.4},
        "random": {"cat": 0.1, "dog": 0.1, "mean": 0.1},
        "whole_image": {"cat": 0.5, "dog": 0.0, "mean": 0.25},
        "fixed_box": {"cat": 0.25, "dog": 0.375, "mean": 0.3125},
    }
    gain = gain_over_best_baseline(rates)
    assert gain == pytest.approx({"cat": 0.1, "dog": -0.175, "mean": 0.0875})


def test_there_is_no_gain_without_all_baselines_or_images() -> None:
    rates: dict[str, Figures] = {
        "greedy": {"cat": 0.6, "cow": None, "mean": 0.6},
        "random": {"cat": 0.1, "cow": None, "mean": 0.1},
        "whole_image": {"cat": 0.5, "cow": None, "mean": 0.5},
    }
    assert gain_over_best_baseline(rates) == {"cat": None, "cow": None, "mean": None}
    rates["fixed_box"] = {"cat": 0.5, "cow": None, "mean": 0.5}
    assert gain_over_best_baseline(rates) == pytest.approx({"cat": 0.1, "cow": None, "mean": 0.1})


def test_metrics_without_a_fixed_box_are_null_under_the_same_names() -> None:
    def names(value: object) -> object:
        return {key: names(each) for key, each in value.items()} if isinstance(value, dict) else 0

    with_it, without = measured_metrics(), measured_metrics(fitted=False)
    with_it["fixed_box"] = None
    assert names(without) == names(with_it)
    assert without["baselines"]["fixed_box"]["success_rate"]["greedy"]["mean"] is None
    json.dumps(without, allow_nan=False)
    table_of("val", without)
    rows = by_iou_table(without).splitlines()
    assert rows[0] == "iou,agent,random,whole_image,fixed_box"
    assert rows[1].startswith("0.50,")
    assert all(row.endswith(",") for row in rows[1:])
    assert len(rows) == 11


def test_the_interval_holds_the_rate_and_the_gain() -> None:
    metrics = measured_metrics()
    for name, value in (
        ("success_rate", metrics["success_rate"]["greedy"]),
        ("gain_over_best_baseline", metrics["gain_over_best_baseline"]),
    ):
        for column, (low, high) in metrics["interval"][name].items():
            assert low <= value[column] <= high
            assert -1 <= low <= high <= 1


def test_the_summary_is_of_the_means() -> None:
    metrics = measured_metrics()
    summary = summary_of(metrics)
    assert summary["success"] == metrics["success_rate"]["greedy"]["mean"]
    assert summary["gain"] == pytest.approx(metrics["gain_over_best_baseline"]["mean"])
    assert all(isinstance(value, float) for value in summary.values())


def test_answers_stand_beside_greedy_episodes_where_they_are_measured() -> None:
    assert measured_metrics()["answer"] is None
    assert "answer" not in summary_of(measured_metrics())
    params = PARAMS.model_copy(update={"answer_windows": 1})
    store = make_store(10)
    done = measure(
        store, make_network(trigger=100.0), AGENT.mdp, params, fixed=FIXED, say=lambda _: None
    )
    metrics = metrics_of(done, params, "a" * 64)
    # One look is a trigger on the whole image, whatever the agent thinks of it.
    answer, blind = metrics["answer"], metrics["baselines"]["whole_image"]["success_rate"]["greedy"]
    assert answer["windows"] == 1
    assert answer["success_rate"] == blind
    best = max(
        metrics["baselines"][name]["success_rate"]["greedy"]["mean"]
        for name in ("random", "whole_image", "fixed_box")
    )
    gain = answer["gain_over_best_baseline"]["mean"]
    assert gain == pytest.approx(blind["mean"] - best)
    low, high = answer["interval"]["success_rate"]["mean"]
    assert low <= blind["mean"] <= high
    assert summary_of(metrics)["answer"] == blind["mean"]
