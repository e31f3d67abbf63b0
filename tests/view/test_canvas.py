import numpy as np
import pytest
from PIL import Image, ImageDraw

from objloc.view.canvas import bar, curve, outline, plain, shortened, width_of, wrapped

RED = (250, 10, 10)


def black(width: int = 40, height: int = 30) -> Image.Image:
    return Image.new("RGB", (width, height))


def reds(image: Image.Image) -> list[tuple[int, int]]:
    """Pixels, as x and y, that are red."""
    rows, columns = np.nonzero((np.asarray(image) == RED).all(axis=-1))
    return list(zip(columns.tolist(), rows.tolist(), strict=True))


@pytest.mark.parametrize(
    ("words", "expected"),
    [("café", "cafe"), ("Ünïcödé", "Unicode"), ("猫", "?"), ("cat 1", "cat 1")],
)
def test_letters_that_the_font_lacks_are_replaced(words: str, expected: str) -> None:
    assert plain(words) == expected


def test_long_words_are_cut_to_their_room() -> None:
    assert shortened("cat", 12, 100) == "cat"
    cut = shortened("a very long name indeed", 12, 60)
    assert cut.endswith("...")
    assert width_of(cut, 12) <= 60


def test_lines_break_between_words_and_lose_none() -> None:
    text = "Triggered after 12 steps, but there is no cat here."
    lines = wrapped(text, 14, 120)
    assert len(lines) > 2
    assert " ".join(lines) == text
    assert all(width_of(line, 14) <= 120 for line in lines)


def test_a_bar_is_as_large_as_its_area_and_at_least_a_pixel() -> None:
    for area, expected in (
        ((2, 3, 4, 5), [(2, 3), (3, 3), (2, 4), (3, 4)]),
        ((2.4, 3.4, 3.4, 4.4), [(2, 3)]),
        ((5, 5, 5, 5), [(5, 5)]),
    ):
        image = black()
        bar(ImageDraw.Draw(image), area, RED)
        assert reds(image) == expected


def test_an_outline_lies_inside_the_box_with_a_casing_on_both_sides() -> None:
    image = Image.new("RGB", (40, 30), "white")
    outline(image, (10, 5, 20, 15), RED, 1)
    pixels = np.asarray(image)
    edge = {(x, y) for x in range(10, 20) for y in range(5, 15) if x in (10, 19) or y in (5, 14)}
    assert set(reds(image)) == edge
    for x, y in ((9, 8), (11, 8), (15, 4), (15, 6), (20, 8), (15, 15)):
        assert pixels[y, x].max() < 128, "dark beside the line"
    assert (pixels[10, 15] == 255).all()
    assert (pixels[20, 30] == 255).all()


def test_an_outline_is_cut_by_the_image_and_never_vanishes() -> None:
    image = black()
    outline(image, (-5, -5, 60, 60), RED, 1)
    assert {(0, 0), (39, 0), (0, 29), (39, 29)} <= set(reds(image))
    image = black()
    outline(image, (10, 10, 10, 10), RED, 2)
    assert set(reds(image)) == {(x, y) for x in range(10, 14) for y in range(10, 14)}


def test_dashes_close_the_corners_and_leave_gaps() -> None:
    image = black(100, 100)
    outline(image, (10, 10, 90, 90), RED, 2, dashed=True)
    top = [(x, 10) in reds(image) for x in range(10, 90)]
    assert all(top[:6])
    assert all(top[-6:])
    assert not all(top)
    assert top == top[::-1]


def test_an_outline_may_be_faint() -> None:
    image = Image.new("RGB", (40, 30), "white")
    outline(image, (10, 5, 20, 15), RED, 1, opacity=0.0)
    assert (np.asarray(image) == 255).all()


def test_a_curve_passes_through_its_points_and_one_point_is_a_dot() -> None:
    image = black()
    curve(image, [(5, 5), (20, 20)], RED, 4)
    assert {(5, 5), (12, 12), (19, 19)} <= set(reds(image))
    assert (20, 5) not in reds(image)
    image = black()
    curve(image, [(10, 10)], RED, 6)
    columns = [x for x, _ in reds(image)]
    assert (min(columns), max(columns)) == (7, 12)
