"""What the app shows of a search, as HTML."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

from objloc.result import Found, Look, Result, Search
from objloc.voc.sample import Coordinates

TRAIL = 8
"""So many windows before the current one are shown, fading."""
_MOST_SIDE = 1000
_COLOURS = ("#ff8fc4", "#57d9a3", "#5ecdfa", "#b9a5ff", "#f0e442", "#ff7f50")
"""Of the categories' boxes; the window's own amber is not among them."""


@dataclass(frozen=True)
class Moment:
    """One step of a result that is watched.

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


def photograph(image: Image.Image) -> str:
    """The photograph, scaled down to what a screen shows."""
    scaled = image.copy()
    scaled.thumbnail((_MOST_SIDE, _MOST_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    scaled.save(stream, "JPEG", quality=88)
    encoded = base64.b64encode(stream.getvalue()).decode()
    picture = f'<img alt="The photograph" src="data:image/jpeg;base64,{encoded}">'
    return _frame(image.size, picture)


def watched(moment: Moment) -> str:
    """The boxes over the photograph at one step: what was found, the trail, the window."""
    search = moment.result.searches[moment.search]
    boxes = [look.box for look in search.looks[: moment.look + 1]]
    parts = [_found(each, moment.result) for each in moment.settled]
    trail = list(dict.fromkeys(boxes[-1 - TRAIL : -1]))
    for age, box in enumerate(reversed(trail)):
        parts.append(
            _box(box, moment.result, "trail", style=f"opacity:{0.6 * (1 - age / TRAIL):.2f}")
        )
    parts.append(_box(boxes[-1], moment.result, "window", search.category))
    return _frame(moment.result.image.size, "".join(parts))


def ended(result: Result) -> str:
    """The boxes over the photograph at the end: what was found."""
    boxes = "".join(_found(each, result) for each in reversed(result.found))
    return _frame(result.image.size, boxes)


def thoughts(moment: Moment) -> str:
    """The panel beside the photograph: place in the search, Q-values, the chosen one marked."""
    result, search = moment.result, moment.result.searches[moment.search]
    look = search.looks[moment.look]
    head = (
        f"<h3>Searching for <b>{escape(search.category)}</b></h3>"
        f'<p class="ob-note">search {moment.search + 1} of {len(result.searches)} · '
        f'step <b class="ob-step">{moment.look + 1}</b> of {search.steps} · '
        f"{_counted(moment.windows, 'window')} of {result.windows}</p>"
    )
    return head + _bars(result.actions, look, _scale(search))


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
        f'<th scope="col">{name}</th>'
        for name in ("category", "score", "steps", "xmin, ymin, xmax, ymax")
    )
    return (
        f'<table class="ob-table"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table><p class='ob-note'>The score is the trigger's Q-value, not a probability; boxes "
        "are in pixels.</p>"
    )


def summary(result: Result) -> str:
    """What came of it, in a sentence."""
    found = {each.category for each in result.found}
    missing = [name for name in dict.fromkeys(s.category for s in result.searches)
               if name not in found]  # fmt: skip
    looked = f"{_counted(result.windows, 'window')} looked at"
    if not found:
        return f"No {_listed(missing, 'or')} found; {looked}."
    told = f"Found {_counted(len(result.found), 'object')}: {_listed(result.labels, 'and')}"
    return f"{told}; no {_listed(missing, 'or')}; {looked}." if missing else f"{told}; {looked}."


def said(sentence: str, wrong: bool = False) -> str:
    """A sentence to the visitor; a mistake is announced at once."""
    role, kind = ("alert", " ob-wrong") if wrong else ("status", "")
    return f'<p class="ob-said{kind}" role="{role}">{escape(sentence)}</p>'


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


def _scale(search: Search) -> tuple[float, float]:
    """The least and the greatest Q-value of a search, zero included."""
    values = [value for look in search.looks for value in look.values]
    return min(0.0, *values), max(0.0, *values)


def _bars(actions: Sequence[str], look: Look, scale: tuple[float, float]) -> str:
    low, high = scale
    reach = max(high - low, 1e-9)
    rows = []
    for action, value in zip(actions, look.values, strict=True):
        left, width = 100 * (min(value, 0.0) - low) / reach, 100 * abs(value) / reach
        chosen = ' class="ob-chosen" aria-current="step"' if action == look.action else ""
        rows.append(
            f"<li{chosen}><span>{escape(action.replace('_', ' '))}</span>"
            f'<span class="ob-track" style="--zero:{-100 * low / reach:.2f}%">'
            f'<i style="left:{left:.2f}%;width:{width:.2f}%"></i></span>'
            f'<span class="ob-value">{value:.2f}</span></li>'
        )
    return f'<ol class="ob-bars" aria-label="Q-values">{"".join(rows)}</ol>'


def _listed(names: Sequence[str], last: str) -> str:
    unique = [
        name if (count := list(names).count(name)) == 1 else f"{name} ({count})"
        for name in dict.fromkeys(names)
    ]
    return f" {last} ".join(filter(None, [", ".join(unique[:-1]), unique[-1]]))


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
