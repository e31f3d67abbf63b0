"""What the app shows of a search, as HTML."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

from objloc.data.sample import Coordinates
from objloc.mdp.action import label_of
from objloc.search.result import Found, Result

TRAIL = 8
"""So many windows before the current one are shown, fading."""
MOST_NAMES = 6
"""More categories are counted, not listed."""
_MOST_SIDE = 1000
_COLOURS = ("#ff8fc4", "#57d9a3", "#5ecdfa", "#b9a5ff", "#f0e442", "#ff7f50")
"""Of the categories' boxes; the window's own amber is not among them."""


@dataclass(frozen=True)
class Moment:
    """One step of a search for one category that is watched.

    Attributes:
        result: all of it.
        search: number of the search.
        look: number of the step in it.
        windows: looked at so far, this one included.
    """

    result: Result
    search: int
    look: int
    windows: int

    @property
    def settled(self) -> tuple[Found, ...]:
        """What the searches before this one found."""
        before = {id(each) for each in self.result.searches[: self.search]}
        return tuple(each for each in self.result.found if id(each.search) in before)

    def boxes(self) -> str:
        """Over the photograph: what was found, the trail, the window."""
        search = self.result.searches[self.search]
        boxes = [look.box for look in search.looks[: self.look + 1]]
        return _watched(self.result, self.settled, boxes, search.category)

    def thoughts(self) -> str:
        """Beside it: place in the search, Q-values, the chosen one marked."""
        result, search = self.result, self.result.searches[self.search]
        look = search.looks[self.look]
        head = (
            f"<h3>Searching for <b>{escape(search.category)}</b></h3>"
            f'<p class="ob-note">search {self.search + 1} of {len(result.searches)} · '
            f'step <b class="ob-step">{self.look + 1}</b> of {search.steps} · '
            f"{_counted(self.windows, 'window')} of {result.windows}</p>"
        )
        scale = _scale(value for each in search.looks for value in each.values)
        rows = [
            (label_of(action), value, action == look.action)
            for action, value in zip(result.actions, look.values, strict=True)
        ]
        return head + _bars(rows, scale, "Q-values")


@dataclass(frozen=True)
class Glance:
    """One window that a search with a budget looks at for all categories, watched.

    Attributes:
        result: all of it.
        number: of the window.
    """

    result: Result
    number: int

    @property
    def settled(self) -> tuple[Found, ...]:
        """What was found before this look."""
        return tuple(each for each in self.result.found if each.search.after <= self.number)

    def boxes(self) -> str:
        """Over the photograph: what was found, the way to the window, the window."""
        seen = self.result.seen
        way = [self.number]
        while (before := seen[way[0]].parent) >= 0:
            way.insert(0, before)
        led = seen[self.number].category or ""
        return _watched(self.result, self.settled, [seen[each].box for each in way], led)

    def thoughts(self) -> str:
        """Beside it: how the window was reached, and what it is taken for."""
        result, seen = self.result, self.result.seen[self.number]
        how = "a first window"
        if seen.category is not None:
            moves = ", ".join(label_of(action) for action in seen.actions)
            how = f"from window {seen.parent + 1}, for {seen.category}: {moves}"
        head = (
            f"<h3>Searching for <b>{escape(_named(result.searched, 'and'))}</b></h3>"
            f'<p class="ob-note">window <b class="ob-step">{self.number + 1}</b> of '
            f"{result.windows} · {escape(how)}</p>"
            "<p class='ob-note'>What is in it? The trigger's Q-values:</p>"
        )
        scale = _scale(value for each in result.seen for value in each.scores)
        rows = [
            (category, value, category in seen.triggered)
            for category, value in zip(result.searched, seen.scores, strict=True)
        ]
        return head + _bars(rows, scale, "The trigger's Q-values")


def photograph(image: Image.Image) -> str:
    """The photograph, scaled down to what a screen shows."""
    scaled = image.copy()
    scaled.thumbnail((_MOST_SIDE, _MOST_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    scaled.save(stream, "JPEG", quality=88)
    encoded = base64.b64encode(stream.getvalue()).decode()
    picture = f'<img alt="The photograph" src="data:image/jpeg;base64,{encoded}">'
    return _frame(image.size, picture)


def ended(result: Result) -> str:
    """The boxes over the photograph at the end: what was found."""
    boxes = "".join(_found(each, result) for each in reversed(result.found))
    return _frame(result.image.size, boxes)


def table(result: Result) -> str:
    """What was found and what was not, by category."""
    rows = [
        f'<tr style="--c:{_colour(each.category, result)}"><th scope="row">'
        f'<i class="ob-swatch"></i>{escape(each.category)}</th>'
        f"<td>{each.score:.2f}</td><td>{each.search.steps}</td>"
        f"<td>{', '.join(f'{side:.0f}' for side in each.box)}</td></tr>"
        for each in result.found
    ]
    if not rows:
        return ""
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in ("category", "score", "steps", "box")
    )
    return (
        f'<table class="ob-table"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table><p class='ob-note'>The score is the trigger's Q-value, not a probability. Box: "
        "xmin, ymin, xmax, ymax in pixels.</p>"
    )


def summary(result: Result) -> str:
    """What came of it, in a sentence."""
    missing = result.missing
    looked = f"It looked at {_counted(result.windows, 'window')}"
    if not result.found:
        if len(missing) > MOST_NAMES:
            return f"Nothing found of {len(missing)} categories. {looked}."
        return f"No {_listed(missing, 'or')} found. {looked}."
    told = f"Found {_counted(len(result.found), 'object')}: {_listed(result.labels, 'and')}"
    if len(missing) > MOST_NAMES:
        return f"{told}; nothing of the other {len(missing)} categories. {looked}."
    return f"{told}; no {_listed(missing, 'or')}. {looked}." if missing else f"{told}. {looked}."


def said(sentence: str, wrong: bool = False) -> str:
    """A sentence to the visitor; a mistake is announced at once."""
    role, kind = ("alert", " ob-wrong") if wrong else ("status", "")
    return f'<p class="ob-said{kind}" role="{role}">{escape(sentence)}</p>'


def _watched(result: Result, settled: Sequence[Found], way: Sequence[Coordinates], tag: str) -> str:
    parts = [_found(each, result) for each in settled]
    trail = list(dict.fromkeys(way[-1 - TRAIL : -1]))
    for age, box in enumerate(reversed(trail)):
        parts.append(_box(box, result, "trail", style=f"opacity:{0.6 * (1 - age / TRAIL):.2f}"))
    parts.append(_box(way[-1], result, "window", tag))
    return _frame(result.image.size, "".join(parts))


def _frame(size: tuple[int, int], inner: str) -> str:
    return f'<div class="ob-frame" style="--ratio:{size[0] / size[1]:.6f}">{inner}</div>'


def _box(box: Coordinates, result: Result, kind: str, tag: str = "", style: str = "") -> str:
    wide, high = result.image.size
    place = (
        f"left:{100 * box[0] / wide:.4f}%;top:{100 * box[1] / high:.4f}%;"
        f"width:{100 * (box[2] - box[0]) / wide:.4f}%;height:{100 * (box[3] - box[1]) / high:.4f}%;"
    )
    words = f"<span>{escape(tag)}</span>" if tag else ""
    return f'<div class="ob-box ob-{kind}" style="{place}{style}">{words}</div>'


def _found(each: Found, result: Result) -> str:
    style = f"--c:{_colour(each.category, result)}"
    return _box(each.box, result, "found", f"{each.category} {each.score:.2f}", style)


def _colour(category: str, result: Result) -> str:
    return _COLOURS[result.categories.index(category) % len(_COLOURS)]


def _scale(values: Iterable[float]) -> tuple[float, float]:
    """The least and the greatest of some values, zero included: one scale for all steps."""
    known = list(values)
    return min(0.0, *known), max(0.0, *known)


def _bars(rows: Iterable[tuple[str, float, bool]], scale: tuple[float, float], label: str) -> str:
    """A bar for each name and value; those chosen are marked."""
    low, high = scale
    reach = max(high - low, 1e-9)
    items = []
    for name, value, chosen in rows:
        left, width = 100 * (min(value, 0.0) - low) / reach, 100 * abs(value) / reach
        mark = ' class="ob-chosen" aria-current="step"' if chosen else ""
        items.append(
            f"<li{mark}><span>{escape(name)}</span>"
            f'<span class="ob-track" style="--zero:{-100 * low / reach:.2f}%">'
            f'<i style="left:{left:.2f}%;width:{width:.2f}%"></i></span>'
            f'<span class="ob-value">{value:.2f}</span></li>'
        )
    return f'<ol class="ob-bars" aria-label="{escape(label)}">{"".join(items)}</ol>'


def _named(names: Sequence[str], last: str) -> str:
    return f"{len(names)} categories" if len(names) > MOST_NAMES else _listed(names, last)


def _listed(names: Sequence[str], last: str) -> str:
    unique = [
        name if (count := list(names).count(name)) == 1 else f"{name} ({count})"
        for name in dict.fromkeys(names)
    ]
    return f" {last} ".join(filter(None, [", ".join(unique[:-1]), unique[-1]]))


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
