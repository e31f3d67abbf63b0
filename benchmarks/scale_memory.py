"""Peak memory of the stages, and whether it grows with the data.

``python -m benchmarks.scale_memory ARCHIVES`` takes images out of VOC2007's archives in a folder
and runs the stages on them in processes of their own: on 520 images and on the same repeated
tenfold under new names, with features and images that do not fit into ``encode.memory_mb``; and
once on few images with the pretrained agent at its own resolution, where a batch is as large as
in a real run. It writes ``benchmarks/results/scale_memory.json`` and
``docs/images/scale_memory.png``.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, resources_of
from objloc.data.voc.devkit import Devkit, open_devkit
from objloc.files import write_json

NAME = "scale_memory"
IMAGES, TIMES = 520, 10
"""Number of images, and how often they are repeated."""
FEW = 96
_PARTS = {"train": 0.4, "val": 0.5, "test": 0.1}
_SHORT = (
    "train.categories=[person]",
    "evaluate.image_sets=[val]",
    "evaluate.episodes=1",
    # The same number of episodes at once on few images and on many.
    "evaluate.max_images=100",
    "encode.memory_mb=2",
    *(
        f"agents.{agent}.{key}"
        for agent in ("scenes", "pretrained")
        for key in ("replay.init_size=100", "schedule.max_updates=8", "schedule.evaluations=1")
    ),
)
_SMALL = ("train.agent=pretrained", "agents.pretrained.encoder.image_size=64")
_REAL = ("train.agent=pretrained", "encode.memory_mb=500", "evaluate.max_windows=31")
Stage = tuple[str, str, tuple[str, ...], tuple[str, ...]]
STAGES: tuple[Stage, ...] = (
    ("shard", "shard", ("devkit.tar", "shards"), ()),
    ("encode", "encode", ("shards", "features"), _SMALL),
    (
        "train, features from the disk",
        "train",
        ("shards", "trained", "--features", "features"),
        _SMALL,
    ),
    (
        "evaluate, features from the disk",
        "evaluate",
        ("shards", "trained/checkpoint.pt", "evaluated", "--features", "features"),
        _SMALL,
    ),
    ("train, images decoded on demand", "train", ("shards", "pixels"), ()),
    (
        "evaluate, images decoded on demand",
        "evaluate",
        ("shards", "pixels/checkpoint.pt", "pixels-evaluated"),
        (),
    ),
)
"""Label, stage, its arguments and its parameters."""


def memory_table(result: Mapping[str, Any]) -> str:
    """Table of the peak resident size of each stage, in MB."""
    rows = []
    for label, row in result["rows"].items():
        once, often, real = row.get("once"), row.get("often"), row.get("real")
        rows.append(
            [
                label,
                f"{once:.0f} MB" if once else "-",
                f"{often:.0f} MB" if often else "-",
                f"{often / once:.2f}" if once and often else "-",
                f"{real:.0f} MB" if real else "-",
            ]
        )
    once, often = result["images"], result["images"] * result["times"]
    heads = (
        "stage", f"{once:,} images", f"{often:,} images", "times as much",
        f"448 pixels, {result['few']} images",
    )  # fmt: skip
    return table(heads, rows)


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


def measure(devkit: Devkit, folder: Path) -> Iterator[dict[str, Any]]:
    """Run all stages on each amount of data; yield all figures so far after each."""
    rows: dict[str, dict[str, float]] = {label: {} for label, *_ in STAGES}
    for name, images, times, stages in (
        ("once", IMAGES, 1, STAGES),
        ("often", IMAGES, TIMES, STAGES),
        ("real", FEW, 1, STAGES[:4]),
    ):
        place = folder / name
        place.mkdir()
        repeated(devkit, place / "devkit.tar", images, times)
        for label, stage, arguments, sets in stages:
            changed = _REAL if name == "real" else sets
            rows[label][name] = round(peak_of(place, stage, arguments, changed), 1)
            print(f"{name}: {label}: {rows[label][name]:.0f} MB", flush=True)
            yield {
                "images": IMAGES, "times": TIMES, "few": FEW, "data": devkit.name, "rows": rows,
            }  # fmt: skip


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Draw the peaks as pairs of bars, with the limit of 2 GB."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    labels = list(result["rows"])
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for offset, (key, colour) in enumerate((("once", "#9db8d9"), ("often", "#2f5f98"))):
        images = result["images"] * (result["times"] if key == "often" else 1)
        values = [result["rows"][label][key] for label in labels]
        places = [place + 0.4 * offset for place in range(len(labels))]
        axes.barh(places, values, height=0.38, color=colour, label=f"{images:,} images")
    axes.axvline(2000, color="#b03030", linewidth=1, linestyle="--")
    axes.set_yticks([place + 0.2 for place in range(len(labels))], labels)
    axes.invert_yaxis()
    axes.set_xlabel("peak resident size, MB")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main(
    archives: Annotated[Path, typer.Argument(help="Folder with VOC2007's archives.")],
    machine: Annotated[str, typer.Option(help="What is written of the machine.")] = "2 CPU cores",
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    with tempfile.TemporaryDirectory() as temporary:
        for result in measure(open_devkit(archives), Path(temporary)):
            write_json(output, result)
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True)
    run = {
        "command": "python -m benchmarks.scale_memory ARCHIVES",
        "machine": machine,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.strip(),
    }
    write_json(output.with_suffix(".run.json"), run)
    plot(result, ROOT / f"docs/images/{NAME}.png")
    print(memory_table(result))


if __name__ == "__main__":
    typer.run(main)
