"""A folder that stands for a URL: the index there, and ``origin.json``, which names the URL."""

from pathlib import Path

from objloc.data.shard_index import INDEX_FILE
from objloc.data.source import Checked, parse_json, write_model
from objloc.files import folder_written_whole, write_atomically

ORIGIN_FILE = "origin.json"


class Origin(Checked):
    """Content of ``origin.json``."""

    url: str


def is_url(place: str) -> bool:
    """Whether a place is a URL, not a folder."""
    return "://" in place


def write_pointer(folder: Path, url: str, index: bytes) -> None:
    """Write a folder that stands for a URL.

    Raises:
        ObjlocError: it cannot be written.
    """
    write_atomically(folder / INDEX_FILE, index)
    write_model(folder / ORIGIN_FILE, Origin(url=url))


def copy_pointer(folder: Path, copy: Path) -> None:
    """Write another folder that stands for the same URL, with the same index.

    Raises:
        ObjlocError: it cannot be written.
    """
    with folder_written_whole(copy, INDEX_FILE) as temporary:
        for name in (INDEX_FILE, ORIGIN_FILE):
            write_atomically(temporary / name, (folder / name).read_bytes())


def origin_of(folder: Path) -> str | None:
    """The URL that a folder stands for; None: its files are its own.

    Raises:
        ObjlocError: ``origin.json`` is damaged.
    """
    path = folder / ORIGIN_FILE
    return parse_json(Origin, path).url if path.is_file() else None
