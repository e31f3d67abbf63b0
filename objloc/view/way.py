"""The way of a search with a budget to one trigger, to be shown like any other search."""

import math

import torch

from objloc.box import iou
from objloc.data.photograph import Photograph
from objloc.data.sample import Coordinates, VocObject
from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser
from objloc.search.result import Search as Way
from objloc.search.rollout import Step, Trajectory
from objloc.view.subject import SUCCESS_IOU, Search, checked


def search_within(
    picture: Photograph,
    agent: Localiser,
    category: str | None,
    truth: Coordinates | None,
    max_windows: int,
) -> Search:
    """Search a picture with a budget; the way to the best box.

    Args:
        picture: shown and searched upright.
        agent: searches for all its categories at once, or for the one asked for.
        category: None: that of the best box.
        truth: the object, in one-based inclusive pixels of the upright image.
        max_windows: that may be looked at.

    Raises:
        ObjlocError: a category the agent does not know; a box outside the image;
            nothing was found, so there is no way to show.
    """
    size = (float(picture.image.width), float(picture.image.height))
    known = None if truth is None else checked(truth, size)
    result = agent(picture.image, category, max_windows)
    if not result.found:
        raise ObjlocError(
            f"{picture.name}: expected a trigger whose way could be shown; found none in "
            f"{result.windows} windows (without --max-windows a search is shown to its end)"
        )
    way = result.found[0].search
    objects = None if known is None else (VocObject(way.category, known),)
    run = _trajectory(way, result.actions, picture.name, known)
    return Search(run, picture.image, size, objects, len(way.looks))


def _trajectory(
    way: Way, actions: tuple[str, ...], name: str, truth: Coordinates | None
) -> Trajectory:
    overlaps = [0.0 if truth is None else _overlap(look.box, truth) for look in way.looks]
    steps = tuple(
        Step(
            look.box, look.values, look.action, overlap, math.nan, look.further,
            look.category if look.category != way.category else None,
        )
        for look, overlap in zip(way.looks, overlaps, strict=True)
    )  # fmt: skip
    return Trajectory(
        name, way.category, actions, steps, way.final_box, overlaps[-1], way.triggered,
        way.triggered and overlaps[-1] > SUCCESS_IOU,
    )  # fmt: skip


def _overlap(box: Coordinates, other: Coordinates) -> float:
    return float(iou(*(torch.tensor(each, dtype=torch.float64) for each in (box, other))))
