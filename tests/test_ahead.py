from pathlib import Path

import pytest
import torch

from benchmarks import ahead
from benchmarks.ahead import LOOKS, ROWS, ahead_table, params_of, updates_in
from benchmarks.published import Ahead, AheadRow, parse
from objloc.params import Params
from tests.helpers.stores import make_store

DISCOUNTS = {"none": 0.0, "little": 0.3, "far": 0.9, "taken": 0.9}
"""By the first part of a row's name."""


@pytest.mark.parametrize("name", ROWS)
def test_rows_differ_in_how_values_are_learned_alone(name: str) -> None:
    params = params_of(name, 500)
    agent, base = params.agent, params_of("none", 500).agent
    assert agent.learning.discount == DISCOUNTS[name.split("_", maxsplit=1)[0]]
    assert params.train.seed == ROWS[name].seed
    assert (agent.learning.backup == "sampled") == (name == "taken")
    assert (agent.mdp, agent.encoder, agent.head) == (base.mdp, base.encoder, base.head)
    assert agent.schedule.max_updates == agent.learning.learning_rate_decay_updates == 500
    # Values alone, in training and in the search.
    assert not agent.head.presence
    assert not agent.head.learned_steps
    assert not agent.head.learned_zooms
    assert params.evaluate.search.learned_steps is None
    assert params.evaluate.search.learned_zooms is None


def miniature(name: str) -> Params:
    params = params_of(name, 60)
    agent = params.agent
    small = agent.model_copy(
        update={
            "encoder": agent.encoder.model_copy(
                update={"kind": "map", "precision": "float32", "image_size": 64, "widths": (4, 8),
                        "neck_width": 4, "cell_width": 4, "category_channels": 2, "pool": 3}
            ),
            "learning": agent.learning.model_copy(
                update={"images_per_batch": 4, "windows_per_image": 4, "batch_parts": 1}
            ),
            "replay": agent.replay.model_copy(update={"size": 400, "init_size": 20}),
            "schedule": agent.schedule.model_copy(update={"environments": 4}),
        }
    )  # fmt: skip
    return params.model_copy(update={"agents": {**params.agents, "pretrained": small}})


@pytest.mark.parametrize("name", ["far", "taken"])
def test_updates_are_counted_for_a_time(name: str) -> None:
    params, store = miniature(name), make_store(8)
    assert updates_in(1e-9, params, store) == 1
    assert updates_in(10.0, params, store) > 100


def row(attended: float) -> AheadRow:
    point = {"windows": 30.0, "recall_0.5": 0.5, "recall_0.6": 0.4, "recall_0.7": 0.3,
             "ap_triggered": 0.25}  # fmt: skip
    curve = (point | {"budget": 31, "ap_attended": 0.2},
             point | {"budget": LOOKS, "ap_attended": attended})  # fmt: skip
    return AheadRow.model_validate(
        {"updates": 1200, "processor_minutes": 3.0, "curve": curve, "triggers_per_image": 1.0,
         "steps_to_trigger": {"median": None, "mean": None}}
    )  # fmt: skip


def test_the_table_has_a_line_for_each_row_that_was_measured() -> None:
    lines = ahead_table({"taken": row(0.1), "none": row(0.4)}).splitlines()
    figures = "1,200 | 3.0 | 50.0 | 50.0 | 30.0 | 25.0 | 20.0"
    assert lines[2:] == [
        f"| all actions, discount 0 | {figures} | 40.0 | none |",
        f"| the actions taken, discount .9 | {figures} | 10.0 | none |",
    ]


def test_a_row_that_exists_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def pretend(name: str, *_: object) -> AheadRow:
        ran.append(name)
        return row(0.3)

    monkeypatch.setattr(ahead, "run", pretend)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    path = tmp_path / "ahead.json"
    ahead.main(rows="none", minutes=2.0, results=path)
    ahead.main(rows="none,far", minutes=2.0, results=path)
    assert ran == ["none", "far"]
    assert list(parse(Ahead, path.read_text("utf-8")).rows) == ["none", "far"]
    # Of another length nothing is kept: rows would not be equal in cost.
    ahead.main(rows="far", minutes=3.0, results=path)
    assert list(parse(Ahead, path.read_text("utf-8")).rows) == ["far"]
    assert parse(Ahead, path.read_text("utf-8")).minutes == 3.0
