"""The cache of what was fetched by URL: indices, and the files that they name.

A file comes into it whole or not at all, and is verified whenever it is opened. The index is
fetched again for each command, unless a parameter states the hash of the one that is there.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Self

from objloc.checksums import CHECKSUM, verify_checksum
from objloc.data.remote.pointer import is_url, write_pointer
from objloc.data.remote.transfer import copy_from_url
from objloc.data.shard_index import INDEX_FILE
from objloc.errors import ObjlocError
from objloc.files import repository_root, write_atomically
from objloc.partial import partial_file, sweep

CACHE = "OBJLOC_CACHE"
"""Variable that names the cache's folder."""
_MAX_INDEX = 2**30


@dataclass(frozen=True)
class RemoteFile:
    """A file of a folder by URL.

    Attributes:
        name: its name in the folder.
        key: its name in the cache, which another content would not have.
        size: maximum number of bytes.
        fault: what is wrong with an opened file; None: it is as expected.
    """

    name: str
    key: str
    size: int
    fault: Callable[[BufferedReader], str | None]

    @property
    def path(self) -> Path:
        """Its place in the cache."""
        return cache_folder() / self.key


@dataclass(frozen=True)
class Stated:
    """The hash by which a parameter names an index.

    Attributes:
        parameter: its name.
        entry: the entry of the index that must have its value.
        value: None: any.
    """

    parameter: str
    entry: str
    value: str | None

    @classmethod
    def shards(cls, value: str | None) -> Self:
        """The hash of shards."""
        return cls("dataset.data_hash", "data_hash", value)

    @classmethod
    def features(cls, value: str | None) -> Self:
        """The hash of a feature store."""
        return cls("encode.checksum", CHECKSUM, value)


def cache_folder() -> Path:
    """Folder of fetched files: ``OBJLOC_CACHE``, or ``.objloc/cache`` of the repository."""
    stated = os.environ.get(CACHE)
    return Path(stated).expanduser() if stated else repository_root() / ".objloc" / "cache"


def folder_at(place: str, stated: Stated) -> Path:
    """The folder that a command's argument names; of a URL, a folder that stands for it.

    Args:
        place: a folder or a URL.
        stated: the hash that the index of a URL must have.

    Raises:
        ObjlocError: there is no index at the URL, or it is damaged or another; the URL's kind
            is unknown, or the package for it is missing.
    """
    if not is_url(place):
        return Path(place)
    content = fetch_index(place, stated)
    key = hashlib.sha256(f"{place}\n".encode() + content).hexdigest()
    folder = cache_folder() / key[:32]
    write_pointer(folder, place, content)
    return folder


def fetch_index(url: str, stated: Stated) -> bytes:
    """Fetch ``index.json`` of a folder by URL and verify its checksum.

    If its hash is stated, the one in the cache is as good, and no server is needed.

    Raises:
        ObjlocError: there is none, or it is damaged or another than stated.
    """
    url = url.rstrip("/")
    place = f"{url}/{INDEX_FILE}"
    path = cache_folder() / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"
    cached = _cached_index(path)
    known = cached[1].get(stated.entry) if cached else None
    if cached and stated.value is not None and stated.value == known:
        return cached[0]
    try:
        with _cache_written(path.parent) as cache, partial_file(cache, INDEX_FILE) as partial:
            copy_from_url(place, partial, _MAX_INDEX)
            content = partial.read_bytes()
    except ObjlocError as error:
        if known is None or stated.value is not None:
            raise
        raise ObjlocError(
            f"{error} (with {stated.parameter}={known} the index in the cache is used, and no "
            "server asked)"
        ) from None
    found = _verified(content, place).get(stated.entry)
    if stated.value not in (None, found):
        raise ObjlocError(f"{url}: expected {stated.parameter} {stated.value}; found {found}")
    write_atomically(path, content)
    return content


def _cached_index(path: Path) -> tuple[bytes, dict[str, Any]] | None:
    """An index in the cache and its entries; None if there is none, or it is damaged."""
    try:
        content = path.read_bytes()
        return content, _verified(content, str(path))
    except (OSError, ObjlocError):
        return None


def _verified(content: bytes, place: str) -> dict[str, Any]:
    """Entries of an index.

    Raises:
        ObjlocError: it is none, or damaged.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or CHECKSUM not in value:
        raise ObjlocError(f"{place}: expected an index with its checksum; found something else")
    verify_checksum(value, place)
    return value


def open_remote(url: str, wanted: RemoteFile) -> BufferedReader:
    """Open a verified file of a folder by URL, fetched if the cache lacks it as it should be.

    If several processes want the same file, the others wait for the first.

    Raises:
        ObjlocError: the file cannot be fetched, or is not as expected.
    """
    from filelock import FileLock  # noqa: PLC0415  # only for URLs

    from objloc.progress import progress  # noqa: PLC0415  # only for URLs

    path = wanted.path
    if (found := _open_verified(path, wanted)) is not None:
        return found
    place = f"{url.rstrip('/')}/{wanted.name}"
    with _cache_written(path.parent) as cache, FileLock(cache / f".{path.name}.lock"):
        if (found := _open_verified(path, wanted)) is not None:
            return found
        sweep(cache, path.name)
        with partial_file(cache, path.name) as partial:
            with progress(wanted.name, wanted.size, "bytes") as advance:
                copy_from_url(place, partial, wanted.size, advance)
            file = partial.open("rb")
            if (fault := wanted.fault(file)) is not None:
                file.close()
                raise ObjlocError(f"{place}: damaged: {fault}")
            partial.chmod(0o644)
            partial.replace(path)
    file.seek(0)
    return file


def _open_verified(path: Path, wanted: RemoteFile) -> BufferedReader | None:
    """The cache's file; None if there is none, or if it was changed."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ObjlocError(f"{path}: cannot be read: {error.strerror or error}") from None
    if wanted.fault(file) is not None:
        file.close()
        return None
    file.seek(0)
    return file


@contextmanager
def _cache_written(cache: Path) -> Iterator[Path]:
    """Make the cache's folder, and report what cannot be written to it.

    Raises:
        ObjlocError: the disk is full, or the folder is not writable.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        yield cache
    except OSError as error:
        raise ObjlocError(
            f"{cache}: cannot be written: {error.strerror or error} ({CACHE} names another cache)"
        ) from None
