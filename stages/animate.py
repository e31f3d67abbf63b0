"""Animate: an agent and images in, animations of its searches out."""

from pathlib import Path
from typing import Annotated

import typer

from objloc.errors import ObjlocError
from stages._command import Overrides, ParamsFile, run_command
from stages._viewing import Paths, log_pictures, resolve_paths

Corners = tuple[float, float, float, float]


def main(
    paths: Paths,
    *,
    image: Annotated[
        Path | None, typer.Option(help="Image file to search instead of images of the shards.")
    ] = None,
    truth: Annotated[
        Corners | None,
        typer.Option(
            metavar="XMIN YMIN XMAX YMAX", help="The object in --image, in VOC's one-based pixels."
        ),
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Category to search --image for, if the agent knows several.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the animation of --image; default: IMAGE_CATEGORY.")
    ] = None,
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Animate an agent's searches: window, Q-values, ground truth and outcome.

    Images of the shards: stages.animate data/shards data/train/checkpoint.pt OUTPUT

    Any image file: stages.animate data/train/checkpoint.pt OUTPUT --image PHOTO.jpg
    """
    from objloc.data.photograph import photograph
    from objloc.network.checkpoint import load_checkpoint
    from objloc.network.device import device_of
    from objloc.params import load_params
    from objloc.search.localiser import Localiser
    from objloc.view.animation_files import require_encoder, write_animation, write_animations
    from objloc.view.subject import search_image_set, search_photograph

    if image is None:
        _refuse_without_image(category, truth, name)
    stated = load_params(params_file, overrides)
    params, device = stated.animate, device_of(stated.train.device)
    require_encoder(params.format)
    shards, model, output = resolve_paths(paths, image, stated.dataset.data_hash)
    checkpoint = load_checkpoint(model, device)
    if image is None:
        files = write_animations(search_image_set(shards, checkpoint, params), output, params)
        log_pictures(files, "animate", shards, model, checkpoint)
    else:
        search = search_photograph(photograph(image), Localiser(checkpoint), category, truth)
        write_animation(search, output, name, params)


def _refuse_without_image(category: str | None, truth: Corners | None, name: str | None) -> None:
    """Refuse the options that are of a single image only.

    Raises:
        ObjlocError: one is given.
    """
    for option, value, instead in (
        ("--category", category, "choose animate.categories with --set otherwise"),
        ("--truth", truth, "images of the shards have their annotations"),
        ("--name", name, "animations of the shards are named IMAGE_CATEGORY"),
    ):
        if value is not None:
            raise ObjlocError(f"{option}: expected with --image only; {instead}")


if __name__ == "__main__":
    run_command(main)
