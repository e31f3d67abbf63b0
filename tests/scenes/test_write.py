import hashlib
from pathlib import Path

import pytest
from lxml import etree

from objloc.errors import ObjlocError
from objloc.scenes import draw_devkit
from objloc.scenes.compose import DRAWERS
from objloc.scenes.write import _kinds, annotation_xml, scene


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_gives_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        draw_devkit(tmp_path / str(workers), {"train": 30, "val": 3}, seed=1, workers=workers)
    one, two = hashes(tmp_path / "1"), hashes(tmp_path / "2")
    assert one == two
    assert len(one) == 2 * 33 + 2 * (1 + len(DRAWERS)) + 1


def test_another_seed_draws_other_images(tmp_path: Path) -> None:
    for seed in (0, 1):
        draw_devkit(tmp_path / str(seed), {"train": 2}, seed=seed)
    pictures = [
        hashes(tmp_path / str(seed) / "VOCdevkit" / "SCENES" / "JPEGImages") for seed in (0, 1)
    ]
    assert pictures[0].keys() == pictures[1].keys()
    assert not set(pictures[0].values()) & set(pictures[1].values())


def test_the_size_of_one_set_changes_no_other_image(tmp_path: Path) -> None:
    draw_devkit(tmp_path / "small", {"train": 2, "val": 3}, seed=0)
    draw_devkit(tmp_path / "large", {"train": 5, "val": 3}, seed=0)
    small, large = (
        hashes(tmp_path / size / "VOCdevkit" / "SCENES" / "JPEGImages")
        for size in ("small", "large")
    )
    assert small.items() <= large.items()
    assert len(large) == 8


def test_progress_counts_up_to_all_images(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    draw_devkit(tmp_path, {"train": 26}, seed=0, progress=lambda *now: seen.append(now), workers=1)
    assert seen == [(25, 26), (26, 26)]


def test_annotation_is_as_voc2007_writes_it() -> None:
    drawn = scene(0, "train", 0)
    root = etree.fromstring(annotation_xml("scenes_100001", drawn).encode())
    assert [child.tag for child in root][:5] == [
        "folder", "filename", "source", "size", "segmented",
    ]  # fmt: skip
    assert root.findtext("folder") == "SCENES"
    assert root.findtext("filename") == "scenes_100001.jpg"
    assert (root.findtext("size/width"), root.findtext("size/height")) == tuple(
        str(side) for side in drawn.image.size
    )
    for element, one in zip(root.findall("object"), drawn.objects, strict=True):
        assert [child.tag for child in element] == [
            "name", "pose", "truncated", "occluded", "bndbox", "difficult",
        ]  # fmt: skip
        # One-based and inclusive: only the lower corner moves.
        assert [int(side.text or "") for side in element.iterfind("bndbox/*")] == [
            one.box[0] + 1, one.box[1] + 1, one.box[2], one.box[3],
        ]  # fmt: skip


def test_sixty_images_hold_every_category_equally_often() -> None:
    kinds = [_kinds(0, "train", index) for index in range(60)]
    assert all(len(set(each)) == len(each) <= 3 for each in kinds)
    # First in 5 of 30, second in 3 of 30; third in 1 of the first 30, in none of the others.
    for category in DRAWERS:
        assert sum(category in each for each in kinds[:30]) == 5 + 3 + 1
        assert sum(category in each for each in kinds[30:]) == 5 + 3
    assert kinds[:30] != [_kinds(0, "test", index) for index in range(30)]


def test_impossible_numbers_of_images_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match="image set 'val': expected 1 to 99999 images; found 0"):
        draw_devkit(tmp_path / "out", {"train": 1, "val": 0}, seed=0)
    with pytest.raises(ObjlocError, match="expected at most 9 image sets; found 10"):
        draw_devkit(tmp_path / "out", {str(number): 1 for number in range(10)}, seed=0)
    assert not (tmp_path / "out").exists()


def test_a_failure_on_the_way_leaves_no_devkit(tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError(f"{done} of {total}")

    with pytest.raises(RuntimeError, match="25 of 26"):
        draw_devkit(tmp_path, {"train": 26}, seed=0, progress=fail, workers=1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
