"""A flipped bit, or a cut, in each file that a stage reads: told by name, or without effect."""

import tempfile
from pathlib import Path

from benchmarks.reliability.table import Row
from objloc import params
from objloc.data.shards import write_shards
from objloc.data.voc.devkit import open_devkit
from tests.helpers.analyses import make_evaluated_run
from tests.helpers.damage import MAKERS, damaged, evaluation_in
from tests.helpers.devkits import make_devkit

FLIPS, CUTS = 400, 60
"""Damages of each file, of each kind."""


def measure() -> list[Row]:
    """Damage every file; what was not told is printed."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        stored = {kind: make(folder / kind) for kind, make in MAKERS.items()}
        write_shards(open_devkit(make_devkit(folder)), folder / "of run", params.Shard())
        make_evaluated_run(folder / "run", folder / "of run")
        stored["evaluation"] = evaluation_in(folder / "run", folder / "evaluation")
        for kind, each in stored.items():
            found = [damaged(each, name, FLIPS, CUTS) for name in each.names]
            for line in (line for one in found for line in one.bad):
                print(line, flush=True)
            tried, noticed = len(found) * (FLIPS + CUTS), sum(one.noticed for one in found)
            equal, bad = sum(one.equal for one in found), sum(len(one.bad) for one in found)
            files = f"{len(found)} files" if len(found) > 1 else "the file"
            rows.append({
                "what": f"flipped bit or cut: {kind}",
                "tried": tried,
                "held": tried - bad,
                "note": f"{files}: {noticed:,} told by name, {equal:,} without effect",
            })  # fmt: skip
    return rows
