"""Learning curves of the agents from scratch: success beyond the best fixed box.

``python -m benchmarks.learning`` draws ``docs/images/voc_scratch_learning.png`` from the
``history.csv`` of runs, kept as ``benchmarks/results/voc_scratch_learning.json``.
"""

import csv
import json
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.running import ROOT

HISTORY = ROOT / "benchmarks" / "results" / "voc_scratch_learning.json"
PICTURE = ROOT / "docs" / "images" / "voc_scratch_learning.png"
_COLUMNS = ("update", "val_gain", "train_gain")


def collect(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Read the curves of all headline runs, and of longer ones, in the benchmark's folder."""
    found = {}
    for path in (*sorted(folder.glob("seed*/*.csv")), *sorted(folder.glob("longer_*/*.csv"))):
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
        found[path.parent.name] = [{name: float(row[name]) for name in _COLUMNS} for row in rows]
    return found


def draw(curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw success minus the best fixed box over updates, by run."""
    from objloc.view.style import AGENT, BLIND, RANDOM, caption, label, new_figure, save_figure

    figure, axes = new_figure(1, 1, width=7.2, height=4.2)
    plot = axes.flat[0]
    label(plot, "", "updates", "success minus best fixed box")
    plot.axhline(0, color=BLIND, linewidth=1.2, linestyle="--", label="best fixed box")
    named: set[str] = set()
    for name, rows in curves.items():
        for column, colour, text in (
            ("train_gain", RANDOM, "training images"),
            ("val_gain", AGENT, "validation images"),
        ):
            plot.plot(
                [row["update"] for row in rows],
                [row[column] for row in rows],
                color=colour,
                linewidth=1.6,
                marker="o",
                markersize=2.5,
                linestyle=":" if name.startswith("longer") else "-",
                label=None if text in named else text,
            )
            named.add(text)
    plot.legend(frameon=False, loc="lower right")
    caption(
        figure,
        "Learning photographs from scratch",
        "First trigger of a greedy episode, mean of cat, dog, cow, horse and person. Validation: "
        "val_2012, 298 searches;\ntraining: the first 20 of each. A line for each seed. "
        "Dotted: twice as many updates, a wrong trigger costs 3, not .7.",
    )
    save_figure(figure, path)


def main(
    folder: Annotated[
        Path | None, typer.Option(help="Folder of the benchmark; none: draw the kept curves.")
    ] = None,
) -> None:
    """Keep the curves of a folder's runs, and draw them."""
    if folder is not None:
        HISTORY.write_text(json.dumps(collect(folder), indent=1) + "\n", "utf-8")
    draw(json.loads(HISTORY.read_text("utf-8")), PICTURE)


if __name__ == "__main__":
    typer.run(main)
