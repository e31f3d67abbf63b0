"""Queued experiments run side by side, in folders of their own, with one copy of the shards."""

import time
from pathlib import Path

import pytest

from tests.helpers.projects import Project

ENDED = {"Success", "Failed"}


@pytest.mark.slow
def test_two_workers_share_shards_and_features(tmp_path: Path, warm: Path) -> None:
    project = Project(tmp_path, warm)
    project.dvc("repro", "train")
    project.commit("trained")
    project.dvc("exp", "run", "--queue", "train", "-S", "train.seed=1,2")
    project.dvc("queue", "start", "--jobs", "2")
    copies: dict[Path, int] = {}
    while True:
        for path in project.folder.glob(".dvc/tmp/exps/*/data/shards/*.tar"):
            try:
                copies[path] = path.stat().st_ino
            except FileNotFoundError:
                continue
        states = [
            word
            for line in project.dvc("queue", "status").splitlines()
            for word in line.split()
            if word in {*ENDED, "Queued", "Running"}
        ]
        if len(states) == 2 and set(states) <= ENDED:
            break
        time.sleep(0.5)
    assert states == ["Success", "Success"]
    # Links to the cache, not copies of it.
    cached = {path.stat().st_ino for path in project.folder.glob(".dvc/cache/files/md5/??/*")}
    assert copies
    assert set(copies.values()) <= cached
    assert len(project.dvc("exp", "list", "--name-only").split()) == 2
