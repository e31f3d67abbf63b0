"""What each stage costs for data sets that are not here, from slopes that are measured.

``python -m benchmarks.scaling DEVKIT`` takes small samples of a devkit of photographs, runs the
stages on a few images and on several times as many, and writes ``benchmarks/results/scaling.json``:
processor seconds and bytes of both runs (measured), the seconds and bytes that one more image
costs (their difference), and what that makes for COCO and Open Images (extrapolated: no stage was
run on these). Time is that of the processor, over all threads, which other programs hardly change.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, Machine, resources_of, write_run
from objloc.data.voc.devkit import Devkit, open_devkit
from objloc.errors import ObjlocError
from objloc.files import write_json
from objloc.params import load_params

NAME = "scaling"
AGENT = "pretrained"
IMAGES = (150, 300)
"""Numbers of images of the two runs."""
PACKED = (200, 1000)
"""The same for packing, where an image costs so little that few would not be seen."""
UPDATES = (10, 30)
"""Numbers of updates of the two trainings."""
WINDOWS = 100
"""Budget of windows per image in the evaluation."""
TARGETS: Mapping[str, int] = {"COCO": 118_000, "Open Images": 9_000_000}
"""Numbers of training images."""
_VAL = 20
_SHORT = (
    "replay.init_size=100", "schedule.evaluations=1", "schedule.val_images=1",
    "schedule.passes=1000",
)  # fmt: skip
"""Parts of a training that are not its updates are made small."""


def measure(devkit: Devkit, work: Path) -> dict[str, Any]:
    """Run the stages on both samples.

    Returns:
        By stage: the numbers of images or updates, processor seconds and bytes written.
    """
    measured: dict[str, Any] = {
        stage: {"number": [], "seconds": [], "bytes": []}
        for stage in ("shard", "encode", "evaluate", "update")
    }
    last: tuple[str, ...] = ()

    def run(stage: str, number: int, out: Path, *arguments: Path | str) -> None:
        entry = measured[stage]
        name = "train" if stage == "update" else stage
        entry["seconds"].append(_processor_seconds(name, arguments, last, work))
        entry["number"].append(number)
        entry["bytes"].append(_size(out))

    val = (devkit.read(each).objects for each in devkit.image_ids[:_VAL])
    shown = sorted({item.category for objects in val for item in objects if not item.difficult})
    sets = (
        "train.image_set=train", "train.val_image_set=val", f"train.agent={AGENT}",
        f"train.val_categories=[{', '.join(shown)}]",
    )  # fmt: skip
    for number in PACKED:
        sample, out = work / f"devkit-{number}", work / f"packed-{number}"
        _write_sample(devkit, sample, number)
        run("shard", number, out, sample, out)
    for number in IMAGES:
        sample, folder = work / f"devkit-{number}", work / str(number)
        _write_sample(devkit, sample, number)
        last = (*sets, "evaluate.image_sets=[train]")
        _processor_seconds("shard", (sample, folder / "shards"), last, work)
        run("encode", number, folder / "features", folder / "shards", folder / "features")
    shards, stored = folder / "shards", ("--features", folder / "features")
    for number in UPDATES:
        short = (f"agents.{AGENT}.{each}" for each in _SHORT)
        last = (*sets, *short, f"agents.{AGENT}.schedule.max_updates={number}")
        run("update", number, work / f"train-{number}", shards, work / f"train-{number}", *stored)
    last = (*sets, "evaluate.image_sets=[train]", f"evaluate.max_windows={WINDOWS}")
    checkpoint = work / f"train-{UPDATES[0]}" / "checkpoint.pt"
    for number in IMAGES:
        folder, out = work / str(number), work / f"evaluate-{number}"
        stored = ("--features", folder / "features")
        run("evaluate", number, out, folder / "shards", checkpoint, out, *stored)
    return measured


def slopes_of(measured: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Seconds and bytes that one more image (or update) costs, by stage."""
    found = {}
    for stage, entry in measured.items():
        first, second = entry["number"]
        found[stage] = {
            what: (entry[what][1] - entry[what][0]) / (second - first)
            for what in ("seconds", "bytes")
        }
    return found


def extrapolate(
    slopes: Mapping[str, Mapping[str, float]], images_per_update: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Hours of one processor, and gigabytes, by target and stage.

    Training is one pass: as many updates as it takes to see each image once.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for target, images in TARGETS.items():
        found[target] = {}
        for stage, slope in slopes.items():
            number = images / images_per_update if stage == "update" else images
            found[target][stage] = {
                "hours": number * slope["seconds"] / 3600,
                "gigabytes": 0.0 if stage == "update" else number * slope["bytes"] / 1e9,
            }
    return found


_ROWS = {
    "shard": "`shard`, an image",
    "encode": "`encode`, an image and its mirror image",
    "update": "`train`, an update",
    "evaluate": f"`evaluate`, an image, {WINDOWS} windows",
}


def scaling_table(result: Mapping[str, Any]) -> str:
    """Table of measured slopes and what they make for the targets."""
    rows = []
    for stage, label in _ROWS.items():
        slope = result["slopes"][stage]
        size = "" if stage == "update" else f"{slope['bytes'] / 1000:,.1f}"
        row = [label, f"{1000 * slope['seconds']:,.1f}", size]
        for target in TARGETS:
            cost = result["extrapolated"][target][stage]
            size = "" if stage == "update" else _rounded(cost["gigabytes"])
            row += [_rounded(cost["hours"]), size]
        rows.append(row)
    heads = ["stage", "measured: processor ms", "measured: kB"]
    for target, images in TARGETS.items():
        heads += [f"extrapolated, {target}, {images:,}: processor hours", "extrapolated: GB"]
    photograph = result["photograph"]
    note = (
        f"Measured on photographs of {photograph['pixels']:,.0f} pixels and "
        f"{photograph['bytes'] / 1000:.0f} kB in the mean, with `train.agent={AGENT}`, "
        f"{result['categories']} categories and {result['images_per_update']} images an update; an "
        f"update's hours are those of one pass over all images. Larger photographs cost `shard` "
        f"more in proportion to their bytes, and `encode` what decoding them takes."
    )
    return f"{table(heads, rows)}\n\n{note}"


def _rounded(value: float) -> str:
    return f"{value:,.2f}" if value < 1 else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def _processor_seconds(
    stage: str, arguments: Sequence[Path | str], settings: Sequence[str], work: Path
) -> float:
    """Run a stage with one thread a process, and return the processor time of all its threads."""
    options = [part for each in settings for part in ("--set", each)]
    command = [sys.executable, "-m", f"stages.{stage}", *map(str, arguments), *options]
    # A training of an earlier measurement is not gone on with.
    variables = {"DVC_ROOT": str(work), "MLFLOW_TRACKING_URI": f"sqlite:///{work}/mlflow.db"}
    usage = resources_of(command, ROOT, variables)
    return usage.ru_utime + usage.ru_stime


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write_sample(devkit: Devkit, folder: Path, number: int) -> None:
    """Write a devkit of the first images: so many to train on, and some for validation."""
    year = folder / "VOCdevkit" / "VOC2007"
    ids = devkit.image_ids[: number + _VAL]
    for part, files, ending in (
        ("JPEGImages", devkit.images, "jpg"),
        ("Annotations", devkit.annotations, "xml"),
    ):
        (year / part).mkdir(parents=True)
        for image_id in ids:
            (year / part / f"{image_id}.{ending}").write_bytes(files[image_id].read())
    sets = year / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    # The images for validation are the same in both samples.
    for name, members in (("val", ids[:_VAL]), ("train", ids[_VAL:])):
        (sets / f"{name}.txt").write_text("".join(f"{each}\n" for each in members))


def main(
    devkit: Annotated[Path, typer.Argument(help="A devkit of photographs, such as VOC 2007's.")],
    machine: Machine = "",
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, extrapolate, write and print."""
    opened = open_devkit(devkit)
    needed = PACKED[1] + _VAL
    if len(opened.image_ids) < needed:
        raise ObjlocError(
            f"{devkit}: expected at least {needed} images; found {len(opened.image_ids)}"
        )
    samples = [opened.read(each) for each in opened.image_ids[: IMAGES[1] + _VAL]]
    with tempfile.TemporaryDirectory() as work:
        measured = measure(opened, Path(work))
    slopes = slopes_of(measured)
    per_update = load_params(ROOT / "params.yaml").agents[AGENT].learning.images_per_batch
    result = {
        "measured": measured,
        "photograph": {
            "pixels": sum(each.width * each.height for each in samples) / len(samples),
            "bytes": sum(len(each.jpeg) for each in samples) / len(samples),
        },
        "categories": len({item.category for each in samples for item in each.objects}),
        "images_per_update": per_update,
        "slopes": slopes,
        "extrapolated": extrapolate(slopes, per_update),
    }
    write_json(output, result)
    write_run(output, "python -m benchmarks.scaling DEVKIT", machine)
    print(scaling_table(result))


if __name__ == "__main__":
    typer.run(main)
