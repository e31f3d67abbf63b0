"""Write files atomically, and hash them."""

import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from objloc.errors import ObjlocError


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
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes files private; give them the permissions of ordinary files.
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ObjlocError(f"{path}: cannot be written: {error.strerror or error}") from error


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
        temporary = Path(tempfile.mkdtemp(dir=place, prefix=f".{folder.name}."))
    except OSError as error:
        raise ObjlocError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        yield temporary
        _publish(temporary, folder, obsolete)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, folder: Path, obsolete: Sequence[str]) -> None:
    files = [path for path in sorted(temporary.rglob("*")) if path.is_file()]
    places = [folder / path.relative_to(temporary) for path in files]
    try:
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
    except OSError as error:
        raise ObjlocError(f"{folder}: cannot be written: {error.strerror or error}") from error


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
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise ObjlocError(f"{path}: cannot be written: {error.strerror or error}") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        earlier = temporary.with_name(f"{temporary.name}.earlier")
        if path.exists():
            path.rename(earlier)
        temporary.rename(path)
        shutil.rmtree(earlier, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise ObjlocError(f"{path}: cannot be written: {error.strerror or error}") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
