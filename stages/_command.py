"""What all stage commands share: options, and mistakes told in one line."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from objloc.errors import ObjlocError

# Before PyTorch is loaded, which is inside a command: threads that wait for each
# other sleep instead of spinning. Spinning threads slow training down several times
# as soon as anything else wants a processor (`python -m benchmarks.threads`).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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

    A user's mistake is one line on standard error and exit status 1; an
    interrupt is status 130.
    """

    @functools.wraps(function)
    def guarded(*args: object, **kwargs: object) -> None:
        try:
            function(*args, **kwargs)
        except ObjlocError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(130) from None

    # Rich markup would swallow the brackets of [cat].
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(guarded)
    app()
