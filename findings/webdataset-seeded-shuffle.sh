#!/usr/bin/env bash
# webdataset 1.0.2: shuffle(n, seed=s) gives the same order in every epoch.
#
# The seed makes a generator anew whenever the data set is iterated, so a run that is to be
# repeatable trains on one and the same order from epoch to epoch: shuffled once, not each time. A
# generator of one's own (rng) and the seed of the data set itself do what one expects.
#
# Eight samples, three epochs.
#
# Seen on 27 November 2026 (Python 3.11), different orders in three epochs:
#     shuffle(100, seed=1): 1
#     shuffle(100, rng=Random(1)): 3
#     WebDataset(seed=1).shuffle(100): 3
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import io
import random
import tarfile

import webdataset

with tarfile.open("shard.tar", "w") as tar:
    for number in range(8):
        member = tarfile.TarInfo(f"{number}.txt")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))


def orders(dataset):
    """Number of different orders in three epochs."""
    return len({tuple(sample["__key__"] for sample in dataset) for _ in range(3)})


def plain(**options):
    return webdataset.WebDataset("shard.tar", shardshuffle=False, **options)


for word, dataset, expected in (
    ("shuffle(100, seed=1)", plain().shuffle(100, seed=1), 1),
    ("shuffle(100, rng=Random(1))", plain().shuffle(100, rng=random.Random(1)), 3),
    ("WebDataset(seed=1).shuffle(100)", plain(seed=1).shuffle(100), 3),
):
    seen = orders(dataset)
    print(f"{word}: {seen}")
    assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
PYTHON
