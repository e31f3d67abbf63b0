"""Options of all stage commands, and errors reported in one line."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from objloc.command import HELP_OPTIONS, PlainCommand, keep_freed_memory, mistakes_reported

ParamsFile = Annotated[
    Path, typer.Option("--params", help="The parameter file.", show_default=True)
]
Overrides = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a parameter, as in train.categories=[cat]."
    ),
]


def run_command(function: Callable[..., None]) -> None:
    """Run a function as the program's typer command.

    A user's mistake is reported in one line on standard error, with exit status 1; an
    interrupt has status 130.
    """

    @functools.wraps(function)
    def guarded(*args: object, **kwargs: object) -> None:
        keep_freed_memory()
        with mistakes_reported():
            function(*args, **kwargs)

    # Rich markup would swallow the brackets of [cat].
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(cls=PlainCommand, context_settings=HELP_OPTIONS)(guarded)
    app()
