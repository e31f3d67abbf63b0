"""``objloc doctor``: a check of the installation, models and data."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from objloc import __version__
from objloc.cli._options import Json
from objloc.errors import ObjlocError
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


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        what: name of the check.
        found: result in a few words.
        missing: whether something that a usual command needs is not there.
        remedy: command that provides it.
    """

    what: str
    found: str
    missing: bool = False
    remedy: str = ""


def command(as_json: Json = False) -> None:
    """List versions, devices, models and data, and what is missing.

    It looks from the working folder, as every command does, and changes nothing. Exit
    status 1: something is missing that `make run` or an installation provides.
    """
    findings = []
    for each in examine():
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


def examine() -> Iterator[Finding]:
    """Yield the result of each check in turn; nothing is created or changed."""
    root = repository_root()
    yield Finding("objloc", __version__)
    yield Finding("python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    for package in PACKAGES:
        yield _package(package, "pip install objloc", missing=True)
    for extra, package in EXTRAS.items():
        yield _package(package, f"pip install 'objloc[{extra}]'", missing=False)
    yield from _devices()
    yield Finding("folder", str(root))
    yield _checked("checkpoint", lambda: _checkpoint(root / "data" / "train" / "checkpoint.pt"))
    yield _checked("champion", _champion)
    yield _checked("data", lambda: _data(root / "data" / "shards"))


def _package(name: str, remedy: str, missing: bool) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "not installed", missing, remedy)


def _devices() -> Iterator[Finding]:
    import psutil
    import torch

    from objloc.network.precision import has_bfloat16

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


def _checked(what: str, look: Callable[[], str]) -> Finding:
    """The result of a check, or why it failed."""
    try:
        return Finding(what, look())
    except ObjlocError as error:
        return Finding(what, str(error), missing=True, remedy="make run")


def _checkpoint(path: Path) -> str:
    from objloc.network.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    return f"{path}: learned {', '.join(checkpoint.categories)} from {checkpoint.data}"


def _champion() -> str:
    from objloc.tracking.models import find_model

    return _checkpoint(find_model("champion"))


def _data(path: Path) -> str:
    from objloc.data.shard_index import read_index

    index = read_index(path)
    sets = ", ".join(f"{name} {each.samples}" for name, each in index.image_sets.items())
    return f"{path}: {index.data}, images: {sets}"
