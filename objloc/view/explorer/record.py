"""Searches as plain values: ``trajectories.json``, and what the page is made of."""

import math
from typing import Any

from objloc.mdp.action import effects_of, names_of
from objloc.network.checkpoint import Checkpoint
from objloc.params import SUCCESS_IOU
from objloc.search.trajectory import Step
from objloc.view.explorer.selection import Shown
from objloc.view.subject import SearchSubject

FORMAT = 1
"""Version of the file; it grows when a key changes its meaning."""

Json = dict[str, Any]


def record(
    shown: list[Shown], checkpoint: Checkpoint, model_hash: str, image_set: str, data: Json
) -> Json:
    """Everything on the page except the pixels.

    Boxes are (xmin, ymin, xmax, ymax) in pixels, zero-based and half-open, in
    full precision; Q-values are rounded to six decimals, None where no network
    was asked.

    Args:
        shown: images and searches.
        checkpoint: the agent.
        model_hash: SHA-256 of its file.
        image_set: the images' set.
        data: ``name`` and ``hash`` of the images' data.
    """
    mdp = checkpoint.agent.mdp
    return {
        "format": FORMAT,
        "boxes": "xmin, ymin, xmax, ymax; pixels, zero-based, half-open",
        "data": data,
        "image_set": image_set,
        "model": {"sha256": model_hash},
        "categories": list(checkpoint.categories),
        "actions": list(names_of(mdp)),
        "effects": dict(zip(names_of(mdp), effects_of(mdp).tolist(), strict=True)),
        "mdp": mdp.model_dump(mode="json"),
        "success_iou": SUCCESS_IOU,
        "images": [_image(each) for each in shown],
    }


def _image(shown: Shown) -> Json:
    sample = shown.sample
    counts: dict[str, int] = {}
    searches = []
    for search in shown.searches:
        category = search.trajectory.category
        counts[category] = counts.get(category, 0) + 1
        again = f" {counts[category]}" if counts[category] > 1 else ""
        searches.append(_search(search, f"{category}{again}"))
    return {
        "id": sample.image_id,
        "width": sample.width,
        "height": sample.height,
        "objects": [
            {"category": item.category, "box": list(item.box), "difficult": item.difficult}
            for item in sample.objects
        ],
        "searches": searches,
    }


def _search(search: SearchSubject, key: str) -> Json:
    """A search; ``key`` names it among those of its image."""
    run = search.trajectory
    headline, sentence = search.verdict()
    return {
        "key": key,
        "category": run.category,
        "present": bool(search.objects),
        "success": search.success,
        "terminated": run.terminated,
        "headline": headline,
        "sentence": sentence,
        "final_box": list(run.final_box),
        "final_iou": run.final_iou,
        "actions": list(run.actions),
        "steps": [_step(step) for step in run.steps],
    }


def _step(step: Step) -> Json:
    return {
        "box": list(step.box),
        "iou": step.iou,
        "action": step.action,
        "reward": step.reward,
        "q_values": [round(q, 6) if math.isfinite(q) else None for q in step.q_values],
    }
