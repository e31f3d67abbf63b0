import subprocess
import sys
from importlib import import_module

import pytest
import typer

from objloc import __version__
from objloc.cli import COMMANDS, program
from tests.helpers.commands import run_objloc, run_stage
from tests.helpers.imports import ROOT

HERE = [name for name in COMMANDS if (ROOT / "objloc" / "cli" / f"{name}.py").is_file()]

HELP = """
import sys
sys.argv = ["objloc", *sys.argv[1:]]
from objloc.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
heavy = {"torch", "mlflow", "numpy", "PIL", "matplotlib", "gradio", "dvc", "rich"}
heavy &= set(sys.modules)
assert not heavy, heavy
"""


def test_no_module_takes_the_place_of_what_the_package_defines() -> None:
    mine = {"main", "program", "COMMANDS"}
    assert not mine & set(COMMANDS)


def test_every_module_of_the_folder_is_a_command_and_has_a_line_in_the_help() -> None:
    modules = {path.stem for path in (ROOT / "objloc" / "cli").glob("[a-z]*.py")}
    assert modules == set(HERE)
    told = run_objloc("--help")
    assert told.status == 0
    for name in HERE:
        assert f"\n  {name} " in told.out
    assert "Exit status: 0 success; 1 an error" in told.out


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in HERE)], ids=str)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP, *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: objloc")


def test_the_general_help_loads_no_command() -> None:
    code = HELP + "assert not {m for m in sys.modules if m.startswith('objloc.cli.')}\n"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", HERE)
def test_every_command_has_a_help_text_and_a_help_for_each_option(name: str) -> None:
    group = typer.main.get_command(program)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.get_command(typer.Context(group), name)
    assert command is not None
    leaves = list(command.commands.values()) if hasattr(command, "commands") else [command]
    for leaf in leaves:
        assert leaf.help
        for parameter in leaf.params:
            assert getattr(parameter, "help", None), (name, parameter.name)


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("predict", "objloc predict [OPTIONS] IMAGE|FOLDER|URL..."),
        ("report", "objloc report [OPTIONS] [RUN]"),
        ("compare", "objloc compare [OPTIONS] A B"),
        ("combine", "objloc combine [OPTIONS] MODEL..."),
        ("export", "objloc export [OPTIONS] FOLDER"),
        ("data check", "objloc data check [OPTIONS] FOLDER"),
        ("stages.animate", "[OPTIONS] [SHARDS] MODEL OUTPUT"),
        ("stages.evaluate", "[OPTIONS] SHARDS MODEL OUTPUT"),
    ],
)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_usage_has_plain_names(command: str, usage: str, option: str) -> None:
    stage = command.removeprefix("stages.")
    told = run_objloc(*command.split(), option) if stage == command else run_stage(stage, option)
    assert told.status == 0, told.err
    assert told.out.splitlines()[0].endswith(f" {usage}")


def test_the_version_and_wrong_usage() -> None:
    assert run_objloc("--version").out == f"objloc {__version__}\n"
    wrong = run_objloc("nothing")
    assert wrong.status == 2
    assert "No such command 'nothing'" in wrong.err
    assert run_objloc("predict").status == 2
    assert run_objloc("doctor", "--nothing").status == 2
    assert run_objloc().status == 2


def test_completion_can_be_shown_for_the_common_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    # What shell the tests are run from is nobody's business.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    for shell in ("bash", "zsh", "fish"):
        assert f"_OBJLOC_COMPLETE=complete_{shell}" in run_objloc("--show-completion", shell).out
    monkeypatch.setenv("_OBJLOC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "objloc pre")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run_objloc().out.split() == ["predict"]


def test_an_interrupt_is_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("objloc.cli.doctor"), "examine", interrupted)
    told = run_objloc("doctor")
    assert (told.status, told.err) == (130, "interrupted\n")
