"""Compare two evaluations of the same images, image by image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from objloc.data.store import SampleStore
from objloc.diagnosis.bootstrap import Ranking, replicated_aps
from objloc.diagnosis.conditions import Conditions
from objloc.diagnosis.run_parameters import comparable, read_parameters
from objloc.errors import ObjlocError
from objloc.evaluation.detections import objects_of
from objloc.evaluation.matching import Floats, match
from objloc.evaluation.metrics import (
    KINDS_OF_DETECTIONS,
    DataName,
    ImageSetMetrics,
    Interval,
    Part,
)
from objloc.evaluation.read import EvaluationFiles, SearchKey, read_evaluation, read_metrics
from objloc.evaluation.success_rate import drawn_weights, interval, replicated_rates


@dataclass(frozen=True)
class Side:
    """One of the two evaluations.

    Attributes:
        name: as the user gave it.
        evaluation: its files.
        parameters: the training's, under dotted keys; empty where they are not known.
    """

    name: str
    evaluation: EvaluationFiles
    parameters: Mapping[str, Any]


class SideName(Part):
    """Name and model of a side."""

    name: str
    model: str
    categories: tuple[str, ...]


class Difference(Part):
    """A figure of both sides, and b minus a with its 95 % interval."""

    a: float | None
    b: float | None
    difference: float | None
    interval: Interval


class BothSteps(Part):
    """Mean length of the searches of both sides."""

    a: float
    b: float


class SearchName(Part):
    """The search for a category in an image."""

    image_id: str
    category: str


class Comparison(Part):
    """Two evaluations of the same images; differences are b minus a."""

    image_set: str
    data: DataName
    images: int
    searches: int
    iou_threshold: float
    categories: tuple[str, ...]
    a: SideName
    b: SideName
    success: dict[str, Difference]
    """By category, and the mean."""
    verdict: str
    ap: dict[str, dict[str, Difference]] | None
    """VOC2007 AP by kind of detections, then by column; None without the images."""
    steps: BothSteps
    gained: tuple[SearchName, ...]
    """Searches in which b alone succeeds."""
    lost: tuple[SearchName, ...]
    """Searches in which a alone succeeds."""
    parameters: dict[str, tuple[Any, Any]]
    """Parameters that differ, a's and b's value; None where one side has no such."""


def evaluation_folder(path: Path) -> Path | None:
    """Find the evaluation that a path names: the path, or that of a run folder; None if neither."""
    for folder in (path, path / "evaluate"):
        if (folder / "metrics.json").is_file() and (folder / "episodes.csv").is_file():
            return folder
    return None


def read_side(name: str, folder: Path, image_set: str) -> Side:
    """Read one side from an evaluation's folder, its parameters from the training beside it.

    Raises:
        ObjlocError: no evaluation of that image set, or a damaged one.
    """
    path = folder.parent / "train" / "params.yaml"
    parameters = read_parameters(path) if path.is_file() else {}
    return Side(name, read_evaluation(folder, image_set), parameters)


def common_image_set(folders: Mapping[str, Path], wanted: str | None) -> str:
    """Choose the image set to compare on: the one asked for, else the first that all measured.

    Args:
        folders: evaluations by the names that the user gave them; none: any set will do.
        wanted: the one asked for.

    Raises:
        ObjlocError: a side did not measure it, or there is none that all did.
    """
    measured = {name: list(read_metrics(each / "metrics.json")) for name, each in folders.items()}
    for name, image_sets in measured.items():
        if wanted is not None and wanted not in image_sets:
            raise ObjlocError(
                f"{name}: expected an evaluation of image set '{wanted}'; "
                f"found {', '.join(image_sets)}"
            )
    if wanted is not None:
        return wanted
    first, *others = measured.values() or (["val"],)
    for image_set in first:
        if all(image_set in other for other in others):
            return image_set
    found = "; ".join(f"{name}: {', '.join(each)}" for name, each in measured.items())
    raise ObjlocError(f"expected an image set that both were measured on; found {found}")


def compare(a: Side, b: Side, store: SampleStore | None, seed: int) -> Comparison:
    """Compare b with a.

    Args:
        a: the side to compare with.
        b: the side to judge.
        store: the image set, for average precision; None leaves that out.
        seed: seed for the intervals.

    Raises:
        ObjlocError: they were measured on other data, images or categories, or with
            another threshold.
    """
    _refuse_unlike(a, b)
    one, other = a.evaluation, b.evaluation
    categories = tuple(name for name in one.categories if name in other.categories)
    keys = [key for key in one.episodes if key[1] in categories]
    image_ids = list(dict.fromkeys(key[0] for key in keys))
    if store is not None:
        image_ids = list(store.image_ids)
    success = _success(one, other, keys, image_ids, categories, seed)

    def only(winner: EvaluationFiles, loser: EvaluationFiles) -> tuple[SearchName, ...]:
        return tuple(
            SearchName(image_id=image_id, category=category)
            for image_id, category in keys
            if winner.episodes[image_id, category].success
            and not loser.episodes[image_id, category].success
        )

    return Comparison(
        image_set=one.image_set,
        data=one.metrics.data,
        images=one.metrics.images,
        searches=len(keys),
        iou_threshold=one.threshold,
        categories=categories,
        a=_side_name(a),
        b=_side_name(b),
        success=success,
        verdict=_verdict(a, b, success["mean"], len(keys)),
        ap=None if store is None else _ap(one, other, store, categories, seed),
        steps=BothSteps(a=_mean_steps(one, keys), b=_mean_steps(other, keys)),
        gained=only(other, one),
        lost=only(one, other),
        parameters=_differing(a, b),
    )


def _refuse_unlike(a: Side, b: Side) -> None:
    both = f"{a.name} and {b.name}"
    one, other = (
        Conditions.of(each.evaluation.image_set, each.evaluation.metrics) for each in (a, b)
    )
    one.require_alike(other, both)
    common = set(one.categories) & set(other.categories)
    kept = [{key for key in each.evaluation.episodes if key[1] in common} for each in (a, b)]
    if kept[0] != kept[1]:
        raise ObjlocError(
            f"{both}: expected searches in the same images (evaluate.max_images); found "
            f"{len(kept[0])} and {len(kept[1])}, {len(kept[0] & kept[1])} of them the same"
        )
    if not kept[0]:
        raise ObjlocError(f"{both}: expected searches that count; found none")


def _side_name(side: Side) -> SideName:
    model = side.evaluation.metrics.model
    return SideName(name=side.name, model=model.sha256, categories=model.categories)


def _mean_steps(evaluation: EvaluationFiles, keys: Sequence[SearchKey]) -> float:
    return float(np.mean([evaluation.episodes[key].steps for key in keys]))


def _success(
    a: EvaluationFiles,
    b: EvaluationFiles,
    keys: Sequence[SearchKey],
    image_ids: Sequence[str],
    categories: Sequence[str],
    seed: int,
) -> dict[str, Difference]:
    """Success rates, their difference and its interval; drawn images are the same for both."""
    row = {image_id: index for index, image_id in enumerate(image_ids)}
    column = {category: index for index, category in enumerate(categories)}
    shares = np.zeros((2, len(image_ids), len(categories)))
    counted = np.zeros((len(image_ids), len(categories)))
    for image_id, category in keys:
        place = row[image_id], column[category]
        counted[place] = 1.0
        for side, each in enumerate((a, b)):
            shares[(side, *place)] = each.episodes[image_id, category].success
    with np.errstate(invalid="ignore"):
        rates = shares.sum(axis=1) / counted.sum(axis=0)
    rates = np.concatenate([rates, np.nanmean(rates, axis=1, keepdims=True)], axis=1)
    drawn = replicated_rates(shares, counted, np.random.default_rng(seed))
    return _differences([*categories, "mean"], rates, drawn)


def _ap(
    a: EvaluationFiles,
    b: EvaluationFiles,
    store: SampleStore,
    categories: Sequence[str],
    seed: int,
) -> dict[str, dict[str, Difference]]:
    """VOC2007 AP of both, of triggered and attended windows."""
    objects = {name: each for name, each in objects_of(store).items() if name in categories}
    weights = drawn_weights(len(store), np.random.default_rng(seed))
    whole = np.ones((1, len(store)))
    table = {}
    for kind in KINDS_OF_DETECTIONS:
        rates, drawn = [], []
        for side in (a, b):
            found = side.detections(kind, store)
            rankings = [
                Ranking.of(match(found[name], objects[name]), objects[name], store.image_ids)
                for name in categories
            ]
            rates.append(replicated_aps(rankings, whole)["voc2007"][0])
            drawn.append(replicated_aps(rankings, weights)["voc2007"])
        table[kind] = _differences([*categories, "mean"], np.stack(rates), np.stack(drawn))
    return table


def _differences(columns: Sequence[str], values: Floats, drawn: Floats) -> dict[str, Difference]:
    """``[2, C+1]`` values and ``[2, R, C+1]`` replicates as a table by column."""
    table = {}
    for index, column in enumerate(columns):
        one, other = (None if np.isnan(each) else float(each) for each in values[:, index])
        known = one is not None and other is not None
        table[column] = Difference(
            a=one,
            b=other,
            difference=other - one if one is not None and other is not None else None,
            interval=interval(drawn[1, :, index] - drawn[0, :, index]) if known else None,
        )
    return table


def _verdict(a: Side, b: Side, mean: Difference, searches: int) -> str:
    difference, reach = 100 * (mean.difference or 0.0), mean.interval
    if reach is None or reach[0] <= 0 <= reach[1]:
        word = f"is not told apart from {a.name} by {searches} searches"
    else:
        word = f"is {'better' if difference > 0 else 'worse'} than {a.name}"
    known = f", 95 % interval {100 * reach[0]:+.1f} to {100 * reach[1]:+.1f}" if reach else ""
    return f"{b.name} {word} ({difference:+.1f} points of success{known})."


def _differing(a: Side, b: Side) -> dict[str, tuple[Any, Any]]:
    """Parameters that differ, each of both; None where one side has no such."""
    one, other = comparable(a.parameters), comparable(b.parameters)
    if not ("train.seed" in one and "train.seed" in other):
        # A bare model has only the parameters of its agent; those of others may be unknown.
        shared = one.keys() & other.keys()
        one, other = ({key: each[key] for key in each if key in shared} for each in (one, other))
    one, other = (
        each | _of_search(side.evaluation.metrics) for each, side in ((one, a), (other, b))
    )
    keys = [*one, *(key for key in other if key not in one)]
    return {key: (one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)}


def _of_search(metrics: ImageSetMetrics) -> dict[str, Any]:
    """Parameters of an evaluation that may differ between the two."""
    search = metrics.search
    return {
        "evaluate.max_windows": search.curve[-1].budget if search else None,
        "evaluate.search.order": metrics.order,
        "evaluate.search.cross": metrics.cross,
    }
