import itertools
import random
from pathlib import Path

import pytest

from objloc import params
from objloc.data.shard_reader import read_samples
from objloc.data.shards import write_shards
from objloc.data.splits import compose, overlaps, seeded_split, split
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError
from tests.helpers.devkits import make_devkit

THOUSAND = [f"{number:06}" for number in range(1000)]
FRACTIONS = {"train": 0.65, "val": 0.15, "test": 0.20}


def test_every_image_is_in_exactly_one_set_and_the_fractions_are_right() -> None:
    sets = seeded_split(THOUSAND, FRACTIONS, 0)
    assert {name: len(ids) for name, ids in sets.items()} == {"test": 200, "train": 650, "val": 150}
    assert sorted(itertools.chain(*sets.values())) == THOUSAND


def test_the_split_depends_on_ids_and_seed_alone() -> None:
    shuffled = THOUSAND.copy()
    random.Random(1).shuffle(shuffled)
    reordered = dict(reversed(FRACTIONS.items()))
    assert seeded_split(shuffled, reordered, 0) == seeded_split(THOUSAND, FRACTIONS, 0)
    # Fixed values: a change would silently change every user's split.
    assert seeded_split(THOUSAND[:10], FRACTIONS, 0)["test"] == ("000002", "000007")


def test_another_seed_gives_another_split() -> None:
    one, other = (set(seeded_split(THOUSAND, FRACTIONS, seed)["test"]) for seed in (0, 1))
    # Chance alone would leave 200 * 0.2 = 40 images in both, give or take 5.
    assert 20 < len(one & other) < 60


def test_fractions_of_odd_numbers_are_rounded_and_nothing_is_lost() -> None:
    for number in range(7, 60):
        sets = seeded_split(THOUSAND[:number], FRACTIONS, 3)
        assert sum(map(len, sets.values())) == number
        for name, ids in sets.items():
            assert abs(len(ids) - FRACTIONS[name] * number) <= 1


def test_a_set_of_fraction_0_is_left_out() -> None:
    sets = seeded_split(THOUSAND, {"train": 0.8, "val": 0.2, "test": 0.0}, 0)
    assert sorted(sets) == ["train", "val"]


def test_a_fraction_too_small_for_an_image_is_refused() -> None:
    with pytest.raises(ObjlocError, match=r"shard.fractions.test: .*; found 0.2 of 2 images"):
        seeded_split(THOUSAND[:2], FRACTIONS, 0)


def test_the_devkits_own_sets_are_taken_unless_seeded_ones_are_asked_for() -> None:
    own = {"a": ("1", "2"), "b": ("3",)}
    assert split(["1", "2", "3"], own, params.Shard()) == own
    assert sorted(split(THOUSAND, own, params.Shard(split="seeded"))) == ["test", "train", "val"]
    with pytest.raises(ObjlocError, match=r"shard\.split=devkit: expected image sets"):
        split(THOUSAND, {}, params.Shard())


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ({"train": "ab", "val": "c"}, {}),
        ({"train": "ab", "val": "c", "trainval": "abc"}, {"trainval": ("train", "val")}),
        # A union of unions names the simple sets.
        (
            {"train": "ab", "val": "c", "trainval": "abc", "test": "d", "all": "abcd"},
            {"trainval": ("train", "val"), "all": ("test", "train", "val")},
        ),
        # Overlapping sets are no disjoint union.
        ({"one": "ab", "two": "bc", "both": "abc"}, {}),
        # The first candidate leads nowhere, another one leads to a cover.
        ({"a": "x", "b": "xy", "c": "z", "d": "xyz"}, {"d": ("b", "c")}),
        # Two names for one set.
        ({"mini": "ab", "again": "ab"}, {"mini": ("again",)}),
        ({"train": "ab", "part": "a"}, {}),
    ],
)
def test_disjoint_unions_are_found(
    sets: dict[str, str], expected: dict[str, tuple[str, ...]]
) -> None:
    contents = {name: tuple(content) for name, content in sets.items()}
    assert compose(contents) == {name: expected.get(name, (name,)) for name in sets}


def test_sets_that_share_images_are_reported() -> None:
    sets = {"train": ("a", "b"), "test": ("b", "c"), "val": ("d",), "trainval": ("a", "b", "d")}
    assert overlaps(sets, compose(sets)) == ["image sets 'train' and 'test' share 1 images"]


def test_by_year_a_year_with_a_test_set_keeps_its_sets_and_another_is_split_by_seed() -> None:
    old, new = THOUSAND[:30], [f"2008_{number:06}" for number in range(40)]
    own = {
        "train": (*old[:10], *new[:20]),
        "val": tuple(old[10:20]),
        "test": tuple(old[20:]),
    }
    years = dict.fromkeys(old, "VOC2007") | dict.fromkeys(new, "VOC2012")
    found = split([*old, *new], own, params.Shard(split="by_year"), years)
    assert {name: ids for name, ids in found.items() if name.endswith("2007")} == {
        "train_2007": tuple(old[:10]),
        "val_2007": tuple(old[10:20]),
        "test_2007": tuple(old[20:]),
    }
    # As if the year were the only one, so that figures of both agree.
    alone = seeded_split(new, FRACTIONS, 0)
    assert {name: ids for name, ids in found.items() if name.endswith("2012")} == {
        f"{name}_2012": ids for name, ids in alone.items()
    }


def test_years_are_kept_apart_where_asked(tmp_path: Path) -> None:
    make_devkit(tmp_path / "kit", {"train": 2, "test": 2})
    make_devkit(tmp_path / "kit", {"train": 20}, year="VOC2012", first=101)
    folder = tmp_path / "out"
    opened = open_devkit(tmp_path / "kit")
    index = write_shards(opened, folder, params.Shard(split="by_year", seed=1))
    assert {name: each.samples for name, each in index.image_sets.items()} == {
        "test_2007": 2,
        "test_2012": 4,
        "train_2007": 2,
        "train_2012": 13,
        "val_2012": 3,
    }
    assert index.data.endswith("by year, seeded split 1")
    joined = [sample.image_id for sample in read_samples(folder, "train_2007+train_2012")]
    assert len(joined) == 15
    assert joined[:2] == ["000001", "000002"]
