from dataclasses import replace

import numpy as np
from PIL import Image

from objloc.data.sample import Coordinates
from objloc.data.voc.annotation import read_annotation
from objloc.search.result import Found, Result
from objloc.search.trajectory import Step, Trajectory
from objloc.view.prediction import drawn, files_of, to_xml


def result(size: tuple[int, int], *boxes: tuple[str, Coordinates, float]) -> Result:
    """A result of searches that triggered at once."""
    found = []
    for category, box, score in boxes:
        steps = (Step(box, (score,), "trigger", 0.0, 0.0),)
        run = Trajectory("photo", category, ("trigger",), steps, box, 0.0, True)
        found.append(Found(category, box, score, run))
    image = Image.new("RGB", size, (90, 90, 90))
    return Result(
        "photo", image, ("cat", "dog"), ("trigger",), tuple(found), tuple(f.search for f in found)
    )


TWO = result((600, 400), ("cat", (100.0, 100.0, 300.0, 300.0), 2.5), ("dog", (0, 0, 50, 50), 1.0))


def colour_at(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    pixel = picture.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel


def test_boxes_are_drawn_in_the_colour_of_their_category_with_a_label() -> None:
    picture = drawn(TWO)
    assert picture.size == (600, 400)
    cat, dog = colour_at(picture, 101, 250), colour_at(picture, 1, 45)
    assert cat != dog
    assert cat == colour_at(picture, 250, 101) == colour_at(picture, 298, 250)
    # Labels are filled with the box's colour: above the box, or inside where there is no room.
    assert colour_at(picture, 101, 90) == cat
    assert colour_at(picture, 2, 2) == dog
    assert colour_at(picture, 400, 350) == (90, 90, 90)
    assert TWO.image.getcolors() == [(600 * 400, (90, 90, 90))]


def test_pictures_are_enlarged_or_reduced_to_be_read() -> None:
    for size, shown in (
        ((1, 1), (480, 480)), ((30, 60), (240, 480)), ((3200, 1600), (1600, 800)),
        ((4000, 1), (1600, 1)), ((1000, 500), (1000, 500)),
    ):  # fmt: skip
        picture = drawn(result(size, ("cat", (0.0, 0.0, float(size[0]), float(size[1])), 1.0)))
        assert picture.size == shown


def test_a_label_stays_within_the_picture() -> None:
    picture = drawn(result((600, 400), ("cat", (590.0, 100.0, 600.0, 200.0), 2.5)))
    label = np.asarray(picture)[90, :]
    assert (label != 90).any(axis=1).sum() > 40


def test_the_annotation_is_read_back_by_our_own_reader() -> None:
    odd = replace(TWO, name="a<b&c")
    annotation = read_annotation(to_xml(odd).encode(), "it", official=True)
    assert (annotation.width, annotation.height) == (600, 400)
    assert [item.box for item in annotation.objects] == [
        (100.0, 100.0, 300.0, 300.0), (0.0, 0.0, 50.0, 50.0),
    ]  # fmt: skip


def test_files_have_the_name_given_and_the_same_bytes_each_time() -> None:
    files = files_of(TWO, "it")
    assert list(files) == ["it.jpg", "it.json", "it.xml"]
    assert files_of(TWO, "it") == files
    assert files["it.jpg"][:2] == b"\xff\xd8"
