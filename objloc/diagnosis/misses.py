"""Why a search did not end on an object: errors that only a search can make."""

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from objloc.box import iou
from objloc.data.image_batch import Images
from objloc.data.store import SampleStore
from objloc.diagnosis.oracle import Reach
from objloc.diagnosis.tide import BACKGROUND_IOU
from objloc.mdp.environment import Observation
from objloc.mdp.success import is_success
from objloc.params import Mdp
from objloc.search.policy import Choice, Policy
from objloc.search.rollout import Rollout, rollout

SAME_IOU = 0.9
"""IoU from which two windows count as one when a search comes back: a single move changes
more."""


class Miss(IntEnum):
    """Why an object was missed: the first that applies, in this order."""

    OUT_OF_REACH = 0
    """Not even the oracle found a right window."""
    ANOTHER_OBJECT = 1
    """The search ended on another object of the category."""
    MISTIMED = 2
    """Triggered on a wrong window, though an earlier one was right, or a later one
    would have been had it gone on."""
    BESIDE = 3
    """Triggered on a wrong window that overlaps the object, IoU 0.1 or more."""
    ELSEWHERE = 4
    """Triggered away from the object."""
    NEVER_TRIGGERED = 5
    """Stayed with a right window to the end of its steps, and did not trigger."""
    LEFT = 6
    """Looked at a right window, went away and did not come back."""
    CIRCLES = 7
    """Came back to a window that it knew, IoU 0.9 or more, and no window was right."""
    OUT_OF_STEPS = 8
    """Was still on new ground when its steps ended."""


@dataclass(frozen=True)
class Misses:
    """All objects of the searches, found or missed; M objects, E searches.

    Attributes:
        search: ``[M]`` int64, the search of the object's category in its image.
        column: ``[M]`` int64, the object's column in ``store.boxes``.
        found: ``[M]`` bool, the search ended in a right trigger on this object.
        reason: ``[M]`` int64 of ``Miss``; of no meaning where found.
        nearest: ``[M]`` float64, the best IoU among the search's windows.
        search_failed: ``[E]`` bool, it ended in no right trigger.
        search_reason: ``[E]`` int64, the reason of the object that a failed search
            came nearest to; of no meaning where it succeeded.
    """

    search: Tensor
    column: Tensor
    found: Tensor
    reason: Tensor
    nearest: Tensor
    search_failed: Tensor
    search_reason: Tensor


class NeverTriggering:
    """A policy that makes its best move where another would trigger."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.frames = policy.frames
        self.action_history = policy.action_history

    def look(self, images: Images, rows: Tensor) -> None:
        """See ``Policy.look``."""
        self._policy.look(images, rows)

    def forget(self) -> None:
        """See ``Policy.forget``."""
        self._policy.forget()

    def act(
        self, observation: Observation, index: Tensor, sizes: Tensor, generator: torch.Generator
    ) -> Choice:
        """See ``Policy.act``."""
        choice = self._policy.act(observation, index, sizes, generator)
        return choice._replace(actions=choice.q_values[:, :-1].argmax(dim=1))


def continue_past_triggers(
    store: SampleStore, policy: Policy, mdp: Mdp, searches: Rollout, threshold: float
) -> Tensor:
    """Continue the searches that triggered on a wrong window, as if they had not triggered.

    Args:
        store: the images.
        policy: the one that searched; deterministic.
        mdp: the decision process.
        searches: E episodes.
        threshold: a window is right if its IoU is above it.

    Returns:
        ``[E, T+1, 4]`` float64: the windows of each continued search up to the step
        limit; of any other search those it had.
    """
    boxes = searches.boxes.clone()
    succeeded = is_success(searches.terminated, searches.final_iou, threshold)
    wrong = (searches.terminated & ~succeeded).nonzero().flatten()
    if len(wrong):
        tasks = torch.stack([searches.image[wrong], searches.category[wrong]], dim=1)
        generator = torch.Generator().manual_seed(0)
        boxes[wrong] = rollout(store, NeverTriggering(policy), mdp, tasks, generator).boxes
    return boxes


def explain_misses(
    store: SampleStore, searches: Rollout, continued: Tensor, reach: Reach, threshold: float
) -> Misses:
    """Give every missed object exactly one reason.

    Args:
        store: the images.
        searches: one greedy episode of each counted image and category.
        continued: ``[E, T+1, 4]``, see ``continue_past_triggers``.
        reach: what the oracle found, of all objects of the store.
        threshold: a window is right if its IoU is above it.
    """
    row = torch.full((len(store), len(store.categories)), -1)
    row[searches.image, searches.category] = torch.arange(len(searches.image))
    searched = row[reach.image, reach.category] >= 0
    image, column = reach.image[searched], reach.column[searched]
    search = row[image, reach.category[searched]]
    target = store.boxes[image, column][:, None]
    overlap = iou(searches.boxes[search], target)
    steps, terminated = searches.steps[search], searches.terminated[search]
    time = torch.arange(overlap.shape[1])
    seen = time <= steps[:, None]
    right = overlap > threshold
    final = overlap.gather(1, steps[:, None])[:, 0]
    failed = ~is_success(searches.terminated, searches.final_iou, threshold)
    # Of the objects that a right window overlaps, the best-matching one is found.
    best = torch.zeros(len(failed), dtype=torch.float64)
    best = best.scatter_reduce(0, search, final, "amax")
    found = ~failed[search] & (final == best[search])
    found &= _first_by(search, found)
    later = (iou(continued[search], target) > threshold).any(dim=1)
    looked_at = (right & seen).any(dim=1)
    stay, circled = _last_stay(searches.boxes, searches.steps)
    stay, circled = stay[search], circled[search]
    conditions = (
        # What the agent reached is within reach, even if the oracle overlooked it.
        ((reach.best[searched] <= threshold) & ~looked_at & ~later, Miss.OUT_OF_REACH),
        (~failed[search], Miss.ANOTHER_OBJECT),
        (terminated & (looked_at | later), Miss.MISTIMED),
        (terminated & (final >= BACKGROUND_IOU), Miss.BESIDE),
        (terminated, Miss.ELSEWHERE),
        ((right & seen & (time >= stay[:, None])).any(dim=1), Miss.NEVER_TRIGGERED),
        (looked_at, Miss.LEFT),
        (circled, Miss.CIRCLES),
    )
    reason = torch.full_like(search, Miss.OUT_OF_STEPS)
    for condition, name in reversed(conditions):
        reason[condition] = int(name)
    nearest = overlap.masked_fill(~seen, 0.0).amax(dim=1)
    of_search = torch.full_like(searches.image, Miss.OUT_OF_STEPS)
    # The nearest object is written last, and of equals the first.
    order = torch.arange(len(search) - 1, -1, -1)
    order = order[nearest[order].argsort(stable=True)]
    for place in order.tolist():
        of_search[search[place]] = reason[place]
    return Misses(search, column, found, reason, nearest, failed, of_search)


def _first_by(group: Tensor, chosen: Tensor) -> Tensor:
    """``[M]`` bool: the first chosen row of each group."""
    first: dict[int, int] = {}
    for place in chosen.nonzero().flatten().tolist():
        first.setdefault(int(group[place]), place)
    mask = torch.zeros_like(chosen)
    mask[list(first.values())] = True
    return mask


def _last_stay(boxes: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """The first window of each search's last stay, and whether it came back to it.

    A search that ends on a window it knows, by ``SAME_IOU``, goes in circles: its stay
    begins when it first came there. One that ends on a new window stays there since its
    last step.

    Args:
        boxes: ``[E, T+1, 4]``.
        steps: ``[E]``.

    Returns:
        ``[E]`` int64, the index of the first window of the stay, and ``[E]`` bool.
    """
    last = boxes.gather(1, steps[:, None, None].expand(-1, 1, 4))
    same = iou(boxes, last) >= SAME_IOU
    same &= torch.arange(boxes.shape[1]) <= steps[:, None]
    first = same.int().argmax(dim=1)
    return first, first < steps
