"""The faults that ``benchmarks/reliability`` injects, a few of each, and its table."""

import json
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from benchmarks.reliability import fuzz, hostile, inputs
from benchmarks.reliability.isolated import HELD, MIB, Limits, Outcome, outcomes, summary
from benchmarks.reliability.mutations import mutated, mutated_tree
from benchmarks.reliability.table import PARTS, faults_table, file_of
from tests.helpers.misbehaving import misbehave


def attempt(number: int) -> None:
    """Read an input of each kind in turn."""
    names = list(fuzz.KINDS)
    fuzz.attempt(names[number % len(names)], number // len(names))


def test_a_sample_of_mutated_inputs_is_read_or_refused() -> None:
    found = list(outcomes(attempt, range(24 * len(fuzz.KINDS)), Limits(1536 * MIB)))
    tried, held, note, bad = summary(found)
    assert (tried, bad) == (120, [])
    assert held == tried
    assert note.startswith("read ")
    assert min(sum(each.kind == kind for each in found) for kind in HELD) > 10


def got_through(chosen: Iterable[hostile.Group]) -> list[tuple[str, Outcome]]:
    """Hostile inputs that had an effect, or were refused without their name."""
    return [
        (case.name, outcome)
        for group, found in hostile.tried(chosen)
        for case, outcome in found
        if not hostile.held(group, case, outcome)
    ]


SMALL = [group for group in hostile.groups() if group.memory < 256 * MIB]


@pytest.mark.parametrize("group", SMALL, ids=lambda group: group.what.split()[0])
def test_every_hostile_input_is_refused_by_name_or_without_effect(group: hostile.Group) -> None:
    assert got_through([group]) == []


@pytest.mark.slow
def test_an_image_within_the_limits_takes_bounded_memory() -> None:
    large = [group for group in hostile.groups() if group not in SMALL]
    assert sum(len(group.cases) for group in large) == 4
    assert got_through(large) == []


def test_what_an_input_does_to_its_process_is_told_and_the_next_is_tried() -> None:
    found = list(outcomes(misbehave, range(8), Limits(512 * MIB, processor=0.5)))
    kinds = ["read", "refused", "failed", "hung", "died", "failed", "read", "read"]
    assert [each.kind for each in found] == kinds
    assert found[2].detail.endswith("TypeError: a traceback")
    assert "MemoryError" in found[5].detail
    assert found[6].peak > 19 * MIB > found[7].peak


@pytest.mark.parametrize("name", inputs.annotated_folders())
def test_what_mutations_begin_from_is_valid(name: str, tmp_path: Any) -> None:
    fuzz.write(tmp_path, *inputs.annotated_folders()[name])
    fuzz.read_folder(tmp_path)
    assert (tmp_path / "devkit" / "VOCdevkit").is_dir()


def test_mutations_differ_and_are_the_same_for_a_seed() -> None:
    text = inputs.voc_xml()
    drawn = [mutated(text, Random(seed)) for seed in range(50)]
    assert drawn == [mutated(text, Random(seed)) for seed in range(50)]
    assert len(set(drawn)) > 40
    trees = [json.dumps(mutated_tree(inputs.coco_tree(), Random(seed))) for seed in range(50)]
    assert len(set(trees)) > 40
    assert inputs.coco_tree() == inputs.coco_tree()


def test_the_table_shows_measured_parts_and_names_the_others() -> None:
    row = {"what": "files, mutated", "tried": 20000, "held": 19999, "note": "read 2"}
    run = {"commit": "abc", "date": "2026-01-02", "minutes": 3.5, "machine": "2 cores"}
    files = {
        file_of("fuzz"): json.dumps([row]),
        file_of("fuzz").replace(".json", ".run.json"): json.dumps(run),
    }
    text = faults_table(files.get)
    assert "| files, mutated | 20,000 | 19,999 | read 2 |" in text
    assert "- `fuzz`: 2026-01-02, commit abc, 3.5 minutes on 2 cores" in text
    assert f"*Not measured yet: {', '.join(f'`{part}`' for part in PARTS[1:])}.*" in text
