"""A hostile input: how it is made and read, and what must follow."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BAD = "bad-one"
"""In the names of hostile members and files: a message must have it."""


@dataclass(frozen=True)
class Case:
    """A hostile input.

    Attributes:
        name: what is hostile about it.
        read: makes it in a folder, and reads it.
        refused: whether an error that names it must follow; otherwise it is passed over, or
            read without harm.
    """

    name: str
    read: Callable[[Path], None]
    refused: bool = True


def zipped() -> bytes:
    """An archive of one file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", b"a")
    return stream.getvalue()
