import io
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from objloc.view import plots_training as plots
from objloc.view.plots_training import histogram_picture, training_curves
from objloc.view.style import AGENT, BLIND, SERIES

HISTORY = [
    {
        "update": 100.0 * n, "phase": float(n > 2), "loss": 1 / n, "td_error": 2 / n,
        "q_mean": -1.0 + n, "q_max": 2.0 * n, "epsilon": 1 / n, "episode_reward": n - 3.0,
        "episode_length": 50.0 - n, "train_success": 0.1 * n, "score": 0.12 * n,
        "val_success_cat": 0.1 * n, "val_success_dog": 0.14 * n, "val_length": 40.0,
        "val_fixed_box": 0.3, "val_gain": 0.12 * n - 0.3,
    }
    for n in range(1, 6)
]  # fmt: skip


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are saved."""
    figures: list[Any] = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, _path: figures.append(figure))
    return figures


def lines(figure: Any, panel: int) -> dict[str, list[tuple[float, float]]]:
    """Points of a panel's series by colour."""
    return {
        str(line.get_color()): [(float(x), float(y)) for x, y in line.get_xydata()]
        for line in figure.axes[panel].lines
        if line.get_gid() == "series"
    }


def texts(figure: Any, panel: int) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


def test_success_stands_beside_the_best_fixed_box(drawn: list[Any], tmp_path: Path) -> None:
    training_curves(HISTORY, tmp_path / "a.png")
    series = lines(drawn[0], 0)
    assert series[AGENT] == [(100.0 * n, 0.12 * n) for n in range(1, 6)]
    assert series[BLIND] == [(100.0 * n, 0.3) for n in range(1, 6)]
    assert texts(drawn[0], 0) == ["best 0.60"]
    assert lines(drawn[0], 1)[AGENT][0] == (100.0, 0.12 - 0.3)


def test_each_category_has_its_own_line_and_name(drawn: list[Any], tmp_path: Path) -> None:
    training_curves(HISTORY, tmp_path / "a.png")
    assert list(lines(drawn[0], 2)) == list(SERIES[:2])
    legend = drawn[0].axes[2].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["cat", "dog"]


def test_twenty_categories_are_a_bundle_with_their_mean(drawn: list[Any], tmp_path: Path) -> None:
    history = [{**row, **{f"val_success_{n}": 0.5 for n in range(20)}} for row in HISTORY]
    training_curves(history, tmp_path / "a.png")
    legend = drawn[0].axes[2].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["mean of 22"]


def test_panels_without_values_say_so(drawn: list[Any], tmp_path: Path) -> None:
    kept = ("update", "phase", "score", "loss")
    training_curves([{key: row[key] for key in kept} for row in HISTORY], tmp_path / "a.png")
    silent = [panel for panel in range(9) if texts(drawn[0], panel) == ["not recorded"]]
    assert silent == [1, 2, 4, 5, 6, 7, 8]


def test_nan_and_missing_values_leave_gaps(drawn: list[Any], tmp_path: Path) -> None:
    history = [dict(row) for row in HISTORY]
    history[0]["loss"] = math.nan
    del history[3]["loss"]
    training_curves(history, tmp_path / "a.png")
    assert [x for x, _ in lines(drawn[0], 3)[AGENT]] == [200.0, 300.0, 500.0]


def test_all_panels_share_their_updates(drawn: list[Any], tmp_path: Path) -> None:
    training_curves(HISTORY, tmp_path / "a.png")
    assert {tuple(axes.get_xlim()) for axes in drawn[0].axes} == {(0.0, 515.0)}


@pytest.mark.parametrize("history", [[], HISTORY[:1], [{"update": math.nan}], HISTORY])
def test_any_history_gives_the_same_picture_twice(
    tmp_path: Path, history: list[dict[str, float]]
) -> None:
    for name in ("a.png", "b.png"):
        training_curves(history, tmp_path / "plots" / name)
    content = (tmp_path / "plots/a.png").read_bytes()
    assert content == (tmp_path / "plots/b.png").read_bytes()
    with Image.open(io.BytesIO(content)) as file:
        assert file.width == 1440
        # No program, version or date in the file.
        assert set(file.info) <= {"dpi"}


def test_a_users_matplotlib_settings_change_nothing(tmp_path: Path) -> None:
    training_curves(HISTORY, tmp_path / "a.png")
    own: dict[Any, Any] = {
        "font.size": 20,
        "lines.linewidth": 9,
        "axes.facecolor": "red",
        "savefig.dpi": 30,
    }
    before = dict(mpl.rcParams)
    with mpl.rc_context(own):
        training_curves(HISTORY, tmp_path / "b.png")
        assert mpl.rcParams["font.size"] == 20
    assert dict(mpl.rcParams) == before
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    "values",
    [
        [],
        [(10, np.array([]))],
        [(10, np.array([1.0]))],
        [(10, np.array([np.nan, np.inf])), (20, np.array([2.0, 2.0]))],
        [(0, np.array([1.0, 2.0])), (5, np.array([0.0, 0.0]))],
        [(n * 100, np.arange(50.0) ** 4) for n in range(1, 6)],
        [(n * 100, np.full(10, 1e-30)) for n in range(1, 4)],
        [(n * 100, np.array([-1e30, 1e30])) for n in range(1, 4)],
    ],
)
def test_any_values_give_the_same_histogram_twice(
    tmp_path: Path, values: list[tuple[int, np.ndarray]]
) -> None:
    for name in ("a.png", "b.png"):
        histogram_picture(values, "loss", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_columns_of_the_histogram_hold_the_shares_of_their_period(
    drawn: list[Any], tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    low, high = generator.uniform(0, 1, 400), generator.uniform(9, 10, 200)
    histogram_picture([(200, high), (100, low)], "Q-value", tmp_path / "a.png")
    mesh = drawn[0].axes[0].collections[0]
    # The square root of the share is drawn.
    shares = np.asarray(mesh.get_array()) ** 2
    assert shares.sum(axis=0) == pytest.approx([1, 1])
    middle = len(shares) // 2
    assert shares[:middle, 0].sum() == pytest.approx(1)
    assert shares[middle:, 1].sum() == pytest.approx(1)
    edges = mesh.get_coordinates()[0, :, 0]
    assert edges.tolist() == [0, 100, 200]
    median = next(line for line in drawn[0].axes[0].lines if line.get_label() == "median")
    assert median.get_ydata() == pytest.approx([np.median(low), np.median(high)])


def test_a_period_without_values_is_an_empty_column(drawn: list[Any], tmp_path: Path) -> None:
    some, none = np.array([1.0, 2.0, 3.0]), np.array([])
    values = [(0, some), (10, some), (20, none), (30, some)]
    histogram_picture(values, "loss", tmp_path / "a.png")
    mesh = drawn[0].axes[0].collections[0]
    assert (np.asarray(mesh.get_array()) ** 2).sum(axis=0) == pytest.approx([1, 0, 1])
    assert mesh.get_coordinates()[0, :, 0].tolist() == [0, 10, 20, 30]
    median = next(line for line in drawn[0].axes[0].lines if line.get_label() == "median")
    assert median.get_xdata() == pytest.approx([5, 25])


def test_losses_over_many_powers_of_ten_are_drawn_on_a_logarithmic_scale(
    drawn: list[Any], tmp_path: Path
) -> None:
    wide = 10.0 ** np.linspace(-5, 1, 500)
    histogram_picture([(100, wide), (200, wide)], "loss", tmp_path / "a.png")
    histogram_picture([(100, wide - 1), (200, wide)], "Q-value", tmp_path / "b.png")
    assert [figure.axes[0].get_yscale() for figure in drawn] == ["log", "linear"]
