"""Stage commands, run as the command line would, in this process."""

import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from unittest import mock

from objloc.cli import main as objloc_main
from stages._command import run_command


@dataclass(frozen=True)
class Result:
    """Exit status and what was printed."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that tells the user's mistake."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert self.status == 1, self.err
        assert len(lines) == 1, self.err
        assert self.err.rstrip().endswith(lines[0]), "something was printed after the error"
        assert "Traceback" not in self.err
        return lines[0].removeprefix("error: ")


def run_stage(name: str, *arguments: str | Path) -> Result:
    """Run ``python -m stages.<name> <arguments>``."""
    main = import_module(f"stages.{name}").main
    return _run(lambda: run_command(main), f"stages.{name}", *arguments)


def run_objloc(*arguments: str | Path) -> Result:
    """Run ``objloc <arguments>``."""
    return _run(objloc_main, "objloc", *arguments)


def _run(main: Callable[[], None], name: str, *arguments: str | Path) -> Result:
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", [name, *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
    return Result(status, out.getvalue(), err.getvalue())


def write_params(folder: Path, text: str = "agents: {tiny: {}}\ntrain: {agent: tiny}\n") -> Path:
    """A small parameter file."""
    path = folder / "params.yaml"
    path.write_text(text)
    return path
