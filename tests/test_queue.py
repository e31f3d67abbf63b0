"""Queued experiments run side by side, in folders of their own, with one copy of the shards."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.projects import Project

STATES = {"Queued", "Running", "Success", "Failed"}


@contextmanager
def seen_shards(folder: Path) -> Iterator[dict[Path, int]]:
    """Number of the inode of each shard that lies for a while in a queued experiment's folder."""
    found: dict[Path, int] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            for path in folder.glob(".dvc/tmp/exps/*/data/shards/*.tar"):
                try:
                    found[path] = path.stat().st_ino
                except FileNotFoundError:
                    continue

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()


def states(project: Project) -> list[str]:
    told = project.dvc("queue", "status").split()
    return [word for word in told if word in STATES]


@pytest.mark.slow
def test_two_workers_share_shards_and_features(tmp_path: Path, warm: Path) -> None:
    project = Project(tmp_path, warm)
    project.dvc("repro", "train")
    project.commit("trained")
    project.dvc("exp", "run", "--queue", "train", "-S", "train.seed=1,2")
    with seen_shards(project.folder) as shards:
        project.dvc("queue", "start", "--jobs", "2")
        while not {"Success", "Failed"}.issuperset(states(project)):
            time.sleep(0.5)
    assert states(project) == ["Success", "Success"]
    assert len(project.dvc("exp", "list", "--name-only").split()) == 2
    # Links to the cache, not copies of it.
    cached = {path.stat().st_ino for path in project.folder.glob(".dvc/cache/files/md5/??/*")}
    assert len({path.parents[2] for path in shards}) == 2
    assert set(shards.values()) <= cached
