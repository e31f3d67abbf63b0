"""Captions of the report's figures, and words that its figures, page and text share."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from objloc.evaluation.baselines import best_known
from objloc.wording import fraction


class Caption(NamedTuple):
    """Caption of a figure.

    Attributes:
        file: name of the figure's file.
        title: the figure's title.
        how: how to read it.
        wide: whether a phone shows it in part, to be moved sideways.
    """

    file: str
    title: str
    how: str
    wide: bool = False


ALARMS = "false_alarms.jpg"
OVERLOOKED = "missed_objects.jpg"

FIGURES = {
    each.file: each
    for each in (
        Caption(
            "between.png",
            "Success between floor and ceiling",
            "Each grey bar runs from the best searcher that looks at nothing to the oracle, which "
            "sees the truth. The dot is the agent, its line the 95 % interval over images. A line "
            "that reaches the left mark means: not better than blind, as far as these images tell.",
        ),
        Caption(
            "success_by_iou.png",
            "Success against the IoU asked for",
            "Further right a window must fit tighter to count. The agent is worth as much as it "
            "stays above the blind searchers; a steep fall means that it finds objects but frames "
            "them loosely.",
        ),
        Caption(
            "precision_recall.png",
            "Precision and recall",
            "Detections are taken in, the surest first: to the right more objects are found, "
            "upwards fewer claims are false. The higher and the further right, the better.",
            wide=True,
        ),
        Caption(
            "by_windows.png",
            "What more windows bring",
            "To the right a search may look at more windows before it must end. Where a curve is "
            "flat, more steps bring nothing. Recall: share of the objects on which a window was, "
            "triggered or not; between recall and success lie windows that it did not trigger on.",
            wide=True,
        ),
        Caption(
            "steps.png",
            "Length of the searches",
            "How many actions a search took, by how it ended. A pile at the right end are searches "
            "that never triggered.",
        ),
        Caption(
            "errors.png",
            "What kinds of errors cost",
            "Mean average precision that would be gained if errors of one kind alone were put "
            "right. Kinds do not add up to what is lacking. Many errors may cost little, if they "
            "are ranked low.",
        ),
        Caption(
            "misses.png",
            "Why searches failed",
            "Success rate lost to each reason, mean over the categories; the bars add up to what "
            "is lacking to 1. Each missed object has one reason, the first that applies from the "
            "top; a failed search has that of the object it came nearest to.",
        ),
        Caption(
            ALARMS,
            "The surest false alarms",
            "Each picture is a triggered window (amber) that claims its category with a high score "
            "and is wrong; below it what it truly is on (blue). One kind seen again and again is "
            "what to mend first; some are objects that nobody annotated.",
            wide=True,
        ),
        Caption(
            OVERLOOKED,
            "The largest missed objects",
            "Each picture is an annotated object (blue) that no triggered window of its category "
            "found, with the window that came nearest (amber). Large objects should be easy: what "
            "repeats here tells which views the agent does not know.",
            wide=True,
        ),
        Caption(
            "training.png",
            "Training",
            "What was measured while it learned. The model is the one of the period with the "
            "highest success on the validation set.",
            wide=True,
        ),
    )
}
"""Captions by file, in the order of the page."""

EXPLORER = "../explore/explorer.html"
"""Address of the explorer, seen from the report's folder in the pipeline."""


def link(explorer: str, entry: dict[str, Any]) -> str:
    """Address in the explorer at which a search ends."""
    place = urlencode({"image": entry["image_id"], "search": entry["category"], "step": "end"})
    return f"{explorer}#{place}"


def lost(cost: float | None) -> str:
    """A cost as a loss: ``-.131``; ``0`` where it is nothing to the last digit shown."""
    if cost is None or abs(cost) < 0.0005:
        return "0"
    return fraction(-cost)


def best_blind(baselines: Mapping[str, Mapping[str, float | None]], column: str) -> float | None:
    """The best figure of the baselines in a column; None if none is known."""
    return best_known(each[column] for each in baselines.values())


def facts(contents: Mapping[str, Any]) -> str:
    """Image set and number of images, as captions begin."""
    return f"{contents['data']['name']}, {contents['image_set']}: {contents['images']} images"


def shown_on(contents: Mapping[str, Any], name: str) -> str:
    """Image set, number of images and threshold of a figure, as its caption begins."""
    if name == "training.png":
        return f"{contents['data']['name']}, training and validation set."
    return f"{facts(contents)}; success from IoU > {contents['iou_threshold']:g}."
