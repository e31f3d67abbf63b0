import json
import re
from pathlib import Path

import pytest
import torch

from objloc.errors import ObjlocError
from objloc.ranks.group import ALONE, Ranks, code_hash, processes
from tests.helpers.ranks import ENDED, run_ranks, told

TOLD = """
import json, sys
from pathlib import Path
import torch
from objloc.ranks.group import joined_ranks

for time in range(2):
    with joined_ranks(torch.device("cpu")) as ranks:
        rank = ranks.rank
        rows = torch.arange(5)[ranks.part(5)]
        done = []
        jobs = [lambda place=place: done.append(place) or place ** 2 for place in range(9)]
        mine = ranks.take(jobs)
        found = {
            "total": ranks.total(torch.tensor([1.0, rank])).tolist(),
            "rows": ranks.rows(rows).tolist(),
            "truths": ranks.rows(torch.tensor([[rank > 0]])).tolist(),
            "to_first": ranks.to_first([rank]),
            "from_first": ranks.from_first(lambda: rank),
            "any": ranks.any(rank == 1, False),
            "collected": ranks.collect(mine),
            "done": done,
        }
        ranks.require_same({"a": {"b": 1}})
        Path(sys.argv[1], f"{time}-{rank}.json").write_text(json.dumps(found))
"""
DIFFERENT = """
from stages._command import run_command
from pathlib import Path

def main(output: Path) -> None:
    import torch
    from objloc.ranks.group import joined_ranks
    print("begins")
    with joined_ranks(torch.device("cpu")) as ranks:
        ranks.require_same({"train": {"seed": ranks.rank, "steps": 1}})

run_command(main)
"""
KILLED = """
from stages._command import run_command
from pathlib import Path

def main(output: Path) -> None:
    import os, signal, torch
    from objloc.ranks.group import joined_ranks
    with joined_ranks(torch.device("cpu")) as ranks:
        if ranks.rank:
            os.kill(os.getpid(), signal.SIGKILL)
        ranks.total(torch.ones(1))

run_command(main)
"""


def of(rank: int, number: int) -> Ranks:
    ranks = Ranks()
    ranks.rank, ranks.number = rank, number
    return ranks


@pytest.mark.parametrize(("rows", "number"), [(7, 3), (2, 2), (6, 1), (1, 2)])
def test_parts_are_all_rows_in_order_and_differ_by_one_at_most(rows: int, number: int) -> None:
    parts = [list(range(rows))[of(rank, number).part(rows)] for rank in range(number)]
    assert [row for part in parts for row in part] == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_alone_has_what_it_is_given() -> None:
    values = torch.arange(3)
    assert ALONE.total(values) is values
    assert ALONE.rows(values) is values
    assert ALONE.to_first(2) == [2]
    assert ALONE.from_first(lambda: 3) == 3
    assert ALONE.any(True, False) == (True, False)
    assert ALONE.collect(ALONE.take([lambda: 1, lambda: 2])) == [1, 2]
    ALONE.require_same({"a": 1})
    ALONE.require_enough(1, "the images")
    assert processes(ALONE) == {}
    assert processes(of(0, 2)) == {"processes": "2"}


def test_more_processes_than_work_are_refused() -> None:
    of(0, 2).require_enough(2, "the images")
    with pytest.raises(ObjlocError, match="at most 2 processes, one for each of the images; fou"):
        of(0, 3).require_enough(2, "the images")


def test_the_hash_of_the_code_is_the_same_again() -> None:
    assert code_hash() == code_hash()
    assert len(code_hash()) == 16


def test_two_processes_tell_each_other_what_they_have(warm: Path, tmp_path: Path) -> None:
    done = run_ranks(warm / "python", 2, "-c", TOLD, tmp_path)
    assert done.returncode == 0, done.stderr
    for time in range(2):
        first, second = (
            json.loads((tmp_path / f"{time}-{rank}.json").read_text()) for rank in range(2)
        )
        assert first["total"] == second["total"] == [2.0, 1.0]
        assert first["rows"] == second["rows"] == [0, 1, 2, 3, 4]
        assert first["truths"] == second["truths"] == [[False], [True]]
        assert (first["to_first"], second["to_first"]) == ([[0], [1]], [])
        assert first["from_first"] == second["from_first"] == 0
        assert first["any"] == second["any"] == [True, False]
        assert (first["collected"], second["collected"]) == ([n**2 for n in range(9)], [])
        assert sorted(first["done"] + second["done"]) == list(range(9)), "each job is done once"


def test_what_differs_between_processes_is_told_once(warm: Path, tmp_path: Path) -> None:
    done = run_ranks(warm / "python", 2, "-c", DIFFERENT, tmp_path / "out")
    expected = "expected the same train.seed on all processes; found 0 on process 0 and 1 on proc"
    assert expected in told(done)
    assert done.stdout.splitlines() == ["begins"], "the first process alone shows progress"


def test_a_killed_process_ends_all_with_one_line(warm: Path, tmp_path: Path) -> None:
    done = run_ranks(warm / "python", 2, "-c", KILLED, tmp_path / "out")
    assert re.search(ENDED, told(done))
    assert list(tmp_path.iterdir()) == []
