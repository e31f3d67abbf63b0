"""``objloc compare``: differences of two runs, evaluations or models, image by image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from objloc.cli._options import Json
from objloc.wording import abridged, number, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from objloc.diagnosis.comparison import Comparison, Side
    from objloc.network.checkpoint import Checkpoint
    from objloc.params import Evaluate

_LISTED = 20
"""Maximum number of gained and of lost images that are printed; --json has all."""

SidePath = Annotated[
    str,
    typer.Argument(
        help="A run folder, an evaluation's folder, a checkpoint, models:/NAME/VERSION or "
        "models:/NAME@ALIAS.",
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
    from objloc.diagnosis.comparison import common_image_set, compare, evaluation_folder

    found = {name: evaluation_folder(Path(name)) for name in (a, b)}
    for name, folder in found.items():
        if folder is None:
            _require_model(name)
    evaluated = {name: folder for name, folder in found.items() if folder is not None}
    chosen = common_image_set(evaluated, image_set)
    with TemporaryDirectory() as temporary:
        sides = _sides((a, b), evaluated, chosen, shards, Path(temporary))
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


def _require_model(name: str) -> None:
    """Refuse a side that is no evaluation and cannot be a model either."""
    from objloc.errors import ObjlocError

    path = Path(name)
    if name.startswith("models:") or path.is_file():
        return
    raise ObjlocError(
        f"{name}: expected a folder with metrics.json and episodes.csv, or with evaluate/ that has "
        "them, a checkpoint, models:/NAME/VERSION or models:/NAME@ALIAS; "
        f"found {'another folder' if path.is_dir() else 'no such file'}"
    )


def _sides(
    names: tuple[str, str],
    evaluated: "Mapping[str, Path]",
    image_set: str,
    shards: Path,
    temporary: Path,
) -> "list[Side]":
    """Both sides; models without an evaluation are measured, if they will be comparable.

    Args:
        names: as the user gave them.
        evaluated: folder of those that are evaluations.
        image_set: the set to compare on.
        shards: the images.
        temporary: an empty folder.
    """
    from dataclasses import replace

    from objloc.diagnosis.comparison import read_side
    from objloc.diagnosis.conditions import Conditions
    from objloc.diagnosis.run_parameters import agent_parameters
    from objloc.evaluation.read import read_metrics
    from objloc.network.checkpoint import load_checkpoint
    from objloc.network.device import device_of
    from objloc.params import Evaluate
    from objloc.tracking.models import download_model

    params = Evaluate(image_sets=(image_set,))
    paths = {name: download_model(name) for name in names if name not in evaluated}
    models = {name: load_checkpoint(path, device_of("auto")) for name, path in paths.items()}
    one, other = (
        Conditions.to_come(image_set, shards, params, models[name].categories)
        if name in models
        else Conditions.of(image_set, read_metrics(evaluated[name] / "metrics.json")[image_set])
        for name in names
    )
    one.require_alike(other, " and ".join(names))
    sides = {name: read_side(name, folder, image_set) for name, folder in evaluated.items()}
    for place, (name, model) in enumerate(models.items()):
        folder = temporary / str(place)
        _measure(model, paths[name], params, shards, folder)
        side = read_side(name, folder, image_set)
        sides[name] = replace(side, parameters=agent_parameters(model))
    return [sides[name] for name in names]


def _measure(
    model: "Checkpoint", path: Path, params: "Evaluate", shards: Path, folder: Path
) -> None:
    """Write the evaluation of a model to a folder."""
    import sys

    from objloc.evaluation.compute import metrics_of
    from objloc.evaluation.measure import measure_sets
    from objloc.evaluation.write import write_outputs
    from objloc.files import file_hash

    trained_on = model.info.get("image_set", "train")
    measured = measure_sets(
        shards, model, params, trained_on, lambda line: print(line, file=sys.stderr)
    )
    metrics = {each.store.image_set: metrics_of(each, params, file_hash(path)) for each in measured}
    write_outputs(folder, measured, metrics, params.iou_threshold)


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
