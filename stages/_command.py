"""Options of all stage commands, and errors reported in one line."""

import functools
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from objloc.command import HELP_OPTIONS, PlainCommand, keep_freed_memory, mistakes_reported
from objloc.errors import ObjlocError
from objloc.partial import only_writer
from objloc.ranks.launch import one_voice, own_rank

ParamsFile = Annotated[
    Path, typer.Option("--params", help="The parameter file.", show_default=True)
]
Overrides = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a parameter, as in train.categories=[cat]."
    ),
]

Shards = Annotated[
    str,
    typer.Argument(help="Folder of shards, or its s3://, gs:// or http(s):// URL."),
]

_URL_AS_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+]+:/")
"""A URL's beginning; a path has one slash of its two. Drives have one letter."""


def is_url_as_path(path: Path) -> bool:
    """Whether a path was a URL, which has lost a slash."""
    return bool(_URL_AS_PATH.match(str(path)))


def _the_writer(output: Path) -> AbstractContextManager[None]:
    """Lock an output for the first of several processes, which alone writes.

    Raises:
        ObjlocError: it is a URL, from which a path would make a folder named ``s3:``.
    """
    if is_url_as_path(output):
        raise ObjlocError(
            f"{output}: expected a folder to write; found a URL (copy it there later)"
        )
    return nullcontext() if own_rank() else only_writer(output)


def run_command(function: Callable[..., None]) -> None:
    """Run a function as the program's typer command.

    A user's mistake is reported in one line on standard error, with exit status 1; an
    interrupt has status 130. No other stage writes the same output meanwhile. Of the processes
    that torchrun starts, one reports.

    Args:
        function: the stage; its argument ``output``, or else the last of ``paths``, is the
            folder that it writes.
    """

    @functools.wraps(function)
    def guarded(**options: Any) -> None:
        keep_freed_memory()
        output = options["output"] if "output" in options else options["paths"][-1]
        with mistakes_reported(), one_voice(), _the_writer(Path(output)):
            function(**options)

    # Rich markup would swallow the brackets of [cat].
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(cls=PlainCommand, context_settings=HELP_OPTIONS)(guarded)
    app()
