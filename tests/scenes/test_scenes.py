import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from objloc.data.sample import VOC_CATEGORIES, Sample
from objloc.data.voc.devkit import open_devkit
from objloc.scenes import draw_devkit
from objloc.scenes.compose import DRAWERS, Scene
from objloc.scenes.write import scene

SETS = {"train": 120, "test": 60}


@pytest.fixture(scope="module")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    draw_devkit(folder, SETS, seed=7)
    return folder / "VOCdevkit" / "SCENES"


@pytest.fixture(scope="module")
def samples(devkit: Path) -> dict[str, list[Sample]]:
    opened = open_devkit(devkit.parent)
    return {
        image_set: [opened.read(image_id) for image_id in opened.image_sets[image_set]]
        for image_set in SETS
    }


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene(3, "train", index) for index in range(45)]


def test_sets_share_neither_ids_nor_pictures(devkit: Path) -> None:
    ids = [
        (devkit / "ImageSets" / "Main" / f"{image_set}.txt").read_text().split()
        for image_set in SETS
    ]
    assert [len(each) for each in ids] == list(SETS.values())
    assert len(set(ids[0]) | set(ids[1])) == sum(SETS.values())
    pictures = [path.read_bytes() for path in (devkit / "JPEGImages").iterdir()]
    assert len(set(pictures)) == len(pictures) == sum(SETS.values())


def test_boxes_lie_inside_the_image(samples: dict[str, list[Sample]]) -> None:
    for sample in (*samples["train"], *samples["test"]):
        assert 1 <= len(sample.objects) <= 4
        assert 210 <= max(sample.width, sample.height) <= 270
        for one in sample.objects:
            xmin, ymin, xmax, ymax = one.box
            assert 0 <= xmin < xmax <= sample.width
            assert 0 <= ymin < ymax <= sample.height


def test_picture_has_the_annotated_size(devkit: Path, samples: dict[str, list[Sample]]) -> None:
    for sample in samples["test"][:20]:
        with Image.open(devkit / "JPEGImages" / f"{sample.image_id}.jpg") as image:
            assert (image.size, image.mode) == ((sample.width, sample.height), "RGB")


def test_boxes_are_tight_about_what_is_seen(scenes: list[Scene]) -> None:
    for drawn in scenes:
        for one, visible in zip(drawn.objects, drawn.visible, strict=True):
            xmin, ymin, xmax, ymax = one.box
            assert visible.sum() == visible[ymin:ymax, xmin:xmax].sum() > 0
            for edge in (
                visible[ymin, :], visible[ymax - 1, :], visible[:, xmin], visible[:, xmax - 1],
            ):  # fmt: skip
                assert edge.any()


def test_what_is_seen_of_two_objects_is_never_the_same_pixel(scenes: list[Scene]) -> None:
    crowds = [drawn for drawn in scenes if len(drawn.visible) > 1]
    assert len(crowds) > 10
    for drawn in crowds:
        assert np.stack(drawn.visible).sum(axis=0).max() == 1


def test_flags_state_what_happened(scenes: list[Scene]) -> None:
    objects = [one for drawn in scenes for one in drawn.objects]
    sizes = [drawn.image.size for drawn in scenes for _ in drawn.objects]
    for (width, height), one in zip(sizes, objects, strict=True):
        xmin, ymin, xmax, ymax = one.box
        touches = xmin == 0 or ymin == 0 or xmax == width or ymax == height
        # Cut off, an object reaches the border, unless something hides it there.
        assert touches or not one.truncated or one.occluded
        small = (xmax - xmin) * (ymax - ymin) < 0.17**2 * width * height
        assert one.difficult or not small
    assert 0.02 < np.mean([one.truncated for one in objects]) < 0.4
    assert 0.1 < np.mean([one.occluded for one in objects]) < 0.6
    assert np.mean([one.difficult for one in objects]) < 0.15
    assert {one.pose for one in objects} == {"Left", "Right"}


def test_most_objects_are_large_enough_to_learn_from(samples: dict[str, list[Sample]]) -> None:
    heights = [
        (one.box[3] - one.box[1]) / sample.height
        for sample in samples["train"]
        for one in sample.objects
    ]
    assert np.mean(np.array(heights) >= 0.25) > 0.7
    assert max(heights) > 0.6
    assert min(heights) < 0.2
    assert 1.6 < len(heights) / SETS["train"] < 2.1


def test_each_category_is_in_about_as_many_images(samples: dict[str, list[Sample]]) -> None:
    for image_set, count in SETS.items():
        for category in DRAWERS:
            present = [
                any(one.category == category for one in sample.objects)
                for sample in samples[image_set]
            ]
            assert 0.22 <= sum(present) / count <= 0.45
    assert set(DRAWERS) <= set(VOC_CATEGORIES)
    assert {"cat", "dog", "cow", "horse", "person"} <= set(DRAWERS)


def test_lists_of_a_category_agree_with_the_annotations(
    devkit: Path, samples: dict[str, list[Sample]]
) -> None:
    met = set()
    for (image_set, group), category in product(samples.items(), DRAWERS):
        lines = (devkit / "ImageSets" / "Main" / f"{category}_{image_set}.txt").read_text()
        for line, sample in zip(lines.splitlines(), group, strict=True):
            difficult = [one.difficult for one in sample.objects if one.category == category]
            label = -1 if not difficult else 0 if all(difficult) else 1
            assert line == f"{sample.image_id} {label:2d}"
            met.add(label)
    assert met == {-1, 0, 1}


Boxes = NDArray[np.float64]


def _iou(boxes: Boxes, box: Boxes) -> Boxes:
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - shared
    return np.asarray(shared / union)


def _successes(samples: list[Sample], category: str, boxes: Boxes) -> Boxes:
    """Fraction of the category's images in which each box (fractions of the sides) succeeds."""

    def hits() -> Iterator[NDArray[np.bool_]]:
        for sample in samples:
            sides = np.array([sample.width, sample.height] * 2, dtype=np.float64)
            found = [
                _iou(boxes, np.array(one.box) / sides) > 0.5
                for one in sample.objects
                if one.category == category
            ]
            if found:
                yield np.any(found, axis=0)

    return np.asarray(np.mean(list(hits()), axis=0))


def test_blind_guesses_stay_below_their_limits(samples: dict[str, list[Sample]]) -> None:
    ticks = np.linspace(0, 1, 9)
    grid = np.array(
        [box for box in product(ticks, repeat=4) if box[0] + 0.1 < box[2] and box[1] + 0.1 < box[3]]
    )
    whole, fixed = [], []
    for category in DRAWERS:
        best = grid[_successes(samples["train"], category, grid).argmax()][None]
        fixed.append(_successes(samples["test"], category, best)[0])
        image = np.array([[0.0, 0.0, 1.0, 1.0]])
        whole.append(_successes(samples["train"] + samples["test"], category, image)[0])
    assert max(whole) < 0.15
    assert max(fixed) < 0.35
    assert np.mean(fixed) < 0.25


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    draw = (
        "import sys; from pathlib import Path; from objloc.scenes import draw_devkit\n"
        "if __name__ == '__main__': draw_devkit(Path(sys.argv[1]), {'train': 9000}, 0, workers=2)"
    )
    script = tmp_path / "draw.py"
    script.write_text(draw)
    with subprocess.Popen([sys.executable, script, tmp_path / "out"]) as drawing:
        while not list(tmp_path.rglob("*.xml")):
            assert drawing.poll() is None
            time.sleep(0.01)
        family = psutil.Process(drawing.pid).children(recursive=True)
        drawing.kill()
    assert len(family) >= 2
    _, alive = psutil.wait_procs(family, timeout=300)
    for each in alive:
        each.kill()
    assert alive == []
