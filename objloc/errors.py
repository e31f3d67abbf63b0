"""The exception for mistakes of the user, and messages of other exceptions in its form."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_NO_KEY = re.compile(r"(literal\[|tuple\[|function-|constrained-|str$|int$|float$|\[key\])")
"""Parts of pydantic's locations that are branches of unions, not keys of the file."""


def printable(text: str) -> str:
    """The text with a space for each line end, control character or lone surrogate.

    Quoted text (file names, XML, JSON) may contain any, and a terminal obeys some.
    """
    return "".join(sign if sign.isprintable() else " " for sign in text)


class ObjlocError(Exception):
    """A mistake in the user's input: data, parameters, paths, models.

    The message is one line that states the place, the expected and the found value.
    Commands print it without a traceback and exit with status 1.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def first_complaint(error: "ValidationError") -> str:
    """Message of pydantic's first error as ``key: expected …; found …``."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"] if not _NO_KEY.match(str(part)))
    message = re.sub(r"^(Value|Assertion) error, ", "", first["msg"])
    message = message.replace("Input should be", "expected").replace("Field required", "required")
    found, kind = first.get("input"), first["type"]
    if kind == "value_error" and isinstance(found, dict):
        # The message of a check of several keys names them and the found values.
        mark = ": " if message.startswith("expected") else "."
        return f"{where}{mark}{message}" if where else message
    if kind == "extra_forbidden":
        return f"{where}: unknown key"
    if kind == "json_invalid":
        return f"{where or 'the file'}: {' '.join(message.split())}"
    shown = ", ".join(map(str, found)) or "nothing" if isinstance(found, dict) else repr(found)
    return f"{where or 'the file'}: {message}; found {shown}"
