"""An episode as frames to be played: the window's path and what the agent thought."""

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

from objloc.data.sample import Coordinates
from objloc.mdp.action import label_of
from objloc.params import SUCCESS_IOU
from objloc.search.trajectory import Step, Trajectory
from objloc.view.canvas import (
    AGENT,
    CARD,
    FAINT,
    INK,
    MUTED,
    QUIET,
    TRACK,
    TRUTH,
    bar,
    curve,
    outline,
    shortened,
    wrapped,
    write,
)
from objloc.view.contact_sheet import Tile, contact_sheet
from objloc.view.subject import SearchSubject
from objloc.wording import counted

TRAIL = 8
"""Number of windows before the current one that are shown, fading."""
_TILE = (320, 240)
_LEAST_ROW = 14
"""Height of a Q-value's row, below which names could not be read."""
FINAL_SECONDS = 4.0
"""Time for which the last frame is held."""


@dataclass(frozen=True)
class Frame:
    """A picture and the time for which it is shown."""

    image: Image.Image
    seconds: float


@dataclass(frozen=True)
class _Layout:
    """Places on a card, in pixels; ``unit`` scales text and gaps."""

    unit: float
    size: tuple[int, int]
    photograph: tuple[int, int, int, int]
    left: int
    right: int
    top: int
    bottom: int

    def px(self, length: float) -> int:
        """A length that was chosen for a photograph 360 pixels high."""
        return max(1, round(length * self.unit))


def _layout(photograph: Image.Image, height: int) -> _Layout:
    unit = max(height, 300) / 360
    gap = round(14 * unit)
    # A panorama is shown lower, a narrow strip between margins.
    scale = min(height / photograph.height, 2 * height / photograph.width)
    wide, high = (max(1, round(side * scale)) for side in photograph.size)
    inner = max(height, round(360 * unit))
    column = max(wide, height // 2)
    x, y = gap + (column - wide) // 2, gap + (inner - high) // 2
    left = gap + column + round(20 * unit)
    right = left + round(250 * unit)
    return _Layout(
        unit, (right + gap, inner + 2 * gap), (x, y, wide, high), left, right, gap, gap + inner
    )


def frames(search: SearchSubject, height: int, frames_per_second: float) -> list[Frame]:
    """All frames of an episode: one for each step, then one with the outcome.

    Args:
        search: the episode.
        height: the photograph's height, in pixels.
        frames_per_second: steps shown a second.
    """
    layout = _layout(search.photograph, height)
    x, y, wide, high = layout.photograph
    photograph = search.photograph.resize((wide, high), Image.Resampling.LANCZOS)
    steps = search.trajectory.steps
    boxes = [step.box for step in steps] + [search.trajectory.final_box]
    pictures = []
    for number in range(len(steps) + 1):
        card = Image.new("RGB", layout.size, CARD)
        card.paste(marked(photograph, search, boxes[: number + 1]), (x, y))
        draw = ImageDraw.Draw(card)
        if number < len(steps):
            _draw_step(draw, layout, search, number)
        else:
            _draw_end(card, layout, search)
        pictures.append(card)
    second = 1 / frames_per_second
    return [
        *(Frame(picture, second) for picture in pictures[:-1]),
        Frame(pictures[-1], max(FINAL_SECONDS, 2 * second)),
    ]


def marked(photograph: Image.Image, search: SearchSubject, boxes: list[Coordinates]) -> Image.Image:
    """A photograph with the ground truth, the windows' fading trail and the last window.

    Args:
        photograph: in the size to be drawn at.
        search: whose ground truth is drawn; difficult objects are dashed.
        boxes: windows up to now, in pixels as annotated.
    """
    scale_x = photograph.width / search.size[0]
    scale_y = photograph.height / search.size[1]
    thick = max(2, round(photograph.height / 120))

    def scaled(box: Coordinates) -> Coordinates:
        return (box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y)

    picture = photograph.copy()
    trail = list(dict.fromkeys(boxes[-1 - TRAIL : -1]))
    for age, box in enumerate(reversed(trail)):
        opacity = 0.55 * (1 - age / TRAIL)
        outline(picture, scaled(box), AGENT, max(2, thick // 2), opacity=opacity)
    for item in search.objects or ():
        outline(picture, scaled(item.box), TRUTH, thick, dashed=item.difficult)
    outline(picture, scaled(boxes[-1]), AGENT, thick + max(1, thick // 3))
    return picture


def _draw_step(
    draw: ImageDraw.ImageDraw, layout: _Layout, search: SearchSubject, number: int
) -> None:
    step = search.trajectory.steps[number]
    _draw_head(draw, layout, search, f"step {number + 1}", f"of at most {search.max_steps}")
    top = layout.top + layout.px(62)
    write(draw, (layout.left, top + layout.px(11)), "Q-values", layout.px(12), MUTED)
    moves = ", ".join(label_of(action) for action in (step.action, *step.further))
    aside = f" (for {step.category})" if step.category else ""
    words = shortened(f"next: {moves}{aside}", layout.px(12), layout.px(195))
    write(
        draw,
        (layout.right, top + layout.px(11)),
        words,
        layout.px(12),
        AGENT,
        anchor="rs",
        bold=True,
    )
    _draw_values(draw, layout, search.trajectory, step, top + layout.px(20))
    _draw_overlap(draw, layout, search, step.iou)


def _draw_head(
    draw: ImageDraw.ImageDraw, layout: _Layout, search: SearchSubject, first: str, second: str
) -> None:
    px = layout.px
    write(draw, (layout.left, layout.top + px(12)), "searching for", px(12), MUTED)
    category = shortened(search.trajectory.category, px(26), px(160))
    write(draw, (layout.left, layout.top + px(40)), category, px(26), INK, bold=True)
    write(draw, (layout.right, layout.top + px(24)), first, px(15), INK, anchor="rs")
    write(draw, (layout.right, layout.top + px(40)), second, px(11), FAINT, anchor="rs")
    line = layout.top + px(54)
    bar(draw, (layout.left, line, layout.right, line + 1), TRACK)


def _draw_values(
    draw: ImageDraw.ImageDraw, layout: _Layout, run: Trajectory, step: Step, top: int
) -> None:
    """A bar for each action's Q-value, all steps on one scale; the chosen one marked."""
    px = layout.px
    seen = [value for each in run.steps for value in each.q_values if math.isfinite(value)]
    if not seen:
        write(draw, (layout.left, top + px(24)), "None: this agent looks at", px(13), MUTED)
        write(draw, (layout.left, top + px(42)), "nothing and acts at random.", px(13), MUTED)
        return
    low, high = min(0.0, *seen), max(0.0, *seen)
    room = layout.bottom - px(74) - top
    shown = shown_rows(run, step, room // px(_LEAST_ROW))
    row = min(px(24), room // len(shown))
    start, end = layout.left + px(98), layout.right - px(42)
    pixels = (end - start) / max(high - low, 1e-9)
    zero = start - low * pixels
    for line, number in enumerate(shown):
        action, value = run.actions[number], step.q_values[number]
        y = top + line * row
        middle = y + row / 2
        chosen = action == step.action or action in step.further
        if chosen:
            bar(draw, (layout.left - px(6), y + 1, layout.right + px(6), y + row), TRACK)
            bar(draw, (layout.left - px(6), y + 1, layout.left - px(3), y + row), AGENT)
        size = min(px(13), row - 3)
        place = (layout.left + px(3), middle)
        write(
            draw,
            place,
            label_of(action),
            size,
            INK if chosen else MUTED,
            anchor="lm",
            bold=chosen,
        )
        if math.isfinite(value):
            ends = sorted((zero, zero + value * pixels))
            thick = row * 0.24
            area = (ends[0], middle - thick, ends[1], middle + thick + 1)
            bar(draw, area, AGENT if chosen else QUIET)
            words = f"{value:.2f}"
            write(
                draw, (layout.right, middle), words, size - 1, INK if chosen else MUTED, anchor="rm"
            )
    end_of_rows = top + row * len(shown)
    bar(draw, (zero - 1, top, zero + 1, end_of_rows), MUTED)
    write(draw, (zero, end_of_rows + px(10)), "0", px(10), FAINT, anchor="ms")
    if len(shown) < len(run.actions):
        words = f"the best {len(shown)} of {len(run.actions)}"
        write(draw, (layout.right, end_of_rows + px(10)), words, px(10), FAINT, anchor="rs")


def shown_rows(run: Trajectory, step: Step, most: int) -> list[int]:
    """The actions for whose bars there is room, the one taken and the best, in their order."""
    taken = (step.action, *step.further)
    numbers = range(len(run.actions))
    ranked = sorted(numbers, key=lambda n: (run.actions[n] not in taken, -step.q_values[n]))
    return sorted(ranked[: max(1, most)])


def _draw_overlap(
    draw: ImageDraw.ImageDraw, layout: _Layout, search: SearchSubject, iou: float
) -> None:
    """IoU as a number and a bar with the mark that success lies beyond; the legend."""
    px = layout.px
    top = layout.bottom - px(46)
    if search.objects:
        write(draw, (layout.left, top + px(13)), "IoU", px(12), MUTED)
        write(draw, (layout.left + px(28), top + px(14)), f"{iou:.2f}", px(20), INK, bold=True)
        start, y = layout.left + px(98), top + px(4)
        length = layout.right - start
        bar(draw, (start, y, layout.right, y + px(9)), TRACK)
        if iou > 0:
            bar(draw, (start, y, start + iou * length, y + px(9)), TRUTH)
        mark = start + SUCCESS_IOU * length
        bar(draw, (mark - 1, y - px(4), mark + 1, y + px(13)), INK)
        write(draw, (mark, y + px(23)), f"{SUCCESS_IOU:g}", px(10), FAINT, anchor="ms")
    else:
        known = search.objects is not None
        words = f"no {search.trajectory.category} in this image" if known else "truth not given"
        write(draw, (layout.left, top + px(13)), shortened(words, px(13), px(250)), px(13), MUTED)
    _draw_legend(draw, layout, search)


def _draw_legend(draw: ImageDraw.ImageDraw, layout: _Layout, search: SearchSubject) -> None:
    px = layout.px
    y = layout.bottom - px(4)
    x = float(layout.left)
    entries = [("window", AGENT)]
    if search.objects:
        hard = any(item.difficult for item in search.objects)
        entries.append(("truth (dashed: difficult)" if hard else "truth", TRUTH))
    for words, colour in entries:
        bar(draw, (x, y - px(7), x + px(14), y - px(4)), colour)
        write(draw, (x + px(20), y), words, px(11), MUTED)
        x += px(84)


def _draw_end(card: Image.Image, layout: _Layout, search: SearchSubject) -> None:
    """The last frame's panel: what happened, in words, and IoU over the steps."""
    px, draw = layout.px, ImageDraw.Draw(card)
    count = len(search.trajectory.steps)
    _draw_head(draw, layout, search, "the end", f"after {counted(count, 'step')}")
    headline, sentence = search.verdict()
    width = layout.right - layout.left
    y = layout.top + px(90)
    colour = TRUTH if search.success else AGENT
    for line in wrapped(headline, px(24), width):
        write(draw, (layout.left, y), line, px(24), colour, bold=True)
        y += px(28)
    for line in wrapped(sentence, px(14), width):
        write(draw, (layout.left, y), line, px(14), INK)
        y += px(19)
    if search.objects:
        _draw_curve(card, layout, search, y + px(12))
    _draw_overlap(draw, layout, search, search.trajectory.final_iou)


def _draw_curve(card: Image.Image, layout: _Layout, search: SearchSubject, top: int) -> None:
    """IoU of every window, as a curve over the steps."""
    px, draw = layout.px, ImageDraw.Draw(card)
    left, right = layout.left + px(22), layout.right
    top, bottom = top + px(14), layout.bottom - px(82)
    values = [step.iou for step in search.trajectory.steps]
    if not search.trajectory.terminated:
        values.append(search.trajectory.final_iou)
    write(draw, (layout.left, top - px(8)), "IoU, step by step", px(11), MUTED)
    for level in (0.0, SUCCESS_IOU, 1.0):
        y = bottom - level * (bottom - top)
        emphasised = level == SUCCESS_IOU
        bar(draw, (left, y, right, y + 1), MUTED if emphasised else TRACK)
        write(draw, (left - px(5), y), f"{level:g}", px(10), FAINT, anchor="rm")
    pitch = (right - left - px(8)) / max(1, len(values) - 1)
    points = [
        (left + px(4) + index * pitch, bottom - value * (bottom - top))
        for index, value in enumerate(values)
    ]
    curve(card, points, TRUTH, px(2))
    curve(card, points[-1:], AGENT, px(8))


def summary(searches: list[SearchSubject]) -> Image.Image:
    """A contact sheet of how several episodes ended."""
    tiles = []
    for search in searches:
        run = search.trajectory
        width, height = search.photograph.size
        scale = min(_TILE[0] / width, _TILE[1] / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        photograph = search.photograph.resize(size, Image.Resampling.LANCZOS)
        boxes = [step.box for step in run.steps] + [run.final_box]
        headline, sentence = search.verdict()
        colour = TRUTH if search.success else AGENT
        if run.category not in headline:
            headline = f"{headline} ({run.category})"
        tiles.append(Tile(marked(photograph, search, boxes), headline, sentence, colour))
    found = sum(search.success for search in searches)
    return contact_sheet(
        tiles,
        columns=3,
        tile=_TILE,
        title=f"{found} of {len(searches)} found",
        note="How each search ended. Amber: the last windows. Blue: the truth (dashed: difficult).",
    )
