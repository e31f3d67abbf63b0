"""Get the dataset that ``dataset.name`` names: archives, drawn scenes or your own folder."""

import hashlib
import re
import shutil
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from objloc import params
from objloc.checksums import write_sums
from objloc.data.download import Download, Patience, download
from objloc.data.own.convert import write_own_devkit
from objloc.data.remote.cache import Stated, fetch_index
from objloc.data.remote.pointer import is_url, write_pointer
from objloc.data.shard_index import read_index
from objloc.data.source import (
    SOURCE_FILE,
    Checked,
    FetchedArchive,
    FileName,
    Md5,
    Source,
    parse_json,
    write_source,
)
from objloc.errors import ObjlocError
from objloc.files import folder_written_whole, repository_root
from objloc.progress import progress
from objloc.scenes import draw_devkit

SUMS_FILE = "MD5SUMS"
COPY_CHUNK = 2**20
PATIENCE = Patience()


class ManifestArchive(Checked):
    """An official archive.

    Attributes:
        bytes: size of the file.
        md5: checksum of the file.
        urls: addresses of the file, best first.
    """

    bytes: Annotated[int, Field(ge=1)]
    md5: Md5
    urls: Annotated[tuple[Annotated[str, Field(pattern=r"^https?://")], ...], Field(min_length=1)]


class Manifest(Checked):
    """The official archives, and the archives of each dataset."""

    archives: dict[FileName, ManifestArchive]
    datasets: dict[str, tuple[FileName, ...]]


def gather(section: params.Dataset, manifest: Path, folder: Path) -> Source:
    """Bring a dataset into a folder: archives, or a devkit drawn or converted; ``source.json``.

    Args:
        section: the parameters ``dataset``.
        manifest: file with the addresses and checksums of the archives.
        folder: folder to write, whole or not at all.

    Returns:
        The content of ``source.json``.

    Raises:
        ObjlocError: an archive is not available or not the expected one; a user's own
            folder is not valid.
    """
    if section.name == "scenes":
        return _gather_scenes(section, folder)
    if section.name == "shards":
        return _gather_shards(section, folder)
    if section.name == "folder":
        return _gather_folder(section, folder)
    known = parse_json(Manifest, manifest)
    if section.name not in known.datasets:
        raise ObjlocError(
            f"{manifest}: datasets: expected an entry '{section.name}'; "
            f"found {', '.join(known.datasets)}"
        )
    for name in known.datasets[section.name]:
        if name not in known.archives:
            raise ObjlocError(f"{manifest}: archives: expected an entry '{name}'; found none")
    archives = {name: known.archives[name] for name in known.datasets[section.name]}
    local = local_mirror(section.mirror)
    if local is not None:
        return _gather_local(section.name, archives, local, folder)
    return _gather_remote(section, archives, folder)


def local_mirror(mirror: str | None) -> Path | None:
    """The folder that ``dataset.mirror`` names; None if it is an address or not given.

    A relative path is relative to the repository root, in queued runs too.

    Raises:
        ObjlocError: the address is of another kind.
    """
    if mirror is None:
        return None
    address = urllib.parse.urlsplit(mirror)
    if address.scheme in ("http", "https"):
        return None
    if address.scheme == "file" and address.netloc in ("", "localhost"):
        return Path(urllib.request.url2pathname(address.path))
    if "://" in mirror or address.scheme == "file":
        raise ObjlocError(
            f"dataset.mirror: expected a folder, a file:// or an http(s):// address; found {mirror}"
        )
    return repository_root() / Path(mirror).expanduser()


def _gather_scenes(section: params.Dataset, folder: Path) -> Source:
    with folder_written_whole(folder, SOURCE_FILE) as temporary:
        images = {str(name): number for name, number in section.scenes_images.items()}
        draw_devkit(temporary, images, section.scenes_seed)
        source = Source(name="scenes", archives=(), files=write_sums(temporary))
        write_source(temporary, source)
    return source


def _gather_shards(section: params.Dataset, folder: Path) -> Source:
    """Fetch the index of shards by URL; ``stages.shard`` passes it on."""
    url = section.path or ""
    if not is_url(url):
        raise ObjlocError(
            f"dataset.path: expected the URL of shards, as dataset.name=shards; "
            f"found {section.path!r}"
        )
    with folder_written_whole(folder, SOURCE_FILE) as temporary:
        write_pointer(temporary, url, fetch_index(url, Stated.shards(section.data_hash)))
        source = Source(name=read_index(temporary).data, archives=())
        write_source(temporary, source)
    return source


def _gather_folder(section: params.Dataset, folder: Path) -> Source:
    """Convert a user's own folder; ``source.json`` states its name, so that results are clear."""
    if not (section.path or "").strip():
        raise ObjlocError(
            f"dataset.path: expected a folder of images, as dataset.name=folder; "
            f"found {section.path!r}"
        )
    own = repository_root() / Path(section.path or "").expanduser()
    if not own.is_dir():
        raise ObjlocError(f"dataset.path: expected a folder of images; found no folder {own}")
    with folder_written_whole(folder, SOURCE_FILE) as temporary:
        write_own_devkit(own, temporary, section)
        name = f"folder {own.resolve().name}"
        source = Source(name=name, archives=(), files=write_sums(temporary))
        write_source(temporary, source)
    return source


def _gather_remote(
    section: params.Dataset, archives: Mapping[str, ManifestArchive], folder: Path
) -> Source:
    """Download from the official addresses, or from a mirror's.

    DVC deletes the stage's folder before each attempt. Partial downloads therefore lie
    elsewhere and are moved on success.
    """
    downloads = repository_root() / ".objloc" / "downloads"
    mirror = section.mirror.rstrip("/") if section.mirror else None
    fetched: dict[str, Path] = {}
    for name, archive in archives.items():
        urls = archive.urls if mirror is None else (f"{mirror}/{urllib.parse.quote(name)}",)
        wanted = Download(name, archive.bytes, archive.md5, urls, downloads, PATIENCE)
        fetched[name] = download(wanted)
    source = Source(
        name=section.name,
        archives=tuple(
            FetchedArchive(name=name, bytes=archive.bytes, md5=archive.md5)
            for name, archive in archives.items()
        ),
    )
    with folder_written_whole(folder, SOURCE_FILE) as temporary:
        for name, path in fetched.items():
            shutil.move(path, temporary / name)
        write_source(temporary, source)
    return source


def _gather_local(
    dataset: str, archives: Mapping[str, ManifestArchive], mirror: Path, folder: Path
) -> Source:
    """Copy from a folder and verify the copies, by the folder's own MD5SUMS if it has them.

    Copies, not links: DVC makes its outs read-only, which through a hard link would
    affect the user's own file.
    """
    if not mirror.is_dir():
        raise ObjlocError(
            f"dataset.mirror: expected a folder with {', '.join(archives)}; "
            f"found no folder {mirror}"
        )
    own = read_md5sums(mirror / SUMS_FILE) if (mirror / SUMS_FILE).is_file() else None
    fetched = []
    with folder_written_whole(folder, SOURCE_FILE) as temporary:
        for name, archive in archives.items():
            expected = archive.md5
            if own is not None:
                if name not in own:
                    raise ObjlocError(
                        f"{mirror / SUMS_FILE}: expected a line for {name}; found none"
                    )
                expected = own[name]
            size = archive.bytes if expected == archive.md5 else None
            fetched.append(_copy_verified(mirror / name, temporary / name, expected, size))
        official = all(each.md5 == archives[each.name].md5 for each in fetched)
        digests = ", ".join(each.md5[:8] for each in fetched)
        source = Source(
            name=dataset if official else f"{dataset} (mirror {digests})", archives=tuple(fetched)
        )
        write_source(temporary, source)
    return source


def read_md5sums(path: Path) -> dict[str, str]:
    """Read a file in the format of ``md5sum``: checksum by file name.

    Raises:
        ObjlocError: a line has another format.
    """
    sums = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ObjlocError(f"{path}: cannot be read: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if not (match := re.fullmatch(r"([0-9a-fA-F]{32}) [ *](?:\./)?(\S+)\s*", line)):
            raise ObjlocError(f"{path}: line {number}: expected 'MD5  NAME'; found '{line[:80]}'")
        sums[match[2]] = match[1].lower()
    return sums


def _copy_verified(original: Path, copy: Path, md5: str, size: int | None) -> FetchedArchive:
    """Copy a file, verifying its size and checksum on the way."""
    if not original.is_file():
        raise ObjlocError(f"{original}: expected an archive with md5 {md5}; found no such file")
    digest = hashlib.md5(usedforsecurity=False)
    try:
        found_size = original.stat().st_size
        if size is not None and size != found_size:
            raise ObjlocError(f"{original}: expected {size} bytes; found {found_size}")
        with (
            original.open("rb") as source,
            copy.open("xb") as file,
            progress(original.name, found_size, "bytes") as advance,
        ):
            while block := source.read(COPY_CHUNK):
                digest.update(block)
                file.write(block)
                advance(len(block))
    except OSError as error:
        raise ObjlocError(f"{original}: cannot be copied: {error.strerror or error}") from None
    if (found := digest.hexdigest()) != md5:
        raise ObjlocError(f"{original}: wrong checksum: expected md5 {md5}; found {found}")
    return FetchedArchive(name=original.name, bytes=found_size, md5=md5)
