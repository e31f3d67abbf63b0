from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from objloc.errors import ObjlocError
from objloc.view.style import (
    DENSITY,
    DOTS_PER_INCH,
    PAPER,
    SERIES,
    caption,
    label,
    legend,
    new_figure,
    save_figure,
)


def test_a_figure_has_its_size_and_axes_in_rows() -> None:
    figure, axes = new_figure(2, 3, width=6, height=4)
    assert axes.shape == (2, 3)
    assert figure.get_size_inches().tolist() == [6, 4]
    lines = [axes[0, 0].plot([0, 1], [number, 1])[0] for number in range(len(SERIES))]
    assert [line.get_color() for line in lines] == list(SERIES)


def test_the_same_figure_gives_the_same_bytes_whatever_the_users_settings(tmp_path: Path) -> None:
    for name, settings in (("a", {}), ("b", {"font.size": 30, "axes.facecolor": "black"})):
        with mpl.rc_context(settings):  # type: ignore[arg-type]
            figure, axes = new_figure(width=4, height=3)
            axes[0, 0].plot([0, 1], [1, 0], label="a line")
            label(axes[0, 0], "Title", "x", "y")
            legend(axes[0, 0])
            caption(figure, "Figure", "Words.")
            save_figure(figure, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"matplotlib" not in (tmp_path / "a").read_bytes().lower()


def test_a_picture_has_its_pixels_and_an_opaque_background(tmp_path: Path) -> None:
    figure, _ = new_figure(width=2, height=1)
    save_figure(figure, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (2 * DOTS_PER_INCH, DOTS_PER_INCH)
        assert to_hex(np.asarray(image.convert("RGBA"))[0, 0] / 255).upper() == PAPER


def test_density_is_white_at_none_and_darkens_steadily() -> None:
    colours = DENSITY(np.linspace(0, 1, 64))
    assert to_hex(colours[0]).upper() == PAPER
    lightness = colours[:, :3] @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(lightness) < 0).all()


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    figure, _ = new_figure()
    with pytest.raises(ObjlocError, match="cannot be written"):
        save_figure(figure, tmp_path / "file" / "a.png")
