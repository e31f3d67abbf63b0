"""Agents that were trained apart, made one."""

from collections.abc import Mapping
from typing import Any

from objloc.errors import ObjlocError
from objloc.network.backbones.catalogue import info_of
from objloc.network.checkpoint import Checkpoint
from objloc.network.ensemble import Ensemble


def combine(parts: Mapping[str, Checkpoint]) -> Checkpoint:
    """One agent that values windows as several do in the mean; see ``Ensemble``.

    Args:
        parts: two or more by what to call them in errors, trained alike but for their seed
            and their schedule; their backbones may differ.

    Returns:
        The agent; what is known of its training is what all of them agree on, and
        ``members``, what is known of each.

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
        for what, value in _kind(part).items():
            if value != wanted[what]:
                raise ObjlocError(f"{name}: expected {what} as in {source}; found another")
    networks = [part.network() for part in parts.values()]
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


def _kind(part: Checkpoint) -> dict[str, Any]:
    """What members must have in common, by what to call it."""
    encoder = part.agent.encoder
    strides = info_of(encoder.backbone).strides if encoder.kind == "pretrained" else ()
    return {
        "the categories": part.categories,
        "the data": part.data_hash,
        "agents.*.mdp": part.agent.mdp,
        "agents.*.encoder": encoder.model_copy(update={"backbone": ""}),
        "the strides of encoder.backbone": strides,
        "agents.*.head": part.agent.head,
    }
