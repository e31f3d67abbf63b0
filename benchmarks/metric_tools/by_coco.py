"""Packages that count as COCO does, and ways to use them."""

import importlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.metric_tools.case import (
    Case,
    Row,
    Variant,
    as_in_file,
    by_image,
    one_by_one,
    ordinary,
)


def _coco(
    api: Callable[[str, str], float],
    difficult: str = "iscrowd",
    *,
    in_file: bool = False,
    raw: bool = False,
) -> Callable[[Case], float]:
    """Write COCO's two files and measure them."""

    def entry(row: Row) -> dict[str, Any]:
        image, category, (xmin, ymin, xmax, ymax), _ = row
        bbox = [xmin, ymin, xmax - xmin, ymax - ymin]
        return {"image_id": image + 1, "category_id": category + 1, "bbox": bbox}

    def measure(case: Case) -> float:
        objects, claims = case.objects, case.scores if raw else case.probabilities
        if in_file:
            objects, claims = as_in_file(objects), as_in_file(claims)
        annotations = []
        for number, row in enumerate(objects, start=1):
            one = entry(row)
            area = one["bbox"][2] * one["bbox"][3]
            annotations.append(
                {**one, "id": number, "area": area, "iscrowd": 0, difficult: int(row[3])}
            )
        truth = {
            "info": {},
            "images": [{"id": i + 1, "width": 500, "height": 500} for i in range(case.images)],
            "annotations": annotations,
            "categories": [{"id": c + 1, "name": f"c{c}"} for c in range(case.categories)],
        }
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, name) for name in ("truth.json", "claims.json")]
            paths[0].write_text(json.dumps(truth))
            paths[1].write_text(json.dumps([{**entry(row), "score": row[3]} for row in claims]))
            return api(str(paths[0]), str(paths[1]))

    return measure


def _pycocotools(stat: int, module: str, evaluator: str) -> Callable[[str, str], float]:
    """A package with the interface of pycocotools; ``stat`` 1 is AP50, 0 that of .50:.95."""

    def measure(truth: str, claims: str) -> float:
        coco = importlib.import_module("pycocotools.coco" if module == "pycocotools" else module)
        side = importlib.import_module(
            "pycocotools.cocoeval" if module == "pycocotools" else module
        )
        objects = coco.COCO(truth)
        evaluation = getattr(side, evaluator)(objects, objects.loadRes(claims), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return float(evaluation.stats[stat])

    return measure


def pycocotools() -> Iterator[Variant]:
    """COCO's own program."""
    ap50 = _pycocotools(1, "pycocotools", "COCOeval")
    yield "difficult as crowds", _coco(ap50)
    yield "difficult as crowds, Q-values as scores", _coco(ap50, raw=True)
    yield "difficult marked `ignore`, which it does not read: ordinary", _coco(ap50, "ignore")
    yield "corners as in the devkit's files, difficult as crowds", _coco(ap50, in_file=True)
    average = _pycocotools(0, "pycocotools", "COCOeval")
    yield "AP .50:.95, difficult as crowds", _coco(average)


def faster_coco_eval() -> Iterator[Variant]:
    """Pycocotools in C++."""
    yield (
        "difficult as crowds",
        _coco(_pycocotools(1, "faster_coco_eval", "COCOeval_faster")),
    )


def hotcoco() -> Iterator[Variant]:
    """Pycocotools in Rust."""
    yield "difficult as crowds", _coco(_pycocotools(1, "hotcoco", "COCOeval"))


def torchmetrics() -> Iterator[Variant]:
    """Torchmetrics over pycocotools, with the torch of the calling environment."""

    def measure(case: Case) -> float:
        torch = importlib.import_module("torch")
        if not torch.backends.cuda.is_built():
            # torchvision's operators are compiled for CUDA and do not load beside a torch
            # for processors; importing it needs their names, the metric none of them.
            library = torch.library.Library("torchvision", "FRAGMENT")
            for name in ("nms", "qnms"):
                if not hasattr(torch.ops.torchvision, name):
                    library.define(f"{name}(Tensor boxes, Tensor scores, float iou) -> Tensor")
        metric = importlib.import_module("torchmetrics.detection").MeanAveragePrecision()
        found, truth = [], []
        for objects, claims in by_image(case, case.objects, case.probabilities):
            boxes, labels, flags, one, mine, scores = map(torch.from_numpy, (*objects, *claims))
            truth.append({"boxes": boxes.float(), "labels": labels, "iscrowd": flags.long()})
            found.append({"boxes": one.float(), "labels": mine, "scores": scores.float()})
        metric.update(found, truth)
        return float(metric.compute()["map_50"])

    yield "difficult as crowds", measure


def supervision() -> Iterator[Variant]:
    """Supervision's own copy of COCO's computation."""

    def measure(case: Case, key: str | None) -> float:
        np, sv = (importlib.import_module(each) for each in ("numpy", "supervision"))
        metric = importlib.import_module("supervision.metrics").MeanAveragePrecision()
        found, truth = [], []
        for (boxes, labels, flags), (one, mine, scores) in by_image(
            case, case.objects, case.probabilities
        ):
            data = {} if key is None else {key: flags.astype(np.int64)}
            truth.append(sv.Detections(boxes.astype(np.float32), class_id=labels, data=data))
            found.append(
                sv.Detections(
                    one.astype(np.float32), class_id=mine, confidence=scores.astype(np.float32)
                )
            )
        return float(metric.update(found, truth).compute().map50)

    yield "difficult as `iscrowd`", lambda case: measure(case, "iscrowd")
    yield "difficult as `ignore`", lambda case: measure(case, "ignore")
    yield "difficult as ordinary", lambda case: measure(case, None)


def globox() -> Iterator[Variant]:
    """A converter of annotations with a metric."""

    def measure(case: Case, claims: list[Row], objects: list[Row]) -> float:
        package = importlib.import_module("globox")

        def annotations(rows: list[Row], scored: bool) -> Any:
            boxes: dict[int, list[Any]] = {image: [] for image in range(case.images)}
            for image, category, (xmin, ymin, xmax, ymax), last in rows:
                more = {"confidence": last} if scored else {}
                box = package.BoundingBox(
                    label=str(category), xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, **more
                )
                boxes[image].append(box)
            return package.AnnotationSet(
                package.Annotation(image_id=str(image), boxes=each) for image, each in boxes.items()
            )

        evaluator = package.COCOEvaluator(
            ground_truths=annotations(objects, False), predictions=annotations(claims, True)
        )
        return float(evaluator.ap_50())

    yield (
        "difficult left out",
        lambda case: measure(case, case.probabilities, ordinary(case.objects)),
    )
    yield "difficult as ordinary", lambda case: measure(case, case.probabilities, case.objects)
    yield (
        "Q-values as scores, difficult as ordinary",
        lambda case: measure(case, case.scores, case.objects),
    )


def tidecv() -> Iterator[Variant]:
    """TIDE, for the kinds of errors, with an average precision of its own."""

    def measure(case: Case, claims: list[Row], announced: bool) -> float:
        package, data = (importlib.import_module(each) for each in ("tidecv", "tidecv.data"))
        truth, found = data.Data("truth"), data.Data("found")
        for category in range(case.categories):
            truth.add_class(category, str(category))
            found.add_class(category, str(category))
        for image in range(case.images if announced else 0):
            truth.add_image(image, str(image))
            found.add_image(image, str(image))

        def bbox(box: tuple[float, ...]) -> list[float]:
            return [box[0], box[1], box[2] - box[0], box[3] - box[1]]

        for image, category, box, hard in case.objects:
            add = truth.add_ignore_region if hard else truth.add_ground_truth
            add(image, category, bbox(box))
        for image, category, box, score in claims:
            found.add_detection(image, category, score, bbox(box))
        run = package.TIDE().evaluate(truth, found, mode=package.TIDE.BOX)
        return float(run.ap) / 100

    def careless(case: Case) -> float:
        return measure(case, case.probabilities, announced=False)

    yield (
        "difficult as ignore regions, every image announced by `add_image`",
        lambda case: measure(case, case.probabilities, announced=True),
    )
    yield "the same, no image announced", careless
    yield "the same, one category at a time", one_by_one(careless)
    yield (
        "every image announced, Q-values as scores",
        lambda case: measure(case, case.scores, announced=True),
    )
