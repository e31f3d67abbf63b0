"""A folder's images and annotations, read with patience: what is wrong is listed."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from objloc.box import from_voc
from objloc.data.annotation import parse_annotation
from objloc.data.check.duplicates import Fingerprint, fingerprint
from objloc.data.check.findings import Finding, Severity
from objloc.data.own.convert import find_images
from objloc.data.own.layout import Kind, Layout, set_of
from objloc.data.own.pictures import read_picture
from objloc.data.sample import Coordinates
from objloc.errors import ObjlocError
from objloc.progress import progress

MAX_XML = 2**20


@dataclass(frozen=True)
class RawObject:
    """An object as written: four numbers in whatever convention."""

    category: str
    box: Coordinates
    place: str


@dataclass(frozen=True)
class Labels:
    """What an annotation says.

    Attributes:
        declared: width and height; None where there is none that makes sense.
        objects: those with four numbers.
    """

    declared: tuple[int, int] | None
    objects: tuple[RawObject, ...]


@dataclass(frozen=True)
class Record:
    """One image.

    Attributes:
        name: path of its file within the folder; of the annotation where it has none.
        place: what messages about its annotation call it.
        image: its file; None if missing.
        labels: None without a readable annotation.
        image_set: that names of folders or files tell.
        size: of the pixels in the file; None if they can't be read.
        upright_size: with the camera's orientation applied.
        fingerprint: None if the pixels can't be read.
    """

    name: str
    place: str
    image: Path | None
    labels: Labels | None
    image_set: str | None
    size: tuple[int, int] | None
    upright_size: tuple[int, int] | None
    fingerprint: Fingerprint | None


def as_read(kind: Kind, box: Coordinates) -> Coordinates:
    """The box in zero-based, half-open pixels, as the pipeline would understand it."""
    if kind == "voc":
        return from_voc(box)
    x, y, width, height = box
    return (x, y, x + width, y + height)


class RecordReader:
    """Reads all of a folder; ``findings`` holds what went wrong on the way."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.findings: list[Finding] = []

    def read(self) -> list[Record]:
        """Every image, each file looked at once."""
        items = list(self._voc() if self._layout.kind == "voc" else self._coco())
        records = []
        with progress("check", len(items), "images") as advance:
            for item in items:
                records.append(self._with_pixels(*item))
                advance(1)
        return records

    def _voc(self) -> Iterator[tuple[str, Path | None, Labels | None, str | None]]:
        for pair in self._layout.pairs:
            place = self._layout.relative(pair.place)
            image_set = set_of(Path(place).parent)
            if pair.annotation is None:
                self._tell("error", "missing", place, "expected an annotation; found none")
                yield place, pair.image, None, image_set
                continue
            if pair.image is None:
                self._tell("error", "missing", place, "expected an image; found none")
            yield place, pair.image, self._xml(pair.annotation, place), image_set

    def _coco(self) -> Iterator[tuple[str, Path | None, Labels | None, str | None]]:
        seen: dict[Path, str] = {}
        for file in self._layout.coco:
            name = self._layout.relative(file.path)
            for problem in file.problems:
                self._tell("error", "annotation", name, problem)
            paths = find_images(self._layout, file)
            for image in file.images:
                path = paths[image.file_name]
                if path is None:
                    message = f"expected the image '{image.file_name}'; found none"
                    self._tell("error", "missing", name, message)
                elif path in seen:
                    message = f"'{image.file_name}' is also in {seen[path]}"
                    self._tell("error", "annotation", name, message)
                else:
                    seen[path] = name
                objects = tuple(RawObject(o.category, o.box, o.place) for o in image.objects)
                labels = Labels(image.size, objects)
                yield image.place, path, labels, set_of(Path(name).with_suffix(""))
        for path in self._layout.images:
            if path not in seen:
                name = self._layout.relative(path)
                self._tell("note", "unused", name, "no JSON file names this image")

    def _xml(self, path: Path, place: str) -> Labels | None:
        try:
            content = path.read_bytes()
        except OSError as error:
            self._tell("error", "corrupt", place, f"cannot be read: {error.strerror or error}")
            return None
        if not content:
            self._tell("error", "empty", place, "expected an annotation; found an empty file")
            return None
        try:
            if len(content) > MAX_XML:
                raise ObjlocError(f"{place}: expected at most 1 MiB; found {len(content)} bytes")
            root = parse_annotation(content, place)
        except ObjlocError as error:
            self._tell("error", "corrupt", place, str(error).removeprefix(f"{place}: "))
            return None
        objects = (
            self._object(element, f"{place}: object {number}")
            for number, element in enumerate(root.findall("object"), start=1)
        )
        return Labels(_declared(root), tuple(each for each in objects if each is not None))

    def _object(self, element: etree._Element, place: str) -> RawObject | None:
        category = (element.findtext("name") or "").strip()
        texts = [element.findtext(f"bndbox/{each}") for each in ("xmin", "ymin", "xmax", "ymax")]
        numbers = [_number(text) for text in texts]
        if not category:
            self._tell("error", "annotation", place, "expected a category; found no <name>")
            return None
        if not all(map(math.isfinite, numbers)):
            message = f"expected a box of four numbers; found {[t and t.strip() for t in texts]}"
            self._tell("error", "annotation", place, message)
            return None
        xmin, ymin, xmax, ymax = numbers
        return RawObject(category, (xmin, ymin, xmax, ymax), place)

    def _with_pixels(
        self, place: str, image: Path | None, labels: Labels | None, image_set: str | None
    ) -> Record:
        if image is None:
            return Record(place, place, None, labels, image_set, None, None, None)
        name = self._layout.relative(image)
        try:
            if not image.stat().st_size:
                self._tell("error", "empty", name, "expected an image; found an empty file")
                return Record(name, place, image, labels, image_set, None, None, None)
            picture = read_picture(image, name)
        except ObjlocError as error:
            self._tell("error", "corrupt", name, str(error).removeprefix(f"{name}: "))
            return Record(name, place, image, labels, image_set, None, None, None)
        if picture.orientation != 1:
            self._tell("note", "orientation", name, f"EXIF orientation {picture.orientation}")
        if picture.mode not in ("RGB", "L"):
            message = f"pixels of mode {picture.mode} are made RGB"
            self._tell("note", "kind", name, message)
        wanted = {".JPG": "JPEG", ".JPEG": "JPEG", ".TIF": "TIFF", ".PPM": "PPM"}
        suffix = image.suffix.upper()
        if picture.kind not in (wanted.get(suffix, suffix[1:]), "MPO"):
            self._tell("note", "kind", name, f"the file is a {picture.kind} in truth")
        digest = hashlib.sha256(picture.data).hexdigest()
        return Record(
            name, place, image, labels, image_set, picture.size, picture.upright_size,
            fingerprint(digest, picture.pixels),
        )  # fmt: skip

    def _tell(self, severity: Severity, kind: str, place: str, message: str) -> None:
        self.findings.append(Finding(severity, kind, place, message))


def _declared(root: etree._Element) -> tuple[int, int] | None:
    sides = [_number(root.findtext(f"size/{name}")) for name in ("width", "height")]
    if not all(math.isfinite(side) and side >= 1 for side in sides):
        return None
    return (int(sides[0]), int(sides[1]))


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan
