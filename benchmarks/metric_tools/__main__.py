"""Measure the detections of a run by other metric packages, each in an environment of its own.

``python -m benchmarks.metric_tools`` fetches pinned packages from the package index and
writes ``benchmarks/results/metric_tools.json``; ``python -m benchmarks.tables`` shows it in
docs/metrics.md.
"""

import json
import os
import site
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.metric_tools.adapter import PACKAGES
from benchmarks.metric_tools.case import as_case
from benchmarks.metric_tools.ours import average_precision, calibration_of, case_of, factors
from benchmarks.metric_tools.tiny import TINY
from benchmarks.running import ROOT, write_run
from objloc.evaluation.average_precision import area, voc2007
from objloc.evaluation.calibration import fit_calibration
from objloc.evaluation.detections import objects_of
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS
from objloc.evaluation.read import read_evaluation
from objloc.files import write_json

NAME = "metric_tools"
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "mmeval": ("mmeval==0.2.1",),
    "pycocotools": ("pycocotools==2.0.11",),
    "faster_coco_eval": ("faster-coco-eval==1.8.0",),
    "hotcoco": ("hotcoco==1.3.0",),
    "torchmetrics": (
        "torchmetrics==1.9.0", "lightning-utilities==0.15.3", "pycocotools==2.0.11",
        "torchvision==0.28.0",
    ),
    "supervision": ("supervision==0.31.2",),
    "globox": ("globox==2.9.0", "numpy"),
    "tidecv": ("tidecv==1.0.1",),
    "map_boxes": ("map-boxes==1.0.6", "numpy", "pandas"),
    "mean_average_precision": ("mean-average-precision==2024.1.5.0",),
    # Its metrics import shapely, which it does not declare.
    "object_detection_metrics": ("object-detection-metrics==0.4.post1", "shapely"),
}  # fmt: skip
"""Requirements of each package's environment, the package itself first."""
BORROWS = ("torchmetrics",)
"""Packages that take torch and all else from the calling environment: their own torch would
be gigabytes of CUDA."""


def environment_of(package: str, folder: Path) -> Path:
    """Make the environment of a package if there is none; its Python.

    Raises:
        subprocess.CalledProcessError: a requirement cannot be installed.
    """
    python = folder / package / "bin" / "python"
    ready = folder / package / "ready"
    if ready.exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", folder / package], check=True)
    options = []
    if package in BORROWS:
        options = ["--no-deps"]
        found = python.parent.parent.glob("lib/python*/site-packages")
        next(found).joinpath("borrowed.pth").write_text("\n".join(site.getsitepackages()))
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *options, *REQUIREMENTS[package]],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    ready.touch()
    return python


def by_package(package: str, folder: Path, cases: dict[str, Any]) -> dict[str, Any]:
    """Figures of a package, or why there are none."""
    result: dict[str, Any] = {"requirements": REQUIREMENTS[package]}
    given, wanted = folder / "cases.json", folder / f"{package}.json"
    given.write_text(json.dumps(cases), encoding="utf-8")
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    try:
        python = environment_of(package, folder)
        subprocess.run(
            [python, "-m", "benchmarks.metric_tools.adapter", package, given, wanted],
            cwd=ROOT, env=clean, check=True, capture_output=True, text=True,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or str(error)).strip().splitlines()
        return result | {"skipped": lines[-1] if lines else str(error)}
    return result | {"figures": json.loads(wanted.read_text(encoding="utf-8"))}


def own(cases: dict[str, Any]) -> dict[str, Any]:
    """The program's figures of all cases."""
    definitions = {"`voc2007`": voc2007, "`area`": area}
    return {
        "figures": {
            name: {case: average_precision(as_case(each), define) for case, each in cases.items()}
            for name, define in definitions.items()
        }
    }


def main(
    run: Annotated[Path, typer.Argument(help="A folder with evaluate/ and shards/.")] = ROOT
    / "data",
    *,
    image_set: Annotated[str, typer.Option(help="Image set that was evaluated.")] = "test",
    packages: Annotated[
        str, typer.Option(help="Packages to run, separated by commas; others stay as they are.")
    ] = ",".join(REQUIREMENTS),
    environments: Annotated[
        Path | None, typer.Option(help="Folder for the environments; default: thrown away.")
    ] = None,
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, and write after each package."""
    evaluation, fitted = (read_evaluation(run / "evaluate", each) for each in (image_set, "val"))
    store, other = (each.load_store(run / "shards") for each in (evaluation, fitted))
    found = {kind: evaluation.detections(kind, store) for kind in KINDS_OF_DETECTIONS}
    calibrations = {
        kind: fit_calibration(fitted.detections(kind, other), objects_of(other)) for kind in found
    }
    cases = {
        **{kind: case_of(store, each, calibrations[kind]) for kind, each in found.items()},
        **TINY,
    }
    earlier = json.loads(output.read_text("utf-8"))["packages"] if output.is_file() else {}
    kept = {name: earlier[name] for name in PACKAGES if name in earlier}
    result: dict[str, Any] = {
        "image_set": image_set,
        "images": len(store),
        "data": evaluation.metrics.data.model_dump(),
        "model": evaluation.metrics.model.sha256,
        "scores": {kind: [cases[kind]["scores"][place][3] for place in (-1, 0)] for kind in found},
        "windows": {kind: len(cases[kind]["scores"]) for kind in found},
        "calibration": {
            kind: calibration_of(store, each, calibrations[kind]) for kind, each in found.items()
        },
        "factors": {kind: factors(as_case(cases[kind])) for kind in found},
        "packages": {"objloc": own(cases)}
        | {name: kept[name] for name in PACKAGES if name in kept},
    }
    context = tempfile.TemporaryDirectory() if environments is None else nullcontext(environments)
    with context as folder:
        Path(folder).mkdir(exist_ok=True)
        for package in packages.split(","):
            part = by_package(package, Path(folder), cases)
            print(f"{package}: {part.get('skipped', 'measured')}", flush=True)
            result["packages"][package] = part
            write_json(output, result)
    write_run(output, "make metrics-table")


if __name__ == "__main__":
    typer.run(main)
