"""Parameters of a run under dotted keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint


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
    """Move the agent's parameters to ``agent.``, whatever its name was.

    So agents of different names can be compared.
    """
    name = parameters.get("train.agent")
    prefix = f"agents.{name}."
    return {
        f"agent.{key.removeprefix(prefix)}" if key.startswith(prefix) else key: value
        for key, value in parameters.items()
    }
