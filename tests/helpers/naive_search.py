"""A search with a budget of one image as one would write it down: lists, one window at a time."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from objloc.box import iou, quarters
from objloc.data.store import SampleStore
from objloc.mdp.action import Moves, axes_of, start_windows
from objloc.network.windows import Windows
from objloc.search.budgeted import Searcher
from objloc.search.policy import shares


@dataclass
class Window:
    """A visited window, and what became of the searches there by category."""

    frames: list[Tensor]
    past: list[int]
    depth: int
    parent: int
    category: int
    moves: list[int]
    q_values: Tensor
    presence: Tensor
    steps: Tensor
    zooms: Tensor
    zoom_steps: Tensor
    open: set[int] = field(default_factory=set)
    reached: set[int] = field(default_factory=set)
    stepped: set[int] = field(default_factory=set)
    zoomed: set[tuple[int, int]] = field(default_factory=set)
    branch: dict[int, int] = field(default_factory=dict)
    triggered: dict[int, int] = field(default_factory=dict)

    @property
    def box(self) -> Tensor:
        """Where it is."""
        return self.frames[-1]


Way = tuple[list[Tensor], list[int], int, int, list[int]]
"""Frames, past actions, the window where it begins, category and moves."""


def overlap(a: Tensor, b: Tensor) -> float:
    return float(iou(a, b))


class NaiveSearch:
    """Search one image of a store."""

    def __init__(
        self, store: SampleStore, searcher: Searcher, image: int, budget: int, searched: set[int]
    ) -> None:
        self.searcher, self.params, self.network = searcher, searcher.params, searcher.network
        self.budget, self.searched, self.size = budget, searched, store.sizes[image]
        self.step, self.axes = Moves(searcher.mdp), axes_of(searcher.mdp).tolist()
        self.windows: list[Window] = []
        self.starts = list(start_windows(self.params.starts or searcher.mdp.starts)[:budget])
        with torch.no_grad():
            self.views = self.network.encode(store.images[torch.tensor([image])])
        self.started = min(self.params.first_starts or len(self.starts), len(self.starts))
        for number in range(self.started):
            self.open_start(number)
        while self.round():
            pass

    def look(
        self, frames: list[Tensor], past: list[int], parent: int, category: int, moves: list[int]
    ) -> int:
        network, depth = self.network, 1 if parent < 0 else self.windows[parent].depth + 1
        boxes = shares(torch.stack(frames)[None], self.size[None])
        with torch.no_grad():
            windows = Windows(torch.tensor([0]), boxes, torch.tensor([past]).long().view(1, -1))
            outputs = network.outputs(self.views, windows)[0]
        odds, zoom_steps = network.zooms_of(outputs)
        self.windows.append(
            Window(
                frames, past, depth, parent, category, moves, network.values_of(outputs),
                network.presence_of(outputs), network.steps_of(outputs), odds.sigmoid(), zoom_steps,
            )
        )  # fmt: skip
        return len(self.windows) - 1

    def open_start(self, number: int) -> None:
        box = self.starts[number] * self.size.repeat(2)
        full = len(self.windows) == self.budget
        if full or any(overlap(box, each.box) > 0.9 for each in self.windows):
            return
        network = self.network
        past = [-1] * network.action_history
        window = self.windows[self.look([box] * network.frames, past, -1, -1, [])]
        least = self.params.least_presence
        window.open = {c for c in self.searched if float(window.presence[c]) >= least}
        window.reached = set(self.searched)

    def round(self) -> bool:
        params = self.params
        candidates: list[tuple[float, int, int, int]] = []
        for w, window in enumerate(self.windows):
            for c in range(len(window.presence)):
                chance = self.searcher.trigger_range.fraction(window.q_values[c, -1])
                promise = float(chance + params.presence_weight * window.presence[c])
                if c in window.open:
                    cost = params.branch_cost * window.branch.get(c, 0)
                    candidates.append((promise - cost, w, c, -1))
                for part, chance in enumerate(window.zooms[c].tolist()):
                    likely = params.learned_zooms is not None and chance >= params.least_presence
                    if likely and c in window.reached and (c, part) not in window.zoomed:
                        candidates.append((params.learned_zooms * chance, w, c, part))
        if self.started < len(self.starts):
            candidates.append((params.start_promise, -1, -1, -1))
        chosen = sorted(candidates, reverse=True)[: params.searches_per_round]
        if not chosen or len(self.windows) == self.budget:
            return False
        searches = [each[1:] for each in chosen if each[1] >= 0]
        if len(searches) < len(chosen):
            self.open_start(self.started)
            self.started += 1
        self.zoom([each for each in searches if each[2] >= 0])
        onward = [(w, c) for w, c, part in searches if part < 0]
        stepping = [each for each in onward if self.steps_first(*each)]
        self.follow_steps(stepping)
        self.act([each for each in onward if each not in stepping])
        return True

    def arrive(self, ways: list[Way]) -> list[int | None]:
        """The windows that ways lead to; None where there is none."""
        there: list[int | None] = []
        before: list[Tensor] = []
        known = len(self.windows)
        for frames, past, parent, category, moves in ways:
            overlaps = [overlap(frames[-1], each.box) for each in self.windows[:known]]
            twin = any(overlap(frames[-1], each) > 0.9 for each in before)
            before.append(frames[-1])
            if max(overlaps) > 0.9:
                there.append(overlaps.index(max(overlaps)))
            elif twin or len(self.windows) == self.budget:
                there.append(None)
            else:
                there.append(self.look(frames, past, parent, category, moves))
        return there

    def onto(self, w: int, box: Tensor, c: int, move: int) -> Way:
        """The way by a learned move."""
        window = self.windows[w]
        return ([*window.frames[1:], box], window.past, w, c, [self.network.num_actions + move])

    def zoom(self, searches: list[tuple[int, int, int]]) -> None:
        ways = []
        for w, c, part in searches:
            window = self.windows[w]
            window.zoomed.add((c, part))
            begin, steps = quarters(window.box)[part], window.zoom_steps[c, part].double()
            box = self.step.by(begin[None], self.size[None], steps[None])[0]
            mine = [each for each in self.windows if each.category == c]
            if all(overlap(box, each.box) < self.params.zoom_inhibition for each in mine):
                ways.append(self.onto(w, box, c, 1))
        for way, there in zip(ways, self.arrive(ways), strict=True):
            self.open(there, way[3])

    def steps_first(self, w: int, c: int) -> bool:
        minimum, window = self.params.learned_steps, self.windows[w]
        fraction = self.searcher.trigger_range.fraction(window.q_values[c, -1])
        return minimum is not None and bool(fraction >= minimum) and c not in window.stepped

    def follow_steps(self, searches: list[tuple[int, int]]) -> None:
        ways = []
        for w, c in searches:
            window = self.windows[w]
            window.stepped.add(c)
            steps = window.steps[c].double()
            box = self.step.by(window.box[None], self.size[None], steps[None])[0]
            ways.append(self.onto(w, box, c, 0))
        for (w, c), there in zip(searches, self.arrive(ways), strict=True):
            value = self.windows[w].q_values[c, -1]
            if there is not None and self.windows[there].q_values[c, -1] > value:
                self.windows[w].open.discard(c)
                self.open(there, c)

    def act(self, searches: list[tuple[int, int]]) -> None:
        last = self.network.num_actions - 1
        ways, triggers = [], []
        for w, c in searches:
            window = self.windows[w]
            values, before = window.q_values[c], window.branch.get(c, 0)
            if int(values.argmax()) == last and before == 0:
                triggers.append((w, c))
            order = values.argsort(descending=True).tolist()
            if self.params.beyond_triggers:
                order.remove(last)
            action = order[before]
            if action == last and before > 0:
                action = order[0]
            window.branch[c] = before + 1
            if before + 1 >= self.params.branches or action == last:
                window.open.discard(c)
            if action != last:
                ways.append(self.way(w, c, action))
        self.trigger(triggers)
        for way, there in zip(ways, self.arrive(ways), strict=True):
            self.open(there, way[3])

    def way(self, w: int, c: int, action: int) -> Way:
        """The way by an action and by others that are sure to help."""
        window, made = self.windows[w], [action]
        frames, past = list(window.frames), list(window.past)
        values = window.q_values[c].tolist()[:-1]
        while True:
            move = torch.tensor([made[-1]])
            frames = [*frames[1:], self.step.apply(frames[-1][None], self.size[None], move)[0]]
            past = [*past, made[-1]][1:] if past else past
            taken = {self.axes[each] for each in made}
            free = [
                (value, n)
                for n, value in enumerate(values)
                if value > 0 and self.axes[n] >= 0 and self.axes[n] not in taken
            ]
            if not free or -1 in taken or len(made) == self.params.moves_per_look:
                return frames, past, w, c, made
            made.append(max(free)[1])

    def trigger(self, searches: list[tuple[int, int]]) -> None:
        reach = self.params.inhibition
        for n, (w, c) in enumerate(searches):
            box = self.windows[w].box
            rivals = [self.windows[other].box for other, its in searches[:n] if its == c]
            if any(overlap(box, each) > reach for each in rivals):
                continue
            self.windows[w].triggered[c] = len(self.windows)
            for window in self.windows:
                if overlap(box, window.box) > reach:
                    window.open.discard(c)

    def open(self, there: int | None, c: int) -> None:
        if there is None or self.windows[there].branch.get(c, 0):
            return
        window = self.windows[there]
        found = [each.box for each in self.windows if c in each.triggered]
        near = any(overlap(window.box, each) > self.params.inhibition for each in found)
        window.open.discard(c) if near else window.open.add(c)
        window.reached.add(c)
