"""Agents that extend another: a base and its departures, merged into a whole agent."""

from collections.abc import Mapping
from typing import Any

from objloc.errors import ObjlocError

KEY = "extends"
"""Names the base in an agent's entry."""


def resolve(agents: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Give every agent the keys of its base that it does not state itself.

    Mappings are merged key by key; any other value, a list or null among them,
    replaces the base's. A base may extend another agent in turn.

    Args:
        agents: entries by name; not modified.
        where: file and section, for messages.

    Returns:
        The entries in the same order, without ``extends``.

    Raises:
        ObjlocError: a base does not exist, or an agent extends itself in the end.
    """
    return {name: _whole(agents, name, (), where) for name in agents}


def _whole(agents: Mapping[str, Any], name: str, above: tuple[str, ...], where: str) -> Any:
    """The entry of an agent; ``above`` are those that extend it."""
    entry = agents[name]
    if not isinstance(entry, Mapping) or entry.get(KEY) is None:
        return _without_key(entry)
    base, chain = entry[KEY], (*above, name)
    if base in chain:
        raise ObjlocError(f"{where}.{name}.{KEY}: circle: {' -> '.join((*chain, base))}")
    if not isinstance(base, str) or base not in agents:
        others = ", ".join(other for other in agents if other not in chain)
        raise ObjlocError(f"{where}.{name}.{KEY}: expected one of {others}; found {base!r}")
    return merged(_whole(agents, base, chain, where), _without_key(entry))


def _without_key(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    return {key: value for key, value in entry.items() if key != KEY}


def merged(base: Any, departures: Any) -> Any:
    """The base with what departs from it; only mappings are merged within."""
    if not isinstance(base, Mapping) or not isinstance(departures, Mapping):
        return departures
    return dict(base) | {
        key: merged(base[key], value) if key in base else value for key, value in departures.items()
    }
