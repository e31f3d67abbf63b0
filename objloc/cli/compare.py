"""``objloc compare``: differences of two runs, evaluations or models, image by image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from objloc.cli._options import Json
from objloc.wording import abridged, number, span

if TYPE_CHECKING:
    from objloc.diagnosis.comparison import Comparison, Side

_LISTED = 20
"""Maximum number of gained and of lost images that are printed; --json has all."""

SidePath = Annotated[
    str,
    typer.Argument(
        help="A run folder, an evaluation's folder, a checkpoint or models:/NAME/VERSION.",
        show_default=False,
    ),
]


def command(
    a: SidePath,
    b: SidePath,
    *,
    shards: Annotated[
        Path,
        typer.Option(help="Folder of shards, needed for average precision and to measure a model."),
    ] = Path("data/shards"),
    image_set: Annotated[
        str | None,
        typer.Option(
            help="Image set; default: the first that both were measured on.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed for the intervals.")] = 0,
    as_json: Json = False,
) -> None:
    """Compare B with A on the same images: differences with intervals, images won and lost."""
    import json
    from tempfile import TemporaryDirectory

    from objloc.data.store import SampleStore
    from objloc.diagnosis.comparison import common_image_set, compare, read_side

    with TemporaryDirectory() as temporary:
        folders = [_evaluated(name, shards, image_set, Path(temporary, str(place)))
                   for place, name in enumerate((a, b))]  # fmt: skip
        chosen = common_image_set(folders, image_set)
        sides = [
            _with_parameters(read_side(name, folder, chosen), name)
            for name, folder in zip((a, b), folders, strict=True)
        ]
        store = None
        if (shards / "index.json").is_file():
            metrics = sides[0].evaluation.metrics
            store = SampleStore.load(shards, chosen, sides[0].evaluation.categories, 16)
            same = store.data_hash == metrics.data.hash
            store = store.first(metrics.images) if same else None
        result = compare(sides[0], sides[1], store, seed)
    if as_json:
        print(json.dumps(result.as_json(), indent=2))
    else:
        _print(result)


def _evaluated(name: str, shards: Path, image_set: str | None, temporary: Path) -> Path:
    """The evaluation of a side; a model without one is measured first."""
    import sys

    from objloc.diagnosis.comparison import evaluation_folder
    from objloc.evaluation.compute import metrics_of
    from objloc.evaluation.measure import measure_sets
    from objloc.evaluation.write import write_outputs
    from objloc.files import file_hash
    from objloc.network.checkpoint import load_checkpoint
    from objloc.network.device import device_of
    from objloc.params import Evaluate
    from objloc.tracking.models import download_model

    found = evaluation_folder(Path(name))
    if found is not None:
        return found
    path = download_model(name)
    checkpoint = load_checkpoint(path, device_of("auto"))
    params = Evaluate(image_sets=(image_set or "val",))
    trained_on = checkpoint.info.get("image_set", "train")
    measured = measure_sets(
        shards, checkpoint, params, trained_on, lambda line: print(line, file=sys.stderr)
    )
    metrics = {each.store.image_set: metrics_of(each, params, file_hash(path)) for each in measured}
    write_outputs(temporary, measured, metrics, params.iou_threshold)
    return temporary


def _with_parameters(side: "Side", name: str) -> "Side":
    """A side with its checkpoint's parameters, if they are in no run folder."""
    from dataclasses import replace

    from objloc.diagnosis.comparison import evaluation_folder
    from objloc.diagnosis.run_parameters import agent_parameters
    from objloc.network.checkpoint import load_checkpoint
    from objloc.tracking.models import download_model

    if side.parameters or evaluation_folder(Path(name)) is not None:
        return side
    return replace(side, parameters=agent_parameters(load_checkpoint(download_model(name))))


def _print(result: "Comparison") -> None:
    from rich.console import Console
    from rich.table import Table

    facts = (
        f"{result.data.name}, {result.image_set}: {result.images} images, "
        f"IoU > {result.iou_threshold:g}"
    )
    print(result.verdict)
    scores = {"success": result.success}
    scores |= {f"AP of {kind} windows": part for kind, part in (result.ap or {}).items()}
    for name, part in scores.items():
        table = Table(title=f"{name} ({facts})", title_justify="left")
        table.add_column("category", no_wrap=True)
        for heading in ("A", "B", "B - A", "95 % interval"):
            table.add_column(heading, justify="right", no_wrap=True)
        for column, each in part.items():
            table.add_row(
                column,
                number(each.a),
                number(each.b),
                number(each.difference, "+.3f"),
                span(each.interval, lambda end: number(end, "+.3f")),
                style="bold" if column == "mean" else None,
            )
        Console(width=100).print(table)
    print(f"steps of a search: {result.steps.a:.1f} A, {result.steps.b:.1f} B")
    for name, searches in (("gained", result.gained), ("lost", result.lost)):
        entries = [f"{each.image_id} {each.category}" for each in searches]
        print(f"{name} by B: {len(entries)} searches: {abridged(entries, _LISTED) or 'none'}")
    print("parameters that differ:" if result.parameters else "no parameter known to differ")
    for key, (one, other) in result.parameters.items():
        print(f"  {key}: {one} A, {other} B")
