"""Figure of the actions and their effect on a window, computed by the environment itself.

The figure is SVG, which is the same on every machine and sharp at any size.
"""

from collections.abc import Iterator

import torch

from objloc.mdp.action import Moves, label_of, names_of
from objloc.params import Mdp

SIZE = (120, 90)
"""Width and height of the image in each panel, in pixels."""
WINDOW = (36.0, 27.0, 84.0, 63.0)
"""Window before each action."""
COLUMNS = 4
_GAP, _CAPTION = 24, 22
_STYLE = (
    "text{font:12px sans-serif;fill:#5f6771}"
    ".image{fill:#e4e7eb;stroke:#9da7b4}"
    ".before{fill:none;stroke:#5f6771;stroke-dasharray:4 3}"
    ".after{fill:#ffb000;fill-opacity:.25;stroke:#b36b00;stroke-width:2}"
)


def actions_figure(mdp: Mdp) -> str:
    """Draw a panel for each action but the trigger: the window before (dashed) and after it.

    Args:
        mdp: section with the actions and step size.

    Returns:
        The text of an SVG file.
    """
    moves = Moves(mdp)
    after = moves.every(_row(WINDOW), _row(SIZE))[0]
    names = [label_of(name) for name in names_of(mdp)[:-1]]
    rows = -(-len(names) // COLUMNS)
    width = _GAP + COLUMNS * (SIZE[0] + _GAP)
    height = _GAP + rows * (SIZE[1] + _CAPTION + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        f"<title>What each action does to the window (step size {mdp.step_size:g})</title>",
        f"<style>{_STYLE}</style>",
        # Opaque, so that it is readable on a dark page too.
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, name in enumerate(names):
        corner = (
            _GAP + number % COLUMNS * (SIZE[0] + _GAP),
            _GAP + number // COLUMNS * (SIZE[1] + _CAPTION + _GAP),
        )
        box = tuple(after[number].tolist())
        parts += _panel(name, corner, (box[0], box[1], box[2], box[3]))
    return "\n".join([*parts, "</svg>", ""])


def _row(numbers: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor([numbers], dtype=torch.float64)


def _panel(
    name: str, corner: tuple[int, int], box: tuple[float, float, float, float]
) -> Iterator[str]:
    yield f'<g transform="translate({corner[0]} {corner[1]})">'
    yield _rectangle("image", (0, 0, *SIZE))
    yield _rectangle("before", WINDOW)
    yield _rectangle("after", box)
    yield f'<text x="{SIZE[0] / 2:g}" y="{SIZE[1] + 16}" text-anchor="middle">{name}</text>'
    yield "</g>"


def _rectangle(kind: str, box: tuple[float, float, float, float]) -> str:
    xmin, ymin, xmax, ymax = box
    return (
        f'<rect class="{kind}" x="{xmin:g}" y="{ymin:g}" width="{round(xmax - xmin, 6):g}" '
        f'height="{round(ymax - ymin, 6):g}"/>'
    )
