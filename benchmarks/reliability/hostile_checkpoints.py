"""Hostile checkpoints: with code, or of any size that a few bytes can state."""

import io
import pickle
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.reliability import inputs
from benchmarks.reliability.case import BAD, Case, zipped
from benchmarks.reliability.isolated import MIB
from objloc import params
from objloc.network.checkpoint import load_checkpoint
from objloc.network.q_network import build_network

RAN = "ran"
"""Name of the file that code of an input would make."""


class _Code:
    """An object that runs code when it is unpickled: it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def checkpoints() -> tuple[Case, ...]:
    """Pickles, archives and stated sizes."""
    return (
        Case("code in its information", lambda folder: _load(folder, info=_Code(folder / RAN))),
        Case("code in its weights", lambda folder: _load(folder, state=_Code(folder / RAN))),
        Case("code in a pickle without an archive", _load_pickle),
        Case("a member of 128 MiB, compressed", _load_compressed),
        Case("members that overlap", _load_overlapping),
        Case("an archive in its place", lambda folder: _load_bytes(folder, zipped())),
        Case("a network of terabytes", partial(_load_stated, 2**20)),
        Case("a network of a size beyond 64 bits", partial(_load_stated, 10**20)),
        Case("a weight of a terabyte that repeats one number", _load_repeated),
        Case("a network and weights of gigabytes that repeat one number", _load_both),
    )


def _load(folder: Path, **changed: Any) -> None:
    stream = io.BytesIO()
    torch.save(inputs.checkpoint_tree() | changed, stream)
    _load_bytes(folder, stream.getvalue())


def _load_bytes(folder: Path, content: bytes) -> None:
    path = folder / f"{BAD}.pt"
    path.write_bytes(content)
    load_checkpoint(path)


def _load_pickle(folder: Path) -> None:
    _load_bytes(folder, pickle.dumps(inputs.checkpoint_tree() | {"info": _Code(folder / RAN)}))


def _load_compressed(folder: Path) -> None:
    path = folder / f"{BAD}.pt"
    torch.save(inputs.checkpoint_tree(), path)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/data/99", "w") as member,
    ):
        for _ in range(128):
            member.write(bytes(MIB))
    load_checkpoint(path)


def _load_overlapping(folder: Path) -> None:
    """A central directory whose entries all name the same bytes."""
    path = folder / f"{BAD}.pt"
    torch.save(inputs.checkpoint_tree(), path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/99", bytes(MIB))
        archive.filelist += [archive.filelist[-1]] * 4096
        archive.comment = b"changed"
    load_checkpoint(path)


def _agent_with(hidden: int) -> str:
    tree = params.Agent.model_validate_json(inputs.checkpoint_tree()["agent"])
    head = tree.head.model_copy(update={"hidden": (hidden, hidden)})
    return tree.model_copy(update={"head": head}).model_dump_json()


def _load_stated(hidden: int, folder: Path) -> None:
    _load(folder, agent=_agent_with(hidden))


def _load_repeated(folder: Path) -> None:
    state = inputs.checkpoint_tree()["state"]
    name = next(iter(state))
    _load(folder, state=state | {name: torch.zeros(1).expand(2**40)})


def _load_both(folder: Path) -> None:
    """Weights that fit the network that is stated, each a single number in the file."""
    agent = _agent_with(2**15)
    with torch.device("meta"):
        network = build_network(params.Agent.model_validate_json(agent), inputs.CATEGORIES)
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    repeated = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}
    _load(folder, agent=agent, state=repeated)
