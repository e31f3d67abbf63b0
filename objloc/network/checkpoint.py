"""The contract between stages: weights with all that is needed to use them."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from objloc.errors import ObjlocError, first_complaint
from objloc.files import write_atomically
from objloc.network.backbones.catalogue import info_of
from objloc.network.device import CPU
from objloc.network.ensemble import Ensemble
from objloc.network.q_network import QNetwork, build_network
from objloc.network.valuer import Valuer
from objloc.params import Agent, Encoder

_FORMAT = "objloc checkpoint 1"
_OF_THE_PYRAMID = (
    "stem", "stem_norm", "stages", "lateral", "image_wide", "smooth", "smooth_norm",
)  # fmt: skip


class _Entries(BaseModel):
    """Entries of the file."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    agent: str
    categories: tuple[str, ...]
    data: str
    data_hash: str
    state: dict[str, Tensor]
    info: dict[str, Any]
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """A trained agent.

    Attributes:
        agent: its parameters.
        categories: names in the order of the network's outputs.
        data, data_hash: name and hash of the shards it learned from.
        state: the network's weights.
        info: plain values about the run: ``image_set``, ``val_image_set``,
            ``update``, ``score``, ``cut`` (ended by the time limit), ``phase``,
            ``features`` (how those in the store were made, see ``feature_store.making``).
        members: parameters of each network, where several make the agent together: then
            ``state`` is that of their ``Ensemble``, and ``agent`` is the first member's.
        device: where its network computes; no part of the file.
    """

    agent: Agent
    categories: tuple[str, ...]
    data: str
    data_hash: str
    state: dict[str, Tensor]
    info: dict[str, Any] = field(default_factory=dict)
    members: tuple[Agent, ...] = ()
    device: torch.device = CPU

    def network(self) -> Valuer:
        """The network with these weights, on its device, in evaluation mode."""
        agents = self.members or (self.agent,)
        networks = [build_network(agent, self.categories) for agent in agents]
        network = Ensemble(networks) if self.members else networks[0]
        network.load_state_dict(self.state)
        return network.eval().to(self.device)

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """Encoders of its networks, equal ones once."""
        found = [agent.encoder for agent in self.members or (self.agent,)]
        return tuple(each for n, each in enumerate(found) if each not in found[:n])


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically; the same content gives the same bytes.

    Raises:
        ObjlocError: the file cannot be written.
    """
    buffer = io.BytesIO()
    # A single network's file has no such entry: it was so before there were several.
    members = [each.model_dump_json() for each in checkpoint.members]
    # Through a buffer: torch.save puts a file's name into its bytes.
    torch.save(
        {
            "format": _FORMAT,
            "agent": checkpoint.agent.model_dump_json(),
            "categories": list(checkpoint.categories),
            "data": checkpoint.data,
            "data_hash": checkpoint.data_hash,
            # Copies: a view would drag its whole storage along.
            "state": {name: value.cpu().clone() for name, value in checkpoint.state.items()},
            "info": checkpoint.info,
            **({"members": members} if members else {}),
        },
        buffer,
    )
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path, device: torch.device = CPU) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Args:
        path: path of the file.
        device: device on which its network will compute.

    Raises:
        ObjlocError: no such file, damaged, not a checkpoint of this program, or
            weights that do not fit its parameters.
    """
    content = load_tensors(path)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ObjlocError(f"{path}: expected an objloc checkpoint; found another PyTorch file")
    try:
        entries = _Entries.model_validate(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise ObjlocError(f"{path}: expected an entry '{where}' as objloc writes it") from None
    try:
        agent, *members = map(Agent.model_validate_json, (entries.agent, *entries.members))
    except ValidationError as error:
        raise ObjlocError(
            f"{path}: written by another version: parameter {first_complaint(error)}"
        ) from None
    state = {_renamed(name): value for name, value in entries.state.items()}
    checkpoint = Checkpoint(
        agent, entries.categories, entries.data, entries.data_hash, state, entries.info,
        tuple(members),
    )  # fmt: skip
    try:
        _check_shapes(checkpoint, path.stat().st_size)
        checkpoint.network()
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        # PyTorch's error of a size beyond 64 bits is a TypeError.
        reason = str(error).splitlines()[-1].strip()[:160]
        raise ObjlocError(f"{path}: weights do not fit its network: {reason}") from None
    return replace(checkpoint, device=device)


def _check_shapes(checkpoint: Checkpoint, size: int) -> None:
    """Compare weights with the required ones before memory is taken: a few bytes state any size.

    Raises:
        RuntimeError: a weight is missing or has another shape, or all are larger than the
            file of ``size`` bytes.
    """
    if sum(value.numel() for value in checkpoint.state.values()) > size:
        raise RuntimeError("weights larger than the file")
    for number, agent in enumerate(checkpoint.members or (checkpoint.agent,)):
        # A frozen backbone is not loaded.
        encoder = agent.encoder.model_copy(update={"fine_tune": "none"})
        with torch.device("meta"):
            network = QNetwork(agent.model_copy(update={"encoder": encoder}), checkpoint.categories)
        for key, wanted in network.state_dict().items():
            name = f"members.{number}.{key}" if checkpoint.members else key
            found = checkpoint.state.get(name)
            if found is None or found.shape != wanted.shape:
                shape = "none" if found is None else list(found.shape)
                raise RuntimeError(
                    f"size mismatch for {name}: expected {list(wanted.shape)}; found {shape}"
                )


def _renamed(name: str) -> str:
    """Today's name of a weight: the pyramid was once not a module of its own."""
    part, _, rest = name.partition(".")
    moved = part == "encoder" and rest.split(".")[0] in _OF_THE_PYRAMID
    return f"encoder.pyramid.{rest}" if moved else name


def load_tensors(path: Path) -> Any:
    """``torch.load`` of plain values and tensors, checked for damage first.

    A flipped bit in a checkpoint loads as wrong weights without an error; only the
    checksums of the archive's members reveal it.

    Raises:
        ObjlocError: no such file, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # PyTorch compresses nothing: the file's size limits what is taken into memory.
            if any(each.compress_type for each in archive.infolist()):
                raise zipfile.BadZipFile("compressed members")
            if sum(each.file_size for each in archive.infolist()) > path.stat().st_size:
                raise zipfile.BadZipFile("members larger than the file")
            broken = archive.testzip()
        if broken is None:
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ObjlocError(f"{path}: no such checkpoint") from None
    except IsADirectoryError:
        raise ObjlocError(f"{path}: expected a checkpoint file; found a folder") from None
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError, KeyError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ObjlocError(f"{path}: not a readable checkpoint: {reason}") from None
    except Exception as error:
        # The unpickler refuses anything but tensors and plain values.
        raise ObjlocError(
            f"{path}: not a checkpoint of this program: {type(error).__name__}"
        ) from None
    raise ObjlocError(f"{path}: damaged: checksum of {broken} does not match")


def combine(parts: Mapping[str, Checkpoint]) -> Checkpoint:
    """Combine agents into one that values windows as they do in the mean; see ``Ensemble``.

    Args:
        parts: two or more by their names in errors, trained alike but for their seed and
            their schedule; their backbones may differ.

    Returns:
        The agent. Its ``info`` is what all of them agree on, and under ``members`` that of
        each.

    Raises:
        ObjlocError: fewer than two; one that is combined already; other categories, data,
            encoder (but for its backbone), head, decision process or range of values than the
            first's.
    """
    if len(parts) < 2:
        raise ObjlocError(f"combine: expected two models or more; found {len(parts)}")
    (source, first), *others = parts.items()
    for name, part in parts.items():
        if part.members:
            found = len(part.members)
            raise ObjlocError(f"{name}: expected a single network; found {found} combined")
    wanted = _kind(first)
    for name, part in others:
        for key, value in _kind(part).items():
            if value != wanted[key]:
                raise ObjlocError(
                    f"{name}: expected {key}={_shown(wanted[key])} as in {source}; "
                    f"found {_shown(value)}"
                )
    networks = [single_network(part) for part in parts.values()]
    ranges = [None if each.bounds is None else each.bounds.tolist() for each in networks]
    for name, values in zip(parts, ranges, strict=True):
        if values != ranges[0]:
            raise ObjlocError(f"{name}: expected values of the range of {source}; found another")
    infos = [part.info for part in parts.values()]
    agreed: dict[str, Any] = {
        key: value
        for key, value in first.info.items()
        if all(key in info and info[key] == value for info in infos)
    }
    return Checkpoint(
        agent=first.agent,
        categories=first.categories,
        data=first.data,
        data_hash=first.data_hash,
        state=Ensemble(networks).state_dict(),
        info={**agreed, "members": infos},
        members=tuple(part.agent for part in parts.values()),
    )


def single_network(checkpoint: Checkpoint) -> QNetwork:
    """The network of an agent that is a single one: its ``members`` is empty."""
    network = build_network(checkpoint.agent, checkpoint.categories)
    network.load_state_dict(checkpoint.state)
    return network


def _kind(part: Checkpoint) -> dict[str, Any]:
    """Properties that members must share, by their names in errors."""
    agent, encoder = part.agent, part.agent.encoder
    strides = info_of(encoder).strides if encoder.is_pretrained else ()
    own = {"backbone", "weights", "weights_sha256"}
    sections = {"mdp": agent.mdp, "encoder": encoder, "head": agent.head}
    return {
        "categories": part.categories,
        "data_hash": part.data_hash,
        **{
            f"agents.*.{name}.{key}": value
            for name, section in sections.items()
            for key, value in section
            if name != "encoder" or key not in own
        },
        "strides of agents.*.encoder.backbone": strides,
    }


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
