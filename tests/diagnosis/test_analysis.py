"""An evaluation taken apart, its figures held against the files it was made from."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from objloc.data.store import SampleStore
from objloc.diagnosis.analysis import Analysis, analyse, curves_by_windows
from objloc.diagnosis.explanation import Explanation, best_and_worst, explanation_of
from objloc.errors import ObjlocError
from objloc.evaluation.read import read_evaluation
from objloc.network.checkpoint import Checkpoint, load_checkpoint


def taken_apart(run: Path, evaluate: Path) -> tuple[Analysis, SampleStore, Checkpoint]:
    checkpoint = load_checkpoint(run / "train" / "checkpoint.pt")
    evaluation = read_evaluation(evaluate, "test")
    store = evaluation.load_store(run / "shards", checkpoint.agent.encoder.image_size)
    analysis = analyse(store, checkpoint, evaluation, width=8, seed=0, log=lambda _: None)
    return analysis, store, checkpoint


@pytest.fixture(scope="module")
def apart(evaluated_run: Path) -> tuple[Analysis, SampleStore, Checkpoint]:
    return taken_apart(evaluated_run, evaluated_run / "evaluate")


@pytest.fixture(scope="module")
def explained(apart: tuple[Analysis, SampleStore, Checkpoint]) -> Explanation:
    return explanation_of(apart[0])


def test_searches_run_again_end_as_they_were_evaluated(
    apart: tuple[Analysis, SampleStore, Checkpoint],
) -> None:
    analysis = apart[0]
    assert analysis.differing == 0
    assert len(analysis.searches.steps) == len(analysis.evaluation.episodes)
    assert analysis.misses.search_failed.any()
    assert not analysis.misses.search_failed.all()


def test_searches_that_end_otherwise_are_counted(evaluated_run: Path, tmp_path: Path) -> None:
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    path = tmp_path / "evaluate" / "episodes.csv"
    rows = list(csv.DictReader(path.open(newline="")))
    changed = [row for row in rows if row["image_set"] == "test"][:2]
    changed[0]["steps"] = "99"
    changed[1]["xmin"] = "1.5" if changed[1]["xmin"] != "1.5" else "2.5"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert taken_apart(evaluated_run, tmp_path / "evaluate")[0].differing == 2


def test_what_reasons_cost_adds_up_to_what_is_lacking(
    apart: tuple[Analysis, SampleStore, Checkpoint], explained: Explanation
) -> None:
    metrics = apart[0].evaluation.metrics
    costs = [each.cost or 0.0 for each in explained.misses.values()]
    assert sum(costs) == pytest.approx(1 - (metrics.success_rate.greedy["mean"] or 0))
    searches = sum(each.searches for each in explained.misses.values())
    assert searches == explained.failed_searches > 0
    objects = sum(each.objects for each in explained.misses.values())
    assert objects == explained.objects - explained.objects_found > 0


def test_every_missed_object_is_listed_once_with_its_search(explained: Explanation) -> None:
    listed = [
        (entry.image_id, entry.category)
        for each in explained.misses.values()
        for entry in each.listed
    ]
    assert len(listed) == explained.objects - explained.objects_found


def test_the_average_precision_explained_is_the_one_measured(
    apart: tuple[Analysis, SampleStore, Checkpoint], explained: Explanation
) -> None:
    metrics = apart[0].evaluation.metrics
    for kind in ("triggered", "attended"):
        for name in ("voc2007", "area"):
            measured = metrics.figure(f"ap.{kind}.{name}.mean")
            assert measured is not None
            assert explained.errors[kind].ap[name] == pytest.approx(measured)
            low, high = apart[0].ap_intervals[kind][name]["mean"] or (1.0, 0.0)
            assert low <= measured <= high


def test_the_explanation_is_plain_json(explained: Explanation) -> None:
    text = json.dumps(explained.as_json(), allow_nan=False)
    assert Explanation.model_validate_json(text) == explained
    kinds = json.loads(text)["errors"]["attended"]["kinds"]
    for kind, each in kinds.items():
        keys = ["image_id", "category", *["score"] * (kind != "missed")]
        assert all(list(place) == keys for place in each["listed"])
        scores = [-place.get("score", 0.0) for place in each["listed"]]
        assert scores == sorted(scores)


def test_the_oracle_does_at_least_what_the_agent_did(
    apart: tuple[Analysis, SampleStore, Checkpoint],
) -> None:
    analysis = apart[0]
    own = analysis.evaluation.metrics.success_rate.greedy["mean"] or 0.0
    assert own < (analysis.ceiling.mean(0.5) or 0.0) <= 1


def test_all_windows_give_the_figures_of_the_evaluation(
    apart: tuple[Analysis, SampleStore, Checkpoint],
) -> None:
    analysis, store, checkpoint = apart
    curves = curves_by_windows(store, checkpoint, analysis, seed=0, log=lambda _: None)
    metrics = analysis.evaluation.metrics
    assert curves.windows[-1] == 8
    assert curves.success[-1] == pytest.approx(metrics.success_rate.greedy["mean"])
    for kind in ("triggered", "attended"):
        assert getattr(curves, f"ap_{kind}")[-1] == pytest.approx(metrics.ap[kind].voc2007["mean"])
    for name in ("success", "recall", "recall_random", "recall_oracle"):
        values = [value for value in getattr(curves, name) if value is not None]
        assert values == sorted(values)
        assert len(values) == len(curves.windows)


def test_best_are_right_and_worst_are_wrong_and_no_image_comes_twice(
    apart: tuple[Analysis, SampleStore, Checkpoint],
) -> None:
    analysis = apart[0]
    chosen = best_and_worst(analysis, 3)
    failed, iou = analysis.misses.search_failed, analysis.searches.final_iou
    assert not failed[chosen["best"]].any()
    assert failed[chosen["worst"]].all()
    best, worst = iou[chosen["best"]].tolist(), iou[chosen["worst"]].tolist()
    assert best == sorted(best, reverse=True)
    assert best[0] == iou[~failed].max()
    assert [round(each, 2) for each in worst] == sorted(round(each, 2) for each in worst)
    for rows in chosen.values():
        images = analysis.searches.image[rows].tolist()
        assert len(set(images)) == len(images) > 0


def test_searches_of_unknown_images_are_refused(
    apart: tuple[Analysis, SampleStore, Checkpoint],
) -> None:
    analysis, store, checkpoint = apart
    some = next(iter(analysis.evaluation.episodes.values()))
    strange = replace(analysis.evaluation, episodes={("nobody", "cat"): some})
    with pytest.raises(ObjlocError, match="found nobody"):
        analyse(store, checkpoint, strange, width=2, seed=0, log=lambda _: None)
    with pytest.raises(ObjlocError, match="searches that count; found none"):
        analyse(
            store, checkpoint, replace(strange, episodes={}), width=2, seed=0, log=lambda _: None
        )
