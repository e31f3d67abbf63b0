"""Pictures of the searches that a report names; the explorer need not have them."""

from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest
from typing import Any

from objloc.data.sample import Coordinates, coordinates
from objloc.diagnosis.analysis import Analysis
from objloc.view.report.thumbnails import thumbnail

Pair = tuple[str, str]
"""Image id and category."""
_SIDE, _QUALITY = 200, 65


def named_pairs(explanation: Mapping[str, Any], number: int) -> list[Pair]:
    """Image and category of the searches named: the first of each bin, then the second of each.

    Args:
        explanation: see ``objloc.diagnosis.explanation.explanation_of``.
        number: maximum number of pairs.
    """
    kinds = (errors["kinds"].values() for errors in explanation["errors"].values())
    bins = [each["listed"] for each in chain(explanation["misses"].values(), *kinds)]
    pairs: dict[Pair, None] = {}
    for entry in chain.from_iterable(zip_longest(*bins)):
        if len(pairs) == number:
            break
        if entry is not None:
            pairs[entry["image_id"], entry["category"]] = None
    return list(pairs)


def pictures(
    analysis: Analysis, explanation: Mapping[str, Any], number: int
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Draw the searches that an explanation names.

    Args:
        analysis: holds the searches, the detections and the photographs.
        explanation: names the searches.
        number: maximum number of pictures.

    Yields:
        The picture's entry in ``report.json`` and the bytes of its file.
    """
    store, searches = analysis.store, analysis.searches
    images = {image_id: row for row, image_id in enumerate(store.image_ids)}
    columns = {name: column for column, name in enumerate(store.categories)}
    ran = zip(searches.image.tolist(), searches.category.tolist(), strict=True)
    rows = {pair: row for row, pair in enumerate(ran)}
    for place, (image_id, category) in enumerate(named_pairs(explanation, number)):
        image, column = images[image_id], columns[category]
        row = rows.get((image, column))
        if row is None:
            windows, said = _claimed(analysis, image_id, category)
        else:
            steps = int(searches.steps[row])
            windows = [coordinates(box) for box in searches.boxes[row, : steps + 1].tolist()]
            ending = "triggered" if searches.terminated[row] else "no trigger"
            said = f"final IoU {float(searches.final_iou[row]):.2f}, {steps} steps, {ending}"
        width, height = store.sizes[image].tolist()
        entry = {
            "image_id": image_id,
            "category": category,
            "said": said,
            "file": f"pictures/{place:04}.jpg",
        }
        size, truth = (width, height), store.ground_truth(image, column)
        yield entry, thumbnail(store.jpegs[image], size, truth, windows, _SIDE, _QUALITY)


def _claimed(analysis: Analysis, image_id: str, category: str) -> tuple[list[Coordinates], str]:
    """Window and words for the surest detection of a search that does not count."""
    for kind, diagnoses in analysis.diagnoses.items():
        detections = diagnoses[category].detections
        found = (detections.image_ids == image_id).nonzero()[0]
        if len(found):
            box = coordinates(detections.boxes[found[0]].tolist())
            score = float(detections.scores[found[0]])
            return [box], f"surest {kind} window, score {score:.2f}"
    return [], "no window"
