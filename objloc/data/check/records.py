"""Read a folder's images and annotations; list what is wrong instead of raising."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from objloc.data.check.duplicates import Fingerprint, fingerprint
from objloc.data.own.pictures import Picture
from objloc.data.own.reader import FolderReader, PlacedObject
from objloc.data.own.written import WrittenImage
from objloc.data.sample import VocObject
from objloc.progress import progress

TINY = 4.0
"""Side in pixels below which a box is too small to be an object."""


@dataclass(frozen=True)
class Record:
    """One image.

    Attributes:
        name: path of the image's file within the folder; the annotation's if it has none.
        place: name of the annotation in messages.
        image: path of the image; None if missing.
        objects: its objects; None if they can't be read.
        fingerprint: features to compare images by; None if the pixels can't be read.
    """

    name: str
    place: str
    image: Path | None
    objects: tuple[PlacedObject, ...] | None
    fingerprint: Fingerprint | None

    @property
    def kept(self) -> tuple[VocObject, ...]:
        """Objects that the pipeline keeps."""
        return tuple(each.kept for each in self.objects or () if each.kept)


def read_records(reader: FolderReader) -> list[Record]:
    """Read every image; each file is read once."""
    records = []
    with progress("check", len(reader.images), "images") as advance:
        for image in reader.images:
            records.append(_record(reader, image))
            advance(1)
    return records


def _record(reader: FolderReader, image: WrittenImage) -> Record:
    name = reader.layout.relative(image.image) if image.image else image.place
    picture = reader.picture(image)
    if picture is None:
        return Record(name, image.place, image.image, None, None)
    _report_kind(reader, name, picture)
    placed = reader.place(image, picture)
    _report_boxes(reader, image.place, placed)
    digest = hashlib.sha256(picture.data).hexdigest()
    return Record(
        name,
        image.place,
        image.image,
        None if image.objects is None else tuple(placed),
        fingerprint(digest, picture.pixels),
    )


def _report_kind(reader: FolderReader, name: str, picture: Picture) -> None:
    if picture.orientation != 1:
        reader.findings.note("orientation", name, f"EXIF orientation {picture.orientation}")
    if picture.mode.startswith(("I", "F")):
        reader.findings.count("kind", "greys of more than 8 bits are scaled by their range", name)
    elif picture.mode not in ("RGB", "L"):
        reader.findings.count("kind", f"pixels of mode {picture.mode} are made RGB", name)
    wanted = {".JPG": "JPEG", ".JPEG": "JPEG", ".TIF": "TIFF", ".PPM": "PPM", ".PGM": "PPM"}
    suffix = Path(name).suffix.upper()
    if picture.kind not in (wanted.get(suffix, suffix[1:]), "MPO"):
        reader.findings.note("kind", name, f"the file is a {picture.kind} in truth")


def _report_boxes(reader: FolderReader, place: str, placed: Sequence[PlacedObject]) -> None:
    """Report boxes that are read, but hardly as they were meant."""
    counts: dict[tuple[str, str], int] = {}
    for each in placed:
        key = (each.written.category, each.written.text)
        counts[key] = counts.get(key, 0) + 1
        if each.kept and min(_sides(each.kept)) < TINY:
            message = f"'{key[0]}' {key[1]}: a side below {TINY:g} pixels"
            reader.findings.warning("box", each.written.place, message)
    for (category, text), count in counts.items():
        if count > 1:
            message = f"'{category}' {text} is annotated {count} times"
            reader.findings.warning("box", place, message)


def _sides(each: VocObject) -> tuple[float, float]:
    return (each.box[2] - each.box[0], each.box[3] - each.box[1])
