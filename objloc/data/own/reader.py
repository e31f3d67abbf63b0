"""Read a user's folder, for a check and for the conversion alike."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objloc import params
from objloc.data.own.coco.read import read_coco
from objloc.data.own.conventions import Convention, decide, placed, words_of
from objloc.data.own.cvat import read_cvat
from objloc.data.own.findings import Findings
from objloc.data.own.labelme import read_labelme
from objloc.data.own.layout import Kind, Layout, find_layout
from objloc.data.own.pictures import Picture, read_picture, upright_size
from objloc.data.own.voc import Sets, read_voc
from objloc.data.own.written import WrittenImage, WrittenObject
from objloc.data.own.yolo import read_yolo
from objloc.data.sample import Coordinates, VocObject, coordinates
from objloc.data.voc.annotation import BORDER_TOLERANCE, CATEGORY_NAME
from objloc.errors import ObjlocError

MIN_SIDE = 0.001
"""Minimum side of a box in pixels; the devkit's files have three decimals."""

_READERS: dict[Kind, Callable[[Layout, Findings], list[WrittenImage]]] = {
    "coco": read_coco,
    "yolo": read_yolo,
    "cvat": read_cvat,
    "labelme": read_labelme,
}


@dataclass(frozen=True)
class PlacedObject:
    """An object in pixels.

    Attributes:
        written: the object as its file has it.
        box: its box before it is clipped.
        kept: the object as the devkit has it; None if it is refused or left out.
    """

    written: WrittenObject
    box: Coordinates
    kept: VocObject | None


class FolderReader:
    """Reader of a user's folder: annotations at once, pixels image by image.

    Attributes:
        layout: layout of the folder.
        images: every image that is annotated or declared empty, and every annotation whose
            image is missing.
        sets: images by image set; empty if nothing states the set of every image.
        conventions: forms of the boxes by writer, the most frequent first.
        findings: findings about everything that has been read so far.
    """

    def __init__(self, folder: Path, section: params.Dataset) -> None:
        """Read the annotations.

        Args:
            folder: the folder.
            section: the parameters ``dataset``: how boxes are written, and what becomes of
                boxes beyond the border and of images without an annotation.

        Raises:
            ObjlocError: there is no such folder, or its layout is not known.
        """
        self.layout = find_layout(folder)
        self.findings = Findings(self.layout.notes)
        self._section = section
        listed: Sets = {}
        if self.layout.kind == "voc":
            found, listed = read_voc(self.layout, self.findings)
        else:
            found = _READERS[self.layout.kind](self.layout, self.findings)
        self.images: Sequence[WrittenImage] = self._with_unannotated(found)
        self.sets: Sets = listed or self._named_sets()
        self.conventions: Mapping[str, Convention] = self._decide()

    def picture(self, image: WrittenImage) -> Picture | None:
        """Decode the picture of an image; None if there is none, or it can't be read.

        A size that differs from the declared one is an error.
        """
        if image.image is None:
            return None
        name = self.layout.relative(image.image)
        try:
            picture = read_picture(image.image, name)
        except ObjlocError as error:
            self.findings.damage("corrupt", name, error)
            return None
        self._report_size(image, picture)
        return picture

    def place(self, image: WrittenImage, picture: Picture) -> list[PlacedObject]:
        """Place the objects of an image in its pixels, zero-based and half-open.

        Boxes that exceed the border by at most a pixel are cut, and boxes without an area
        are left out, both counted. Other impossible boxes are errors.
        """
        if not image.objects:
            return []
        size = self.size_of(image, picture)
        convention = self.conventions[image.writer]
        boxes = np.array([each.box for each in image.objects], dtype=np.float64)
        sizes = np.tile(np.array(size, dtype=np.float64), (len(boxes), 1))
        found = placed(convention.name, boxes, sizes)
        return [
            PlacedObject(each, box, self._kept(each, box, size))
            for each, row in zip(image.objects, found.tolist(), strict=True)
            for box in [coordinates(row)]
        ]

    def size_of(self, image: WrittenImage, picture: Picture) -> tuple[int, int]:
        """Width and height of the picture that the boxes refer to.

        It is the declared size. Without one it is the file's, upright: what a person saw
        who drew the boxes.
        """
        return image.size or picture.upright_size

    def _with_unannotated(self, found: Sequence[WrittenImage]) -> list[WrittenImage]:
        """Add the images without an annotation, or report them, as the parameter has it."""
        rule: str = self._section.unannotated
        if rule == "auto":
            # Label Studio exports finished tasks, and writes no XML for one without a box.
            writers = {each.writer for each in found if each.objects}
            strict = "empty" if writers == {"Label Studio"} else "refuse"
            rule = strict if self.layout.kind == "voc" else "leave_out"
        annotated = {each.image for each in found}
        missing = [
            WrittenImage(self.layout.relative(path), path, None)
            for path in self.layout.images
            if path not in annotated
        ]
        kept = []
        for each in [*found, *missing]:
            place = each.place
            if each.objects is not None or place not in self._without_annotation(each):
                kept.append(each)
            elif rule == "empty":
                self.findings.count("missing", "images without an annotation are empty", place)
                kept.append(WrittenImage(place, each.image, (), image_set=each.image_set))
            elif rule == "leave_out":
                message = "left out: images without an annotation (dataset.unannotated)"
                self.findings.count("unused", message, place)
            else:
                message = (
                    "expected an annotation; found none "
                    "(dataset.unannotated says what becomes of such images)"
                )
                self.findings.error("missing", place, message)
                kept.append(each)
        return kept

    def _without_annotation(self, image: WrittenImage) -> tuple[str, ...]:
        """The image's own place if nothing annotates it; a damaged annotation has its own name."""
        return (self.layout.relative(image.image),) if image.image else ()

    def _named_sets(self) -> Sets:
        """Image sets by names of folders and files."""
        names = Counter(each.image_set for each in self.images if each.image)
        if None in names:
            named = sum(names.values()) - names[None]
            if named:
                message = (
                    f"names tell the image set of {named} of {len(self.images)} images: "
                    "none is used"
                )
                self.findings.warning("sets", "", message)
            return {}
        if len(names) < 2:
            return {}
        sets: dict[str, list[Path]] = defaultdict(list)
        for each in self.images:
            if each.image:
                sets[str(each.image_set)].append(each.image)
        return {name: tuple(paths) for name, paths in sorted(sets.items())}

    def _decide(self) -> dict[str, Convention]:
        """Decide how boxes are written, for the files of each writer."""
        rows: dict[str, list[tuple[Coordinates, tuple[int, int]]]] = defaultdict(list)
        for image in self.images:
            if not image.objects or image.image is None:
                continue
            size = image.size or upright_size(image.image)
            if size:
                rows[image.writer] += [(each.box, size) for each in image.objects]
        conventions = {}
        for writer, found in sorted(rows.items(), key=lambda item: -len(item[1])):
            boxes, sizes = (
                np.array(column, dtype=np.float64) for column in zip(*found, strict=True)
            )
            convention = decide(self.layout.kind, self._section.boxes, boxes, sizes, writer)
            conventions[writer] = convention
            self._report(convention, writer, len(found))
        return conventions

    def _report(self, convention: Convention, writer: str, count: int) -> None:
        """Report how boxes are written, where it is not the plain case."""
        which = f"{count} boxes" + (f" of {writer}" if writer else "")
        if convention.hint:
            self.findings.warning("convention", "", f"{which}: {convention.hint}")
        if not convention.fits:
            name = convention.name
            message = f"{which}: found {convention.words}: {convention.evidence}" + (
                "" if name in ("far_first", "y_first") else f" (dataset.boxes={name} reads it)"
            )
            self.findings.error("convention", "", message)
        elif not convention.certain:
            other = words_of("zero_exclusive")
            message = (
                f"{which}: nothing shows whether they count from one or zero, so they are read as "
                f"VOC's; if they are {other}: dataset.boxes=zero_exclusive"
            )
            self.findings.note("convention", "", message)
        elif self.layout.kind == "voc" and convention.name != "voc":
            message = f"{which} are read as {convention.name}: {convention.evidence}"
            self.findings.note("convention", "", message)

    def _report_size(self, image: WrittenImage, picture: Picture) -> None:
        """Report a wrong size, and what a camera's orientation does to the boxes."""
        pixels = f"{picture.size[0]} x {picture.size[1]}"
        turned = picture.upright_size != picture.size
        if image.size is None:
            if turned:
                message = (
                    "the camera was turned and no size is declared: the picture is set upright"
                )
                self.findings.warning("orientation", image.place, message)
        elif image.size == picture.size:
            if turned:
                message = (
                    f"the camera was turned, and the annotation counts {pixels} as in the file: "
                    "was it drawn on the upright picture?"
                )
                self.findings.warning("orientation", image.place, message)
        elif image.size == picture.upright_size:
            message = "the annotation counts the upright picture; its pixels will be turned"
            self.findings.note("orientation", image.place, message)
        else:
            found = f"{image.size[0]} x {image.size[1]}"
            message = f"expected the image's size, {pixels}; found {found}"
            self.findings.error("size", image.place, message)

    def _kept(
        self, each: WrittenObject, box: Coordinates, size: tuple[int, int]
    ) -> VocObject | None:
        """The object with its box clipped to the image; None if it is refused or left out."""
        width, height = size
        what = f"'{each.category}' {each.text}"
        if not all(entry.fits for entry in self.conventions.values()):
            return None  # The form of all boxes is the error.
        if not CATEGORY_NAME.fullmatch(each.category):
            message = (
                f"category '{each.category}': expected letters (a to z), digits, spaces and "
                "_.+-; found another sign"
            )
            self.findings.error("category", each.place, message)
            return None
        if box[2] < box[0] or box[3] < box[1]:
            self.findings.error("box", each.place, f"{what}: the far corner comes first (swapped?)")
            return None
        kept = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height))
        beyond = max(-box[0], -box[1], box[2] - width, box[3] - height)
        if beyond > BORDER_TOLERANCE and self._section.outside == "refuse":
            message = f"{what}: reaches beyond the image of {width} x {height} " + (
                "(another form fits more boxes: see the warning)"
                if any(entry.hint for entry in self.conventions.values())
                else "(dataset.outside=clip cuts such boxes)"
            )
            self.findings.error("box", each.place, message)
            return None
        if min(kept[2] - kept[0], kept[3] - kept[1]) < MIN_SIDE:
            message = "left out: boxes without an area in the image"
            self.findings.count("box", message, each.place, "warning")
            return None
        if beyond > 0 and kept != box:
            limit = "beyond the border" if beyond > BORDER_TOLERANCE else "within a pixel of it"
            self.findings.count("box", f"cut at the border: boxes {limit}", each.place)
        return VocObject(
            each.category, kept, each.difficult, each.truncated, each.occluded, each.pose,
            each.parts,
        )  # fmt: skip
