"""List and read files in a zip archive.

Nothing is extracted. Only regular members whose names match a pattern are read, straight
from the archive, up to a size limit.
"""

import os
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from objloc.errors import ObjlocError
from objloc.files import require_at_most

MIB = 2**20
MAX_RATIO, ANY_SIZE = 100, MIB
"""Maximum size of a member, as a multiple of its packed size, where it is more than the second."""

_ENCRYPTED = 0x1
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""Exceptions that ``zipfile`` raises on damaged archives."""


@dataclass(frozen=True, slots=True)
class ZippedFile:
    """A member of an archive.

    Attributes:
        archive: the archive.
        name: the member's path in it.
        size: number of bytes.
        year: name of the data's year.
    """

    archive: Path
    name: str
    size: int
    year: str = ""

    @property
    def place(self) -> str:
        """Name in error messages."""
        return f"{self.archive}: {self.name}"

    def read(self) -> bytes:
        """Read the member's bytes and verify their checksum.

        Raises:
            ObjlocError: the archive can't be read, or the member is damaged.
        """
        try:
            # A process of its own position in the file: forked ones would share it.
            with _opened(self.archive, os.getpid()).open(self.name) as file:
                content = file.read(self.size + 1)
        except _DAMAGE as error:
            raise ObjlocError(f"{self.place}: damaged: {_reason(error)}") from None
        except OSError as error:
            raise ObjlocError(f"{self.place}: cannot be read: {error.strerror or error}") from None
        if len(content) != self.size:
            raise ObjlocError(f"{self.place}: expected {self.size} bytes; found {len(content)}")
        return content


def list_zip(archive: Path, pattern: re.Pattern[str], limit: int) -> dict[str, ZippedFile]:
    """List the members of an archive whose whole names match, by name, in the archive's order.

    Args:
        archive: a zip archive.
        pattern: names to list; it must allow no way out of a folder.
        limit: maximum size of such a member in bytes.

    Raises:
        ObjlocError: the archive is missing, damaged or none; a member that matches occurs
            twice, is not a regular file, is encrypted, or exceeds the limit.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [each for each in opened.infolist() if pattern.fullmatch(each.filename)]
    except _DAMAGE as error:
        raise ObjlocError(
            f"{archive}: expected a whole zip archive; found: {_reason(error)}"
        ) from None
    except OSError as error:
        raise ObjlocError(f"{archive}: cannot be read: {error.strerror or error}") from None
    found: dict[str, ZippedFile] = {}
    for member in members:
        file = ZippedFile(archive, member.filename, member.file_size)
        if member.filename in found:
            raise ObjlocError(f"{file.place}: expected each member once; found it again")
        _check(member, file.place, limit)
        found[member.filename] = file
    return found


def _check(member: zipfile.ZipInfo, place: str, limit: int) -> None:
    # The upper half holds Unix's mode; 0 where the archive was made elsewhere.
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise ObjlocError(f"{place}: expected a regular file; found a link or device")
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _PACKINGS:
        raise ObjlocError(f"{place}: expected a stored or deflated file; found another packing")
    largest = min(limit, max(ANY_SIZE, MAX_RATIO * member.compress_size))
    require_at_most(member.file_size, place, largest)


@lru_cache(maxsize=8)
def _opened(archive: Path, _process: int) -> zipfile.ZipFile:
    """An archive, whose list of members is read once in each process."""
    return zipfile.ZipFile(archive)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
