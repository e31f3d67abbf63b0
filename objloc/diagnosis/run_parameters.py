"""The parameters of a run as one flat table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint


def read_parameters(path: Path) -> dict[str, Any]:
    """A run folder's ``params.yaml`` under dotted keys.

    Raises:
        ObjlocError: no such file, or another one.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        tree = None
    if not isinstance(tree, dict):
        raise ObjlocError(f"{path}: expected the parameters of a training; found no such file")
    return flat(tree)


def agent_parameters(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a checkpoint tells of how it was made, under dotted keys."""
    return flat({"agent": checkpoint.agent.model_dump(mode="json")})


def flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested parameters under dotted keys."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def comparable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the agent's under ``agent.``, whatever its name was.

    So agents of different names show what differs in them.
    """
    name = parameters.get("train.agent")
    prefix = f"agents.{name}."
    return {
        f"agent.{key.removeprefix(prefix)}" if key.startswith(prefix) else key: value
        for key, value in parameters.items()
    }
