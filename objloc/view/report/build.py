"""The folder of a report: its values, figures and pictures, then page and text made of them."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from objloc.command import Log
from objloc.data.store import SampleStore
from objloc.diagnosis.analysis import Analysis, analyse, curves_by_windows
from objloc.diagnosis.explanation import best_and_worst
from objloc.errors import ObjlocError
from objloc.evaluation.read import read_evaluation
from objloc.files import file_hash, folder_written_whole, write_atomically, write_json
from objloc.network.checkpoint import Checkpoint, load_checkpoint
from objloc.params import Report
from objloc.view.plots_training import training_curves
from objloc.view.report import figures
from objloc.view.report.contents import contents_of
from objloc.view.report.pictures import pictures
from objloc.view.report.render import markdown_of, page_of
from objloc.view.report.texts import EXPLORER
from objloc.view.report.thumbnails import thumbnails
from objloc.view.report.worst import draw_worst
from objloc.view.style import save_figure

VALUES = "report.json"
"""File of the values; every folder of a report holds it."""
_COPIED = ("precision_recall.png", "steps.png")
"""Figures of the evaluation that are copied into the report."""


def analyse_run(
    shards: Path,
    train: Path,
    evaluate: Path,
    image_set: str,
    *,
    beam_width: int,
    seed: int,
    device: torch.device,
    log: Log,
) -> tuple[Analysis, SampleStore, Checkpoint]:
    """Analyse the evaluation of a run.

    Args:
        shards: folder of shards.
        train: run folder of a training, with the model that was evaluated.
        evaluate: folder of its evaluation.
        image_set: one that was evaluated.
        beam_width: number of windows that the oracle keeps after each move.
        seed: seed for the intervals.
        device: on which the model searches.
        log: takes a line of progress.

    Returns:
        The analysis, the images with their pixels and the model.

    Raises:
        ObjlocError: files that are missing, damaged or do not belong together.
    """
    checkpoint = load_checkpoint(train / "checkpoint.pt", device)
    evaluation = read_evaluation(evaluate, image_set)
    sha256 = file_hash(train / "checkpoint.pt")
    if evaluation.metrics.model.sha256 != sha256:
        raise ObjlocError(
            f"{evaluate}: expected an evaluation of {train / 'checkpoint.pt'} ({sha256[:12]}); "
            f"found one of another model ({evaluation.metrics.model.sha256[:12]})"
        )
    store = evaluation.load_store(shards, checkpoint.agent.encoder.image_size)
    analysis = analyse(store, checkpoint, evaluation, width=beam_width, seed=seed, log=log)
    return analysis, store, checkpoint


def write_report(
    shards: Path,
    train: Path,
    evaluate: Path,
    output: Path,
    params: Report,
    log: Log,
    device: torch.device,
) -> dict[str, Any]:
    """Compute a report and write its folder, whole or not at all.

    It holds no time, host or commit: the same inputs give the same bytes.

    Args:
        shards: folder of shards.
        train: run folder of a training, with the model that was evaluated.
        evaluate: folder of its evaluation.
        output: folder to write.
        params: parameters of the report.
        log: takes a line of progress.
        device: on which the model searches.

    Returns:
        The values of ``report.json``.

    Raises:
        ObjlocError: files that are missing, damaged or do not belong together.
    """
    analysis, store, checkpoint = analyse_run(
        shards,
        train,
        evaluate,
        params.image_set,
        beam_width=params.beam_width,
        seed=params.seed,
        device=device,
        log=log,
    )
    curves = curves_by_windows(store, checkpoint, analysis, seed=params.seed, log=log)
    contents = contents_of(analysis, curves, checkpoint, train, params)
    with folder_written_whole(output, VALUES) as folder:
        _draw(folder, contents, evaluate / "plots" / params.image_set)
        shown = {}
        for name, rows in best_and_worst(analysis, params.thumbnails).items():
            drawn = thumbnails(analysis, rows)
            shown[name] = [entry for entry, _ in drawn]
            for entry, picture in drawn:
                write_atomically(folder / entry["file"], picture)
        contents["thumbnails"] = shown
        contents["pictures"] = []
        for entry, picture in pictures(analysis, contents["explanation"], params.pictures):
            contents["pictures"].append(entry)
            write_atomically(folder / entry["file"], picture)
        draw_worst(
            analysis.store, analysis.evaluation, analysis.diagnoses["triggered"],
            analysis.objects, folder,
        )  # fmt: skip
        write_json(folder / VALUES, contents)
        write_atomically(folder / "report.md", markdown_of(contents, folder))
        write_atomically(folder / "report.html", page_of(contents, folder))
    return contents


def read_report(folder: Path) -> dict[str, Any]:
    """Read the values of a report.

    Raises:
        ObjlocError: the folder holds no report, or a damaged one.
    """
    path = folder / VALUES
    try:
        contents = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ObjlocError(f"{folder}: expected a report; found no {VALUES}") from None
    except (OSError, ValueError) as error:
        raise ObjlocError(f"{path}: not a readable report: {error}") from None
    if not isinstance(contents, dict) or contents.get("format") != "objloc report 1":
        raise ObjlocError(f"{path}: expected the values of a report; found another file")
    return contents


def _draw(folder: Path, contents: Mapping[str, Any], evaluated: Path) -> None:
    """Write the figures; copy those of the evaluation where it has them."""
    for name in ("between", "success_by_iou", "by_windows", "errors", "misses"):
        save_figure(getattr(figures, name)(contents), folder / f"{name}.png")
    for name in _COPIED:
        if (evaluated / name).is_file():
            write_atomically(folder / name, (evaluated / name).read_bytes())
    history = contents["history"]
    if history is not None:
        columns = {
            name: [math.nan if value is None else value for value in values]
            for name, values in history.items()
        }
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        training_curves(rows, folder / "training.png")


def copy_with_commit(folder: Path, to: Path, commit: str | None, explorer: str = EXPLORER) -> Path:
    """Copy a report; page and text of the copy name the commit.

    Args:
        folder: folder of the report.
        to: folder to write.
        commit: the run's commit; None if it is not known.
        explorer: address of the explorer, seen from the copy.

    Returns:
        Path of the copy's page.

    Raises:
        ObjlocError: there is no report, it is damaged, or the copy cannot be written.
    """
    contents = read_report(folder)
    commit = commit or "unknown"
    with folder_written_whole(to, VALUES) as copy:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            write_atomically(copy / path.relative_to(folder), path.read_bytes())
        page = page_of(contents, folder, commit=commit, explorer=explorer)
        text = markdown_of(contents, folder, commit=commit, explorer=explorer)
        write_atomically(copy / "report.html", page)
        write_atomically(copy / "report.md", text)
    return to / "report.html"


def logged_figures(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a report that are logged to MLflow; the evaluation logs the others."""
    explained = contents["explanation"]
    return {
        contents["image_set"]: {
            "oracle": {
                name: score["ceiling"]["mean"] for name, score in contents["scores"].items()
            },
            "miss_cost": {name: each["cost"] for name, each in explained["misses"].items()},
            "error_cost": {
                kind: {name: each["cost"]["voc2007"] for name, each in errors["kinds"].items()}
                for kind, errors in explained["errors"].items()
            },
        }
    }
