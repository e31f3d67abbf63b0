"""Every ``-S`` and ``--set`` that a page or a published result shows, as DVC applies it."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from benchmarks import tables
from objloc.params import Params, load_params
from tests.helpers.imports import ROOT

PLACEHOLDER = re.compile(r"=[A-Z][A-Z0-9]*$")


def sources() -> list[Path]:
    results = (ROOT / "benchmarks" / "results").glob("*.run.json")
    named = (ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "Makefile"))
    return [*tables.pages(), *named, *sorted(results)]


def commands(page: Path) -> list[list[str]]:
    """The arguments of each command that sets a parameter; a continued line is one."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8")).replace('\\"', '"')
    found = re.findall(
        r"(?:dvc exp run|python -m stages\.\w+|(?<=`)(?=-S ))[^\n`\"]*?(?:-S|--set) [^\n`\"#]*",
        text.replace("\n-S", " -S"),
    )
    return [shlex.split(command) for command in found]


def overrides(command: list[str], option: str) -> list[str]:
    """What follows an option in a command; a value in capitals is for the reader to choose."""
    return [
        PLACEHOLDER.sub("=chosen", value) if not value.endswith("SHA256") else f"{value[:-6]}null"
        for name, value in pairwise(command)
        if name == option and value != "KEY=VALUE"
    ]


def applied_by_dvc(folder: Path, chosen: list[str]) -> list[Params]:
    """The parameters of each experiment that ``dvc exp run -S`` makes of overrides."""
    found = []
    for sweep in get_hydra_sweeps({"params.yaml": chosen}):
        file = folder / "params.yaml"
        file.write_bytes((ROOT / "params.yaml").read_bytes())
        apply_overrides(file, sweep["params.yaml"])
        found.append(load_params(file))
    return found


DOCUMENTED = [(page.name, command) for page in sources() for command in commands(page)]


def test_commands_are_found() -> None:
    for option, expected in (("-S", 30), ("--set", 4)):
        assert sum(len(overrides(command, option)) for _, command in DOCUMENTED) >= expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("page", "command"), DOCUMENTED, ids=str)
def test_a_documented_command_sets_what_it_says(
    page: str, command: list[str], tmp_path: Path
) -> None:
    by_dvc, by_stage = overrides(command, "-S"), overrides(command, "--set")
    assert by_dvc or by_stage or "KEY=VALUE" in command, page
    if by_dvc:
        experiments = applied_by_dvc(tmp_path, by_dvc)
        assert all(isinstance(each, Params) for each in experiments)
        plain = [each.lstrip("+") for each in by_dvc]
        if len(experiments) == 1:
            assert experiments == [load_params(ROOT / "params.yaml", plain)]
    load_params(ROOT / "params.yaml", by_stage)


def test_dvc_adds_a_key_that_an_agent_does_not_state_with_two_pluses(tmp_path: Path) -> None:
    key = "agents.pretrained.mdp.max_steps=7"
    with pytest.raises(InvalidArgumentError):
        applied_by_dvc(tmp_path, [key])
    (params,) = applied_by_dvc(tmp_path, [f"++{key}"])
    assert params.agents["pretrained"].mdp.max_steps == 7
    assert params.agents["scratch"].mdp.max_steps == 50
    # Two pluses do for a key that is stated, too.
    (params,) = applied_by_dvc(tmp_path, ["++agents.pretrained.learning.learning_rate=0.5"])
    assert params.agents["pretrained"].learning.learning_rate == 0.5
