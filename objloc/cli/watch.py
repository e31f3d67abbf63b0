"""``objloc watch``: an animation of one search."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from objloc.cli._options import Json, Model, Output

Corners = tuple[float, float, float, float]


class Format(StrEnum):
    """File format of an animation."""

    webp = "webp"
    gif = "gif"
    mp4 = "mp4"


def command(
    image: Annotated[str, typer.Argument(metavar="IMAGE|URL", help="The picture.")],
    model: Model = "champion",
    category: Annotated[
        str | None,
        typer.Option(help="Category to search for; default: the one that the agent is surest of."),
    ] = None,
    truth: Annotated[
        Corners | None,
        typer.Option(
            metavar="XMIN YMIN XMAX YMAX",
            help="Box of the object, in VOC's one-based pixels; its IoU is shown.",
        ),
    ] = None,
    max_windows: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Budget of windows: show the way to the best box of such a search, as in "
            "predict. Default: one search for the category, to its end.",
        ),
    ] = None,
    output: Output = Path("predictions"),
    kind: Annotated[
        Format, typer.Option("--format", help="File format; mp4 needs the extra video.")
    ] = (Format.webp),
    frames_per_second: Annotated[
        float, typer.Option("--fps", min=0.1, max=60, help="Number of steps shown per second.")
    ] = 2.0,
    height: Annotated[
        int, typer.Option(min=64, max=2160, help="Height of the photograph in pixels.")
    ] = 360,
    as_json: Json = False,
) -> None:
    """Write an animation of one search: window, Q-values and outcome.

    FOLDER gets IMAGE_CATEGORY.webp.
    """
    import json
    import math

    from objloc.data.photograph import photograph
    from objloc.params import Animate
    from objloc.search.localiser import Localiser
    from objloc.view.animation_files import require_encoder, write_animation
    from objloc.view.subject import search_photograph

    params = Animate(format=kind.value, frames_per_second=frames_per_second, height=height)
    require_encoder(params.format)
    agent = Localiser.load(model)
    picture = photograph(image)
    if max_windows is None and category is None:
        found = agent(picture, min_score=-math.inf).found
        category = found[0].category if found else agent.categories[0]
    search = search_photograph(picture, agent, category, truth, max_windows)
    path = write_animation(search, output, None, params)
    headline, sentence = search.verdict()
    if as_json:
        run = search.trajectory
        told = {
            "file": str(path), "category": run.category, "triggered": run.terminated,
            "steps": len(run.steps), "iou": run.final_iou if truth else None,
            "verdict": f"{headline}. {sentence}",
        }  # fmt: skip
        print(json.dumps(told, indent=2))
    else:
        print(f"{path}: {headline}. {sentence}")
