import numpy as np
from matplotlib.figure import Figure

from objloc.evaluation.baselines import BASELINES
from objloc.view.plot_parts import (
    BASELINE_LINES,
    categories_text,
    draw_line,
    success_by_iou,
    wrapped_caption,
)
from objloc.view.style import new_figure

CURVES: dict[str, dict[str, float | None]] = {
    "agent": {"0.50": 0.75, "0.55": None, "0.60": 0.5},
    **{name: {"0.50": 0.25, "0.60": 0.125} for name in BASELINES},
}


def drawn(figure: Figure) -> dict[str, list[list[float]]]:
    """Points of each line that the legend names."""
    return {
        str(line.get_label()): np.asarray(line.get_data()).T.tolist()
        for line in figure.axes[0].lines
        if not str(line.get_label()).startswith("_")
    }


def test_every_baseline_has_its_line() -> None:
    assert set(BASELINE_LINES) == set(BASELINES)


def test_values_that_are_not_known_are_left_out() -> None:
    lines = drawn(success_by_iou(CURVES, 0.5, top=1.0))
    assert lines["agent, greedy"] == [[0.5, 0.75], [0.6, 0.5]]
    assert list(lines)[1:] == ["best fixed box", "whole image", "random agent"]
    figure, axes = new_figure()
    draw_line(axes[0, 0], {"0.50": None}, label="nothing")
    assert drawn(figure) == {}


def test_the_oracle_is_drawn_where_it_was_measured() -> None:
    figure = success_by_iou(CURVES | {"oracle": {"0.50": 1.0, "0.60": 1.0}}, 0.5, top=1.02)
    assert drawn(figure)["oracle, at least"] == [[0.5, 1.0], [0.6, 1.0]]
    assert figure.axes[0].get_ylim() == (0, 1.02)


def test_a_caption_is_wrapped_to_the_width_of_its_figure() -> None:
    figure, _ = new_figure(width=5.0)
    wrapped_caption(figure, "Title", "word " * 40)
    assert figure.get_suptitle() == "Title"
    lines = figure.get_supxlabel().split("\n")
    assert len(lines) == 3
    assert max(map(len, lines)) <= 70


def test_one_category_is_named_and_several_are_counted() -> None:
    assert categories_text(["cat"]) == "category cat"
    assert categories_text(["cat", "dog"]) == "2 categories"
