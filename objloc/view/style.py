"""The common style of all plots: colours, figures, deterministic PNG files.

The colours are distinguishable with every common kind of colour blindness (Okabe &
Ito 2008, "Color Universal Design"); the two that lie side by side on photographs, the
agent's window and the ground truth, also differ in lightness.
"""

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from objloc.files import write_atomically

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
YELLOW = "#F0E442"
BLACK = "#1F2328"

SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
"""Colours of series, in the order to use them."""

AGENT = BLUE
"""Colour of the trained agent in every plot."""
BLIND = VERMILION
"""Colour of guesses that look at nothing (best fixed box, whole image)."""
RANDOM = "#8A8F98"
"""Colour of the random agent."""

INK = "#1F2328"
"""Colour of text."""
MUTED = "#5F6771"
"""Colour of text of lesser weight: captions, tick labels."""
GRID = "#E4E7EB"
PAPER = "#FFFFFF"
"""Background, opaque: a plot is as legible on dark pages as on light ones."""

DENSITY = LinearSegmentedColormap.from_list(
    "density", [PAPER, "#CFE3F2", "#7DB8DE", "#2E86C1", "#0B4F7D", "#08263F"]
)
"""Colour map of fractions, white at 0; lightness falls steadily."""

DOTS_PER_INCH = 144
"""A figure 8 inches wide is 1152 pixels: sharp at a README's width."""

# Over matplotlib's own defaults: a user's matplotlibrc must not change bytes.
_SETTINGS: dict[Any, Any] = {
    **mpl.rcParamsDefault,
    "backend": "agg",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": PAPER,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "figure.facecolor": PAPER,
    "figure.dpi": DOTS_PER_INCH,
}


def new_figure(
    rows: int = 1, columns: int = 1, width: float = 8.0, height: float = 4.5, **keywords: Any
) -> tuple[Figure, np.ndarray]:
    """Make a figure of axes in the common style, apart from matplotlib's global state.

    Args:
        rows: number of rows of axes.
        columns: number of columns of axes.
        width: width of the figure in inches of 144 pixels.
        height: height of the figure in inches.
        keywords: passed to ``Figure.subplots`` (``sharex``, ``gridspec_kw``, …).

    Returns:
        The figure and its axes, an object array ``[rows, columns]``. The colours of
        series cycle through ``SERIES``.
    """
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, **keywords)
    for one in axes.flat:
        one.set_prop_cycle(color=SERIES)
    return figure, axes


def label(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    """Set the title of axes (bold, left) and the names of their quantities, with units."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK, pad=8)
    axes.set_xlabel(x, fontsize=8.5, color=MUTED)
    axes.set_ylabel(y, fontsize=8.5, color=MUTED)


def caption(figure: Figure, title: str, text: str = "") -> None:
    """Set the title of a figure and, below its axes, a line or two that explain it."""
    figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold", color=INK)
    if text:
        figure.supxlabel(text, x=0.012, ha="left", fontsize=8.5, color=MUTED)


def legend(axes: Axes, **keywords: Any) -> None:
    """Add a small legend to axes where it hides least, on a translucent ground."""
    settings: dict[str, Any] = {
        "fontsize": 8.0,
        "loc": "best",
        "frameon": True,
        "fancybox": False,
        "facecolor": PAPER,
        "edgecolor": "none",
        "framealpha": 0.75,
        "borderpad": 0.2,
    }
    axes.legend(**{**settings, **keywords})


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file, whole or not at all; the same figure gives the same bytes.

    Raises:
        ObjlocError: the file cannot be written.
    """
    stream = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        # The version of matplotlib would be in the file else.
        figure.savefig(stream, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    write_atomically(path, stream.getvalue())
