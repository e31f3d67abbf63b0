"""A trained agent in three lines: load it, show it a picture, read its boxes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from torch import Tensor

from objloc.agent.checkpoint import Checkpoint, load_checkpoint
from objloc.agent.network import QNetwork
from objloc.agent.policy import GreedyPolicy
from objloc.box import non_maximum_suppression
from objloc.errors import ObjlocError
from objloc.mdp.action import Moves, actions_of
from objloc.mdp.environment import Observation
from objloc.params import Agent
from objloc.result import Found, Look, Result, Search
from objloc.voc.photograph import Photograph, Source, photograph
from objloc.voc.sample import Coordinates
from objloc.voc.store import SampleStore

NMS = 0.3
"""Of two boxes of a category that overlap by a higher IoU the lesser goes; as in
``evaluate.nms``."""

STARTS: tuple[Coordinates, ...] = (
    (0.0, 0.0, 1.0, 1.0),
    *((x, y, x + 0.75, y + 0.75) for y in (0.0, 0.25) for x in (0.0, 0.25)),
    (0.25, 0.25, 0.75, 0.75),
    *((x, y, x + 0.5, y + 0.5) for y in (0.0, 0.5) for x in (0.0, 0.5)),
)
"""First windows, as shares of the image's sides: the whole image, four corners of
three quarters a side (Caicedo & Lazebnik 2015, section 4.1), then halves."""


class Localiser:
    """A trained agent that searches pictures.

    It may be asked by several threads at once. Nothing is written anywhere.

    Args:
        checkpoint: the agent.
        source: what it was loaded from, for messages.
    """

    def __init__(self, checkpoint: Checkpoint, source: str = "") -> None:
        self.source = source
        self.agent = checkpoint.agent
        self.categories = checkpoint.categories
        self.actions = tuple(action.value for action in actions_of(checkpoint.agent.mdp))
        self._network = checkpoint.network()

    @classmethod
    def load(cls, model: str | Path = "champion") -> Self:
        """Load an agent.

        Args:
            model: a checkpoint's path; an alias or a number of the registered
                model ``objloc``, such as ``champion`` or ``3``; or a full address,
                ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

        Raises:
            ObjlocError: there is no such model, or it is damaged.
        """
        return cls(load_checkpoint(model_path(model)), str(model))

    def __call__(
        self,
        source: Source,
        categories: Sequence[str] | str | None = None,
        max_windows: int | None = None,
    ) -> Result:
        """Search a picture.

        Args:
            source: path, address, bytes, Pillow image or array.
            categories: what to search for; None: all the agent knows.
            max_windows: windows that may be looked at, over all categories. None:
                one search for each category. Otherwise the agent searches on
                from other first windows as long as there are windows left.

        Raises:
            ObjlocError: not a picture; an unknown category; no window allowed.
        """
        indices = self.indices(categories)
        if max_windows is not None and max_windows < 1:
            raise ObjlocError(f"max_windows: expected at least 1; found {max_windows}")
        picture = photograph(source)
        found, searches = search(self._network, self.agent, picture.image, indices, max_windows)
        return Result(picture.name, picture.image, self.categories, self.actions, found, searches)

    def indices(self, categories: Sequence[str] | str | None) -> list[int]:
        """Numbers of the categories asked; None: all.

        Raises:
            ObjlocError: an unknown category, or none.
        """
        if categories is None:
            return list(range(len(self.categories)))
        names = [categories] if isinstance(categories, str) else list(categories)
        for name in names:
            if name not in self.categories:
                raise ObjlocError(
                    f"categories: expected some of {', '.join(self.categories)}; found '{name}'"
                )
        if not names:
            raise ObjlocError(
                f"categories: expected some of {', '.join(self.categories)}; found none"
            )
        return [self.categories.index(name) for name in dict.fromkeys(names)]


def model_path(model: str | Path) -> Path:
    """The checkpoint that a name of a model means; see ``Localiser.load``.

    Raises:
        ObjlocError: an alias, a number or an address of no registered model.
    """
    text = str(model)
    path = Path(text)
    is_address = text.startswith("models:")
    if not is_address and (path.exists() or path.name != text or path.suffix == ".pt"):
        return path
    # MLflow takes seconds to load, and a checkpoint needs none of it.
    from objloc.tracking.models import find_model  # noqa: PLC0415

    return find_model(text)


def search(
    network: QNetwork,
    agent: Agent,
    image: Image.Image,
    categories: Sequence[int],
    max_windows: int | None = None,
) -> tuple[tuple[Found, ...], tuple[Search, ...]]:
    """Search one image for several categories within a budget of windows.

    First one greedy search for each category from the whole image, side by side;
    then, with a budget, from each of ``STARTS`` in turn until it is spent. Of a
    category's overlapping boxes the best-scored stays.

    Args:
        network: in evaluation mode.
        agent: its parameters.
        image: upright 8-bit RGB.
        categories: numbers of the network's categories.
        max_windows: None: the first searches alone, without a limit but the
            agent's ``max_steps``.

    Returns:
        Boxes, best first, and all searches in the order they were begun.
    """
    sample = Photograph("image", image).sample()
    store = SampleStore.from_samples([sample], network.categories, agent.encoder.image_size)
    policy = GreedyPolicy(network)
    policy.look(store.images[torch.arange(len(store))])
    searches: list[Search] = []
    left = len(categories) * agent.mdp.max_steps if max_windows is None else max_windows
    for start in STARTS[:1] if max_windows is None else STARTS:
        made = _side_by_side(policy, agent, store.sizes, categories, start, left)
        searches += made
        left -= sum(each.steps for each in made)
        if left <= 0:
            break
    return _boxes(searches), tuple(searches)


def _side_by_side(
    policy: GreedyPolicy,
    agent: Agent,
    size: Tensor,
    categories: Sequence[int],
    start: Coordinates,
    budget: int,
) -> list[Search]:
    """One greedy search for each category from one first window.

    Args:
        policy: has looked at the image.
        agent: its parameters.
        size: ``[1, 2]`` float64, of the image in pixels.
        categories: numbers.
        start: as shares of the image's sides.
        budget: windows that may be looked at; where they do not suffice for all
            the first categories have them.
    """
    moves = Moves(agent.mdp)
    trigger = len(moves.actions) - 1
    category = torch.tensor(categories[:budget])
    number = len(category)
    box = torch.tensor(start, dtype=torch.float64) * torch.cat([size, size], dim=1)
    boxes = box[:, None].repeat(number, policy.frames, 1)
    actions = torch.full((number, policy.action_history), -1)
    looks: list[list[Look]] = [[] for _ in range(number)]
    triggered = [False] * number
    running = torch.arange(number)
    generator = torch.Generator()
    for _ in range(agent.mdp.max_steps):
        running = running[: budget - sum(map(len, looks))]
        if len(running) == 0:
            break
        zeros = torch.zeros(len(running), dtype=torch.int64)
        sizes = size.expand(len(running), 2)
        observation = Observation(zeros, category[running], boxes[running], actions[running])
        chosen, values = policy.act(observation, zeros, sizes, generator)
        moved = moves.apply(boxes[running, -1], sizes, chosen)
        for row, action, value in zip(
            running.tolist(), chosen.tolist(), values.tolist(), strict=True
        ):
            seen = _coordinates(boxes[row, -1])
            looks[row].append(Look(seen, moves.actions[action].value, tuple(value)))
            triggered[row] = action == trigger
        boxes[running] = torch.cat([boxes[running, 1:], moved[:, None]], dim=1)
        if policy.action_history:
            actions[running] = torch.cat([actions[running, 1:], chosen[:, None]], dim=1)
        running = running[chosen != trigger]
    return [
        Search(policy.network.categories[index], tuple(seen), _coordinates(last[-1]), said)
        for index, seen, last, said in zip(category.tolist(), looks, boxes, triggered, strict=True)
        if seen
    ]


def _boxes(searches: list[Search]) -> tuple[Found, ...]:
    """The windows triggered on, without the lesser of two that overlap; best first."""
    found: list[Found] = []
    for category in dict.fromkeys(each.category for each in searches):
        mine = [each for each in searches if each.triggered and each.category == category]
        if mine:
            boxes = torch.tensor([each.final_box for each in mine], dtype=torch.float64)
            scores = torch.tensor([each.score for each in mine])
            kept = non_maximum_suppression(boxes, scores, NMS).tolist()
            found += [
                Found(category, mine[row].final_box, mine[row].score, mine[row]) for row in kept
            ]
    return tuple(sorted(found, key=lambda each: -each.score))


def _coordinates(box: Tensor) -> Coordinates:
    xmin, ymin, xmax, ymax = box.tolist()
    return (xmin, ymin, xmax, ymax)
