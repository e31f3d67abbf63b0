import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from benchmarks import ablation, scratch, voc2007
from benchmarks.running import run_stages
from benchmarks.unseen import find_unseen
from objloc.data.devkit import open_devkit
from objloc.data.shards import write_shards
from objloc.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Search, Shard, load_params
from tests.helpers.devkits import make_devkit
from tests.helpers.imports import ROOT
from tests.helpers.runs import make_run


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


def one_run(cat: float) -> dict[str, Any]:
    """Figures of one run: every category as the cat, but the mean."""
    names = [*scratch.FIVE, "sheep", "mean"]

    def all_alike(value: float) -> dict[str, float]:
        return dict.fromkeys(names, value)

    answer = {
        "success_rate": all_alike(cat),
        "interval": {"success_rate": dict.fromkeys(names, (cat - 0.1, cat + 0.1))},
    }
    part = {
        "images": 50,
        "images_by_category": dict.fromkeys(names[:-1], 7),
        "first_trigger": all_alike(cat - 0.2),
        "answer": answer,
        "blind": {
            "random": all_alike(0.0),
            "whole_image": all_alike(0.2),
            "fixed_box": all_alike(0.3),
        },
        "ap": {kind: all_alike(0.125) for kind in ("triggered", "attended", "fixed_box")},
    }
    return {"test_2012": part, "test_2007": copy.deepcopy(part)}


def test_the_headline_table_tells_mean_and_spread_over_seeds() -> None:
    table = scratch.headline_table({"0": one_run(0.5), "1": one_run(0.7)})
    assert "| cat | 7 | .00 | .20 | .30 | .40 ± .14 | **.60 ± .14** | .40 to .60 | +0.30 |" in table
    assert "mAP attended **12.5 ± 0.0**" in table
    alone = scratch.headline_table({"0": one_run(0.5)})
    assert "| cat | 7 | .00 | .20 | .30 | .30 | **.50** | .40 to .60 | +0.20 |" in alone


def test_the_agent_of_2018_has_a_row_for_each_image_set() -> None:
    run = one_run(0.5)
    for part in run.values():
        part["images_by_category"] = {"cat": 7}
    lines = scratch.baseline_table({"0": run}).splitlines()
    assert lines[2:] == [
        f"| `{name}`, cat | 7 | .00 | .20 | .30 | .30 | .50 |"
        for name in ("test_2012", "test_2007")
    ]


def test_a_question_leaves_out_what_an_agent_did_not_learn() -> None:
    four = one_run(0.5)
    for part in four.values():
        del part["answer"]["success_rate"]["person"]
    table = scratch.questions_table({"five": {"0": one_run(0.5)}, "four": {"0": four}}, {})
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
    assert found["3"]["answer"] == dict.fromkeys(("cow", "horse"), found["3"]["whole_image"])
    assert found["3"]["images"] > 0


def test_nothing_is_published_where_nothing_was_measured(tmp_path: Path) -> None:
    with pytest.raises(
        typer.BadParameter, match=r"expected measured runs of dqn2018 in it; found none"
    ):
        scratch.main(rows="dqn2018", folder=tmp_path, publish_only=True)


def test_a_stage_whose_output_is_there_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert run_stages([("no_such_stage", [], tmp_path / "out")], []) == {}


@pytest.mark.parametrize("name", ablation.ROWS)
def test_every_row_of_the_ablation_changes_the_default_agent(name: str) -> None:
    base, row = ablation.params_of(ablation.ROWS["base"]), ablation.ROWS[name]
    params = ablation.params_of(row)
    assert params.agent.schedule.max_updates == ablation.UPDATES
    assert (params.agent != base.agent) == bool(row.settings)
    assert (params.evaluate.search != base.evaluate.search) == bool(row.search)


def test_the_ablation_shows_each_row_beside_the_first() -> None:
    def result(attended: float) -> dict[str, Any]:
        row = {"recall_0.5": 0.5, "recall_0.7": 0.25, "ap_triggered": 0.4, "ap_attended": attended}
        return {"curve": [row | {"budget": looks} for looks in (31, 100)]}

    found = {"inhibited": result(0.405), "base": result(0.42) | {"minutes": 3.0}}
    lines = ablation.table(found).splitlines()
    assert len(lines) == 4
    assert lines[2].endswith("| 50.0 | 50.0 | 25.0 | 40.0 | 42.0 |  | 3.0 |")
    assert lines[3].endswith("| 50.0 | 50.0 | 25.0 | 40.0 | 40.5 | -1.5 |  |")
    alone = ablation.table({"inhibited": found["inhibited"]}).splitlines()
    assert alone[2].endswith("| 50.0 | 50.0 | 25.0 | 40.0 | 40.5 |  |  |")


def _run(attended: float) -> dict[str, Any]:
    """A run of one category: what ``voc2007.collect`` keeps of it, with made figures."""
    recalls = {"recall_0.5": 0.5, "recall_0.6": 0.4, "recall_0.7": 0.3}
    few = recalls | {"windows": 31.0, "ap_triggered": 0.1, "ap_attended": 0.1}
    many = recalls | {"windows": 80.0, "ap_triggered": 0.4, "ap_attended": attended}
    return {
        "ap": {
            "triggered": {"voc2007": {"cat": 0.4, "mean": 0.4}},
            "attended": {"voc2007": {"cat": attended, "mean": attended}},
        },
        "search": {
            "curve": [few | {"budget": 31}, many | {"budget": 100}],
            "steps_to_trigger": {"median": 4.0, "mean": 4.5},
            "triggers_per_image": 9.0,
        },
    }


def test_seeds_are_shown_with_their_mean_and_deviation() -> None:
    alone = voc2007.seeds_table({"0": _run(0.5)}).splitlines()
    assert alone[0] == "| | seed 0 |"
    assert "| mAP attended, 100 looks | 50.0 |" in alone
    several = voc2007.seeds_table({"0": _run(0.5), "2": _run(0.54)}).splitlines()
    assert several[:2] == ["| | seed 0 | seed 2 | mean |", "|---|--:|--:|--:|"]
    assert "| mAP attended, 100 looks | 50.0 | 54.0 | 52.0 ± 2.8 |" in several
    assert "| recall at IoU 0.7, 31 looks | 30.0 | 30.0 | 30.0 ± 0.0 |" in several
    # No run has a budget of 63 looks, so there is no such row.
    assert not any("63" in line for line in several)


def test_categories_and_budgets_are_shown_as_means_over_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for paper in ("PAPER_TRIGGERED", "PAPER_ATTENDED"):
        monkeypatch.setattr(voc2007, paper, (20.0,))
    runs = {"0": _run(0.5), "1": _run(0.54)}
    lines = voc2007.detection_table(runs).splitlines()
    assert lines[2] == "| cat | **40.0** ± 0.0 | 20.0 | **52.0** ± 2.8 | 20.0 |"
    assert lines[3].startswith("| mean | **40.0** ± 0.0 |")
    assert (
        voc2007.detection_table({"0": _run(0.5)}).splitlines()[2].startswith("| cat | **40.0** |")
    )
    curve = voc2007.curve_table(runs).splitlines()
    assert curve[2:] == [
        "| 31 | 31 | 50.0 | 40.0 | 30.0 | 10.0 | 10.0 |",
        "| 100 | 80 | 50.0 | 40.0 | 30.0 | 40.0 | 52.0 |",
    ]


def test_agents_of_two_backbones_are_combined_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in ((0, "seed3"), (1, "efficientnet-lite2-seed3")):
        (make_run(tmp_path / "made", seed=seed) / "train").rename(tmp_path / name)
    asked: list[tuple[list[str], Any, list[str], int | None]] = []

    def run(stages: Any, settings: list[str], threads: int | None = None) -> dict[str, float]:
        names = [stage for stage, *_ in stages]
        asked.append((names, stages, settings, threads))
        return dict.fromkeys(names, 1.0)

    monkeypatch.setattr(voc2007, "run_stages", run)
    minutes = voc2007.run_seed("null", 3, tmp_path, combined=True)
    stages = {"download": 1.0, "shard": 1.0, "encode": 1.0, "train": 1.0}
    assert minutes == {
        "efficientnet-lite0": stages | {"evaluate": 1.0},
        "efficientnet-lite2": stages,
        "both": {"evaluate": 1.0},
    }
    # They are trained side by side: a thread for each.
    trained = {settings[-1]: threads for names, _, settings, threads in asked if names == ["train"]}
    backbone = "agents.pretrained.encoder.backbone=efficientnet-lite"
    assert trained == {f"{backbone}0": 1, f"{backbone}2": 1}
    ((stage, arguments, out),) = asked[-1][1]
    assert stage == "evaluate"
    assert len(load_checkpoint(arguments[1]).members) == 2
    features = ["features", "efficientnet-lite2-features"]
    assert arguments[3:] == [part for each in features for part in ("--features", tmp_path / each)]
    out.mkdir()
    part = _run(0.54) | {"model": {"sha256": "a"}, "data": {}, "images": 7, "others": 1}
    (out / "metrics.json").write_text(json.dumps({"test": part}), "utf-8")
    found = voc2007.collect_combined([3], tmp_path)
    assert list(found) == ["3"]
    assert "others" not in found["3"]


def test_one_network_alone_is_trained_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voc2007, "run_stages", lambda stages, *_: {each[0]: 1.0 for each in stages})
    minutes = voc2007.run_seed("null", 3, tmp_path, combined=False)
    assert list(minutes) == ["efficientnet-lite0"]
    assert list(minutes["efficientnet-lite0"])[-2:] == ["train", "evaluate"]


def test_the_readme_shows_agents_beside_searchers_that_look_at_nothing() -> None:
    blind = {"ap": {"voc2007": {"mean": 0.004}}}
    test = {"baselines": dict.fromkeys(("random", "whole_image", "fixed_box"), blind)}
    agents = {"one network": {"0": _run(0.5), "1": _run(0.54)}, "two": {"0": _run(0.6)}}
    lines = voc2007.headline_table(test, agents).splitlines()
    assert lines[2] == "| random searcher | 0.4 | |"
    assert "| Caicedo & Lazebnik (2015) | 43.9 | 46.1 |" in lines
    assert lines[-2:] == [
        "| one network, 100 looks in an image at most | **40.0** ± 0.0 | **52.0** ± 2.8 |",
        "| two, 100 looks in an image at most | **40.0** | **60.0** |",
    ]


def test_the_figures_of_all_seeds_are_collected(tmp_path: Path) -> None:
    for seed, attended in ((0, 0.5), (2, 0.54)):
        folder = tmp_path / f"seed{seed}" / "evaluate"
        folder.mkdir(parents=True)
        part = _run(attended) | {"model": {"sha256": f"{seed}"}, "images": 7}
        (folder / "metrics.json").write_text(json.dumps({"test": part}), "utf-8")
    found = voc2007.collect(tmp_path)
    assert found["test"]["model"]["sha256"] == "0"
    assert list(found["seeds"]) == ["0", "2"]
    assert found["seeds"]["2"]["ap"]["attended"]["voc2007"]["mean"] == 0.54
