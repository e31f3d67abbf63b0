"""Common style of all plots: colours, figures, deterministic PNG files.

The colours can be distinguished with every common kind of colour blindness (Okabe &
Ito 2008, "Color Universal Design"). The two that occur together on photographs, for
the agent's window and the ground truth, also differ in lightness.
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
"""Colours of series, in order of use."""

AGENT = BLUE
"""Colour of the trained agent in every plot."""
BLIND = VERMILION
"""Colour of baselines that do not look at the image (best fixed box, whole image)."""
RANDOM = "#8A8F98"
"""Colour of the random agent."""

INK = "#1F2328"
"""Colour of text."""
MUTED = "#5F6771"
"""Colour of secondary text: captions, tick labels."""
GRID = "#E4E7EB"
PAPER = "#FFFFFF"
"""Background colour: opaque, so that a plot is readable on dark and light pages."""

DENSITY = LinearSegmentedColormap.from_list(
    "density", [PAPER, "#CFE3F2", "#7DB8DE", "#2E86C1", "#0B4F7D", "#08263F"]
)
"""Colour map of fractions: white at 0, lightness falls steadily."""

DOTS_PER_INCH = 144
"""Resolution; a figure 8 inches wide has 1152 pixels, which is sharp in a README."""

# Based on matplotlib's own defaults, so that a user's matplotlibrc changes no bytes.
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
    """Make a figure with axes in the common style, without matplotlib's global state.

    Args:
        rows: number of rows of axes.
        columns: number of columns of axes.
        width: width of the figure in inches (144 pixels each).
        height: height of the figure in inches.
        keywords: keywords of ``Figure.subplots`` (``sharex``, ``gridspec_kw``, …).

    Returns:
        The figure and its axes, an object array ``[rows, columns]``. Colours of series
        cycle through ``SERIES``; the axes have a light grid.
    """
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, **keywords)
    for one in axes.flat:
        one.set_prop_cycle(color=SERIES)
    return figure, axes


def label(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    """Give axes a title (bold, left) and axis labels with units."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK, pad=8)
    axes.set_xlabel(x, fontsize=8.5, color=MUTED)
    axes.set_ylabel(y, fontsize=8.5, color=MUTED)


def caption(figure: Figure, title: str, text: str = "") -> None:
    """Give a figure a title and, below the axes, one or two lines of explanation."""
    figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold", color=INK)
    if text:
        figure.supxlabel(text, x=0.012, ha="left", fontsize=8.5, color=MUTED)


def legend(axes: Axes, **keywords: Any) -> None:
    """Add a small legend where it hides little, on a translucent background."""
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
    """Write a figure as PNG, atomically; the same figure gives the same bytes.

    Raises:
        ObjlocError: the file cannot be written.
    """
    stream = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        # Otherwise the file would contain the version of matplotlib.
        figure.savefig(stream, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    write_atomically(path, stream.getvalue())
