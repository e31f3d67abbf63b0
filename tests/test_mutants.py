"""Counts of mutants, from what mutmut records."""

import json
from pathlib import Path

import pytest

from benchmarks.reliability import mutants
from tests.helpers.imports import ROOT


@pytest.mark.parametrize("module", mutants.MODULES)
def test_a_mutated_module_has_tests_of_its_own(module: str) -> None:
    assert (ROOT / "objloc" / f"{module}.py").is_file()
    assert (ROOT / mutants._test_of(module)).is_file()


def test_only_what_fails_a_test_or_never_ends_is_noticed(tmp_path: Path) -> None:
    record = tmp_path / "mutants" / "objloc" / "mdp" / "action.py.meta"
    record.parent.mkdir(parents=True)
    statuses = dict(enumerate([1, 1, 3, 0, -24, 33, None, 35]))
    record.write_text(json.dumps({"exit_code_by_key": statuses}))
    assert mutants._row(tmp_path, "mdp/action") == {
        "what": "mutants of `objloc/mdp/action.py`",
        "tried": 8,
        "held": 4,
        "note": "1 of them by their time; 1 survive; 3 without a verdict",
    }


def test_the_copy_is_what_git_tracks_and_names_modules_and_tests(tmp_path: Path) -> None:
    mutants._copy(tmp_path)
    assert (tmp_path / "objloc/box.py").read_bytes() == (ROOT / "objloc/box.py").read_bytes()
    settings = (tmp_path / "setup.cfg").read_text()
    assert "    objloc/evaluation/matching.py\n" in settings
    assert "    tests/test_box.py\n" in settings
