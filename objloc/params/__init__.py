"""The parameters of every stage: ``params.yaml``, validated.

One frozen model a section; a function receives its own section only. Unknown
keys, wrong types and impossible values are refused in one line that names the
key and what is allowed.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from objloc.errors import ObjlocError, first_complaint
from objloc.params.agent import Agent, Encoder, Head, Mdp
from objloc.params.data import Boxes, Dataset, Shard
from objloc.params.extends import KEY, resolve
from objloc.params.learning import Exploration, Learning, Replay, Schedule
from objloc.params.measuring import Encode, Evaluate, Register, Report, Search
from objloc.params.plain import parse_yaml, plain
from objloc.params.section import SUCCESS_IOU, Categories, Section, Starts
from objloc.params.training import Train
from objloc.params.viewing import Animate, Explore, Layers

__all__ = [
    "SUCCESS_IOU",
    "Agent",
    "Animate",
    "Boxes",
    "Categories",
    "Dataset",
    "Encode",
    "Encoder",
    "Evaluate",
    "Exploration",
    "Explore",
    "Head",
    "Layers",
    "Learning",
    "Mdp",
    "Params",
    "Register",
    "Replay",
    "Report",
    "Schedule",
    "Search",
    "Section",
    "Shard",
    "Starts",
    "Train",
    "load_params",
    "parse_params",
]


MAX_BYTES = 2**20
"""Maximum size in bytes of a parameter file."""


class Params(Section):
    """The whole of ``params.yaml``."""

    dataset: Dataset = Dataset()
    shard: Shard = Shard()
    train: Train = Train()
    agents: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], Agent]
    """Agents by name; ``train.agent`` picks one."""
    encode: Encode = Encode()
    evaluate: Evaluate = Evaluate()
    registration: Annotated[Register, Field(alias="register")] = Register()
    report: Report = Report()
    animate: Animate = Animate()
    explore: Explore = Explore()
    layers: Layers = Layers()

    @model_validator(mode="after")
    def _agent_exists(self) -> "Params":
        if self.train.agent not in self.agents:
            raise ValueError(
                f"train.agent: expected one of {', '.join(self.agents)}; found '{self.train.agent}'"
            )
        return self

    @property
    def agent(self) -> Agent:
        """The agent that ``train.agent`` names."""
        return self.agents[self.train.agent]


def _one_line(path: str, error: ValidationError) -> str:
    """The first complaint of pydantic as ``file: key: expected …; found …``."""
    first = error.errors(include_url=False)[0]
    line = f"{path}: {first_complaint(error)}"
    if first["type"] == "extra_forbidden":
        line += f"; allowed: {', '.join(_keys_at(first['loc'][:-1]))}"
    return line


def _keys_at(location: Iterable[Any]) -> list[str]:
    """Keys of the section at a location of ``Params``."""
    section: Any = Params
    keys = list(location)
    if keys[:1] == ["agents"]:
        section, keys = Agent, keys[2:]
    for key in keys:
        fields = section.model_fields.items()
        section = {field.alias or name: field.annotation for name, field in fields}[key]
    allowed = [field.alias or name for name, field in section.model_fields.items()]
    return [KEY, *allowed] if section is Agent else allowed


def _set(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise ObjlocError(f"--set {override}: expected KEY=VALUE, as in train.categories=[cat]")
    *parents, last = key.strip().split(".")
    node: Any = tree
    for parent in parents:
        node = node.setdefault(parent, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise ObjlocError(f"--set {override}: '{parent}' is not a section of the parameters")
    node[last] = parse_yaml(value) if value.strip() else None


def load_params(path: Path, overrides: Iterable[str] = ()) -> Params:
    """Read and validate ``params.yaml``; agents that extend another are whole afterwards.

    Args:
        path: the file.
        overrides: ``KEY=VALUE`` pairs that win over the file. Set in a base, they hold
            for the agents that extend it, unless these state the key.

    Raises:
        ObjlocError: no such file, malformed YAML, unknown key, wrong type or
            impossible value; the message names the key and what is allowed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        return parse_params(content.decode("utf-8"), str(path), overrides)
    except FileNotFoundError:
        raise ObjlocError(f"{path}: no such parameter file (give one with --params)") from None
    except OSError as error:
        raise ObjlocError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ObjlocError(f"{path}: not valid YAML: {error}") from None


def parse_params(text: str, name: str, overrides: Iterable[str] = ()) -> Params:
    """Validate the text of a parameter file, as ``load_params`` does.

    YAML 1.2 (so ``1e-4`` is a number, and ``no`` a string).

    Args:
        text: the file's.
        name: the file's name, for messages.
        overrides: ``KEY=VALUE`` pairs that win over the file.

    Raises:
        ObjlocError: as ``load_params``.
    """
    if len(text) > MAX_BYTES:
        raise ObjlocError(f"{name}: expected at most {MAX_BYTES} bytes; found more")
    overrides = list(overrides)
    extending: set[str] = set()
    try:
        tree = _tree(text, name, overrides)
        if isinstance(agents := tree.get("agents"), dict):
            tree["agents"] = plain(resolve(agents, f"{name}: agents"), f"{name}: agents")
            extending = {
                key for key, entry in agents.items() if isinstance(entry, dict) and KEY in entry
            }
    except (ValueError, RecursionError) as error:
        # Agents that extend each other without end, too.
        raise ObjlocError(f"{name}: not valid YAML: {error}") from None
    stated = {override.split(".")[1] for override in overrides if override.startswith("agents.")}
    try:
        return _validate(tree, extending - stated)
    except ValidationError as error:
        raise ObjlocError(_one_line(name, error)) from None


def _tree(text: str, name: str, overrides: Iterable[str]) -> dict[str, Any]:
    """The parameters with overrides, as plain values; agents are not yet whole."""
    tree = parse_yaml(text)
    if not isinstance(tree, dict):
        raise ObjlocError(f"{name}: expected sections such as 'train:'; found {str(tree)[:60]}")
    for override in overrides:
        _set(tree, override)
    sections: dict[str, Any] = plain(tree, name)
    return sections


def _validate(tree: dict[str, Any], extending: set[str]) -> Params:
    """Validate the tree; leave out unused agents that a changed base made impossible.

    A change of a base is meant for the agent in use. Another agent that extends the base
    may be impossible then; its mistake is reported when it is used.

    Args:
        tree: the parameters, agents whole.
        extending: the agents that may be left out.

    Raises:
        ValidationError: anything else is wrong.
    """
    try:
        # Through JSON: strict there still takes a list for a tuple.
        return Params.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        used = _agent_in_use(tree)
        unused = (_impossible_together(error) & extending) - {used}
        if not unused or used not in tree["agents"]:
            raise
    agents = {name: entry for name, entry in tree["agents"].items() if name not in unused}
    return Params.model_validate_json(json.dumps(tree | {"agents": agents}))


def _agent_in_use(tree: dict[str, Any]) -> str:
    """The agent that ``train.agent`` names, or would by default."""
    train = tree.get("train")
    stated = train.get("agent") if isinstance(train, dict) else None
    return str(stated or Train().agent)


def _impossible_together(error: ValidationError) -> set[str]:
    """Agents whose values are valid one by one, but not together."""
    return {
        str(each["loc"][1])
        for each in error.errors(include_url=False)
        if each["type"] == "value_error"
        and each["loc"][:1] == ("agents",)
        and len(each["loc"]) <= 3
    }
