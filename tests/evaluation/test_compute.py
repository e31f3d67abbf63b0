import json
from typing import Any

import pytest

from objloc.evaluation.compute import figures, gain_over_best_baseline, metrics_of
from objloc.evaluation.measure import measure
from objloc.evaluation.metrics import Figures, ImageSetMetrics
from objloc.params import Evaluate, Search
from tests.evaluation.test_measure import AGENT, FIXED, make_network
from tests.helpers.stores import make_store

PARAMS = Evaluate(episodes=2)


def measured_metrics(*, fitted: bool = True) -> ImageSetMetrics:
    done = measure(
        make_store(10),
        make_network(trigger=100.0),
        AGENT.mdp,
        PARAMS,
        fixed=FIXED if fitted else None,
        log=lambda _: None,
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
    assert names(without.as_json()) == names(with_it.as_json() | {"fixed_box": None})
    assert without.baselines["fixed_box"].success_rate.greedy["mean"] is None
    json.dumps(without.as_json(), allow_nan=False)


def test_an_order_of_looking_is_written_where_it_is_not_the_usual_one() -> None:
    def written(**search: Any) -> dict[str, Any]:
        params = PARAMS.model_copy(update={"search": Search(**search)})
        done = measure(
            make_store(10), make_network(), AGENT.mdp, params, fixed=FIXED, log=lambda _: None
        )
        metrics = metrics_of(done, params, "a" * 64).as_json()
        return {key: metrics[key] for key in ("order", "cross") if key in metrics}

    assert written() == {}
    assert written(order="tree") == {"order": "tree"}
    assert written(order="restarts") == {"order": "restarts", "cross": 0.2}
    assert written(order="restarts", cross=None) == {"order": "restarts"}


def test_the_interval_holds_the_rate_and_the_gain() -> None:
    metrics = measured_metrics()
    for intervals, values in (
        (metrics.interval.success_rate, metrics.success_rate.greedy),
        (metrics.interval.gain_over_best_baseline, metrics.gain_over_best_baseline),
    ):
        for column, interval in intervals.items():
            assert interval is not None
            low, high = interval
            assert low <= (values[column] or 0.0) <= high
            assert -1 <= low <= high <= 1


def test_answers_stand_beside_greedy_episodes_where_they_are_measured() -> None:
    assert measured_metrics().answer is None
    assert "answer" not in measured_metrics().summary()
    params = PARAMS.model_copy(update={"answer_windows": 1})
    store = make_store(10)
    done = measure(
        store, make_network(trigger=100.0), AGENT.mdp, params, fixed=FIXED, log=lambda _: None
    )
    metrics = metrics_of(done, params, "a" * 64)
    # One look is a trigger on the whole image, whatever the agent thinks of it.
    answer, blind = metrics.answer, metrics.baselines["whole_image"].success_rate.greedy
    assert answer is not None
    assert answer.windows == 1
    assert answer.success_rate == blind
    rate = blind["mean"] or 0.0
    best = max(each or 0.0 for each in metrics.blind_rates("mean").values())
    assert answer.gain_over_best_baseline["mean"] == pytest.approx(rate - best)
    low, high = answer.interval.success_rate["mean"] or (1.0, 0.0)
    assert low <= rate <= high
    assert metrics.summary()["answer"] == rate
