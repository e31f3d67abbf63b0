"""The locked packages: what the project asks for, each with hashes; their making and audit."""

import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.lock import CPU_FILE, EXTRAS, FILES, TORCH, TORCH_FOR_CPUS, split
from tests.helpers.imports import ROOT

ENTRY = re.compile(
    r"([A-Za-z0-9._-]+)==([^\s;\\]+)((?: ;[^\\\n]*)?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)"
)


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def entries(name: str) -> dict[str, re.Match[str]]:
    """Each package of a file and its entry; the file holds nothing else."""
    text = (ROOT / name).read_text("utf-8")
    found = list(ENTRY.finditer(text))
    assert "\n".join(each[0] for each in found) + "\n" == text
    return {name_of(each[1]): each for each in found}


def asked() -> set[str]:
    """Packages that ``pyproject.toml`` asks for, with the extras that are locked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras, wanted = project["project"]["optional-dependencies"], list(EXTRAS)
    found = {*project["project"]["dependencies"], *project["build-system"]["requires"]}
    for extra in wanted:  # grows
        for each in extras[extra]:
            nested = re.match(r"objloc\[(.*)\]", each)
            found |= set() if nested else {each}
            wanted += nested[1].split(",") if nested else []
    return found


def test_all_that_the_project_asks_for_is_locked_with_hashes() -> None:
    locked = {name: each for file in FILES for name, each in entries(file).items()}
    assert sum(len(entries(file)) for file in FILES) == len(locked), "in two files"
    for requirement in asked():
        version = locked[name_of(requirement)][2]
        for operator, bound in re.findall(r"(>=|<)([0-9.]+)", requirement.split("#")[0]):
            numbers = [[int(n) for n in re.findall(r"\d+", each)] for each in (version, bound)]
            assert (numbers[0] >= numbers[1]) == (operator == ">="), requirement


def test_packages_of_one_platform_alone_say_so() -> None:
    for name, entry in entries("requirements-torch.lock").items():
        assert name == "torch" or "sys_platform == 'linux'" in entry[3], name
    assert list(entries("requirements-build.lock")) == ["setuptools"]
    assert "sys_platform == 'win32'" in entries("requirements.lock")["pywin32"][3]


def test_both_builds_of_pytorch_are_locked_at_one_version() -> None:
    usual, cpu = (entries(file)["torch"] for file in ("requirements-torch.lock", CPU_FILE))
    assert (usual[2], cpu[2]) == (TORCH, f"{TORCH}+cpu")
    found = [re.findall("[0-9a-f]{64}", each[4]) for each in (usual, cpu)]
    assert set(found[1]) == set(TORCH_FOR_CPUS)
    assert not set(found[0]) & set(found[1])


def test_packages_go_to_the_file_of_their_kind() -> None:
    given = (
        "a==1 ; python_version < '4'",
        "nvidia-b==2",
        f"torch=={TORCH}",
        "setuptools==3",
        "triton==4",
    )
    found = split("\n".join(f"{each} \\\n    --hash=sha256:{'0' * 64}" for each in given))
    assert {name: re.findall(r"^\S+", part, re.MULTILINE) for name, part in found.items()} == {
        "requirements-build.lock": ["setuptools==3"],
        "requirements-torch.lock": ["nvidia-b==2", f"torch=={TORCH}", "triton==4"],
        "requirements.lock": ["a==1"],
        CPU_FILE: [f"torch=={TORCH}+cpu"],
    }
    assert found[CPU_FILE].count("--hash") == len(TORCH_FOR_CPUS)
    with pytest.raises(ValueError, match=r"TORCH_FOR_CPUS: expected hashes of torch==9\.0"):
        split("torch==9.0 \\\n    --hash=sha256:00")


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}',
            0, "1 packages, none known to be vulnerable",
        ),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": '
            '[{"id": "CVE-1", "fix_versions": ["2"]}]}]}', 1, "a 1: CVE-1; mended in 2",
        ),
        (
            '{"dependencies": [{"name": "a", "skip_reason": "not found"}]}',
            2, "not audited: 1 of 1 packages",
        ),
        ("Traceback", 2, "not audited: the database of vulnerabilities cannot be asked"),
    ],
)  # fmt: skip
def test_an_audit_says_what_is_vulnerable_and_what_was_not_looked_up(
    tmp_path: Path, answer: str, status: int, expected: str
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.audit", program],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert done.stdout.startswith(expected)


@pytest.mark.parametrize(("target", "needed"), [("packages", "3.11"), ("test-canvit", "3.12")])
def test_an_older_python_is_refused_before_anything_is_installed(
    target: str, needed: str, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); $2"\n'
    )
    python.chmod(0o755)
    made = subprocess.run(
        ["make", "--no-print-directory", "--file", ROOT / "Makefile", target, f"PYTHON={python}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = f"Python {needed} or newer is needed; name one: make PYTHON=python3.12 ..."
    assert made.stderr.splitlines()[0] == told
    assert made.stdout == ""
    assert list(tmp_path.iterdir()) == [python]
