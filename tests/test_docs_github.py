"""Workflow, templates, hooks and container run what the Makefile runs and name what exists."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from objloc import __version__
from tests.helpers.imports import ROOT

GITHUB = ROOT / ".github"
FILES = [*sorted(GITHUB.rglob("*.yml")), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"]
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
FIELDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def parsed(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def prerequisites(target: str) -> list[str]:
    """What a target of the Makefile depends on, without the environment."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (names,) = re.findall(rf"^{target}:([^#\n]*)", makefile, re.MULTILINE)
    return [name for name in names.split() if not name.startswith("$")]


def commands(job: Any) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def versions() -> list[str]:
    """The versions of Python that the package names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = (re.fullmatch(r".*Python :: (3\.\d+)", line) for line in project["classifiers"])
    return [match[1] for match in found if match]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_yaml_and_holds_a_mapping(path: Path) -> None:
    assert isinstance(parsed(path), dict)


def test_the_workflow_runs_the_checks_of_the_makefile_on_every_version() -> None:
    jobs = parsed(GITHUB / "workflows" / "ci.yml")["jobs"]
    made = [line.split()[1] for line in commands(jobs["check"]) if line.startswith("make ")]
    assert made == prerequisites("check") == ["lint", "types", "test"]
    assert jobs["check"]["strategy"]["matrix"]["python-version"] == versions()
    assert commands(jobs["docs"]) == ["make site"]
    assert prerequisites("site") == []


@pytest.mark.parametrize("name", ["ci", "audit"])
def test_a_workflow_may_only_read_and_knows_no_secret(name: str) -> None:
    path = GITHUB / "workflows" / f"{name}.yml"
    workflow = parsed(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    # It would run a stranger's code with the repository's rights.
    assert "pull_request_target" not in workflow["on"]
    assert "secrets" not in path.read_text("utf-8")


def test_the_audit_is_the_makefiles_each_week() -> None:
    workflow = parsed(GITHUB / "workflows" / "audit.yml")
    assert commands(workflow["jobs"]["audit"]) == ["make audit"]
    assert prerequisites("audit") == []
    assert workflow["on"]["schedule"][0]["cron"].split()[4] == "1"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_what_github_asks_for(path: Path) -> None:
    form = parsed(path)
    assert form["name"]
    assert form["description"]
    assert {field["type"] for field in form["body"]} <= FIELDS
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked) > 0
    assert all(field["attributes"]["label"] for field in asked)


def test_there_are_forms_for_a_bug_and_for_a_feature() -> None:
    assert [path.stem for path in FORMS] == ["bug", "feature"]


def test_the_hooks_are_tools_of_the_environment_and_fetch_nothing() -> None:
    (repository,) = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert f"$(BIN)/{' '.join(hook['entry'].split()[:2])}".removesuffix(" --fix") in makefile
    assert [hook["name"] for hook in repository["hooks"]] == ["ruff check", "ruff format", "mypy"]


def test_the_container_installs_the_lock_and_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (base,) = (line for line in lines if line.startswith("FROM "))
    assert base.split(":")[1].removesuffix("-slim") in versions()
    user = lines.index("USER objloc")
    installing = [number for number, line in enumerate(lines) if line == "RUN make packages"]
    assert installing
    assert min(installing) > user
    assert not any(line.startswith("USER ") for line in lines[user + 1 :])
    assert lines[-1] == 'CMD ["make", "run"]'
    untried = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    assert ("untried" in untried) == ("Untried" in lines[0])


def test_the_changelog_has_a_dated_section_of_the_version() -> None:
    sections = re.findall(
        r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    released = parsed(ROOT / "CITATION.cff")["date-released"]
    assert sections[:2] == ["[Unreleased]", f"{__version__} - {released}"]
