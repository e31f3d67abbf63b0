"""Read YAML, and reduce it to plain values: what JSON can hold."""

import json
from typing import Any, Literal

from ruamel.yaml import YAML

from objloc.errors import ObjlocError

MAX_VALUES = 100_000
"""Maximum number of values in a file, those within others included."""


def parse_yaml(text: str, form: Literal["safe", "base"] = "safe") -> Any:
    """Parse a text of YAML 1.2.

    Args:
        text: content of a file.
        form: ``base`` keeps all scalars as texts.

    Raises:
        ValueError: it is no YAML; the reason in one line.
    """
    try:
        return YAML(typ=form, pure=True).load(text)
    except Exception as error:
        # Besides its own errors: numbers of too many digits, days that no month has, lists as
        # keys, nesting without end.
        raise ValueError(" ".join(str(error).split())) from None


def plain(tree: Any, name: str) -> Any:
    """Copy a tree of YAML as JSON would have it: keys are texts, aliases are copies.

    An alias counts as all that it stands for, since a few lines of aliases of aliases, or
    one of itself, are billions of values.

    Args:
        tree: content of a file.
        name: the file's name, for messages.

    Raises:
        ObjlocError: there is a value that JSON does not have, such as a date, or more than
            ``MAX_VALUES``.
    """
    count, waiting = 0, [("", tree)]
    while waiting:
        where, node = waiting.pop()
        count += 1
        if count > MAX_VALUES:
            raise ObjlocError(f"{name}: expected at most {MAX_VALUES:,} values; found more")
        if isinstance(node, dict):
            for key, value in node.items():
                _check(key, f"{name}: {where}key")
                waiting.append((f"{where}{key}.", value))
        elif isinstance(node, list):
            waiting += [(f"{where}{place}.", value) for place, value in enumerate(node)]
        else:
            _check(node, f"{name}: {where.removesuffix('.')}")
    return json.loads(json.dumps(tree))


def _check(value: Any, where: str) -> None:
    if not isinstance(value, str | int | float | None):
        kind = type(value).__name__
        raise ObjlocError(
            f"{where}: expected a text, a number, true, false or null; found a {kind}"
        )
