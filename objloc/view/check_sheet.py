"""A contact sheet of a folder that was checked: images with their boxes."""

from PIL import Image

from objloc.data.check.check import Checked
from objloc.data.check.records import Record, as_read
from objloc.data.images import open_image
from objloc.data.sample import Coordinates
from objloc.errors import ObjlocError
from objloc.view.canvas import AGENT, INK, TRUTH, Colour, outline
from objloc.view.contact_sheet import Tile, contact_sheet

TILES = 24
COLUMNS = 6
TILE = (220, 180)
_FRAME = 14
"""Pixels of margin that show how far boxes reach beyond an image."""
_WRONG: Colour = (255, 92, 92)
_PALETTE: tuple[Colour, ...] = (
    TRUTH, AGENT, (120, 220, 130), (230, 140, 220), (250, 240, 110), (160, 160, 255),
)  # fmt: skip


def sheet_of(checked: Checked) -> Image.Image:
    """Up to 24 images, those with a finding about a box first, the others evenly spread.

    Boxes are drawn where the pipeline would see them, so that a wrong convention
    catches the eye; those with an error in red.

    Raises:
        ObjlocError: no image can be read.
    """
    report = checked.report
    readable = [each for each in checked.records if each.size is not None and each.labels]
    if not readable:
        raise ObjlocError(f"{report.folder}: expected annotated images to draw; found none")
    wrong = {
        each.place
        for each in report.findings
        if each.kind in ("box", "size", "annotation") and each.severity != "note"
    }
    first = [each for each in readable if _is_wrong(each, wrong)][: TILES // 2]
    rest = [each for each in readable if each not in first]
    places = min(TILES - len(first), len(rest))
    chosen = first + [rest[number * len(rest) // places] for number in range(places)]
    colours = {
        name: _PALETTE[number % len(_PALETTE)] for number, name in enumerate(report.categories)
    }
    tiles = [_tile(checked, each, colours, wrong) for each in chosen]
    note = f"{report.images} images, {report.objects} objects. " + (
        f"Boxes: {report.convention.words}." if report.convention else "No boxes."
    )
    title = f"{report.folder}: {'in order' if report.passed else 'not in order'}"
    return contact_sheet(tiles, COLUMNS, TILE, title, note)


def _is_wrong(record: Record, wrong: set[str]) -> bool:
    objects = record.labels.objects if record.labels else ()
    return record.place in wrong or any(each.place in wrong for each in objects)


def _tile(checked: Checked, record: Record, colours: dict[str, Colour], wrong: set[str]) -> Tile:
    image_file = record.image
    if image_file is None or record.labels is None:
        raise ObjlocError(f"{record.name}: expected an image; found none")
    image = open_image(image_file, upright=False)
    scale = min((TILE[0] - 2 * _FRAME) / image.width, (TILE[1] - 2 * _FRAME) / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    picture = Image.new("RGB", (size[0] + 2 * _FRAME, size[1] + 2 * _FRAME), (45, 52, 62))
    picture.paste(image.resize(size, Image.Resampling.LANCZOS), (_FRAME, _FRAME))
    for each in record.labels.objects:
        box = as_read(checked.kind, each.box)
        bad = each.place in wrong
        colour = _WRONG if bad else colours[each.category]
        outline(picture, _placed(box, scale), colour, 2, dashed=bad)
    names = sorted({each.category for each in record.labels.objects})
    title = record.name.rsplit("/", 1)[-1]
    return Tile(
        picture, title, ", ".join(names) or "nothing", _WRONG if _is_wrong(record, wrong) else INK
    )


def _placed(box: Coordinates, scale: float) -> Coordinates:
    left, right = sorted(number * scale + _FRAME for number in (box[0], box[2]))
    top, bottom = sorted(number * scale + _FRAME for number in (box[1], box[3]))
    return (left, top, right, bottom)
