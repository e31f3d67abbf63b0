"""The one exception that a user's mistake raises, and complaints of others in its form."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_NO_KEY = re.compile(r"(literal\[|tuple\[|function-|constrained-|str$|int$|float$|\[key\])")
"""Branches of unions: pydantic's business, not keys of the file."""


class ObjlocError(Exception):
    """A mistake in what the user gave: data, parameters, paths, models.

    The message is one line that says where, what was expected and what was
    found. Stage commands print it without a traceback and exit with status 1.
    """

    def __init__(self, message: str) -> None:
        # What is quoted (file names, XML) may hold line ends or worse.
        super().__init__("".join(sign if sign.isprintable() else " " for sign in message))


def first_complaint(error: "ValidationError") -> str:
    """The first of pydantic's complaints as ``key: expected …; found …``."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"] if not _NO_KEY.match(str(part)))
    message = re.sub(r"^(Value|Assertion) error, ", "", first["msg"])
    message = message.replace("Input should be", "expected").replace("Field required", "required")
    found, kind = first.get("input"), first["type"]
    if kind == "value_error" and isinstance(found, dict):
        # A check of several keys at once: its message names them and what was found.
        mark = ": " if message.startswith("expected") else "."
        return f"{where}{mark}{message}" if where else message
    if kind == "extra_forbidden":
        return f"{where}: unknown key"
    if kind == "json_invalid":
        return f"{where or 'the file'}: {' '.join(message.split())}"
    shown = ", ".join(map(str, found)) or "nothing" if isinstance(found, dict) else repr(found)
    return f"{where or 'the file'}: {message}; found {shown}"
