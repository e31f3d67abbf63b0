"""Ranked detections made from searches, and the devkit's files of them."""

import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from objloc.box import batched_nms, from_voc, to_voc
from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.matching import Detections, Objects, ranked
from objloc.search.rollout import Rollout


def as_written(boxes: Tensor) -> Tensor:
    """Boxes as they are once written to a file and read back.

    The files' one-based corners cost a last bit of some doubles. Figures are
    computed from these boxes, so that the files give the same ones. Shape:
    ``[..., 4]`` float64.
    """
    return torch.stack(from_voc(to_voc(boxes.unbind(dim=-1))), dim=-1)  # type: ignore[arg-type]


def score_as_written(scores: Tensor) -> np.ndarray:
    """Scores rounded to the 9 digits of the files, enough to distinguish any two float32."""
    return np.array([float(f"{score:.9g}") for score in scores.tolist()], dtype=np.float64)


def triggered(rollout: Rollout, store: SampleStore) -> dict[str, Detections]:
    """The windows on which the agent triggered, by category.

    The score is the trigger's Q-value in that step.
    """
    rows = rollout.terminated.nonzero().flatten()
    last = rollout.steps[rows] - 1
    return by_category(
        store,
        rollout.category[rows],
        rollout.image[rows],
        rollout.boxes[rows, last],
        rollout.q_values[rows, last, -1],
    )


def attended(rollout: Rollout, store: SampleStore, nms: float) -> dict[str, Detections]:
    """All windows that the agent looked at, by category.

    The score is the Q-value that the trigger would have had. Of windows of one
    search that overlap by an IoU above ``nms`` only the best-scored is kept.
    """
    scores = rollout.q_values[:, :, -1]
    step = torch.arange(scores.shape[1])
    looked_at = step < rollout.steps[:, None]
    longest = int(rollout.steps.max()) if len(rollout.steps) else 0
    kept = batched_nms(
        as_written(rollout.boxes[:, :longest]), scores[:, :longest], looked_at[:, :longest], nms
    )
    rows, steps = kept.nonzero(as_tuple=True)
    return by_category(
        store,
        rollout.category[rows],
        rollout.image[rows],
        rollout.boxes[rows, steps],
        scores[rows, steps],
    )


def by_category(
    store: SampleStore, category: Tensor, image: Tensor, boxes: Tensor, scores: Tensor
) -> dict[str, Detections]:
    """Scored boxes as detections of each category.

    Shapes: ``[D]`` int64, ``[D]`` int64, ``[D, 4]`` float64 pixels, ``[D]``.
    """
    image_ids = np.array(store.image_ids)[image.numpy()]
    every_box = as_written(boxes).numpy()
    every_score = score_as_written(scores)
    parts = {}
    for index, name in enumerate(store.categories):
        rows = (category == index).numpy()
        parts[name] = ranked(Detections(image_ids[rows], every_box[rows], every_score[rows]))
    return parts


def concatenate(parts: Iterable[Mapping[str, Detections]]) -> dict[str, Detections]:
    """The detections of several batches of searches as one, by category, ranked."""
    found: dict[str, list[Detections]] = {}
    for part in parts:
        for category, detections in part.items():
            found.setdefault(category, []).append(detections)
    return {
        category: ranked(
            Detections(
                np.concatenate([each.image_ids for each in mine]),
                np.concatenate([each.boxes for each in mine]),
                np.concatenate([each.scores for each in mine]),
            )
        )
        for category, mine in found.items()
    }


def objects_of(store: SampleStore) -> dict[str, Objects]:
    """The annotated objects of an image set, by category."""
    image_ids = np.array(store.image_ids)
    objects = {}
    for index, category in enumerate(store.categories):
        image, column = (store.object_category == index).nonzero(as_tuple=True)
        objects[category] = Objects(
            image_ids[image.numpy()],
            store.boxes[image, column].numpy(),
            store.difficult[image, column].numpy(),
        )
    return objects


def file_name(image_set: str, category: str) -> str:
    """The devkit's name of the detections of a category in an image set."""
    return f"comp3_det_{image_set}_{category}.txt"


def to_text(detections: Detections) -> str:
    """The devkit's format: ``image_id score xmin ymin xmax ymax``, ranked.

    Corners are one-based inclusive pixels, unrounded; scores have 9 digits.
    """
    detections = ranked(detections)
    lines = []
    for image_id, score, box in zip(
        detections.image_ids.tolist(),
        detections.scores.tolist(),
        detections.boxes.tolist(),
        strict=True,
    ):
        corners = " ".join(repr(corner) for corner in to_voc(box))
        lines.append(f"{image_id} {score:.9g} {corners}\n")
    return "".join(lines)


def read_detections(path: Path, image_ids: Collection[str]) -> Detections:
    """Read a file in the devkit's format.

    Args:
        path: the file; a byte-order mark at its beginning is skipped.
        image_ids: names of the images of the set that was searched.

    Raises:
        ObjlocError: no such file; a malformed line, a number that is not finite, a box
            whose corners are swapped, or an image of another set.
    """
    try:
        # Editors of some systems put a byte-order mark before the first name.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ObjlocError(f"{path}: expected a file of detections; found none") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ObjlocError(f"{path}: expected a file of detections; found {error}") from None
    rows = [_parse(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]
    known = frozenset(image_ids)
    for number, (image_id, _, _) in enumerate(rows, start=1):
        if image_id not in known:
            raise ObjlocError(
                f"{path}:{number}: expected an image of the set that was searched "
                f"({len(known)} images); found '{image_id}'"
            )
    return Detections(
        np.array([image_id for image_id, _, _ in rows], dtype=np.str_),
        np.array([box for _, _, box in rows], dtype=np.float64).reshape(-1, 4),
        np.array([score for _, score, _ in rows], dtype=np.float64),
    )


def _parse(line: str, place: str) -> tuple[str, float, Coordinates]:
    """Image, score and box of a line; an image's name may contain spaces."""
    try:
        image_id, *numbers = line.rsplit(maxsplit=5)
        score, xmin, ymin, xmax, ymax = (float(each) for each in numbers)
    except ValueError:
        raise ObjlocError(
            f"{place}: expected 'image_id score xmin ymin xmax ymax'; found '{line}'"
        ) from None
    if not all(map(math.isfinite, (score, xmin, ymin, xmax, ymax))):
        raise ObjlocError(f"{place}: expected finite numbers; found '{line}'")
    box = from_voc((xmin, ymin, xmax, ymax))
    # A window narrower than a pixel has xmax below xmin here: its half-open side decides.
    if box[2] <= box[0] or box[3] <= box[1]:
        raise ObjlocError(
            f"{place}: expected corners in the order xmin ymin xmax ymax; found '{line}'"
        )
    return image_id, score, box
