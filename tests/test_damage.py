"""One flipped bit, or a cut, in each file that a stage reads: told by name, or without effect."""

from pathlib import Path

import pytest

from tests.helpers.damage import MAKERS, Stored, damaged, evaluation_in

FLIPS, CUTS = 20, 8
"""Damages of each file, of each kind."""


def noticed(stored: Stored, name: str) -> int:
    """Damage a file many times; returns how often that was noticed."""
    found = damaged(stored, name, FLIPS, CUTS)
    assert found.bad == ()
    assert found.noticed + found.equal == FLIPS + CUTS
    return found.noticed


@pytest.mark.parametrize("kind", MAKERS)
def test_damage_is_told_by_the_files_name_or_has_no_effect(kind: str, tmp_path: Path) -> None:
    stored = MAKERS[kind](tmp_path / "made")
    for name in stored.names:
        # Some bits carry nothing, such as those of padding or of white space.
        assert noticed(stored, name) >= 0.8 * (FLIPS + CUTS)


def test_damage_of_an_evaluation_is_told(evaluated_run: Path, tmp_path: Path) -> None:
    stored = evaluation_in(evaluated_run, tmp_path / "evaluate")
    for name in stored.names:
        assert noticed(stored, name) == FLIPS + CUTS
