import io

import numpy as np
from PIL import Image

from objloc.data.sample import Coordinates
from objloc.view.canvas import AGENT, TRUTH
from objloc.view.report.thumbnails import thumbnail
from tests.helpers.devkits import jpeg_bytes

SIZE = (160, 120)
WHOLE: Coordinates = (0, 0, 160, 120)
LEFT: Coordinates = (10, 10, 70, 110)


def drawn(truth: list[tuple[Coordinates, bool]], windows: list[Coordinates]) -> Image.Image:
    data = thumbnail(jpeg_bytes(SIZE), SIZE, truth, windows, quality=95)
    return Image.open(io.BytesIO(data)).convert("RGB")


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Whether a pixel has about a colour: JPEG blurs it."""
    return bool(
        np.abs(np.subtract(np.asarray(image)[place[1], place[0]].astype(int), colour)).max() < 60
    )


def test_the_longer_side_has_its_length_and_the_shape_is_kept() -> None:
    assert drawn([], []).size == (320, 240)
    small = thumbnail(jpeg_bytes(SIZE), SIZE, [], [], side=40)
    assert Image.open(io.BytesIO(small)).size == (40, 30)


def test_the_last_window_is_strong_and_earlier_ones_are_faint() -> None:
    image = drawn([], [WHOLE, LEFT])
    assert near(image, (21, 120), AGENT)
    assert not near(image, (0, 120), AGENT)
    assert near(drawn([], [LEFT, WHOLE]), (1, 120), AGENT)


def test_an_object_is_outlined_and_a_difficult_one_dashed() -> None:
    def share(*, difficult: bool) -> float:
        image = drawn([(LEFT, difficult)], [])
        return float(np.mean([near(image, (21, y), TRUTH) for y in range(24, 216)]))

    assert share(difficult=False) > 0.95
    assert 0.2 < share(difficult=True) < 0.8


def test_the_same_search_gives_the_same_bytes() -> None:
    one, two = (thumbnail(jpeg_bytes(SIZE), SIZE, [(LEFT, False)], [WHOLE]) for _ in range(2))
    assert one == two
