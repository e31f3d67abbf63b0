import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from benchmarks import (
    ablation,
    devices,
    ranks,
    scale_memory,
    scale_shards,
    scaling,
    scratch,
    search,
    several,
    updates,
    voc2007,
)
from benchmarks.published import (
    AblationRow,
    CombinedRun,
    Detector,
    DetectorRun,
    Questions,
    ScratchPrecision,
    ScratchRun,
    ScratchRuns,
    as_json,
    parse,
)
from benchmarks.unseen import find_unseen
from objloc.data.shards import write_shards
from objloc.data.voc.devkit import open_devkit
from objloc.evaluation.metrics import (
    AnswerMetrics,
    AveragePrecisions,
    BudgetPoint,
    DataName,
    Figures,
    ImageSetMetrics,
    Interval,
    Intervals,
    Metrics,
    SearchMetrics,
    Steps,
    StepsToTrigger,
    metrics_as_json,
)
from objloc.files import write_json
from objloc.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Search, Shard, load_params
from objloc.search.trace import SearchTasks
from tests.helpers.budgeted_searches import make_sample, make_store
from tests.helpers.devkits import make_devkit
from tests.helpers.imports import ROOT
from tests.helpers.metrics import make_metrics
from tests.helpers.runs import make_run
from tests.helpers.subjects import make_checkpoint


@pytest.mark.parametrize("row", scratch.ROWS)
def test_every_row_sets_parameters_that_there_are(row: str) -> None:
    params = load_params(ROOT / "params.yaml", scratch.settings_of(row, "a/mirror", 2))
    assert params.train.seed == 2
    assert params.dataset.mirror == "a/mirror"
    assert params.evaluate.answer_windows == scratch.LOOKS
    assert not any(name.startswith("test") for name in params.train.image_set.split("+"))
    assert not params.train.val_image_set.startswith("test")


def test_a_curriculum_has_as_many_updates_as_all_at_once() -> None:
    def of(row: str) -> Any:
        return load_params(ROOT / "params.yaml", scratch.settings_of(row, "null", 0))

    five, one_by_one = of("five"), of("curriculum")
    updates = one_by_one.agent.schedule.max_updates * len(one_by_one.train.curriculum)
    assert updates == five.agent.schedule.max_updates


def scratch_run(cat: float, categories: Sequence[str] = (*scratch.FIVE, "sheep")) -> ScratchRun:
    """Figures of one run: every category as the cat."""
    columns = (*categories, "mean")

    def all_alike(value: float) -> Figures:
        return dict.fromkeys(columns, value)

    reach: dict[str, Interval] = dict.fromkeys(columns, (cat - 0.1, cat + 0.1))
    return ScratchRun(
        images=50,
        images_by_category=dict.fromkeys(categories, 7),
        first_trigger=all_alike(cat - 0.2),
        answer=AnswerMetrics(
            windows=50,
            success_rate=all_alike(cat),
            gain_over_best_baseline=all_alike(cat - 0.3),
            interval=Intervals(success_rate=reach, gain_over_best_baseline=reach),
            success_by_iou={},
        ),
        interval=reach,
        blind={
            "random": all_alike(0.0),
            "whole_image": all_alike(0.2),
            "fixed_box": all_alike(0.3),
        },
        ap=ScratchPrecision(
            triggered=all_alike(0.125), attended=all_alike(0.125), fixed_box=all_alike(0.125)
        ),
        steps=Steps(mean=4.0, median=3.0),
        data=DataName(name="d", hash="0"),
        model="5",
    )


def both_years(run: ScratchRun) -> dict[str, ScratchRun]:
    return {"test_2012": run, "test_2007": run}


def test_the_headline_table_shows_mean_and_spread_over_seeds() -> None:
    one, other = both_years(scratch_run(0.5)), both_years(scratch_run(0.7))
    table = scratch.headline_table({"0": one, "1": other})
    assert "| cat | 7 | .00 | .20 | .30 | .40 ± .14 | **.60 ± .14** | .40 to .60 | +0.30 |" in table
    assert "mAP attended **12.5 ± 0.0**" in table
    alone = scratch.headline_table({"0": one})
    assert "| cat | 7 | .00 | .20 | .30 | .30 | **.50** | .40 to .60 | +0.20 |" in alone


def test_the_agent_of_2018_has_a_row_for_each_image_set() -> None:
    lines = scratch.baseline_table({"0": both_years(scratch_run(0.5, ["cat"]))}).splitlines()
    assert lines[2:] == [
        f"| `{name}`, cat | 7 | .00 | .20 | .30 | .30 | .50 |"
        for name in ("test_2012", "test_2007")
    ]


def test_a_question_leaves_out_what_an_agent_did_not_learn() -> None:
    five, four = scratch_run(0.5), scratch_run(0.5, scratch.ANIMALS)
    rows = {"five": {"0": both_years(five)}, "four": {"0": both_years(four)}}
    table = scratch.questions_table(Questions(rows=rows, unseen={}))
    assert "| 1 | .50 | .50 | .50 | .50 | .50 | .50 |" in table
    assert "| 1 | .50 | .50 | .50 | .50 | - | .50 |" in table
    assert "| *best fixed box* | - | .30 | .30 | .30 | .30 | .30 | .30 |" in table


def test_an_agent_is_sent_after_a_category_that_it_does_not_know(tmp_path: Path) -> None:
    devkit = make_devkit(tmp_path / "devkit", {"train": 6, "test": 6})
    write_shards(open_devkit(devkit), tmp_path / "shards", Shard())
    agent = Agent(
        encoder=Encoder(image_size=32, widths=(4, 8), cell_width=4, pool=3), head=Head(hidden=(8,))
    )
    network = build_network(agent, ("cow", "horse"), torch.Generator().manual_seed(0))
    checkpoint = Checkpoint(
        agent=agent, categories=("cow", "horse"), state=network.state_dict(), data="d",
        data_hash="0" * 64, info={},
    )  # fmt: skip
    folder = tmp_path / "four_seed3"
    folder.mkdir()
    save_checkpoint(folder / "checkpoint.pt", checkpoint)
    found = find_unseen(tmp_path, "dog", 1, Search(), image_set="test", fitted_on="train")
    # With one look every answer is the whole image.
    assert found["3"].answer == dict.fromkeys(("cow", "horse"), found["3"].whole_image)
    assert found["3"].images > 0


def test_nothing_is_published_where_nothing_was_measured(tmp_path: Path) -> None:
    with pytest.raises(
        typer.BadParameter, match=r"expected measured runs of dqn2018 in it; found none"
    ):
        scratch.main(rows="dqn2018", folder=tmp_path, publish_only=True)


@pytest.mark.parametrize("name", ablation.ROWS)
def test_every_row_of_the_ablation_changes_the_default_agent(name: str) -> None:
    base, row = ablation.params_of(ablation.ROWS["base"]), ablation.ROWS[name]
    params = ablation.params_of(row)
    assert params.agent.schedule.max_updates == ablation.UPDATES
    assert (params.agent != base.agent) == bool(row.settings)
    assert (params.evaluate.search != base.evaluate.search) == bool(row.search)


def point(budget: int, windows: float, triggered: float, attended: float) -> BudgetPoint:
    recall = {"recall_0.5": 0.5, "recall_0.6": 0.4, "recall_0.7": 0.3}
    ap = {"ap_triggered": triggered, "ap_attended": attended}
    return BudgetPoint.model_validate({"budget": budget, "windows": windows} | recall | ap)


def test_the_ablation_shows_each_row_beside_the_first() -> None:
    def result(attended: float, minutes: float | None = None) -> AblationRow:
        return AblationRow(
            settings=(),
            images=300,
            minutes=minutes,
            curve=(point(31, 31.0, 0.4, attended), point(100, 80.0, 0.4, attended)),
            triggers_per_image=1.0,
            steps_to_trigger=StepsToTrigger(median=4.0, mean=4.5),
        )

    found = {"inhibited": result(0.405), "base": result(0.42, 3.0)}
    lines = ablation.ablation_table(found).splitlines()
    assert len(lines) == 4
    assert lines[2].endswith("| 50.0 | 50.0 | 30.0 | 40.0 | 42.0 |  | 3.0 |")
    assert lines[3].endswith("| 50.0 | 50.0 | 30.0 | 40.0 | 40.5 | -1.5 |  |")
    alone = ablation.ablation_table({"inhibited": found["inhibited"]}).splitlines()
    assert alone[2].endswith("| 50.0 | 50.0 | 30.0 | 40.0 | 40.5 |  |  |")


def measured(attended: float, seed: int = 0) -> ImageSetMetrics:
    """Metrics of one category, with a search by budget."""
    curve = (point(31, 31.0, 0.1, 0.1), point(100, 80.0, 0.4, attended))
    steps = StepsToTrigger(median=4.0, mean=4.5)
    figures: Figures = {"cat": attended, "mean": attended}
    triggered: Figures = {"cat": 0.4, "mean": 0.4}
    return make_metrics(categories=["cat"], sha256=f"{seed}", blind=0.004).model_copy(
        update={
            "ap": {
                "triggered": AveragePrecisions(voc2007=triggered, area=triggered),
                "attended": AveragePrecisions(voc2007=figures, area=figures),
            },
            "search": SearchMetrics(curve=curve, triggers_per_image=9.0, steps_to_trigger=steps),
        }
    )


def detector_run(attended: float) -> DetectorRun:
    metrics = measured(attended)
    assert metrics.search is not None
    return DetectorRun(ap=metrics.ap, search=metrics.search, model=metrics.model)


def test_seeds_are_shown_with_their_mean_and_deviation() -> None:
    alone = voc2007.seeds_table({"0": detector_run(0.5)}).splitlines()
    assert alone[0] == "|  | seed 0 |"
    assert "| mAP attended, 100 looks | 50.0 |" in alone
    several = voc2007.seeds_table({"0": detector_run(0.5), "2": detector_run(0.54)}).splitlines()
    assert several[:2] == ["|  | seed 0 | seed 2 | mean |", "|---|--:|--:|--:|"]
    assert "| mAP attended, 100 looks | 50.0 | 54.0 | 52.0 ± 2.8 |" in several
    assert "| recall at IoU 0.7, 31 looks | 30.0 | 30.0 | 30.0 ± 0.0 |" in several
    # No run has a budget of 63 looks, so there is no such row.
    assert not any("63" in line for line in several)


def test_categories_and_budgets_are_shown_as_means_over_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for paper in ("PAPER_TRIGGERED", "PAPER_ATTENDED"):
        monkeypatch.setattr(voc2007, paper, (20.0,))
    runs = {"0": detector_run(0.5), "1": detector_run(0.54)}
    lines = voc2007.detection_table(runs).splitlines()
    assert lines[2] == "| cat | **40.0** ± 0.0 | 20.0 | **52.0** ± 2.8 | 20.0 |"
    assert lines[3].startswith("| mean | **40.0** ± 0.0 |")
    assert (
        voc2007.detection_table({"0": detector_run(0.5)})
        .splitlines()[2]
        .startswith("| cat | **40.0** |")
    )
    curve = voc2007.curve_table(runs).splitlines()
    assert curve[2:] == [
        "| 31 | 31 | 50.0 | 40.0 | 30.0 | 10.0 | 10.0 |",
        "| 100 | 80 | 50.0 | 40.0 | 30.0 | 40.0 | 52.0 |",
    ]


def test_agents_of_several_backbones_are_combined_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ("efficientnet-lite2-seed3", "efficientnet-lite1-seed3")
    for seed, name in enumerate(("seed3", *others)):
        (make_run(tmp_path / "made", seed=seed) / "train").rename(tmp_path / name)
    asked: list[tuple[list[str], Any, list[str]]] = []

    def run(stages: Any, settings: list[str]) -> dict[str, float]:
        names = [stage for stage, *_ in stages]
        asked.append((names, stages, settings))
        return dict.fromkeys(names, 1.0)

    monkeypatch.setattr(voc2007, "run_stages", run)
    minutes = voc2007.run_seed("null", 3, tmp_path, 3)
    stages = {"download": 1.0, "shard": 1.0, "encode": 1.0, "train": 1.0}
    assert minutes == {
        "efficientnet-lite0": stages | {"evaluate": 1.0},
        "efficientnet-lite2": stages,
        "efficientnet-lite1": stages,
        "voc2007_combined": {"evaluate": 1.0},
        "voc2007_three": {"evaluate": 1.0},
    }
    trained = {settings[-1] for names, _, settings in asked if names == ["train"]}
    backbone = "agents.pretrained.encoder.backbone=efficientnet-lite"
    assert trained == {f"{backbone}0", f"{backbone}2", f"{backbone}1"}
    features = ["features", "efficientnet-lite2-features", "efficientnet-lite1-features"]
    for number, attended in ((2, 0.54), (3, 0.6)):
        ((stage, arguments, out),) = asked[number - 4][1]
        assert stage == "evaluate"
        assert len(load_checkpoint(arguments[1]).members) == number
        stores = [part for each in features[:number] for part in ("--features", tmp_path / each)]
        assert arguments[3:] == stores
        write_metrics(out, measured(attended))
        found = voc2007.collect_combined([3], tmp_path, number)
        assert list(found) == ["3"]
        assert found["3"].search.by_budget[100].ap_attended == attended


def test_one_network_alone_is_trained_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voc2007, "run_stages", lambda stages, *_: {each[0]: 1.0 for each in stages})
    minutes = voc2007.run_seed("null", 3, tmp_path, 1)
    assert list(minutes) == ["efficientnet-lite0"]
    assert list(minutes["efficientnet-lite0"])[-2:] == ["train", "evaluate"]


def test_the_readme_shows_agents_beside_searchers_that_look_at_nothing() -> None:
    test = measured(0.5)
    agents = {
        "one network": {"0": detector_run(0.5), "1": detector_run(0.54)},
        "two": {"0": detector_run(0.6)},
    }
    lines = voc2007.headline_table(test, agents).splitlines()
    assert lines[2] == "| random searcher | 0.4 |  |"
    assert "| Caicedo & Lazebnik (2015) | 43.9 | 46.1 |" in lines
    assert lines[-2:] == [
        "| one network, 100 looks in an image at most | **40.0** ± 0.0 | **52.0** ± 2.8 |",
        "| two, 100 looks in an image at most | **40.0** | **60.0** |",
    ]


def test_the_figures_of_all_seeds_are_collected(tmp_path: Path) -> None:
    for seed, attended in ((0, 0.5), (2, 0.54)):
        write_metrics(tmp_path / f"seed{seed}" / "evaluate", measured(attended, seed))
    found = voc2007.collect(tmp_path)
    assert found.test.model.sha256 == "0"
    assert list(found.seeds) == ["0", "2"]
    assert found.seeds["2"].ap["attended"].voc2007["mean"] == 0.54


def write_metrics(folder: Path, metrics: ImageSetMetrics) -> None:
    folder.mkdir(parents=True)
    write_json(folder / "metrics.json", metrics_as_json({"test": metrics}))


PUBLISHED: dict[str, Any] = {
    "voc2007_cat_dqn2018": Metrics,
    "voc2007_pretrained": Detector,
    "voc2007_combined": dict[str, CombinedRun],
    "voc2007_three": dict[str, CombinedRun],
    "voc2007_ablation": dict[str, AblationRow],
    "voc_scratch": ScratchRuns,
    "voc_scratch_dqn2018": ScratchRuns,
    "voc_scratch_questions": Questions,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures_come_back_to_the_byte(name: str) -> None:
    text = (ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8")
    assert json.dumps(as_json(parse(PUBLISHED[name], text)), indent=2) + "\n" == text


def test_a_search_is_compared_turn_by_turn() -> None:
    def run(seconds: float) -> dict[str, float]:
        return {"images": 8, "windows": 80, "seconds": seconds, "encode": 0.5, "outputs": 1.5}

    rows = {"10 looks": {"before": [run(8.0), run(16.0)], "now": [run(4.0), run(4.0)]}}
    *_, row = search.search_table({"rows": rows}).splitlines()
    cells = [each.strip() for each in row.strip("|").split("|")]
    assert cells == ["10 looks", "0.8", "**2.0**", "3.00 (2.00 to 4.00)", "50 %", "10"]


def test_costs_are_extrapolated_from_the_slope_between_two_runs() -> None:
    measured = {
        stage: {"number": [10, 30], "seconds": [5.0, 5.2], "bytes": [1000, 41_000]}
        for stage in ("shard", "encode", "evaluate", "update")
    }
    slopes = scaling.slopes_of(measured)
    assert slopes["shard"] == {"seconds": pytest.approx(0.01), "bytes": 2000}
    costs = scaling.extrapolate(slopes, 16)
    assert costs["COCO"]["shard"]["hours"] == pytest.approx(118_000 * 0.01 / 3600)
    assert costs["COCO"]["update"]["hours"] == pytest.approx(118_000 / 16 * 0.01 / 3600)
    assert costs["Open Images"]["encode"]["gigabytes"] == pytest.approx(18)
    result = {
        "slopes": slopes, "extrapolated": costs, "categories": 20, "images_per_update": 16,
        "photograph": {"pixels": 76_800.0, "bytes": 17_000.0},
    }  # fmt: skip
    first = scaling.scaling_table(result).splitlines()[2]
    assert [each.strip() for each in first.strip("|").split("|")] == [
        "`shard`, an image", "10.0", "2.0", "0.33", "0.24", "25", "18",
    ]  # fmt: skip


def test_updates_are_shown_by_medians_and_their_arithmetic_beside_the_peak() -> None:
    row = {"before": [0.3, 0.2, 0.4], "now": [0.1, 0.2, 0.2], "ratios": [3.0, 1.0, 2.0]}
    result = {"peak": 100.0, "rows": {"scenes": row | {"gflop": 10.0}}}
    *_, found = updates.updates_table(result).splitlines()
    assert found == "| `scenes` | 300 ms | 200 ms | 2.00 (1.00 to 3.00) |"
    *_, found = updates.arithmetic_table(result).splitlines()
    assert found == "| `scenes` | 10.0 GFLOP | 50 GFLOP/s | 50% |"


def test_several_objects_are_counted_in_scenes_that_hold_them() -> None:
    checkpoint = make_checkpoint(("cat", "cow", "dog", "horse", "person", "sheep"))
    store, tasks = several.drawn_store(checkpoint, "val", 1, 3, two=True)
    assert (tasks.searched.sum(dim=1) == 1).all()
    objects = store.object_category
    for categories, searched in zip(objects, tasks.searched, strict=True):
        held = categories[categories >= 0]
        assert len(held) >= 2
        assert searched[held].all()
    rows = several.several_table(checkpoint, "val", 1, 3).splitlines()
    assert len(rows) == 2 + 2 * len(several.LOOKS) * 2


def test_two_right_boxes_of_a_category_are_two_objects_found() -> None:
    # An agent that triggers on each start window, and objects where those are.
    checkpoint = make_checkpoint(("cat",))
    checkpoint.state["values.bias"][-1] += 1000.0
    boxes = ((0.0, 0.0, 40.0, 40.0), (60.0, 60.0, 100.0, 100.0), (30.0, 0.0, 70.0, 1.0))
    sample = make_sample("one", *(("cat", box) for box in boxes), size=(100, 100))
    store = make_store(sample, categories=("cat",))
    params = Search(starts=((3, 0.4),))
    tasks = SearchTasks.every(store)
    row = several.measure(checkpoint, store, tasks, params, 10)
    looks, one, two, _, _, recall, _ = row
    assert (looks, one, two, recall) == ("9", "1.000", "1.000", "0.667")


def test_images_are_repeated_under_new_names_in_the_same_sets(tmp_path: Path) -> None:
    devkit = open_devkit(make_devkit(tmp_path, {"train": 8, "val": 2}))
    scale_memory.repeated(devkit, tmp_path / "often.tar", 10, 3)
    found = open_devkit(tmp_path / "often.tar")
    assert {name: len(ids) for name, ids in found.image_sets.items()} == {
        "train": 12, "val": 15, "test": 3,
    }  # fmt: skip
    assert len({found.read(image_id).jpeg for image_id in found.image_ids}) <= 10
    (first, *_) = devkit.image_ids
    assert found.read(f"{first}_2").objects == devkit.read(first).objects


def test_peaks_and_speeds_are_shown_beside_what_they_are_compared_with() -> None:
    peaks = {"shard": {"once": 200.0, "often": 210.0}, "encode": {"once": 1.0, "voc2007": 900.0}}
    result = {"images": 10, "times": 10, "voc2007": 9000, "rows": peaks}
    shown = scale_memory.memory_table(result)
    assert "| stage | 10 images | 100 images | times as much | VOC2007, 9,000 images |" in shown
    assert "| shard | 200 MB | 210 MB | 1.05 | - |" in shown
    assert "| encode | 1 MB | - | - | 900 MB |" in shown
    turn = {"wall": 2.0, "processor": 1.0}
    half = {"wall": 4.0, "processor": 1.0}
    timed = {"tar": [turn], "local": [turn], "cold": [half], "cached": [turn]}
    shown = scale_shards.shards_table({**timed, "one thread": [half], "all threads": [turn]})
    assert "| packing shards, one thread | copying by tar | **50 %** (50 to 50)" in shown
    assert "in the cache | reading from a folder | **100 %** (100 to 100)" in shown


@pytest.mark.parametrize(("resume", "measured"), [(True, [2, 3]), (False, [3, 3])])
def test_turns_are_measured_anew_or_those_that_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool, measured: list[int]
) -> None:
    output = tmp_path / "ranks.json"
    turn = {"one": 1.0, "two": 2.0, "beside": 2.0}
    write_json(output, {"turns": {"encoding": [turn], "training": [], "evaluation": [turn]}})
    names: list[str] = []

    def speeds(name: str, _arguments: Sequence[str]) -> dict[str, float]:
        names.append(name)
        return {**turn, "two": 3.0}

    monkeypatch.setattr(ranks, "_speeds", speeds)
    ranks.main(tmp_path, tmp_path, 3, ["encoding", "training"], resume, "here", output)
    found = json.loads(output.read_text("utf-8"))["turns"]
    assert [names.count(name) for name in ("encoding", "training")] == measured
    assert [len(found[name]) for name in ("encoding", "training", "evaluation")] == [3, 3, 1]
    assert found["encoding"][0] == (turn if resume else {**turn, "two": 3.0})
    assert json.loads((tmp_path / "ranks.run.json").read_text("utf-8"))["machine"] == "here"


def test_a_process_that_fails_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(typer.Exit):
        ranks.main(tmp_path, tmp_path, 1, ["encoding"], False, "here", tmp_path / "ranks.json")
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("error: false -m benchmarks.ranks ")] == told
    assert told[0].endswith("--child encoding: expected a speed; found status 1")
    assert not (tmp_path / "ranks.json").exists()


def test_a_machine_without_a_gpu_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(typer.Exit):
        devices.main(None, tmp_path / "devices.json")
    told = "error: expected a GPU that PyTorch can use (CUDA); found none\n"
    assert capsys.readouterr().err == told
