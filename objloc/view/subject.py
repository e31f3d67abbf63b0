"""Searches to be shown: the images, the agent's steps in them, and the outcome."""

import math
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from objloc.box import from_voc
from objloc.data.images import open_image
from objloc.data.photograph import Photograph
from objloc.data.sample import Coordinates, Sample, VocObject, resolve_categories
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.success import is_success
from objloc.network.checkpoint import Checkpoint
from objloc.params import SUCCESS_IOU, Animate
from objloc.search.localiser import Localiser
from objloc.search.policy import GreedyPolicy
from objloc.search.rollout import rollout
from objloc.search.trajectory import Trajectory, trajectories_of
from objloc.wording import counted


@dataclass(frozen=True)
class SearchSubject:
    """One search and what is known about its image.

    Attributes:
        trajectory: the search.
        photograph: RGB, in any size.
        size: width and height of the image as annotated, in pixels: the frame of
            all boxes.
        objects: objects of the category searched; empty if the image holds none, None if
            the ground truth is unknown.
        max_steps: at which an episode is truncated.
    """

    trajectory: Trajectory
    photograph: Image.Image
    size: tuple[float, float]
    objects: tuple[VocObject, ...] | None
    max_steps: int

    @property
    def success(self) -> bool:
        """Whether it ended in a trigger on an object of the category."""
        run = self.trajectory
        return bool(self.objects) and is_success(run.terminated, run.final_iou)

    def verdict(self) -> tuple[str, str]:
        """The outcome in a few words, and a sentence that explains them."""
        run, count = self.trajectory, counted(len(self.trajectory.steps), "step")
        category, final = run.category, run.final_iou
        if not run.terminated:
            if self.objects is None:
                return "Gave up", f"No trigger within {count}."
            if not self.objects:
                return "Nothing found", f"No trigger within {count}, and there is no {category}."
            best = max(final, *(step.iou for step in run.steps))
            return f"Gave up after {count}", f"Never triggered. Its best window had IoU {best:.2f}."
        if self.objects is None:
            return "Triggered", f"After {count}. No truth was given to judge it by."
        if not self.objects:
            return "False alarm", f"Triggered after {count}, but there is no {category} here."
        if self.success:
            return f"Found the {category}", f"Triggered after {count}, at IoU {final:.2f}."
        number, best = max(enumerate((s.iou for s in run.steps), 1), key=lambda pair: pair[1])
        if best > SUCCESS_IOU:
            return (
                "Triggered too late",
                f"IoU {final:.2f} at the trigger, {best:.2f} in step {number}.",
            )
        # Whether it was too early, only a search that went on could tell.
        need = f"more than {SUCCESS_IOU:.2f} is needed"
        return "Wrong trigger", f"IoU {final:.2f} at the trigger; {need}."


def search_image_set(shards: Path, checkpoint: Checkpoint, params: Animate) -> list[SearchSubject]:
    """Let a trained agent search chosen or sampled images of an image set.

    Args:
        shards: folder of shards.
        checkpoint: the agent.
        params: which images and categories.

    Raises:
        ObjlocError: an image set, image or category that does not exist; a
            category in none of the images.
    """
    categories = resolve_categories(params.categories, checkpoint.categories, "animate.categories")
    holds = {
        sample.image_id: {item.category for item in sample.objects}
        for sample in read_samples(shards, params.image_set)
    }
    data = read_index(shards).data
    where = f"image set '{params.image_set}' of {data}"
    if params.image_ids:
        tasks = _chosen(holds, categories, params, where)
    else:
        tasks = _sampled(holds, categories, params, where)
    wanted = {image_id for image_id, _ in tasks}
    samples = [s for s in read_samples(shards, params.image_set) if s.image_id in wanted]
    return run_searches(checkpoint, samples, tasks, params.seed, truth_known=True)


def search_photograph(
    picture: Photograph,
    agent: Localiser,
    category: str | None,
    truth: Coordinates | None,
    budget: int | None = None,
) -> SearchSubject:
    """Let a trained agent search any picture.

    Args:
        picture: shown and searched upright.
        agent: searches for one category; with a budget and no category, for all it knows.
        category: None: the agent's only one; with a budget, that of the best box.
        truth: box of the object, in one-based inclusive pixels of the upright image.
        budget: maximum number of windows looked at. The way to the best box is then shown.
            None: one greedy episode.

    Raises:
        ObjlocError: a category the agent does not know, or none given where it knows
            several and there is no budget; a box outside the image; with a budget, no trigger
            whose way could be shown.
    """
    if budget is None:
        category = _known_category(agent, category)
    size = picture.image.size
    box = None if truth is None else checked(truth, size)
    # The way to the best trigger is of interest, however low its score.
    result = agent(picture, category, budget, box, min_score=-math.inf)
    if budget is None:
        (trajectory,) = result.searches
        max_steps = agent.agent.mdp.max_steps
    elif result.found:
        trajectory = result.found[0].search
        max_steps = len(trajectory.steps)
    else:
        raise ObjlocError(
            f"{picture.name}: expected a trigger whose way could be shown; found none in "
            f"{result.windows} windows (without --max-windows a search is shown to its end)"
        )
    objects = None if box is None else (VocObject(trajectory.category, box),)
    return SearchSubject(trajectory, picture.image, size, objects, max_steps)


def _known_category(agent: Localiser, category: str | None) -> str:
    """The category asked for, or the agent's only one.

    Raises:
        ObjlocError: the agent does not know it, or knows several and none was given.
    """
    known = ", ".join(agent.categories)
    if category is None and len(agent.categories) == 1:
        return agent.categories[0]
    if category is None:
        raise ObjlocError(f"--category: expected one of {known}; found none")
    if category not in agent.categories:
        raise ObjlocError(f"--category: expected one of {known}; found '{category}'")
    return category


def checked(truth: Coordinates, size: tuple[float, float]) -> Coordinates:
    """Convert a box of one-based inclusive pixels to ``Coordinates``.

    Raises:
        ObjlocError: it does not lie within the image.
    """
    xmin, ymin, xmax, ymax = truth
    if not (1 <= xmin <= xmax <= size[0] and 1 <= ymin <= ymax <= size[1]):
        raise ObjlocError(
            f"--truth: expected 1 <= XMIN <= XMAX <= {size[0]} and 1 <= YMIN <= YMAX <= {size[1]}; "
            f"found {xmin:g} {ymin:g} {xmax:g} {ymax:g}"
        )
    return from_voc(truth)


Task = tuple[str, str]
"""Image id and category."""


def _chosen(
    holds: dict[str, set[str]], categories: tuple[str, ...], params: Animate, where: str
) -> list[Task]:
    """The images asked for, each with the categories asked for, or those it holds."""
    tasks = []
    for image_id in params.image_ids:
        if image_id not in holds:
            raise ObjlocError(
                f"animate.image_ids: expected images of {where}, such as '{min(holds)}'; "
                f"found '{image_id}'"
            )
        searched = categories
        if params.categories == "all":
            searched = tuple(each for each in categories if each in holds[image_id])
        if not searched:
            raise ObjlocError(
                f"animate.image_ids: '{image_id}' holds none of {', '.join(categories)}: "
                "name what to search for in animate.categories"
            )
        tasks += [(image_id, category) for category in searched]
    return list(dict.fromkeys(tasks))


def _sampled(
    holds: dict[str, set[str]], categories: tuple[str, ...], params: Animate, where: str
) -> list[Task]:
    """Different images drawn by the seed; categories take turns."""
    generator = random.Random(params.seed)
    queues = {}
    for category in categories:
        queue = sorted(image_id for image_id, held in holds.items() if category in held)
        if not queue and params.categories != "all":
            raise ObjlocError(f"{where}: expected images that hold '{category}'; found none")
        generator.shuffle(queue)
        queues[category] = queue
    tasks: list[Task] = []
    used: set[str] = set()
    while len(tasks) < params.samples and any(queues.values()):
        for category, queue in queues.items():
            while queue and queue[-1] in used:
                queue.pop()
            if queue and len(tasks) < params.samples:
                used.add(queue[-1])
                tasks.append((queue.pop(), category))
    if not tasks:
        raise ObjlocError(
            f"{where}: expected images that hold {' or '.join(categories)}; found none"
        )
    return tasks


def run_searches(
    checkpoint: Checkpoint, samples: list[Sample], tasks: list[Task], seed: int, truth_known: bool
) -> list[SearchSubject]:
    """One greedy episode for each task, in the tasks' order.

    Args:
        checkpoint: the agent.
        samples: the images that tasks name.
        tasks: at least one.
        seed: for random choices, if there are any.
        truth_known: False: the samples' objects are not the ground truth.
    """
    agent = checkpoint.agent
    store = SampleStore.from_samples(samples, checkpoint.categories, agent.encoder.image_size)
    rows = torch.tensor(
        [
            (store.image_ids.index(image_id), store.categories.index(category))
            for image_id, category in tasks
        ]
    )
    policy = GreedyPolicy(checkpoint.network())
    generator = torch.Generator().manual_seed(seed)
    episodes = rollout(store, policy, agent.mdp, rows, generator)
    subjects = []
    runs = trajectories_of(episodes, store, agent.mdp)
    for row, run in zip(rows[:, 0].tolist(), runs, strict=True):
        sample = samples[row]
        objects = tuple(item for item in sample.objects if item.category == run.category)
        subjects.append(
            SearchSubject(
                run,
                open_image(sample.jpeg, f"image {sample.image_id}", upright=False),
                (sample.width, sample.height),
                objects if truth_known else None,
                agent.mdp.max_steps,
            )
        )
    return subjects
