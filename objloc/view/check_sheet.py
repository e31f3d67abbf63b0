"""A contact sheet of a folder that was checked: images with their boxes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from objloc.data.check.check import Checked
from objloc.data.check.records import Record
from objloc.data.images import open_image
from objloc.data.own.conventions import placed
from objloc.data.own.reader import PlacedObject
from objloc.data.sample import Coordinates, coordinates
from objloc.errors import ObjlocError
from objloc.view.canvas import AGENT, INK, TRUTH, Colour, outline
from objloc.view.contact_sheet import Tile, contact_sheet

TILES = 24
COLUMNS = 6
TILE = (220, 180)
_ENLARGED = 12
"""Screen pixels of a pixel in the tile of both readings."""
_AROUND = 4
"""Pixels of the image before a box's corner in that tile."""
_FRAME = 14
"""Pixels of margin that show how far boxes reach beyond an image."""
_WRONG: Colour = (255, 92, 92)
_PALETTE: tuple[Colour, ...] = (
    TRUTH, AGENT, (120, 220, 130), (230, 140, 220), (250, 240, 110), (160, 160, 255),
)  # fmt: skip


def sheet_of(checked: Checked) -> Image.Image:
    """Up to 24 images, those with a finding about a box first, the others evenly spread.

    Boxes are drawn where the pipeline would see them, so that a wrong convention
    catches the eye; those with an error in red. Where VOC's files are not sure to be as VOC
    has them, the first tile shows a corner of one box enlarged, in both readings.

    Raises:
        ObjlocError: no image can be read.
    """
    report = checked.report
    readable = [each for each in checked.records if each.fingerprint and each.objects is not None]
    if not readable:
        raise ObjlocError(f"{report.folder}: expected annotated images to draw; found none")
    wrong = {
        each.place
        for each in report.findings
        if each.kind in ("box", "size", "annotation", "category") and each.severity != "note"
    }
    readings = _both_readings(checked, readable)
    first = [each for each in readable if _is_wrong(each, wrong)][: TILES // 2]
    rest = [each for each in readable if each not in first]
    places = min(TILES - len(first) - len(readings), len(rest))
    chosen = first + [rest[number * len(rest) // places] for number in range(places)]
    colours = {
        name: _PALETTE[number % len(_PALETTE)] for number, name in enumerate(report.categories)
    }
    tiles = readings + [_tile(each, colours, wrong) for each in chosen]
    note = f"{report.images} images, {report.objects} objects. " + (
        f"Boxes: {report.convention.words}." if report.convention else "No boxes."
    )
    title = f"{report.folder}: {'in order' if report.passed else 'not in order'}"
    return contact_sheet(tiles, COLUMNS, TILE, title, note)


def _is_wrong(record: Record, wrong: set[str]) -> bool:
    return record.place in wrong or any(
        each.written.place in wrong for each in record.objects or ()
    )


def _both_readings(checked: Checked, readable: Sequence[Record]) -> list[Tile]:
    """A tile with a corner of one box as VOC has it and in the other reading; none if it is plain.

    The other reading is the one that was chosen instead of VOC's, or corners from zero where
    nothing shows it.
    """
    convention = checked.report.convention
    if checked.report.layout != "voc" or convention is None or not convention.fits:
        return []
    if convention.name == "voc" and convention.certain:
        return []
    other = "zero_exclusive" if convention.name == "voc" else convention.name
    for record in readable:
        for each in record.objects or ():
            if record.image and each.kept and min(each.written.box[:2]) > 1:
                return [_readings_tile(record.image, each, other)]
    return []


def _readings_tile(path: Path, each: PlacedObject, other: str) -> Tile:
    image = open_image(path, upright=False)
    near = [int(number) for number in each.box[:2]]
    left, top = (max(0, number - _AROUND) for number in near)
    side = (TILE[0] // _ENLARGED, (TILE[1]) // _ENLARGED)
    crop = image.crop((left, top, left + side[0], top + side[1]))
    size = (side[0] * _ENLARGED, side[1] * _ENLARGED)
    picture = crop.resize(size, Image.Resampling.NEAREST)
    boxes = np.array([each.written.box])
    for name, colour in (("voc", INK), (other, _WRONG)):
        box = placed(name, boxes, np.array([image.size], dtype=np.float64))[0] - [left, top] * 2
        outline(picture, coordinates(box * _ENLARGED), colour, 2)
    return Tile(picture, f"{path.name}: {each.written.text}", f"white voc, red {other}", INK)


def _tile(record: Record, colours: dict[str, Colour], wrong: set[str]) -> Tile:
    image_file = record.image
    if image_file is None or record.objects is None:
        raise ObjlocError(f"{record.name}: expected an image; found none")
    image = open_image(image_file, upright=False)
    scale = min((TILE[0] - 2 * _FRAME) / image.width, (TILE[1] - 2 * _FRAME) / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    picture = Image.new("RGB", (size[0] + 2 * _FRAME, size[1] + 2 * _FRAME), (45, 52, 62))
    picture.paste(image.resize(size, Image.Resampling.LANCZOS), (_FRAME, _FRAME))
    for each in record.objects:
        category = each.written.category
        bad = each.written.place in wrong or category not in colours
        colour = _WRONG if bad else colours[category]
        outline(picture, _placed(each.box, scale), colour, 2, dashed=bad)
    names = sorted({each.written.category for each in record.objects})
    title = record.name.rsplit("/", 1)[-1]
    return Tile(
        picture, title, ", ".join(names) or "nothing", _WRONG if _is_wrong(record, wrong) else INK
    )


def _placed(box: Coordinates, scale: float) -> Coordinates:
    left, right = sorted(number * scale + _FRAME for number in (box[0], box[2]))
    top, bottom = sorted(number * scale + _FRAME for number in (box[1], box[3]))
    return (left, top, right, bottom)
