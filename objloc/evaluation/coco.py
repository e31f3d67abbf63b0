"""Detections and ground truth in COCO's JSON, and from there in other libraries' forms.

Source: COCO's data and results formats, https://cocodataset.org/#format-data and
https://cocodataset.org/#format-results.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from objloc.data.sample import coordinates
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.calibration import Calibration, fit_calibration, probabilities
from objloc.evaluation.detections import file_name, objects_of, to_text
from objloc.evaluation.matching import Detections, Floats, Indices
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS
from objloc.evaluation.read import read_evaluation

Difficult = Literal["iscrowd", "ignore"]
"""Key of an annotation that marks difficult objects."""
_INSTANCES = "instances_{image_set}.json"
_RESULTS = "detections_{image_set}_{kind}_results.json"


def results_files(
    shards: Path,
    evaluate: Path,
    image_sets: Iterable[str],
    *,
    difficult: Difficult,
    calibrate_on: str,
) -> tuple[dict[str, str], dict[str, Calibration]]:
    """Detections and ground truth of an evaluation for other programs.

    Args:
        shards: folder of shards.
        evaluate: folder of the evaluation.
        image_sets: those to write.
        difficult: see ``coco_instances``.
        calibrate_on: an evaluated image set, on which probabilities are fitted.

    Returns:
        Contents by relative path: instances of each image set, results and the devkit's
        files of each kind of detections; the calibration of each kind.

    Raises:
        ObjlocError: the evaluation is missing, damaged, of other data or lacks an image set.
    """

    def read(image_set: str) -> tuple[SampleStore, dict[str, dict[str, Detections]]]:
        evaluation = read_evaluation(evaluate, image_set)
        store = evaluation.load_store(shards)
        return store, {kind: evaluation.detections(kind, store) for kind in KINDS_OF_DETECTIONS}

    store, detections = read(calibrate_on)
    objects = objects_of(store)
    calibrations = {kind: fit_calibration(each, objects) for kind, each in detections.items()}
    contents: dict[str, str] = {}
    for image_set in image_sets:
        store, detections = read(image_set)
        contents[_INSTANCES.format(image_set=image_set)] = _json(coco_instances(store, difficult))
        for kind, by_category in detections.items():
            results = coco_results(by_category, store, calibrations[kind])
            contents[_RESULTS.format(image_set=image_set, kind=kind)] = _json(results)
            for category, each in by_category.items():
                contents[f"{kind}/{file_name(image_set, category)}"] = to_text(each)
    return contents, calibrations


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False) + "\n"


def coco_instances(store: SampleStore, difficult: Difficult) -> dict[str, Any]:
    """The ground truth of an image set as COCO's instances.

    Ids count from 1, in the store's order; images without objects are listed. Objects of
    categories that the store does not know are left out.

    Args:
        store: the images; pixels are not needed.
        difficult: ``iscrowd`` marks difficult objects as crowds, which COCO's tools count
            neither way; ``ignore`` marks them by a key of that name, which many tools do
            not read.
    """
    annotations: list[dict[str, Any]] = []
    for row, column in (store.object_category >= 0).nonzero().tolist():
        box = coordinates(store.boxes[row, column].tolist())
        hard = int(store.difficult[row, column])
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": row + 1,
                "category_id": int(store.object_category[row, column]) + 1,
                "bbox": _to_coco(box),
                "area": (box[2] - box[0]) * (box[3] - box[1]),
                "iscrowd": hard if difficult == "iscrowd" else 0,
                **({"ignore": hard} if difficult == "ignore" else {}),
            }
        )
    return {
        "info": {
            "description": f"{store.data}, image set {store.image_set}",
            "data_hash": store.data_hash,
        },
        "images": [
            {"id": row, "file_name": f"{image_id}.jpg", "width": int(width), "height": int(height)}
            for row, (image_id, (width, height)) in enumerate(
                zip(store.image_ids, store.sizes.tolist(), strict=True), start=1
            )
        ],
        "annotations": annotations,
        "categories": [
            {"id": index, "name": name, "supercategory": ""}
            for index, name in enumerate(store.categories, start=1)
        ],
    }


def coco_results(
    detections: Mapping[str, Detections], store: SampleStore, calibration: Calibration
) -> list[dict[str, Any]]:
    """Detections as COCO's results, the surest first.

    Scores are probabilities, all different: equal scores keep the order of ``ranking``,
    between categories that of the store. So no tool can order them in another way.

    Args:
        detections: ranked detections by category, of images of the store.
        store: the images that were searched.
        calibration: turns scores into probabilities.
    """
    ids = {image_id: row for row, image_id in enumerate(store.image_ids, start=1)}
    rows = [
        (score, ids[image_id], category, box)
        for category, name in enumerate(store.categories, start=1)
        for image_id, box, score in zip(
            detections[name].image_ids.tolist(),
            detections[name].boxes.tolist(),
            detections[name].scores.tolist(),
            strict=True,
        )
    ]
    rows.sort(key=lambda row: -row[0])
    chances = probabilities(calibration, (score for score, *_ in rows)).tolist()
    return [
        {"image_id": image, "category_id": category, "bbox": _to_coco(box), "score": chance}
        for chance, (_, image, category, box) in zip(chances, rows, strict=True)
    ]


def _to_coco(box: Sequence[float]) -> list[float]:
    """``[x, y, width, height]`` of a half-open box."""
    xmin, ymin, xmax, ymax = box
    return [xmin, ymin, xmax - xmin, ymax - ymin]


@dataclass(frozen=True)
class _Boxes:
    """Boxes of an image in the two files: corners ``[M, 4]``, the rest ``[M]``."""

    corners: Floats
    classes: Indices
    values: dict[str, Floats]

    @classmethod
    def of(cls, entries: list[dict[str, Any]], keys: Sequence[str]) -> Self:
        boxes = np.array([each["bbox"] for each in entries], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        classes = np.array([each["category_id"] for each in entries], dtype=np.int64)
        values = {
            key: np.array([each.get(key, 0) for each in entries], dtype=np.float64) for key in keys
        }
        return cls(boxes, classes, values)


def to_supervision(folder: Path | str, image_set: str, kind: str) -> tuple[list[Any], list[Any]]:
    """Detections and ground truth as lists of ``supervision.Detections``, an image each.

    ``class_id`` is the category's id in the files; ``data`` of the ground truth has
    ``iscrowd`` and ``ignore``.

    Args:
        folder: folder that ``objloc results`` wrote.
        image_set: an image set in it.
        kind: ``triggered`` or ``attended``.

    Raises:
        ObjlocError: the package is not installed, or a file is missing, damaged or of
            other images.
    """
    try:
        import supervision  # noqa: PLC0415
    except ImportError:
        raise ObjlocError(
            "to_supervision: expected the package supervision; not installed "
            "(pip install 'objloc[supervision]')"
        ) from None

    def as_detections(boxes: _Boxes, **more: Any) -> Any:
        return supervision.Detections(
            boxes.corners.astype(np.float32), class_id=boxes.classes, **more
        )

    found, truth = [], []
    for claims, objects in _by_image(Path(folder), image_set, kind):
        found.append(as_detections(claims, confidence=claims.values["score"].astype(np.float32)))
        flags = {key: objects.values[key].astype(np.int64) for key in ("iscrowd", "ignore")}
        truth.append(as_detections(objects, data=flags))
    return found, truth


def to_torchmetrics(
    folder: Path | str, image_set: str, kind: str
) -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor]]]:
    """Predictions and targets of torchmetrics' ``MeanAveragePrecision``, an image each.

    Args:
        folder: folder that ``objloc results`` wrote.
        image_set: an image set in it.
        kind: ``triggered`` or ``attended``.

    Raises:
        ObjlocError: a file is missing, damaged or of other images.
    """
    predictions, targets = [], []
    for claims, objects in _by_image(Path(folder), image_set, kind):
        predictions.append(
            {
                "boxes": torch.from_numpy(claims.corners).float(),
                "labels": torch.from_numpy(claims.classes),
                "scores": torch.from_numpy(claims.values["score"]).float(),
            }
        )
        targets.append(
            {
                "boxes": torch.from_numpy(objects.corners).float(),
                "labels": torch.from_numpy(objects.classes),
                "iscrowd": torch.from_numpy(objects.values["iscrowd"]).long(),
                "area": torch.from_numpy(objects.values["area"]).float(),
            }
        )
    return predictions, targets


def _by_image(folder: Path, image_set: str, kind: str) -> Iterator[tuple[_Boxes, _Boxes]]:
    """Detections and objects of each image, those without any included."""
    instances = folder / _INSTANCES.format(image_set=image_set)
    results = folder / _RESULTS.format(image_set=image_set, kind=kind)
    try:
        truth, claims = (json.loads(path.read_bytes()) for path in (instances, results))
        ids = [image["id"] for image in truth["images"]]
        objects: dict[int, list[dict[str, Any]]] = defaultdict(list)
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for entries, by_image in ((truth["annotations"], objects), (claims, found)):
            for entry in entries:
                by_image[entry["image_id"]].append(entry)
    except OSError as error:
        raise ObjlocError(f"{error.filename}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ObjlocError(
            f"{results}, {instances}: expected COCO's results and instances; found {error!r}"
        ) from None
    if unknown := found.keys() - set(ids):
        raise ObjlocError(f"{results}: expected ids of images in {instances}; found {min(unknown)}")
    for image in ids:
        yield (
            _Boxes.of(found[image], ("score",)),
            _Boxes.of(objects[image], ("iscrowd", "ignore", "area")),
        )
