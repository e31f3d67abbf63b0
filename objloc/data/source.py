"""The record ``source.json``: where a dataset's folder came from."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from objloc.errors import ObjlocError, first_complaint
from objloc.files import write_json

SOURCE_FILE = "source.json"

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")]
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
        archives: archives in the folder; empty for drawn data.
    """

    name: Annotated[str, Field(min_length=1)]
    archives: tuple[FetchedArchive, ...]


def write_source(folder: Path, source: Source) -> None:
    """Write ``source.json`` into a folder."""
    write_json(folder / SOURCE_FILE, source.model_dump(mode="json"))


def read_source(folder: Path) -> Source | None:
    """Read a folder's ``source.json``; None if it has none.

    Raises:
        ObjlocError: the file is damaged, or an archive that it names is missing
            or of another size.
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
                f"(run the download stage again)"
            )
        if (size := file.stat().st_size) != archive.bytes:
            raise ObjlocError(
                f"{file}: expected {archive.bytes} bytes; found {size} "
                f"(run the download stage again)"
            )
    return source


def parse_json(kind: type[Model], path: Path) -> Model:
    """Read a JSON file as a validated model.

    Raises:
        ObjlocError: the file is missing or not valid; the message names the key.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ObjlocError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise ObjlocError(f"{path}: {first_complaint(error)}") from None
