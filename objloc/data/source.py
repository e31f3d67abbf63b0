"""The record ``source.json``: where a dataset's folder came from."""

import json
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from objloc.checksums import (
    CHECKSUM,
    SUMS_FILE,
    checksum_of,
    read_sums,
    verify_checksum,
    verify_content,
)
from objloc.errors import ObjlocError, first_complaint
from objloc.files import file_hash, write_json

SOURCE_FILE = "source.json"

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")]
AGAIN = "run the download stage again"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


Model = TypeVar("Model", bound=BaseModel)


class Checked(BaseModel):
    """A frozen model that refuses unknown keys and wrong types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FetchedArchive(Checked):
    """An archive in the folder."""

    name: FileName
    bytes: Annotated[int, Field(ge=0)]
    md5: Md5


class Source(Checked):
    """Origin of a devkit.

    Attributes:
        name: name of the data in results: ``voc2007``, or ``voc2007 (mirror
            a95bd28b, 6b06333e)`` when a mirror's own checksums were verified.
        archives: archives in the folder; empty for a devkit that was drawn or converted.
        files: SHA-256 of ``SHA256SUMS``, which lists the files of such a devkit; None in
            older folders.
    """

    name: Annotated[str, Field(min_length=1)]
    archives: tuple[FetchedArchive, ...]
    files: Sha256 | None = None


def write_source(folder: Path, source: Source) -> None:
    """Write ``source.json`` into a folder."""
    write_model(folder / SOURCE_FILE, source)


def read_source(folder: Path) -> Source | None:
    """Read a folder's ``source.json`` and verify the archives; None if it has none.

    Raises:
        ObjlocError: the file is damaged, or an archive that it names is missing
            or another one.
    """
    path = folder / SOURCE_FILE
    if not path.is_file():
        return None
    source = parse_json(Source, path)
    for archive in source.archives:
        file = folder / archive.name
        if not file.is_file():
            raise ObjlocError(
                f"{file}: expected the archive that {SOURCE_FILE} names; found no such file "
                f"({AGAIN})"
            )
        if (size := file.stat().st_size) != archive.bytes:
            raise ObjlocError(f"{file}: expected {archive.bytes} bytes; found {size} ({AGAIN})")
        if (md5 := file_hash(file, "md5")) != archive.md5:
            raise ObjlocError(f"{file}: damaged: expected md5 {archive.md5}; found {md5} ({AGAIN})")
    return source


def sums_of(folder: Path, source: Source) -> dict[str, str] | None:
    """Checksums of a devkit's files by path in the folder; None if there are none.

    Raises:
        ObjlocError: the list of checksums is damaged, or a file of it is missing.
    """
    if source.files is None:
        return None
    path = folder / SUMS_FILE
    sums = read_sums(folder)
    if sums is None:
        raise ObjlocError(f"{path}: expected the checksums of the files; found no file ({AGAIN})")
    verify_content(path.read_bytes(), source.files, path, AGAIN)
    for name in sums:
        if not (folder / name).is_file():
            raise ObjlocError(
                f"{folder / name}: expected a file that {SUMS_FILE} lists; found none ({AGAIN})"
            )
    return sums


def parse_json(kind: type[Model], path: Path) -> Model:
    """Read a JSON file as a validated model, and verify its checksum if it has one.

    Raises:
        ObjlocError: the file is missing, damaged or not valid; the message names the key.
    """
    try:
        content = path.read_bytes()
        return kind.model_validate_json(_without_checksum(content, path))
    except OSError as error:
        raise ObjlocError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise ObjlocError(f"{path}: {first_complaint(error)}") from None


def _without_checksum(content: bytes, path: Path) -> bytes:
    """Verify the checksum of a JSON object, and leave it out; other content as it is."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if not isinstance(value, dict) or CHECKSUM not in value:
        return content
    verify_checksum(value, path)
    del value[CHECKSUM]
    return json.dumps(value).encode()


def write_model(path: Path, model: BaseModel) -> None:
    """Write a model as JSON, without entries of None and with a checksum.

    Raises:
        ObjlocError: the file cannot be written.
    """
    value = model.model_dump(mode="json", exclude_none=True)
    write_json(path, {**value, CHECKSUM: checksum_of(value)})
