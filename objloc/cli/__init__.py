"""The ``objloc`` command; each of its commands is a module that is loaded on demand.

A module ``objloc/cli/NAME.py`` has a function ``command`` with typer's annotations,
or ``app``, a ``typer.Typer`` of several. Heavy imports are inside these, so that
help appears at once. Exit status: docs/cli.md.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from objloc import __version__
from objloc.command import HELP_OPTIONS, PlainCommand, mistakes_reported

if TYPE_CHECKING:
    from typer.core import TyperCommand

COMMANDS = {
    "predict": "Find objects in pictures; write boxes as picture, JSON and VOC XML.",
    "watch": "Write an animation of one search.",
    "layers": "Draw the activations of a layer of the network for a picture.",
    "app": "Open a local page: drop a photograph, watch the search.",
    "serve": "Serve a model over HTTP, within limits.",
    "report": "Write the report of a run.",
    "explain": "Explain why objects were missed.",
    "compare": "Compare two runs or models, image by image.",
    "results": "Write detections and ground truth for other programs' metrics.",
    "data": "Check a folder of images and annotations.",
    "combine": "Combine models into one that averages their values.",
    "export": "Write the network as ONNX files.",
    "doctor": "Check what is installed, what is there and what is missing.",
}
"""Each command and its line in the help, in the order of the help."""


class _Commands(TyperGroup):
    """Commands that are imported on demand."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's interface
        """The commands whose module exists."""
        return [name for name in COMMANDS if find_spec(f"{__name__}.{name}")]

    def get_command(self, ctx: Any, cmd_name: str) -> "TyperCommand | TyperGroup | None":
        """Load a command; None if there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{__name__}.{cmd_name}")
        app: typer.Typer | None = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(cls=PlainCommand)(module.command)
        command: Any = typer.main.get_command(app)
        command.name = cmd_name
        return command  # type: ignore[no-any-return]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list in the help, without loading a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: Any) -> Any:
        """Run a command; errors are reported in one line."""
        with mistakes_reported():
            return super().invoke(ctx)


# Not `app`: the module of that name, once imported, would take its place.
program = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    # Rich markup would swallow the brackets of [cat].
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"objloc {__version__}")
        raise typer.Exit


@program.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Find objects in photographs by moving a window, one action at a time.

    Start with: objloc predict PHOTO.jpg

    Exit status: 0 success; 1 an error, reported in one line; 2 wrong usage; 3 success
    for some inputs only; 130 interrupted.
    """


def main() -> None:
    """Run the command line."""
    program(prog_name="objloc")
