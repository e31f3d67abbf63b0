"""Check boxes, sizes and categories against the images."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from objloc.data.annotation import BORDER_TOLERANCE, CATEGORY_NAME
from objloc.data.check.convention import sniff
from objloc.data.check.findings import Convention, Finding
from objloc.data.check.records import RawObject, Record, as_read
from objloc.data.own.layout import Kind

TINY = 4.0
"""Side in pixels below which a box is too small to be an object."""


def convention_of(kind: Kind, records: Sequence[Record]) -> Convention | None:
    """Convention in which the boxes are written; None without boxes in images of known size."""
    rows = [
        (each.box, size)
        for record in records
        if record.labels and (size := record.labels.declared or record.size)
        for each in record.labels.objects
    ]
    if not rows:
        return None
    boxes, sizes = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return sniff(kind, boxes, sizes)


def sizes(records: Sequence[Record]) -> Iterator[Finding]:
    """Find declared sizes that differ from the image's, and effects of the camera's orientation."""
    for record in records:
        if record.labels is None or record.size is None or record.upright_size is None:
            continue
        declared = record.labels.declared
        found = f"{record.size[0]} x {record.size[1]}"
        if declared is None:
            message = f"expected the image's size, {found}; found none"
            yield Finding("error", "size", record.place, message)
        elif declared == record.size:
            if record.upright_size != record.size:
                message = (
                    f"the camera was turned, and the annotation counts {found} as in the file: "
                    "was it drawn on the upright picture?"
                )
                yield Finding("warning", "orientation", record.place, message)
        elif declared == record.upright_size:
            message = "the annotation counts the upright picture; its pixels will be turned"
            yield Finding("note", "orientation", record.place, message)
        else:
            message = f"expected the image's size, {found}; found {declared[0]} x {declared[1]}"
            yield Finding("error", "size", record.place, message)


def boxes(kind: Kind, records: Sequence[Record], convention: Convention) -> Iterator[Finding]:
    """Find impossible boxes; one finding for all of them if the whole convention differs."""
    if not convention.fits:
        expected = "VOC's, from one and inclusive" if kind == "voc" else "COCO's"
        message = (
            f"expected boxes in {'corners as ' if kind == 'voc' else ''}{expected}; found "
            f"{convention.words}: {convention.evidence}"
        )
        # Counting from zero shifts boxes by one pixel; other conventions make them useless.
        grave = not convention.name.startswith("zero-based")
        yield Finding("error" if grave else "warning", "convention", "", message)
        if grave:
            return
    for record in records:
        if record.labels is None:
            continue
        size = record.labels.declared or record.size
        for each in record.labels.objects:
            if size and (finding := _judged(kind, each, size)):
                yield finding
        for (category, box), count in Counter(
            (each.category, each.box) for each in record.labels.objects
        ).items():
            if count > 1:
                message = f"'{category}' {_written(box)} is annotated {count} times"
                yield Finding("warning", "box", record.place, message)


def _judged(kind: Kind, each: RawObject, size: tuple[int, int]) -> Finding | None:
    xmin, ymin, xmax, ymax = as_read(kind, each.box)
    what = f"'{each.category}' {_written(each.box)}"
    width, height = size
    if xmax < xmin or ymax < ymin:
        message = f"{what}: the far corner comes first (swapped?)"
        return Finding("error", "box", each.place, message)
    if xmax == xmin or ymax == ymin:
        # The pipeline leaves them out of COCO, which has a few.
        severity = "error" if kind == "voc" else "note"
        return Finding(severity, "box", each.place, f"{what}: no area")  # type: ignore[arg-type]
    if max(-xmin, -ymin, xmax - width, ymax - height) > BORDER_TOLERANCE:
        message = f"{what}: reaches beyond the image of {width} x {height}"
        return Finding("error", "box", each.place, message)
    if min(xmax - xmin, ymax - ymin) < TINY:
        return Finding("warning", "box", each.place, f"{what}: a side below {TINY:g} pixels")
    return None


def categories(records: Sequence[Record]) -> Iterator[Finding]:
    """Find category names that are refused, or that differ only in their spelling."""
    places: dict[str, str] = {}
    for record in records:
        for each in record.labels.objects if record.labels else ():
            places.setdefault(each.category, each.place)
    alike: dict[str, list[str]] = defaultdict(list)
    for name, place in places.items():
        alike["".join(filter(str.isalnum, name.casefold()))].append(name)
        if not CATEGORY_NAME.fullmatch(name):
            message = (
                f"category '{name}': expected letters (a to z), digits, spaces and _.+-; "
                "found another sign"
            )
            yield Finding("error", "category", place, message)
    for names in alike.values():
        if len(names) > 1:
            listed = ", ".join(f"'{name}'" for name in sorted(names))
            yield Finding("warning", "category", "", f"names that differ in spelling: {listed}")


def without_objects(records: Sequence[Record]) -> Iterator[Finding]:
    """Count the images that are annotated as holding no object."""
    number = sum(each.labels is not None and not each.labels.objects for each in records)
    if number:
        yield Finding("note", "empty", "", f"{number} images are annotated without an object")


def _written(box: Sequence[float]) -> str:
    return f"({', '.join(f'{number:g}' for number in box)})"
