"""The worst detections of an evaluation: sure but wrong ones, and large objects overlooked."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from objloc.box import pairwise_iou
from objloc.data.sample import Coordinates, coordinates
from objloc.diagnosis.tide import Diagnosis, Status
from objloc.evaluation.matching import Detections, Objects


@dataclass(frozen=True)
class Alarm:
    """A false detection.

    Attributes:
        image_id: its image.
        category: the category that it claims.
        score: its score.
        box: its window, pixels.
        status: its kind; the first that applies.
        on: category of the object that it is on; empty on background.
        truth: box of that object, pixels; None on background.
        iou: IoU of window and object; 0 on background.
    """

    image_id: str
    category: str
    score: float
    box: Coordinates
    status: Status
    on: str
    truth: Coordinates | None
    iou: float


@dataclass(frozen=True)
class Overlooked:
    """An object that no detection of its category has.

    Attributes:
        image_id: its image.
        category: category of the object.
        box: box of the object, pixels.
        share: fraction of the image that the object covers.
        nearest: window of the detection of its category that overlaps it most,
            pixels; None where none does.
        iou: IoU of the two; 0 where there is none.
    """

    image_id: str
    category: str
    box: Coordinates
    share: float
    nearest: Coordinates | None
    iou: float


def surest_alarms(
    diagnoses: Mapping[str, Diagnosis], objects: Mapping[str, Objects], number: int
) -> list[Alarm]:
    """Choose the false detections of the highest scores, one of a category in an image.

    Args:
        diagnoses: kinds of errors by category.
        objects: objects of the same categories and image set.
        number: maximum number.
    """
    places = [
        (-float(each.detections.scores[row]), str(each.detections.image_ids[row]), category, row)
        for category, each in diagnoses.items()
        for row in (each.status >= Status.DUPLICATE).nonzero()[0].tolist()
    ]
    chosen: dict[tuple[str, str], Alarm] = {}
    for _, image_id, category, row in sorted(places):
        if len(chosen) == number:
            break
        if (image_id, category) not in chosen:
            alarm = _alarm(category, diagnoses[category], row, objects)
            chosen[image_id, category] = alarm
    return list(chosen.values())


def _alarm(category: str, each: Diagnosis, row: int, objects: Mapping[str, Objects]) -> Alarm:
    status = Status(int(each.status[row]))
    on, index, overlap = "", 0, 0.0
    if status in (Status.DUPLICATE, Status.LOCALISATION):
        on, index, overlap = category, int(each.matches.object[row]), float(each.matches.iou[row])
    elif status in (Status.CLASS, Status.BOTH):
        on, index = str(each.other_category[row]), int(each.other[row])
        overlap = float(each.other_iou[row])
    return Alarm(
        image_id=str(each.detections.image_ids[row]),
        category=category,
        score=float(each.detections.scores[row]),
        box=coordinates(each.detections.boxes[row].tolist()),
        status=status,
        on=on,
        truth=coordinates(objects[on].boxes[index].tolist()) if on else None,
        iou=overlap,
    )


def largest_overlooked(
    diagnoses: Mapping[str, Diagnosis],
    objects: Mapping[str, Objects],
    sizes: Mapping[str, tuple[float, float]],
    number: int,
) -> list[Overlooked]:
    """Choose the objects without a true detection that cover most of their image.

    Objects marked difficult are left out. Each image gives its largest object only.

    Args:
        diagnoses: kinds of errors by category.
        objects: objects of the same categories and image set.
        sizes: width and height of every image, pixels.
        number: maximum number.
    """
    places = []
    for category, each in diagnoses.items():
        mine = objects[category]
        lacking = ~mine.difficult
        lacking[each.matches.object[each.status == Status.TRUE]] = False
        for row in lacking.nonzero()[0].tolist():
            image_id = str(mine.image_ids[row])
            width, height = sizes[image_id]
            xmin, ymin, xmax, ymax = mine.boxes[row].tolist()
            share = (xmax - xmin) * (ymax - ymin) / (width * height)
            places.append((-share, image_id, category, row))
    chosen: dict[str, Overlooked] = {}
    for share, image_id, category, row in sorted(places):
        if len(chosen) == number:
            break
        if image_id not in chosen:
            box = coordinates(objects[category].boxes[row].tolist())
            nearest, overlap = _nearest(box, image_id, diagnoses[category].detections)
            chosen[image_id] = Overlooked(image_id, category, box, -share, nearest, overlap)
    return list(chosen.values())


def _nearest(
    box: Coordinates, image_id: str, detections: Detections
) -> tuple[Coordinates | None, float]:
    """The detection of an image that overlaps a box most, and their IoU."""
    boxes = torch.from_numpy(detections.boxes[detections.image_ids == image_id])
    if not len(boxes):
        return None, 0.0
    overlaps = pairwise_iou(boxes, torch.tensor([box], dtype=torch.float64))[:, 0]
    best = int(overlaps.argmax())
    if float(overlaps[best]) == 0.0:
        return None, 0.0
    return coordinates(boxes[best].tolist()), float(overlaps[best])
