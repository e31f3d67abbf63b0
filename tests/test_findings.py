"""Scripts of findings/ are listed, runnable and pinned; the tests run none of them."""

import os
import re
from pathlib import Path

import pytest

from tests.helpers.imports import ROOT

FOLDER = ROOT / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
INSTALL = re.compile(r"/pip\" (.*)")
LISTED = re.compile(r"^\| \[([a-z0-9-]+)\]\(([a-z0-9-]+)\.sh\) \| \S.*\. \|$", re.MULTILINE)

each = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def code(script: Path) -> str:
    """Text of a script, with continued lines joined."""
    return re.sub(r"\\\n\s*", "", script.read_text(encoding="utf-8"))


def test_the_readme_lists_each_script_in_a_sentence() -> None:
    rows = LISTED.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    assert [name for name, _ in rows] == [target for _, target in rows]
    assert sorted(name for name, _ in rows) == [script.stem for script in SCRIPTS]


@each
def test_a_script_installs_pinned_versions_and_nothing_else(script: Path) -> None:
    installs = INSTALL.findall(code(script))
    assert installs
    for words in map(str.split, installs):
        assert words[:2] == ["install", "-q"]
        assert words[2:]
        assert [word for word in words[2:] if not re.fullmatch(r"[\w.-]+==[\d.]+", word)] == []


@each
def test_the_versions_in_the_headline_are_those_installed(script: Path) -> None:
    installed = {
        requirement.partition("==")[2]
        for line in INSTALL.findall(code(script))
        for requirement in line.split()[2:]
    }
    headline = script.read_text(encoding="utf-8").split("\n#\n")[0]
    named = set(re.findall(r"\b\d+\.\d+\.[\d.]*\d\b", headline))
    assert named
    assert named <= installed


@each
def test_a_script_says_what_was_seen_and_cleans_up(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\n# Seen on " in text
    assert "\nset -euo pipefail\n" in text
    assert "\ntrap 'rm -rf \"$folder\"' EXIT\n" in text
    assert "the behaviour changed" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "objloc" not in text
    assert "http" not in text
