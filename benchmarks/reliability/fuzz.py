"""Mutated inputs: each is read, or refused by the program's own error, within limits."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import torch
from ruamel.yaml import YAML

from benchmarks.reliability import inputs
from benchmarks.reliability.isolated import MIB, Limits, Outcome, outcomes, summary
from benchmarks.reliability.mutations import mutated, mutated_tree
from benchmarks.reliability.table import Row
from objloc import params
from objloc.data.check.check import check_folder
from objloc.data.images import open_image
from objloc.data.own.convert import write_own_devkit
from objloc.data.own.pictures import jpeg_of, read_picture, upright_size
from objloc.data.voc.devkit import open_devkit
from objloc.network.checkpoint import load_checkpoint

_BOUND = 1536 * MIB
"""Bytes beyond what the process has; an image of 89 megapixels takes a third of it."""


@dataclass(frozen=True)
class Kind:
    """Inputs of one kind.

    Attributes:
        what: name in the table.
        count: number of inputs.
        attempt: writes the mutated input into a folder and reads it.
    """

    what: str
    count: int
    attempt: Callable[[Random, Path], None]


def measure() -> list[Row]:
    """Try all inputs; failures are printed."""
    rows: list[Row] = []
    for name, kind in KINDS.items():
        tried, held, note, bad = summary(fuzzed(name, range(kind.count)))
        print(f"{kind.what}: {held} of {tried}", flush=True)
        for each in bad:
            print(f"{name} {each.number}: {each.kind}: {each.detail}", flush=True)
        rows.append({"what": kind.what, "tried": tried, "held": held, "note": note})
    return rows


def fuzzed(name: str, numbers: range) -> list[Outcome]:
    """Try inputs of a kind by number."""
    return list(outcomes(partial(attempt, name), numbers, Limits(_BOUND)))


def attempt(name: str, number: int) -> None:
    """Make the input of a number, and read it.

    Raises:
        ObjlocError: it is refused.
    """
    memory = Path("/dev/shm")  # noqa: S108 - not a name that others could foresee
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        KINDS[name].attempt(Random(f"{name} {number}"), Path(folder))


def read_folder(folder: Path) -> None:
    """Check a folder as a person does, convert it as the pipeline does, and read the result."""
    section = params.Dataset()
    report = check_folder(folder / "given", section).report
    json.dumps(report.as_json()).encode()
    for each in report.findings:
        if not f"{each.place}{each.message}".isprintable():
            raise ValueError(f"a finding that no terminal can print: {each!r}")
    write_own_devkit(folder / "given", folder / "devkit", section)
    if not report.passed:
        raise ValueError("converted although the check found an error")
    devkit = open_devkit(folder / "devkit" / "VOCdevkit")
    for image_id in devkit.image_ids:
        devkit.read(image_id)


def write(folder: Path, *parts: inputs.Folder) -> None:
    """Write files into the folder that ``read_folder`` reads."""
    for part in parts:
        for name, content in part.items():
            path = folder / "given" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _annotations(chance: Random, folder: Path) -> None:
    written, others = chance.choice(list(_annotated().values()))
    name = chance.choice(list(written))
    content = mutated(written[name], chance)
    if name.endswith(".json") and chance.random() < 0.5:
        content = _json(mutated_tree(json.loads(written[name]), chance))
    write(folder, written, others, {name: content})
    read_folder(folder)


def _coco(chance: Random, folder: Path) -> None:
    (name, content), others = next(iter(_coco_folder()[0].items())), _coco_folder()[1]
    deep = chance.random() < 0.7
    changed = _json(mutated_tree(json.loads(content), chance)) if deep else mutated(content, chance)
    write(folder, others, {name: changed})
    read_folder(folder)


def _json(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def _images(chance: Random, folder: Path) -> None:
    ending, content = chance.choice(_image_files())
    path = folder / f"a{chance.choice((ending, ending, '.jpg', '.png'))}"
    path.write_bytes(mutated(content, chance))
    upright_size(path)
    open_image(path)
    picture = read_picture(path, "a")
    jpeg_of(picture, picture.upright_size, "a")


def _params(chance: Random, folder: Path) -> None:
    path = folder / "params.yaml"
    if chance.random() < 0.05:
        path.write_bytes(mutated(inputs.params_text(), chance))
    else:
        tree = _some_sections(_params_tree(), chance)
        tree = mutated_tree(tree, chance) if chance.random() < 0.6 else tree
        stream = io.BytesIO()
        try:
            YAML(typ="safe").dump(tree, stream)
        except ValueError:  # A text that YAML cannot write.
            stream.write(json.dumps(tree).encode())
        written = stream.getvalue()
        path.write_bytes(mutated(written, chance) if chance.random() < 0.6 else written)
    params.load_params(path)


def _some_sections(tree: dict[str, Any], chance: Random) -> dict[str, Any]:
    """The agents, and other sections by chance: a text of all takes YAML a tenth of a second."""
    agents = {
        name: {key: value for key, value in agent.items() if chance.random() < 0.4}
        for name, agent in tree["agents"].items()
    }
    drawn = {key: value for key, value in tree.items() if chance.random() < 0.4}
    return drawn | {"agents": agents}


def _checkpoints(chance: Random, folder: Path) -> None:
    path = folder / "checkpoint.pt"
    way = chance.randrange(3)
    if way == 0:
        path.write_bytes(mutated(_saved(_checkpoint_tree()), chance))
    elif way == 1:
        path.write_bytes(_repacked(_saved(_checkpoint_tree()), chance))
    else:
        path.write_bytes(_saved(_changed_checkpoint(chance)))
    load_checkpoint(path)


def _changed_checkpoint(chance: Random) -> Any:
    """A checkpoint's content with changed nodes: its parameters' too, and its tensors."""
    tree = dict(_checkpoint_tree())
    match chance.randrange(3):
        case 0:
            return mutated_tree(tree, chance)
        case 1:
            return tree | {"agent": json.dumps(mutated_tree(json.loads(tree["agent"]), chance))}
    name = chance.choice(list(tree["state"]))
    value = tree["state"][name]
    changed = chance.choice(
        (
            value.flatten(), value.flatten()[:0], value.double(), value.to(torch.complex64),
            value.to_sparse(), value.new_zeros(1).expand(2**chance.choice((8, 40))),
            value.bool(), value * torch.nan,
        )
    )  # fmt: skip
    return tree | {"state": tree["state"] | {name: changed}}


def _saved(tree: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(tree, stream)
    return stream.getvalue()


def _repacked(content: bytes, chance: Random) -> bytes:
    """The archive with one member mutated, and checksums that fit."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        names = old.namelist()
        pickled = next(name for name in names if name.endswith("data.pkl"))
        changed = pickled if chance.random() < 0.8 else chance.choice(names)
        for name in names:
            part = old.read(name)
            new.writestr(name, mutated(part, chance) if name == changed else part)
    return stream.getvalue()


_annotated = cache(inputs.annotated_folders)
_coco_folder = cache(inputs.coco_folder)
_image_files = cache(inputs.image_files)
_params_tree = cache(inputs.params_tree)
_checkpoint_tree = cache(inputs.checkpoint_tree)

KINDS = {
    "annotations": Kind(
        "annotation files of VOC, YOLO, CVAT and labelme, mutated", 20_000, _annotations
    ),
    "coco": Kind("COCO files, mutated", 2_000, _coco),
    "images": Kind("image files of seven formats, mutated", 5_000, _images),
    "params": Kind("parameter files, mutated", 2_000, _params),
    "checkpoints": Kind("checkpoints, mutated", 2_000, _checkpoints),
}
"""Kinds of inputs by name."""
