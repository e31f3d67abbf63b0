"""Plain values: what JSON can hold, of what YAML can."""

import json
from typing import Any

from objloc.errors import ObjlocError

MAX_VALUES = 100_000
"""Maximum number of values in a file, those within others included."""


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
