"""A trained agent in three lines: load it, show it a picture, read its boxes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from torch import Tensor

from objloc.box import non_maximum_suppression
from objloc.data.photograph import Photograph, Source, photograph
from objloc.data.sample import coordinates
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.action import LEARNED_STEP, LEARNED_ZOOM, Action, Moves, names_of, start_windows
from objloc.mdp.environment import Observation
from objloc.network.checkpoint import Checkpoint, load_checkpoint
from objloc.network.valuer import Valuer
from objloc.params import Agent
from objloc.params import Search as Manner
from objloc.search.budgeted import search as search_with_budget
from objloc.search.policy import GreedyPolicy
from objloc.search.result import Found, Look, Result, Search, Seen
from objloc.search.trace import Looks, Tasks

NMS = 0.3
"""Of two boxes of a category that overlap by a higher IoU the lesser goes; as in
``evaluate.nms``."""


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
        self.actions = names_of(checkpoint.agent.mdp)
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
                one search for each category, which ends with its trigger. Otherwise
                one search for all of them, which goes on where it promises most,
                and may find several objects of a category.

        Raises:
            ObjlocError: not a picture; an unknown category; no window allowed.
        """
        indices = self.indices(categories)
        if max_windows is not None and max_windows < 1:
            raise ObjlocError(f"max_windows: expected at least 1; found {max_windows}")
        picture = photograph(source)
        searches, seen = search(self._network, self.agent, picture.image, indices, max_windows)
        return Result(
            picture.name, picture.image, self.categories, self.actions, _boxes(searches), searches,
            tuple(self.categories[index] for index in indices), seen,
        )  # fmt: skip

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
    network: Valuer,
    agent: Agent,
    image: Image.Image,
    categories: Sequence[int],
    max_windows: int | None = None,
) -> tuple[tuple[Search, ...], tuple[Seen, ...]]:
    """Search one image for several categories.

    Args:
        network: in evaluation mode.
        agent: its parameters.
        image: upright 8-bit RGB.
        categories: numbers of the network's categories.
        max_windows: None: one greedy search for each category, from the agent's first
            start window, without a limit but its ``max_steps``. Otherwise one search
            for all of them that looks at so many windows at most, see
            ``objloc.search.budgeted``.

    Returns:
        The searches, and with a budget all windows looked at; see ``Result``.
    """
    sample = Photograph("image", image).sample()
    store = SampleStore.from_samples([sample], network.categories, agent.encoder.image_size)
    if max_windows is None:
        policy = GreedyPolicy(network)
        policy.look(store.images[torch.arange(len(store))])
        return tuple(_side_by_side(policy, agent, store.sizes, categories)), ()
    searched = torch.zeros(1, len(network.categories), dtype=torch.bool)
    searched[0, categories] = True
    tasks = Tasks(torch.tensor([0]), searched)
    (looks,) = search_with_budget(
        store, network, agent.mdp, manner_of(agent), max_windows, tasks=tasks
    )
    names = (*names_of(agent.mdp), LEARNED_STEP, LEARNED_ZOOM)
    return (
        tuple(_ways(looks, names, network.categories)),
        tuple(_seen(looks, names, network.categories, categories)),
    )


def manner_of(agent: Agent) -> Manner:
    """How an agent searches with a budget.

    Several moves follow one look only where values are of the next reward alone: a
    value above zero then says that the move helps. Where values count what comes
    later, they are above zero of moves that do not, too.
    """
    manner = Manner()
    if agent.learning.discount > 0:
        return manner.model_copy(update={"moves_per_look": 1})
    return manner


def _seen(
    looks: Looks, names: tuple[str, ...], known: tuple[str, ...], searched: Sequence[int]
) -> Iterator[Seen]:
    """All windows of the first image, in the order of looking."""
    for window in range(int(looks.number[0])):
        category = int(looks.category[0, window])
        pulled = (looks.triggered[0, window] > 0).nonzero()[:, 0].tolist()
        yield Seen(
            coordinates(looks.boxes[0, window].tolist()),
            int(looks.parent[0, window]),
            None if category < 0 else known[category],
            _moves(looks, window, names),
            tuple(looks.values[0, window, list(searched)].tolist()),
            tuple(known[each] for each in pulled),
        )


def _ways(looks: Looks, names: tuple[str, ...], known: tuple[str, ...]) -> Iterator[Search]:
    """For each trigger in the first image the way to its window, in their order."""
    pulled = looks.triggered[0]
    windows, categories = (pulled > 0).nonzero(as_tuple=True)
    order = pulled[windows, categories].argsort(stable=True)
    for window, category in zip(windows[order].tolist(), categories[order].tolist(), strict=True):
        way = [window]
        while (before := int(looks.parent[0, way[0]])) >= 0:
            way.insert(0, before)
        steps = []
        for here, there in pairwise(way):
            led = int(looks.category[0, there])
            moves = _moves(looks, there, names)
            steps.append(_step(looks, here, known[led], led, moves))
        steps.append(_step(looks, window, known[category], category, (Action.TRIGGER.value,)))
        box = coordinates(looks.boxes[0, window].tolist())
        yield Search(known[category], tuple(steps), box, True, int(pulled[window, category]))


def _step(looks: Looks, window: int, name: str, category: int, actions: tuple[str, ...]) -> Look:
    values = tuple(looks.q_values[0, window, category].tolist())
    return Look(coordinates(looks.boxes[0, window].tolist()), actions[0], values, name, actions[1:])


def _moves(looks: Looks, window: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """The actions that led to a window."""
    return tuple(names[move] for move in looks.moves[0, window].tolist() if move >= 0)


def _side_by_side(
    policy: GreedyPolicy, agent: Agent, size: Tensor, categories: Sequence[int]
) -> list[Search]:
    """One greedy search for each category from the first start window.

    Args:
        policy: has looked at the image.
        agent: its parameters.
        size: ``[1, 2]`` float64, of the image in pixels.
        categories: numbers.
    """
    moves, names = Moves(agent.mdp), names_of(agent.mdp)
    trigger = len(names) - 1
    category = torch.tensor(categories)
    number = len(category)
    box = start_windows(agent.mdp.starts)[:1] * torch.cat([size, size], dim=1)
    boxes = box[:, None].repeat(number, policy.frames, 1)
    actions = torch.full((number, policy.action_history), -1)
    looks: list[list[Look]] = [[] for _ in range(number)]
    triggered = [False] * number
    running = torch.arange(number)
    generator = torch.Generator()
    for _ in range(agent.mdp.max_steps):
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
            looks[row].append(
                Look(coordinates(boxes[row, -1].tolist()), names[action], tuple(value))
            )
            triggered[row] = action == trigger
        boxes[running] = torch.cat([boxes[running, 1:], moved[:, None]], dim=1)
        if policy.action_history:
            actions[running] = torch.cat([actions[running, 1:], chosen[:, None]], dim=1)
        running = running[chosen != trigger]
    return [
        Search(policy.network.categories[index], tuple(seen), coordinates(last[-1].tolist()), said)
        for index, seen, last, said in zip(category.tolist(), looks, boxes, triggered, strict=True)
    ]


def _boxes(searches: Sequence[Search]) -> tuple[Found, ...]:
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
