"""Saved states: which one a run is resumed from, and which are deleted."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from objloc.learning.saved_states import SavedStates, run_key
from objloc.network.device import CPU
from objloc.params import Agent, Encoder, Params, Schedule, Train

MACHINE = {"processor": "one"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path / ".objloc" / "resume"


def states(evaluations: int = 2, frames: int = 1, machine: dict[str, str] = MACHINE) -> SavedStates:
    schedule = Schedule(evaluations=evaluations)
    return SavedStates("0a", Agent(encoder=Encoder(frames=frames), schedule=schedule), machine)


def state(updates: int, *, finished: bool = False, extendable: bool = True) -> dict[str, Any]:
    memory = {"total": 3}
    training = {"learner": {"updates": updates}, "memory": memory}
    return {
        "phase": 0,
        "training": training,
        "record": [[], [], []],
        "finished": finished,
        "extendable": extendable,
    }


def loaded(found: SavedStates) -> tuple[int | None, list[str]]:
    """Updates of the state that is found, and the lines that are shown."""
    lines: list[str] = []
    one = found.load(lines.append)
    return None if one is None else one["training"]["learner"]["updates"], lines


def test_a_killed_run_goes_on_from_its_last_state() -> None:
    assert loaded(states()) == (None, [])
    states().save(state(4))
    states().save(state(7))
    assert loaded(states()) == (7, ["goes on from update 7"])


def test_a_finished_run_starts_again_and_a_longer_one_goes_on_from_before_its_end() -> None:
    states().save(state(5), extension=True)
    states().save(state(9, finished=True, extendable=False))
    assert loaded(states()) == (None, [])
    assert loaded(states(evaluations=1)) == (None, [])
    assert loaded(states(evaluations=4)) == (5, ["goes on from update 5"])


def test_a_longer_run_leaves_the_state_of_another_length_alone() -> None:
    """It was saved before the end of a run that was shorter still, or longer."""
    states(evaluations=3).save(state(5), extension=True)
    states().save(state(9, finished=True, extendable=False))
    assert loaded(states(evaluations=4)) == (None, [])


def test_what_cannot_be_read_is_told() -> None:
    states().save(state(4))
    kept = state(4)
    del kept["training"]["memory"]["total"]
    states(frames=3).save(kept)
    told = "starts from the beginning: its replay memory is an earlier version's"
    assert loaded(states(frames=3)) == (None, [told])
    # Windows of one step are kept as before.
    assert loaded(states()) == (4, ["goes on from update 4"])


def test_another_machine_is_told() -> None:
    states().save(state(4))
    assert loaded(states(machine={"processor": "another", "processes": "2"})) == (
        4,
        [
            "goes on from update 4",
            "begun under other conditions, so its bytes are of neither: processes: 1, now 2; "
            "processor: one, now another",
        ],
    )


def test_states_of_other_runs_are_deleted_after_a_week(folder: Path) -> None:
    folder.mkdir(parents=True)
    week = 7 * 86400
    for name, age in (("0a-best", week + 9), ("1b", week + 9), ("2c", week - 99)):
        path = folder / f"{name}.pt"
        path.write_bytes(b"state")
        then = time.time() - age
        os.utime(path, (then, then))
    states().save(state(4))
    assert sorted(path.name for path in folder.glob("*.pt")) == ["0a-best.pt", "0a.pt", "2c.pt"]


def test_the_key_depends_on_everything_but_the_length() -> None:
    def key(passes: int = 1, evaluations: int = 2, data: str = "d", **train: object) -> str:
        agent = Agent(schedule=Schedule(passes=passes, evaluations=evaluations))
        section = Train.model_validate({"agent": "tiny", **train})
        return run_key(Params(train=section, agents={"tiny": agent}), data, CPU)

    assert key(passes=7, evaluations=14) == key(max_minutes=3.0) == key()
    # Validations at other moments choose another model.
    assert len({key(), key(passes=7), key(seed=1), key(data="e")}) == 4
