"""Folders of shards or features by URL: only their index is fetched at once, files when needed.

A folder that stands for a URL holds the index and ``origin.json``, which names the URL. Its
files come into a cache, whole or not at all, and are verified whenever they are opened.
fsspec knows how each kind of server is asked; credentials come from the environment, as the
packages of the servers have it.
"""

import asyncio
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Self

from objloc.checksums import CHECKSUM, verify_checksum
from objloc.data.shard_index import INDEX_FILE
from objloc.data.source import Checked, parse_json, write_model
from objloc.errors import ObjlocError
from objloc.files import folder_written_whole, repository_root, write_atomically
from objloc.partial import partial_file, sweep

ORIGIN_FILE = "origin.json"
CACHE = "OBJLOC_CACHE"
"""Variable that names the cache's folder."""
_EXTRAS = {"s3": "s3", "gs": "gcs", "http": "http", "https": "http"}
"""Kinds of URLs, and the extra of this package that each needs."""
_URL = re.compile(r"(?P<kind>[a-z0-9]+)://(?P<host>[^/@?#:]+(:\d+)?)(/[^?#]*)?")
_MAX_INDEX = 2**30
_SILENCE = 60.0
"""Seconds without a byte after which an http server is given up."""
_REFUSED = (401, 403)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Origin(Checked):
    """Content of ``origin.json``."""

    url: str


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


def is_url(place: str) -> bool:
    """Whether a place is a URL, not a folder."""
    return "://" in place


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
            _get(place, partial, _MAX_INDEX)
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
                _get(place, partial, wanted.size, advance)
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


def _get(
    place: str, path: Path, most: int, advance: Callable[[int], None] = lambda _: None
) -> None:
    """Copy a file by URL to a path.

    Raises:
        ObjlocError: it cannot be fetched, or has more than ``most`` bytes.
        OSError: the path cannot be written.
    """
    from fsspec.callbacks import Callback  # noqa: PLC0415  # only for URLs

    class Watch(Callback):  # type: ignore[misc]  # it has no types
        """Count the bytes, and end a copy that brings more than there should be."""

        def relative_update(self, inc: int = 1) -> None:
            super().relative_update(inc)
            if self.value > most:
                raise ObjlocError(f"{place}: expected at most {most} bytes; found more")
            advance(inc)

    files = _file_system(place)
    try:
        files.get_file(place, str(path), callback=Watch())
    except (ObjlocError, KeyboardInterrupt):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            raise
        raise ObjlocError(f"{place}: cannot be fetched: {_reason(error)}") from None


def _file_system(place: str) -> Any:
    """File system of a URL, fsspec's.

    Raises:
        ObjlocError: the URL is of an unknown kind, has credentials in it, or its package is
            missing.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415  # only for URLs

    match = _URL.fullmatch(place)
    if match is None or match["kind"] not in _EXTRAS:
        kinds = ", ".join(f"{kind}://" for kind in _EXTRAS)
        raise ObjlocError(
            f"{_without_secrets(place)}: expected {kinds} and a path, without credentials or a "
            f"query; found another address"
        )
    options: dict[str, Any] = {}
    extra = _EXTRAS[match["kind"]]
    try:
        if extra == "http":
            import aiohttp  # noqa: PLC0415  # an extra

            # By default a download may take five minutes in all, however large it is.
            patience = aiohttp.ClientTimeout(total=None, connect=_SILENCE, sock_read=_SILENCE)
            options["client_kwargs"] = {"timeout": patience, "trust_env": True}
        files = url_to_fs(place, **options)[0]
    except ImportError:
        raise ObjlocError(
            f"{place}: expected the packages for {match['kind']}:// addresses; found them not "
            f"installed (pip install 'objloc[{extra}]')"
        ) from None
    return files


def _without_secrets(place: str) -> str:
    """A refused address without what may be a password or a signature: errors get into logs."""
    return re.sub(r"[?#].*", "?...", re.sub(r"//[^/]*@", "//...@", place))


def _reason(error: Exception) -> str:
    """Say in a few words why a file could not be fetched."""
    text = " ".join(str(error).split()) or type(error).__name__
    status = error.status if hasattr(error, "status") else getattr(error, "code", None)
    if isinstance(error, FileNotFoundError):
        return "no such bucket, folder or file"
    if isinstance(error, PermissionError) or status in _REFUSED:
        return f"access refused: {text} (credentials are taken from the environment)"
    if "credentials" in text.lower():
        return f"{text} (they are taken from the environment)"
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return "no answer in time"
    return text
