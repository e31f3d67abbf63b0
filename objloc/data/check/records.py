"""Read a folder's images and annotations; list what is wrong instead of raising."""

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
    """An object as written: four numbers in an unknown convention."""

    category: str
    box: Coordinates
    place: str


@dataclass(frozen=True)
class Labels:
    """Content of an annotation.

    Attributes:
        declared: width and height in pixels; None if missing or invalid.
        objects: objects with four numbers.
    """

    declared: tuple[int, int] | None
    objects: tuple[RawObject, ...]


@dataclass(frozen=True)
class Record:
    """One image.

    Attributes:
        name: path of the image's file within the folder; the annotation's if it has none.
        place: name of the annotation in messages.
        image: path of the image; None if missing.
        labels: content of the annotation; None if it can't be read.
        image_set: image set that names of folders or files state; None if none.
        size: width and height of the pixels in the file; None if they can't be read.
        upright_size: width and height with the camera's orientation applied.
        fingerprint: features to compare images by; None if the pixels can't be read.
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
    """Reader of a whole folder; ``findings`` collects the problems."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.findings: list[Finding] = []

    def read(self) -> list[Record]:
        """Read every image; each file is read once."""
        items = list({"voc": self._voc, "coco": self._coco}[self._layout.kind]())
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
                self._report("error", "missing", place, "expected an annotation; found none")
                yield place, pair.image, None, image_set
                continue
            if pair.image is None:
                self._report("error", "missing", place, "expected an image; found none")
            yield place, pair.image, self._xml(pair.annotation, place), image_set

    def _coco(self) -> Iterator[tuple[str, Path | None, Labels | None, str | None]]:
        seen: dict[Path, str] = {}
        for file in self._layout.coco:
            name = self._layout.relative(file.path)
            for problem in file.problems:
                self._report("error", "annotation", name, problem)
            paths = find_images(self._layout, file)
            for image in file.images:
                path = paths[image.file_name]
                if path is None:
                    message = f"expected the image '{image.file_name}'; found none"
                    self._report("error", "missing", name, message)
                elif path in seen:
                    message = f"'{image.file_name}' is also in {seen[path]}"
                    self._report("error", "annotation", name, message)
                else:
                    seen[path] = name
                objects = tuple(RawObject(o.category, o.box, o.place) for o in image.objects)
                labels = Labels(image.size, objects)
                yield image.place, path, labels, set_of(Path(name).with_suffix(""))
        for path in self._layout.images:
            if path not in seen:
                name = self._layout.relative(path)
                self._report("note", "unused", name, "no JSON file names this image")

    def _xml(self, path: Path, place: str) -> Labels | None:
        try:
            content = path.read_bytes()
        except OSError as error:
            self._report("error", "corrupt", place, f"cannot be read: {error.strerror or error}")
            return None
        if not content:
            self._report("error", "empty", place, "expected an annotation; found an empty file")
            return None
        try:
            if len(content) > MAX_XML:
                raise ObjlocError(f"{place}: expected at most 1 MiB; found {len(content)} bytes")
            root = parse_annotation(content, place)
        except ObjlocError as error:
            self._report("error", "corrupt", place, str(error).removeprefix(f"{place}: "))
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
            self._report("error", "annotation", place, "expected a category; found no <name>")
            return None
        if not all(map(math.isfinite, numbers)):
            message = f"expected a box of four numbers; found {[t and t.strip() for t in texts]}"
            self._report("error", "annotation", place, message)
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
                self._report("error", "empty", name, "expected an image; found an empty file")
                return Record(name, place, image, labels, image_set, None, None, None)
            picture = read_picture(image, name)
        except ObjlocError as error:
            self._report("error", "corrupt", name, str(error).removeprefix(f"{name}: "))
            return Record(name, place, image, labels, image_set, None, None, None)
        if picture.orientation != 1:
            self._report("note", "orientation", name, f"EXIF orientation {picture.orientation}")
        if picture.mode not in ("RGB", "L"):
            message = f"pixels of mode {picture.mode} are made RGB"
            self._report("note", "kind", name, message)
        wanted = {".JPG": "JPEG", ".JPEG": "JPEG", ".TIF": "TIFF", ".PPM": "PPM"}
        suffix = image.suffix.upper()
        if picture.kind not in (wanted.get(suffix, suffix[1:]), "MPO"):
            self._report("note", "kind", name, f"the file is a {picture.kind} in truth")
        digest = hashlib.sha256(picture.data).hexdigest()
        return Record(
            name, place, image, labels, image_set, picture.size, picture.upright_size,
            fingerprint(digest, picture.pixels),
        )  # fmt: skip

    def _report(self, severity: Severity, kind: str, place: str, message: str) -> None:
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
