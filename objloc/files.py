"""Write files atomically, and hash them."""

import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from objloc.errors import ObjlocError
from objloc.partial import SUFFIX, partial_file, partial_folder


def repository_root() -> Path:
    """Root of the main workspace, to which relative mirrors and the MLflow store belong.

    DVC sets ``DVC_ROOT`` for its stages, to the main workspace even while a queued
    experiment runs in a temporary copy. Without DVC the root is the nearest folder at
    or above the working folder that holds ``dvc.yaml``.
    """
    if root := os.environ.get("DVC_ROOT"):
        return Path(root).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    return here


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def read_at_most(path: Path, place: str, most: int) -> bytes:
    """Content of a file that must not be larger than a limit.

    Args:
        path: the file.
        place: its name in messages.
        most: maximum number of bytes.

    Raises:
        ObjlocError: the file can't be read, or is larger.
    """
    try:
        require_at_most(path.stat().st_size, place, most)
        return path.read_bytes()
    except OSError as error:
        raise ObjlocError(f"{place}: cannot be read: {error.strerror or error}") from None


def require_at_most(size: int, place: str, most: int) -> None:
    """Refuse a file of too many bytes.

    Raises:
        ObjlocError: it has more than ``most``.
    """
    if size > most:
        limit = f"{most // 2**20} MiB" if most % 2**20 == 0 else f"{most} bytes"
        raise ObjlocError(f"{place}: expected at most {limit}; found {size} bytes")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    A temporary file in the same folder is flushed, synced and renamed, and the folder
    is synced: a rename without sync can lose both contents in a power cut.

    Raises:
        ObjlocError: the disk is full or the folder is not writable.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_file(path.parent, path.name) as temporary:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # Temporary files are private; give them the permissions of ordinary files.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(output: Path, error: OSError) -> ObjlocError:
    """The error of an output that cannot be written; it names a file elsewhere that failed."""
    # An error of copying names both files, and it is the copy that has no space.
    other = "" if error.filename2 else str(error.filename or "")
    elsewhere = f"{other}: " if other and SUFFIX not in other and other != str(output) else ""
    return ObjlocError(f"{output}: cannot be written: {elsewhere}{error.strerror or error}")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with an indent of two spaces, unsorted keys and a final line end.

    Raises:
        ObjlocError: the file cannot be written.
        ValueError: a number is not finite, which JSON cannot express.
    """
    write_atomically(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_yaml(path: Path, value: Any) -> None:
    """Write plain values as YAML with unsorted keys.

    Raises:
        ObjlocError: the file cannot be written.
    """
    stream = io.StringIO()
    YAML().dump(value, stream)
    write_atomically(path, stream.getvalue())


def write_files(folder: Path, contents: Mapping[str, bytes | str]) -> list[Path]:
    """Write files below a folder, all or none; see ``files_published``.

    Args:
        folder: made if it does not exist.
        contents: content by relative path.

    Returns:
        The files.

    Raises:
        ObjlocError: the disk is full or the folder not writable.
    """
    with files_published(folder) as temporary:
        for name, content in contents.items():
            write_atomically(temporary / name, content)
    return [folder / name for name in contents]


@contextmanager
def files_published(folder: Path, obsolete: Sequence[str] = ()) -> Iterator[Path]:
    """Give a temporary folder whose files take their places if the block succeeds.

    An error inside leaves ``folder`` as it was. Unlike ``folder_written_whole`` other
    files in it stay: a person may name any folder by hand.

    Args:
        folder: made if it does not exist.
        obsolete: patterns of earlier outputs that go unless they are written again.

    Raises:
        ObjlocError: ``folder`` cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ObjlocError(f"{folder}: expected a folder; found a file")
    try:
        place = folder if folder.is_dir() else folder.parent
        place.mkdir(parents=True, exist_ok=True)
        with partial_folder(place, folder.name) as temporary:
            yield temporary
            _publish(temporary, folder, obsolete)
    except OSError as error:
        raise _not_written(folder, error) from error


def _publish(temporary: Path, folder: Path, obsolete: Sequence[str]) -> None:
    files = [path for path in sorted(temporary.rglob("*")) if path.is_file()]
    places = [folder / path.relative_to(temporary) for path in files]
    # What can be in the way is found before the first file moves.
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    for path, place in zip(files, places, strict=True):
        path.replace(place)
    for pattern in obsolete:
        for path in folder.glob(pattern):
            if path not in places:
                path.unlink()


@contextmanager
def folder_written_whole(path: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` if the block succeeds.

    An error inside leaves no partial output: the temporary folder is removed
    and an earlier ``path`` stays as it was.

    Args:
        path: folder to write.
        marker: name of a file that every earlier output holds. A folder that is not
            empty and lacks it was made by somebody else, and is not replaced.

    Raises:
        ObjlocError: ``path`` is a file, was made by somebody else, or can't be written.
    """
    if path.exists() and not path.is_dir():
        raise ObjlocError(f"{path}: expected a folder to write; found a file")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).is_file():
        raise ObjlocError(
            f"{path}: expected a new or empty folder, or an earlier output with {marker}; "
            f"found a folder of other files"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_folder(path.parent, path.name) as temporary:
            yield temporary
            temporary.chmod(0o755)
            earlier = temporary.with_name(f"{temporary.name}.earlier")
            if path.exists():
                path.rename(earlier)
            temporary.rename(path)
            shutil.rmtree(earlier, ignore_errors=True)
    except OSError as error:
        raise _not_written(path, error) from error
