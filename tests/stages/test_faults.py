"""Stages killed at any moment, on a full disk, or twice at once: nothing partial is left."""

import random
import shutil
from pathlib import Path

import pytest

from benchmarks.reliability import kills
from objloc.partial import only_writer
from tests.helpers.faults import STAGES, Pipeline, Run
from tests.helpers.projects import Project


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, warm: Path) -> Pipeline:
    """All stages after one run."""
    pipeline = Pipeline(tmp_path_factory.mktemp("faults"), empty_store, warm)
    # A model's first registration changes more files than any other.
    for stage in (*STAGES, "register"):
        done = pipeline.run(stage)
        assert done.status == 0, done.err
        pipeline.events[stage] = done.events
    return pipeline


def disturbed(pipeline: Pipeline, stage: str, moments: int) -> int:
    """Fill the disk, then kill a stage at some moments, over an earlier output and without.

    Returns:
        How often it died.
    """
    whole = pipeline.files(stage)
    largest = max(path.stat().st_size for path in pipeline.output(stage).rglob("*"))
    chance, died = random.Random(stage), 0
    for number in range(moments):
        if number % 2:
            shutil.rmtree(pipeline.output(stage))
        full = pipeline.run(stage, file_size=largest - 1)
        assert_says_that_the_disk_is_full(stage, full)
        assert pipeline.files(stage) == ({} if number % 2 else whole)
        assert pipeline.output(stage).exists() == (number % 2 == 0)
        assert pipeline.leftovers() == []
        moment = chance.randint(1, pipeline.events[stage])
        died += pipeline.run(stage, kill_at=moment).status == 247
        again = pipeline.run(stage)
        assert again.status == 0, again.err
        assert pipeline.files(stage) == whole
        assert pipeline.leftovers() == []
    return died


def assert_says_that_the_disk_is_full(stage: str, full: Run) -> None:
    assert full.status == 1
    assert "Traceback" not in full.err
    (line,) = [each for each in full.err.splitlines() if each.startswith("error: ")]
    if stage == "register":  # which writes to a database
        assert ": MLflow's store fails: " in line
    else:
        assert line.endswith(": cannot be written: File too large")


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_and_a_kill_leave_no_part_and_the_next_run_makes_the_same_bytes(
    pipeline: Pipeline, stage: str
) -> None:
    assert disturbed(pipeline, stage, 2) == 2


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_may_be_killed_at_many_moments(pipeline: Pipeline, stage: str) -> None:
    assert disturbed(pipeline, stage, 5) == 5


@pytest.mark.parametrize("stage", ["shard", "train"])
def test_the_second_of_two_at_once_is_refused(pipeline: Pipeline, stage: str) -> None:
    whole = pipeline.files(stage)
    with only_writer(pipeline.output(stage)):
        second = pipeline.run(stage)
    assert second.status == 1
    expected = f"error: {pipeline.output(stage)}: expected no other process to write it; found"
    assert second.err.startswith(expected)
    assert "\n" not in second.err
    assert pipeline.files(stage) == whole
    assert pipeline.run(stage).status == 0


HELD = """
import runpy, signal, sys
from pathlib import Path

def hold(event, _):
    if event == "os.rename":
        Path("../held").touch()
        signal.pause()

sys.addaudithook(hold)
_, module, *arguments = sys.argv[1:]
sys.argv = [module, *arguments]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
"""Runs a stage until it is about to give its output the name that counts, and no further."""
PYTHON = """#!/bin/sh
[ "$2" = "stages.$(cat ../hold 2> /dev/null)" ] && exec {python} -c "$(cat ../program)" "$@"
exec {python} "$@"
"""
"""The ``python`` of a project, which holds the stage that is named beside it."""


class Held(kills.Repro):
    """``dvc repro`` that is killed when its stage is held: no clock decides.

    Args:
        folder: an empty one, for the project.
        warm: folder of a quick ``python``.
    """

    def __init__(self, folder: Path, warm: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "program").write_text(HELD)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "python").write_text(PYTHON.format(python=warm / "python"))
        (tools / "python").chmod(0o755)
        super().__init__(Project(folder, tools), "shard")

    def is_due(self, *_: object) -> bool:
        return (self._folder / "held").exists()

    def killed(self, stage: str, victim: str) -> bool:
        """Hold a stage, kill, and mend what DVC was writing; whether it was killed in time."""
        (self._folder / "held").unlink(missing_ok=True)
        (self._folder / "hold").write_text(stage)
        status, _ = self.run(kills.Kill(stage, 0.0, victim))
        (self._folder / "hold").unlink()
        self.mend()
        return self.struck and status != 0


def test_dvc_goes_on_after_a_kill_to_the_same_bytes(tmp_path: Path, warm: Path) -> None:
    whole, killed = (Held(tmp_path / name, warm) for name in ("one", "other"))
    assert whole.run()[0] == 0
    assert killed.killed("download", "group")
    assert killed.killed("shard", "stage")
    assert killed.run()[0] == 0
    assert killed.hashes() == whole.hashes()
    assert len(whole.hashes()) > len(STAGES)
    assert killed.leftovers() == []


def test_the_kills_that_are_published_are_of_every_stage_and_kind() -> None:
    planned = [kill for number in range(kills.ROUNDS) for kill in kills.plan(number)]
    assert len(planned) >= 40
    assert {kill.stage for kill in planned} == {*STAGES}
    for stage in STAGES:
        assert {kill.victim for kill in planned if kill.stage == stage} == {*kills.VICTIMS}
