import stat
from pathlib import Path

import pytest

from benchmarks import speed
from benchmarks.speed import Row, replay, speed_table
from objloc.errors import ObjlocError

_SLOW_START = """#!/bin/sh
echo "Running stage 'shard':"
sleep 0.2
echo "Running stage 'train':"
exit {status}
"""


def test_figures_stand_beside_goal_and_floor() -> None:
    rows = [
        Row("an update", 174.4, "ms", None, 53.0, "its products"),
        Row("images", 1.5, "images/s", 15, more_is_better=True),
        Row("help", 0.25, "s", 0.4),
    ]
    lines = speed_table({"parts": {"some": [row._asdict() for row in rows]}}).splitlines()
    assert lines[2:] == [
        "| an update | **174 ms** |  | 53 ms | its products |",
        "| images | **1.5 images/s** | ≥ 15 images/s |  |  |",
        "| help | **0.25 s** | ≤ 0.4 s |  |  |",
    ]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    return tmp_path


def with_dvc(clone: Path, status: int) -> None:
    program = clone / ".venv" / "bin" / "dvc"
    program.write_text(_SLOW_START.format(status=status))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_stage_lasts_until_the_next_one_begins(clone: Path) -> None:
    with_dvc(clone, 0)
    found = speed.seconds_by_stage(clone)
    assert list(found) == ["shard", "train"]
    assert found["shard"] >= 0.2


def test_a_pipeline_that_fails_has_no_time(clone: Path) -> None:
    with_dvc(clone, 3)
    with pytest.raises(ObjlocError, match="Running stage 'train'"):
        speed.seconds_by_stage(clone)


def test_the_replay_memory_of_every_agent_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_REPLAYED", ("scenes",))
    (row,) = replay()
    # Image, category, two windows, an action, a reward, and whether it ended: no pixels.
    assert 40 <= row.now <= 128
