"""Parameters of a run under dotted keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint
from objloc.params import Agent, Train
from objloc.params.section import Grown

_SECTIONS = {
    "train": Train,
    **{f"agent.{name}": field.annotation for name, field in Agent.model_fields.items()},
}


def read_parameters(path: Path) -> dict[str, Any]:
    """Read a run folder's ``params.yaml``.

    Raises:
        ObjlocError: there is no such file, or it is another file.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        tree = None
    if not isinstance(tree, dict):
        raise ObjlocError(f"{path}: expected the parameters of a training; found no such file")
    return flat(tree)


def agent_parameters(checkpoint: Checkpoint) -> dict[str, Any]:
    """The agent's parameters in a checkpoint, under dotted keys."""
    return flat({"agent": checkpoint.agent.model_dump(mode="json")})


def flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Flatten nested parameters."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def comparable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Move the agent's parameters to ``agent.``, whatever its name was, and state unused keys.

    So agents of different names can be compared, and a newer key with a file that lacks it.
    """
    name = parameters.get("train.agent")
    prefix = f"agents.{name}."
    named = {
        f"agent.{key.removeprefix(prefix)}" if key.startswith(prefix) else key: value
        for key, value in parameters.items()
    }
    return named | {key: value for key, value in _left_out(named).items() if key not in named}


def _left_out(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of the keys that ``Grown`` sections leave out, for the sections that are there."""
    there = {key.rpartition(".")[0] for key in parameters}
    return {
        f"{name}.{key}": section.model_fields[key].default
        for name, section in _SECTIONS.items()
        if name in there and isinstance(section, type) and issubclass(section, Grown)
        for key in sorted(section.NEWER)
    }
