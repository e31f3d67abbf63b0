"""List and read the files of a devkit, in an archive or in a folder.

Nothing is extracted. Only regular members whose names match a pattern are read,
straight from the archive, up to a size limit.
"""

import gzip
import re
import tarfile
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from objloc.checksums import verify_content
from objloc.data.source import AGAIN
from objloc.errors import ObjlocError
from objloc.files import require_at_most
from objloc.partial import partial_file, sweep

MIB = 2**20
SIZE_LIMITS = {"Annotations": MIB, "ImageSets/Main": 16 * MIB, "JPEGImages": 64 * MIB}
"""Folders of a devkit that are read, and the maximum size in bytes of a file in each."""

_NAME = re.compile(
    r"(?P<folders>(?:(?!\.\.?/)[^/]+/)*)"
    r"(?:(?P<annotations>Annotations)/(?P<xml>[^/.][^/]*)\.xml"
    r"|(?P<images>JPEGImages)/(?P<jpg>[^/.][^/]*)\.(?:jpg|jpeg|JPG|JPEG)"
    r"|(?P<sets>ImageSets/Main)/(?P<txt>[^/.][^/]*)\.txt)"
)
_ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_SCRATCH = "objloc.tar"
_MAX_DECOMPRESSED = 64 * 1024 * MIB
_MAX_RATIO, _ANY_SIZE = 100, 64 * MIB
"""Maximum size of a gzipped archive's content, as a multiple of its own, where it is more than
the second: photographs are compressed already, and zeros shrink to a thousandth."""


@dataclass(frozen=True, slots=True)
class DevkitFile:
    """One file of a devkit: where its bytes lie, and its name in error messages.

    Attributes:
        year: name of the folder that holds ``Annotations`` and ``JPEGImages``, as in
            ``VOC2007``.
        part: ``Annotations``, ``ImageSets/Main`` or ``JPEGImages``.
        stem: file name without its extension.
        place: name in error messages.
        path: the file that holds the bytes; for a member of an archive, the archive.
        offset: position of the first byte.
        size: number of bytes.
        sha256: checksum of the bytes; empty if it is not known.
    """

    year: str
    part: str
    stem: str
    place: str
    path: Path
    offset: int
    size: int
    sha256: str = ""

    def read(self) -> bytes:
        """Read the file's bytes.

        Raises:
            ObjlocError: the file can't be read, or is not the one that was listed.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                content = file.read(self.size)
        except OSError as error:
            raise ObjlocError(f"{self.place}: cannot be read: {error.strerror or error}") from None
        if len(content) != self.size:
            raise ObjlocError(f"{self.place}: expected {self.size} bytes; found {len(content)}")
        if self.sha256:
            verify_content(content, self.sha256, self.place, AGAIN)
        return content


class Scratch:
    """Temporary files that live as long as this object."""

    def __init__(self) -> None:
        self._files = ExitStack()
        weakref.finalize(self, self._files.close)

    def new_file(self) -> Path:
        """Make an empty file that is removed with this object or at the program's end."""
        folder = Path(tempfile.gettempdir())
        sweep(folder, _SCRATCH)
        return self._files.enter_context(partial_file(folder, _SCRATCH))


def archives_in(folder: Path) -> list[Path]:
    """Tar archives in a folder, sorted by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.endswith(_ARCHIVE_SUFFIXES) and not path.name.startswith(".")
    )


def list_folder(folder: Path) -> Iterator[DevkitFile]:
    """List the files of a year's folder, sorted by name.

    Args:
        folder: the folder of ``Annotations``, ``ImageSets`` and ``JPEGImages``.

    Raises:
        ObjlocError: a file exceeds its limit, or a folder can't be read.
    """
    for part in SIZE_LIMITS:
        if not (folder / part).is_dir():
            continue
        try:
            paths = sorted(path for path in (folder / part).iterdir() if path.is_file())
            for path in paths:
                if match := _NAME.fullmatch(f"{part}/{path.name}"):
                    size = path.stat().st_size
                    yield _checked(
                        match,
                        year=folder.resolve().name,
                        place=str(path),
                        path=path,
                        offset=0,
                        size=size,
                    )
        except OSError as error:
            raise ObjlocError(
                f"{folder / part}: cannot be read: {error.strerror or error}"
            ) from None


def list_archive(archive: Path, scratch: Scratch) -> Iterator[DevkitFile]:
    """List the files of a devkit in a tar archive, in the archive's order.

    Args:
        archive: a tar archive, plain or gzipped.
        scratch: receives the decompressed copy of a gzipped archive, whose members
            can't be read one by one.

    Raises:
        ObjlocError: the archive is missing, cut short, damaged or none; a member of
            the devkit is not a regular file or exceeds its limit.
    """
    plain = _decompressed(archive, scratch)
    try:
        with tarfile.open(plain, "r:") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if (match := _NAME.fullmatch(name)) is None or member.isdir():
                    continue
                place = f"{archive}: {name}"
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
                    raise ObjlocError(f"{place}: expected a regular file; found a link or device")
                year = Path(match["folders"]).name or archive.name.split(".")[0]
                yield _checked(
                    match,
                    year=year,
                    place=place,
                    path=plain,
                    offset=member.offset_data,
                    size=member.size,
                )
            end = tar.offset
    except tarfile.TarError as error:
        raise ObjlocError(f"{archive}: expected a whole tar archive; found: {error}") from None
    except OSError as error:
        raise ObjlocError(f"{archive}: cannot be read: {error.strerror or error}") from None
    _check_end(plain, end, archive)


def _checked(
    match: re.Match[str], *, year: str, place: str, path: Path, offset: int, size: int
) -> DevkitFile:
    part = match["annotations"] or match["images"] or match["sets"]
    require_at_most(size, place, SIZE_LIMITS[part])
    stem = match["xml"] or match["jpg"] or match["txt"]
    return DevkitFile(year, part, stem, place, path, offset, size)


def _check_end(plain: Path, end: int, archive: Path) -> None:
    """Refuse an archive without a proper end.

    ``tarfile`` stops without an error at a damaged header or at a cut between
    members. A whole archive ends with two or more blocks of zeros.
    """
    zeros = 0
    with plain.open("rb") as file:
        file.seek(end)
        while block := file.read(MIB):
            if block.count(0) != len(block):
                raise ObjlocError(
                    f"{archive}: expected a whole tar archive; found a damaged header "
                    f"near byte {end}"
                )
            zeros += len(block)
    if zeros < 2 * tarfile.BLOCKSIZE:
        raise ObjlocError(
            f"{archive}: expected a whole tar archive; found no end mark after byte {end} "
            f"(cut short?)"
        )


def _decompressed(archive: Path, scratch: Scratch) -> Path:
    """The archive itself, or a decompressed copy if it is gzipped."""
    try:
        with archive.open("rb") as file:
            if file.read(2) != b"\x1f\x8b":
                return archive
        limit = min(max(_MAX_RATIO * archive.stat().st_size, _ANY_SIZE), _MAX_DECOMPRESSED)
        plain = scratch.new_file()
        with gzip.open(archive, "rb") as packed, plain.open("wb") as unpacked:
            while block := packed.read(4 * MIB):
                if unpacked.tell() + len(block) > limit:
                    raise ObjlocError(
                        f"{archive}: expected at most {limit // MIB} MiB of content; found more"
                    )
                unpacked.write(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ObjlocError(f"{archive}: expected a whole gzipped archive; found: {error}") from None
    except OSError as error:
        raise ObjlocError(f"{archive}: cannot be read: {error.strerror or error}") from None
    return plain
