"""Two contact sheets: the surest false alarms and the largest missed objects of a run."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.diagnosis.tide import BACKGROUND_IOU, Diagnosis, Status, diagnose
from objloc.diagnosis.worst import Alarm, Overlooked, largest_overlooked, surest_alarms
from objloc.evaluation.detections import objects_of
from objloc.evaluation.matching import MATCH_IOU, Objects
from objloc.evaluation.read import EvaluationFiles, read_evaluation
from objloc.files import write_atomically
from objloc.view.contact_sheet import Tile, contact_sheet
from objloc.view.report.texts import ALARMS, OVERLOOKED
from objloc.view.report.thumbnails import thumbnail
from objloc.wording import fraction

NUMBER = 20
"""Maximum number of pictures on a sheet."""
_COLUMNS = 5
_TILE = (300, 225)


def write_worst(shards: Path, evaluate: Path, output: Path, image_set: str) -> list[Path]:
    """Write both sheets of an evaluation from its detections; no model is needed.

    Args:
        shards: folder of shards.
        evaluate: folder of the evaluation.
        output: folder to write into.
        image_set: one that was evaluated.

    Returns:
        Files of the sheets; a sheet with nothing to show is not written.

    Raises:
        ObjlocError: the evaluation is missing, damaged, or of other data.
    """
    evaluation = read_evaluation(evaluate, image_set)
    store = evaluation.load_store(shards)
    objects = objects_of(store)
    diagnoses = diagnose(evaluation.detections("triggered", store), objects)
    return draw_worst(store, evaluation, diagnoses, objects, output)


def draw_worst(
    store: SampleStore,
    evaluation: EvaluationFiles,
    diagnoses: dict[str, Diagnosis],
    objects: dict[str, Objects],
    output: Path,
) -> list[Path]:
    """Write both sheets; see ``write_worst``.

    Args:
        store: holds the photographs.
        evaluation: files of the evaluation.
        diagnoses: diagnoses of the triggered windows, by category.
        objects: ground truth by category.
        output: folder to write into.
    """
    places = {image_id: row for row, image_id in enumerate(store.image_ids)}
    sizes = {
        image_id: (width, height)
        for image_id, (width, height) in zip(store.image_ids, store.sizes.tolist(), strict=True)
    }
    alarms = surest_alarms(diagnoses, objects, NUMBER)
    overlooked = largest_overlooked(diagnoses, objects, sizes, NUMBER)
    number = evaluation.metrics.images
    about = f"{store.data}, {store.image_set}: {number} images, triggered windows. "
    sheets = (
        (
            ALARMS,
            [_alarm_tile(store, places[each.image_id], each) for each in alarms],
            f"The {len(alarms)} surest false alarms",
            f"{about}False: IoU < {MATCH_IOU:g} with every object of the category, or on one that "
            "a surer window has; of a category in an image the surest. Blue: the object that it is "
            f"on, if any overlaps by IoU {BACKGROUND_IOU:g} or more. Amber: the window. The number "
            "is its score: compare it within this sheet only.",
        ),
        (
            OVERLOOKED,
            [_missed_tile(store, places[each.image_id], each) for each in overlooked],
            f"The {len(overlooked)} largest missed objects",
            f"{about}Missed: no window of the category found it (IoU >= {MATCH_IOU:g}); objects "
            "marked difficult are left out, and of each image the largest is shown. Blue: the "
            "object. Amber: the window of the category that overlaps it most.",
        ),
    )
    written = []
    for name, tiles, title, note in sheets:
        if tiles:
            sheet = contact_sheet(tiles, _COLUMNS, _TILE, title, note)
            write_atomically(output / name, _jpeg(sheet))
            written.append(output / name)
    return written


def _alarm_tile(store: SampleStore, row: int, alarm: Alarm) -> Tile:
    truth = [] if alarm.truth is None else [(alarm.truth, False)]
    picture = _picture(store, row, truth, [alarm.box])
    return Tile(picture, f"{alarm.category} {fraction(alarm.score, '.2f')}", _said(alarm))


def _said(alarm: Alarm) -> str:
    """A few words on what a false alarm is on."""
    overlap = f"IoU {fraction(alarm.iou, '.2f')}"
    return {
        Status.DUPLICATE: f"duplicate of one found, {overlap}",
        Status.LOCALISATION: f"badly placed, {overlap}",
        Status.CLASS: f"wrong class: {alarm.on}, {overlap}",
        Status.BOTH: f"badly placed on {alarm.on}, {overlap}",
        Status.BACKGROUND: "background",
    }[alarm.status] + f", {alarm.image_id}"


def _missed_tile(store: SampleStore, row: int, missed: Overlooked) -> Tile:
    windows = [] if missed.nearest is None else [missed.nearest]
    picture = _picture(store, row, [(missed.box, False)], windows)
    near = (
        "no window on it"
        if missed.nearest is None
        else f"nearest IoU {fraction(missed.iou, '.2f')}"
    )
    return Tile(
        picture,
        f"{missed.category}, {missed.share:.0%} of the image",
        f"{near}, {missed.image_id}",
    )


def _picture(
    store: SampleStore,
    row: int,
    truth: Sequence[tuple[Coordinates, bool]],
    windows: Sequence[Coordinates],
) -> Image.Image:
    width, height = store.sizes[row].tolist()
    jpeg = thumbnail(store.jpegs[row], (width, height), truth, windows)
    with Image.open(io.BytesIO(jpeg)) as picture:
        return picture.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    """Bytes of a JPEG file: a fifth of a PNG file's, and small letters stay sharp."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88, subsampling=0)
    return stream.getvalue()
