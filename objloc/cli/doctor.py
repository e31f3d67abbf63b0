"""``objloc doctor``: a check of the installation, models, data and workspace."""

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from objloc import __version__
from objloc.cli._options import Json
from objloc.cli._workspace import (
    Finding,
    cache,
    checked,
    leftovers,
    locks,
    store,
    unfinished_runs,
)
from objloc.files import repository_root

PACKAGES = ("torch", "numpy", "pillow", "mlflow", "dvc", "typer")
"""Packages that the program needs to run."""

EXTRAS = {
    "video": "imageio-ffmpeg",
    "onnx": "onnxruntime",
    "supervision": "supervision",
    "app": "gradio",
}
"""The name of each extra, and a package that it installs."""


def command(
    as_json: Json = False,
    with_cache: Annotated[
        bool, typer.Option("--cache", help="Read DVC's cache too and find damaged files in it.")
    ] = False,
) -> None:
    """List versions, devices, models, data, locks and leftovers, and what is missing.

    It looks from the working folder, as every command does, and changes nothing. Exit
    status 1: something is missing or damaged that a usual command needs.
    """
    findings = []
    for each in examine(with_cache):
        findings.append(each)
        if not as_json:
            mark = "MISSING" if each.missing else "ok" if not each.remedy else "-"
            remedy = f"  -> {each.remedy}" if each.remedy else ""
            print(f"{mark:8}{each.what:16}{each.found}{remedy}")
    missing = [each.what for each in findings if each.missing]
    if as_json:
        print(json.dumps({"missing": missing, "findings": list(map(asdict, findings))}, indent=2))
    if missing:
        raise typer.Exit(1)


def examine(with_cache: bool = False) -> Iterator[Finding]:
    """Yield the result of each check in turn; nothing is created or changed."""
    root = repository_root()
    yield Finding("objloc", __version__)
    yield Finding("python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    for package in PACKAGES:
        yield _package(package, "pip install objloc", missing=True)
    for extra, package in EXTRAS.items():
        yield _package(package, f"pip install 'objloc[{extra}]'", missing=False)
    yield from _devices()
    yield Finding("published bytes", _published_bytes())
    yield Finding("folder", str(root))
    yield checked("checkpoint", lambda: _checkpoint(root / "data" / "train" / "checkpoint.pt"))
    yield checked("store", store)
    yield checked("champion", _champion)
    yield from unfinished_runs(root)
    yield checked("data", lambda: _data(root / "data" / "shards"))
    yield locks(root)
    yield leftovers(root)
    if with_cache:
        yield cache(root)


def _package(name: str, remedy: str, missing: bool) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "not installed", missing, remedy)


def _devices() -> Iterator[Finding]:
    import psutil
    import torch

    from objloc.network.device import has_bfloat16

    memory = psutil.virtual_memory()
    yield Finding(
        "processors", f"{os.cpu_count()}, of which PyTorch uses {torch.get_num_threads()}"
    )
    yield Finding(
        "memory", f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"
    )
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    yield Finding("accelerators", ", ".join(names) or "none: the CPU does")
    yield Finding(
        "bfloat16",
        "computed in by the processor"
        if has_bfloat16(torch.device("cpu"))
        else "not by the processor, which computes in float32 instead",
    )


def _published_bytes() -> str:
    from objloc.learning.fingerprint import difference_to_published

    told = difference_to_published()
    return f"not made by this machine ({told})" if told else "made by this machine"


def _checkpoint(path: Path) -> str:
    from objloc.network.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    return f"{path}: learned {', '.join(checkpoint.categories)} from {checkpoint.data}"


def _champion() -> str:
    from objloc.tracking.lookup import find_model

    return _checkpoint(find_model("champion", rebuilt=False))


def _data(path: Path) -> str:
    from objloc.data.shard_index import read_index

    index = read_index(path)
    sets = ", ".join(f"{name} {each.samples}" for name, each in index.image_sets.items())
    return f"{path}: {index.data}, images: {sets}"
