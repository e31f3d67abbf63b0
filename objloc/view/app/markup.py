"""HTML that the app shows of a search."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from PIL import Image

from objloc.data.sample import Coordinates
from objloc.mdp.action import label_of
from objloc.search.result import Found, Result
from objloc.templates import render
from objloc.wording import counted, listed

TRAIL = 8
"""Number of windows shown before the current one, fading."""
MAX_NAMES = 6
"""Maximum number of categories that are listed; more are counted."""
_MAX_SIDE = 1000
"""Maximum side of the photograph on the page, in pixels."""
_COLOURS = ("#ff8fc4", "#57d9a3", "#5ecdfa", "#b9a5ff", "#f0e442", "#ff7f50")
"""Colours of the categories' boxes; the window's own amber is not among them."""


@dataclass(frozen=True)
class Moment:
    """A step of a search for one category.

    Attributes:
        result: all searches in the photograph.
        search: index of the search.
        look: index of the step in it.
        windows: number of windows visited so far, this one included.
    """

    result: Result
    search: int
    look: int
    windows: int

    @property
    def settled(self) -> tuple[Found, ...]:
        """Objects that the searches before this one found."""
        before = {id(each) for each in self.result.searches[: self.search]}
        return tuple(each for each in self.result.found if id(each.search) in before)

    def boxes(self) -> str:
        """HTML over the photograph: what was found, the trail, the window."""
        search = self.result.searches[self.search]
        boxes = [step.box for step in search.steps[: self.look + 1]]
        return _watched(self.result, self.settled, boxes, search.category)

    def thoughts(self) -> str:
        """HTML beside it: place in the search, Q-values, the chosen one marked."""
        result, search = self.result, self.result.searches[self.search]
        step = search.steps[self.look]
        values = [value for each in search.steps for value in each.q_values]
        rows = [
            (label_of(action), value, action == step.action)
            for action, value in zip(result.actions, step.q_values, strict=True)
        ]
        return _render(
            "search.html.jinja",
            searched=search.category,
            search=self.search + 1,
            searches=len(result.searches),
            step=self.look + 1,
            steps=len(search.steps),
            windows=self.windows,
            all_windows=result.windows,
            title="Q-values",
            **_bars(rows, values),
        )


@dataclass(frozen=True)
class Glance:
    """A window that a search with a budget visits for all categories.

    Attributes:
        result: the search's outcome.
        number: index of the window.
    """

    result: Result
    number: int

    @property
    def settled(self) -> tuple[Found, ...]:
        """Objects that were found before this window."""
        return tuple(
            each for each in self.result.found if each.search.windows_at_trigger <= self.number
        )

    def boxes(self) -> str:
        """HTML over the photograph: what was found, the way to the window, the window."""
        seen = self.result.seen
        way = [self.number]
        while (before := seen[way[0]].parent) >= 0:
            way.insert(0, before)
        led = seen[self.number].category or ""
        return _watched(self.result, self.settled, [seen[each].box for each in way], led)

    def thoughts(self) -> str:
        """HTML beside it: how the window was reached, and what it is taken for."""
        result, seen = self.result, self.result.seen[self.number]
        reached = "a first window"
        if seen.category is not None:
            moves = ", ".join(label_of(action) for action in seen.actions)
            reached = f"from window {seen.parent + 1}, for {seen.category}: {moves}"
        values = [value for each in result.seen for value in each.scores]
        rows = [
            (category, value, category in seen.triggered)
            for category, value in zip(result.searched, seen.scores, strict=True)
        ]
        return _render(
            "window.html.jinja",
            searched=_named(result.searched),
            window=self.number + 1,
            windows=result.windows,
            reached=reached,
            title="The trigger's Q-values",
            **_bars(rows, values),
        )


def photograph(image: Image.Image) -> str:
    """HTML of the photograph, scaled down to what a screen shows."""
    scaled = image.copy()
    scaled.thumbnail((_MAX_SIDE, _MAX_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    scaled.save(stream, "JPEG", quality=88)
    jpeg = base64.b64encode(stream.getvalue()).decode()
    return _render("photograph.html.jinja", ratio=_ratio(image), jpeg=jpeg)


def ended(result: Result) -> str:
    """HTML of the boxes over the photograph at the end: what was found."""
    return _boxes(result, [_found(each, result) for each in reversed(result.found)])


def table(result: Result) -> str:
    """HTML of what was found; empty where nothing was."""
    if not result.found:
        return ""
    return _render("table.html.jinja", found=result.found, colour=partial(_colour, result))


def summary(result: Result) -> str:
    """The result in a sentence."""
    missing = result.missing
    looked = f"It looked at {counted(result.windows, 'window')}"
    if not result.found:
        if len(missing) > MAX_NAMES:
            return f"Nothing found of {len(missing)} categories. {looked}."
        return f"No {listed(missing, 'or')} found. {looked}."
    found = f"Found {counted(len(result.found), 'object')}: {listed(result.labels, 'and')}"
    if len(missing) > MAX_NAMES:
        return f"{found}; nothing of the other {len(missing)} categories. {looked}."
    return f"{found}; no {listed(missing, 'or')}. {looked}." if missing else f"{found}. {looked}."


def _named(names: Sequence[str]) -> str:
    return f"{len(names)} categories" if len(names) > MAX_NAMES else listed(names, "and")


def said(sentence: str, wrong: bool = False) -> str:
    """HTML of a sentence to the visitor; a mistake is announced at once."""
    return _render("sentence.html.jinja", sentence=sentence, wrong=wrong)


def note(text: str) -> str:
    """HTML of a line of lesser weight."""
    return _render("note.html.jinja", note=text)


def title() -> str:
    """HTML of the page's title."""
    return _render("title.html.jinja")


def _render(name: str, **values: Any) -> str:
    return render("objloc.view.app", name, **values)


def _ratio(image: Image.Image) -> float:
    return image.width / image.height


class _Box(NamedTuple):
    """A box over the photograph; its place is in percent of the photograph's sides."""

    kind: str
    left: float
    top: float
    width: float
    height: float
    tag: str
    style: str


def _boxes(result: Result, boxes: Sequence[_Box]) -> str:
    return _render("boxes.html.jinja", ratio=_ratio(result.image), boxes=boxes)


def _box(box: Coordinates, result: Result, kind: str, tag: str = "", style: str = "") -> _Box:
    wide, high = result.image.size
    xmin, ymin, xmax, ymax = box
    return _Box(
        kind,
        100 * xmin / wide,
        100 * ymin / high,
        100 * (xmax - xmin) / wide,
        100 * (ymax - ymin) / high,
        tag,
        style,
    )


def _watched(result: Result, settled: Sequence[Found], way: Sequence[Coordinates], tag: str) -> str:
    boxes = [_found(each, result) for each in settled]
    trail = list(dict.fromkeys(way[-1 - TRAIL : -1]))
    for age, box in enumerate(reversed(trail)):
        boxes.append(_box(box, result, "trail", style=f"opacity:{0.6 * (1 - age / TRAIL):.2f}"))
    boxes.append(_box(way[-1], result, "window", tag))
    return _boxes(result, boxes)


def _found(each: Found, result: Result) -> _Box:
    style = f"--c:{_colour(result, each.category)}"
    return _box(each.box, result, "found", f"{each.category} {each.score:.2f}", style)


def _colour(result: Result, category: str) -> str:
    return _COLOURS[result.categories.index(category) % len(_COLOURS)]


def _bars(rows: Iterable[tuple[str, float, bool]], values: Sequence[float]) -> dict[str, Any]:
    """Variables of a panel's bars, in percent of their track.

    Args:
        rows: name, value and whether it was chosen.
        values: Q-values of all steps, which have one scale; it holds zero.
    """
    low = min(0.0, *values)
    reach = max(max(0.0, *values) - low, 1e-9)
    bars = [
        {
            "name": name,
            "value": value,
            "chosen": chosen,
            "left": 100 * (min(value, 0.0) - low) / reach,
            "width": 100 * abs(value) / reach,
        }
        for name, value, chosen in rows
    ]
    return {"bars": bars, "zero": -100 * low / reach}
