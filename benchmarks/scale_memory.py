"""Peak memory of the stages, and whether it grows with the data.

``python -m benchmarks.scale_memory ARCHIVES`` runs the stages in processes of their own, on three
amounts of data out of VOC2007's archives in a folder: 520 images; the same repeated tenfold under
new names, with features and images that do not fit into ``encode.memory_mb``; and all of VOC2007,
with the pretrained agent at its own resolution and all categories. Trainings are a few updates and
one validation; of VOC2007's test images 500 are evaluated. ``--only`` measures one of the amounts,
and keeps the figures of the others. It writes ``benchmarks/results/scale_memory.json`` and
``docs/images/scale_memory.png``.
"""

import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import table
from benchmarks.running import (
    ROOT,
    Archives,
    Machine,
    archives_of_2007,
    resources_of,
    write_run,
)
from objloc.data.voc.devkit import Devkit, open_devkit
from objloc.files import write_json

NAME = "scale_memory"
PICTURE = ROOT / "docs" / "images" / f"{NAME}.png"
IMAGES, TIMES = 520, 10
"""Number of images, and how often they are repeated."""
LIMIT = 2000
"""Goal, in MB."""
_PARTS = {"train": 0.4, "val": 0.5, "test": 0.1}
_DEVKIT = "devkit"
_SHORT = (
    "evaluate.episodes=1",
    # The same number of episodes at once on few images and on many.
    "evaluate.max_images=100",
    *(
        f"agents.{agent}.{key}"
        for agent in ("scenes", "pretrained")
        for key in ("replay.init_size=100", "schedule.max_updates=8", "schedule.evaluations=1")
    ),
)
_REPEATED = ("train.categories=[person]", "evaluate.image_sets=[val]", "encode.memory_mb=2")
_VOC2007 = ("evaluate.image_sets=[test]", "evaluate.first_images=500")
_PRETRAINED = "train.agent=pretrained"
SETTINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "repeated": {
        "scenes": _REPEATED,
        "pretrained": (*_REPEATED, _PRETRAINED, "agents.pretrained.encoder.image_size=64"),
    },
    "voc2007": {
        "scenes": (*_VOC2007, "encode.memory_mb=2"),
        "pretrained": (*_VOC2007, _PRETRAINED, "evaluate.max_windows=31"),
    },
}
"""Parameters for an amount of data and an agent."""
_FEATURES = ("--features", "features")
STAGES: Sequence[tuple[str, str, tuple[str, ...], str]] = (
    ("shard", "shard", (_DEVKIT, "shards"), "scenes"),
    ("encode", "encode", ("shards", "features"), "pretrained"),
    (
        "train, features from the disk",
        "train",
        ("shards", "trained", *_FEATURES),
        "pretrained",
    ),
    (
        "evaluate, features from the disk",
        "evaluate",
        ("shards", "trained/checkpoint.pt", "evaluated", *_FEATURES),
        "pretrained",
    ),
    ("train, images decoded on demand", "train", ("shards", "pixels"), "scenes"),
    (
        "evaluate, images decoded on demand",
        "evaluate",
        ("shards", "pixels/checkpoint.pt", "pixels-evaluated"),
        "scenes",
    ),
)
"""Label, stage, its arguments and the agent."""
AMOUNTS = {"once": "repeated", "often": "repeated", "voc2007": "voc2007"}
"""Amounts of data, and the parameters that each has."""


def memory_table(result: Mapping[str, Any]) -> str:
    """Table of the peak resident size of each stage, in MB."""
    rows = []
    for label, row in result["rows"].items():
        once, often, whole = (row.get(name) for name in ("once", "often", "voc2007"))
        sizes = [f"{size:.0f} MB" if size else "-" for size in (once, often, whole)]
        growth = f"{often / once:.2f}" if once and often else "-"
        rows.append([label, *sizes[:2], growth, sizes[2]])
    heads = ("stage", *_labels(result)[:2], "times as much", _labels(result)[2])
    return table(heads, rows)


def _labels(result: Mapping[str, Any]) -> list[str]:
    """What each amount of data is called."""
    once, often = result["images"], result["images"] * result["times"]
    return [f"{once:,} images", f"{often:,} images", f"VOC2007, {result['voc2007']:,} images"]


def repeated(devkit: Devkit, path: Path, images: int, times: int) -> None:
    """Write the first images of a devkit as an archive, each under several names."""
    chosen = devkit.image_ids[:images]
    sets: dict[str, list[str]] = {name: [] for name in _PARTS}
    with tarfile.open(path, "w") as tar:

        def add(name: str, content: bytes) -> None:
            info = tarfile.TarInfo(f"VOCdevkit/VOC2007/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

        for number, image_id in enumerate(chosen):
            position, name = number / len(chosen), "train"
            for name, part in _PARTS.items():  # noqa: B007  # the set whose part it is
                if position < part:
                    break
                position -= part
            annotation = devkit.annotations[image_id].read()
            jpeg = devkit.images[image_id].read()
            for turn in range(times):
                again = f"{image_id}_{turn}" if turn else image_id
                sets[name].append(again)
                add(f"Annotations/{again}.xml", annotation)
                add(f"JPEGImages/{again}.jpg", jpeg)
        for name, image_ids in sets.items():
            add(f"ImageSets/Main/{name}.txt", "".join(f"{each}\n" for each in image_ids).encode())


def peak_of(folder: Path, stage: str, arguments: Sequence[str], sets: Sequence[str]) -> float:
    """Run a stage in a folder; its peak resident size in MB.

    Raises:
        subprocess.CalledProcessError: it failed; it has printed the reason.
    """
    options = [part for each in (*_SHORT, *sets) for part in ("--set", each)]
    command = [
        sys.executable, "-m", f"stages.{stage}", *arguments,
        "--params", str(ROOT / "params.yaml"), *options,
    ]  # fmt: skip
    used = resources_of(command, folder, {"DVC_ROOT": str(folder), "PYTHONPATH": str(ROOT)})
    # Linux counts in kilobytes of 1024 bytes.
    return used.ru_maxrss * 1024 / 1e6


def measure(
    archives: Sequence[Path], folder: Path, amounts: Sequence[str]
) -> Iterator[tuple[str, str, float]]:
    """Run all stages on some amounts of data; yield a stage's label, the amount and the peak."""
    voc2007 = folder / "voc2007"
    (voc2007 / _DEVKIT).mkdir(parents=True)
    for archive in archives:
        (voc2007 / _DEVKIT / archive.name).symlink_to(archive.resolve())
    devkit = open_devkit(voc2007 / _DEVKIT)
    for name, times in (("once", 1), ("often", TIMES)):
        (folder / name / _DEVKIT).mkdir(parents=True)
        repeated(devkit, folder / name / _DEVKIT / "VOC2007.tar", IMAGES, times)
    for name in amounts:
        for label, stage, arguments, agent in STAGES:
            settings = SETTINGS[AMOUNTS[name]][agent]
            yield label, name, peak_of(folder / name, stage, arguments, settings)


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Draw the peaks as groups of bars, with the limit."""
    from objloc.view.style import AGENT, BLIND, GREEN, SKY, caption, label, new_figure, save_figure

    names = list(result["rows"])
    figure, grid = new_figure(width=8.0, height=4.4)
    axes = grid[0, 0]
    groups = zip(("once", "often", "voc2007"), _labels(result), (SKY, AGENT, GREEN), strict=True)
    for number, (key, title, colour) in enumerate(groups):
        values = [result["rows"][name][key] for name in names]
        places = [place + 0.27 * number for place in range(len(names))]
        axes.barh(places, values, height=0.25, color=colour, label=title)
    axes.axvline(LIMIT, color=BLIND, linewidth=1, linestyle="--", label="goal: at most 2 GB")
    axes.set_yticks([place + 0.27 for place in range(len(names))], names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    label(axes, "Peak resident size of each stage", "MB")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    caption(
        figure,
        "Memory does not grow with the data",
        "The second bar is the first's images tenfold; VOC2007 with all categories and features "
        "of 448 pixels.",
    )
    save_figure(figure, path)


def main(
    archives: Archives,
    only: Annotated[list[str], typer.Option(help="Amounts of data; all if none.")] = [],  # noqa: B006  # typer copies it
    machine: Machine = "",
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    found = archives_of_2007(archives)
    result: dict[str, Any] = {"rows": {}}
    if only and output.exists():
        result = json.loads(output.read_text("utf-8"))
    images = sum(len(open_devkit(archive).image_ids) for archive in found)
    result |= {"images": IMAGES, "times": TIMES, "voc2007": images}
    with tempfile.TemporaryDirectory() as temporary:
        for label, name, peak in measure(found, Path(temporary), only or list(AMOUNTS)):
            result["rows"].setdefault(label, {})[name] = round(peak, 1)
            write_json(output, result)
            print(f"{name}: {label}: {peak:.0f} MB", flush=True)
    write_run(output, "python -m benchmarks.scale_memory ARCHIVES", machine)
    plot(result, PICTURE)
    print(memory_table(result))


if __name__ == "__main__":
    typer.run(main)
