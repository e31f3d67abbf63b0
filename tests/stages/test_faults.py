"""Stages killed at any moment, on a full disk, or twice at once: nothing partial is left."""

import random
import shutil
from pathlib import Path

import pytest

from benchmarks.reliability import kills
from objloc.partial import only_writer
from tests.helpers.faults import STAGES, Pipeline
from tests.helpers.projects import Project


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, warm: Path) -> Pipeline:
    """All stages after one run."""
    pipeline = Pipeline(tmp_path_factory.mktemp("faults"), empty_store, warm)
    for stage in STAGES:
        done = pipeline.run(stage)
        assert done.status == 0, done.err
    return pipeline


def killed_everywhere(pipeline: Pipeline, stage: str, moments: int) -> int:
    """Kill a stage at some moments, over an earlier output and without; how often it died."""
    whole = pipeline.files(stage)
    shutil.rmtree(pipeline.output(stage))
    events = pipeline.run(stage).events
    assert pipeline.files(stage) == whole
    chance, died = random.Random(stage), 0
    for number in range(moments):
        if number % 2:
            shutil.rmtree(pipeline.output(stage))
        died += pipeline.run(stage, kill_at=chance.randint(1, events)).status == 247
        again = pipeline.run(stage)
        assert again.status == 0, again.err
        assert pipeline.files(stage) == whole
        assert pipeline.leftovers() == []
    return died


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage_makes_the_same_bytes_when_it_runs_again(
    pipeline: Pipeline, stage: str
) -> None:
    assert killed_everywhere(pipeline, stage, 2) == 2


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_may_be_killed_at_many_moments(pipeline: Pipeline, stage: str) -> None:
    assert killed_everywhere(pipeline, stage, 5) == 5


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_one_line_and_leaves_no_part(pipeline: Pipeline, stage: str) -> None:
    whole = pipeline.files(stage)
    largest = max(path.stat().st_size for path in pipeline.output(stage).rglob("*"))
    for earlier in (True, False):
        if not earlier:
            shutil.rmtree(pipeline.output(stage))
        full = pipeline.run(stage, file_size=largest - 1)
        assert full.status == 1
        assert "Traceback" not in full.err
        (line,) = [each for each in full.err.splitlines() if each.startswith("error: ")]
        if stage == "register":  # which writes to a database
            assert ": MLflow's store fails: " in line
        else:
            assert line.endswith(": cannot be written: File too large")
        assert pipeline.output(stage).exists() == earlier
        assert not earlier or pipeline.files(stage) == whole
        assert pipeline.leftovers() == []
    assert pipeline.run(stage).status == 0
    assert pipeline.files(stage) == whole


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


def test_dvc_goes_on_after_a_kill_to_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = (kills.Repro(Project(tmp_path / name), "shard") for name in ("one", "other"))
    assert whole.run()[0] == 0
    # Early, so that a machine that has become faster since is not done before.
    for kill in (kills.Kill("download", 0.2, "group"), kills.Kill("shard", 0.2, "stage")):
        assert killed.run(kill, whole.seconds)[0] != 0
        assert killed.struck
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
