"""Checksums that show a damaged or changed file: in a JSON file, or of a folder's files."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from objloc.errors import ObjlocError
from objloc.files import file_hash, write_atomically

CHECKSUM = "checksum"
"""Key of a JSON object's own checksum."""
SUMS_FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def checksum_of(value: Mapping[str, Any]) -> str:
    """SHA-256 over a JSON object without its checksum, whatever the order of its keys."""
    content = {key: each for key, each in value.items() if key != CHECKSUM}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def verify_checksum(value: Mapping[str, Any], path: Path | str) -> None:
    """Compare a JSON object with its own checksum, if it has one; older files have none.

    Raises:
        ObjlocError: they differ.
    """
    if CHECKSUM in value and (found := checksum_of(value)) != value[CHECKSUM]:
        raise ObjlocError(f"{path}: damaged: expected {CHECKSUM} {value[CHECKSUM]}; found {found}")


def write_sums(folder: Path) -> str:
    """Write ``SHA256SUMS`` of all files below a folder, as ``sha256sum`` does.

    Returns:
        SHA-256 of ``SHA256SUMS``.

    Raises:
        ObjlocError: the file cannot be written.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{file_hash(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    write_atomically(folder / SUMS_FILE, "".join(lines))
    return file_hash(folder / SUMS_FILE)


def read_sums(folder: Path) -> dict[str, str] | None:
    """Checksums in a folder's ``SHA256SUMS`` by relative path; None if it has no such file.

    Raises:
        ObjlocError: the file is damaged.
    """
    path = folder / SUMS_FILE
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ObjlocError(f"{path}: cannot be read: {error}") from None
    found = [_LINE.fullmatch(line) for line in lines]
    if not all(found):
        line = lines[found.index(None)]
        raise ObjlocError(f"{path}: expected lines 'SHA256  PATH'; found '{line[:80]}'")
    return {match[2]: match[1] for match in found if match}


def verify_content(content: bytes, expected: str, place: str | Path, remedy: str) -> None:
    """Compare a file's content with its checksum.

    Args:
        content: what was read.
        expected: SHA-256, hexadecimal.
        place: name in the error.
        remedy: advice in the error.

    Raises:
        ObjlocError: they differ.
    """
    if (found := hashlib.sha256(content).hexdigest()) != expected:
        raise ObjlocError(f"{place}: damaged: expected sha256 {expected}; found {found} ({remedy})")


def verify_files(folder: Path, names: Iterable[str], remedy: str) -> None:
    """Compare files with a folder's ``SHA256SUMS``, if it has one that lists them.

    Args:
        folder: the folder.
        names: paths in it.
        remedy: advice in the error.

    Raises:
        ObjlocError: a file is not as it was written.
    """
    sums = read_sums(folder) or {}
    for name in names:
        path = folder / name
        if name in sums and path.is_file():
            verify_content(path.read_bytes(), sums[name], path, remedy)
