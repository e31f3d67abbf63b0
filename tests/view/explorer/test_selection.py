from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from objloc.data.sample import Sample, VocObject
from objloc.errors import ObjlocError
from objloc.params import Explore
from objloc.view.explorer import selection
from objloc.view.explorer.selection import Shown, choose
from tests.helpers.subjects import make_checkpoint, make_search

CHECKPOINT = make_checkpoint()


def candidate(number: int, *found: bool, category: str = "cat") -> Shown:
    """An image with one search for each of ``found``."""
    objects = (VocObject(category, (0.0, 0.0, 10.0, 10.0)),)
    searches = []
    for success in found:
        search = make_search((0.9 if success else 0.1,), objects=objects)
        run = replace(search.trajectory, image_id=f"{number:06}", category=category)
        searches.append(replace(search, trajectory=run))
    return Shown(Sample(f"{number:06}", b"", 200, 100, objects), tuple(searches))


def outcomes(shown: list[Shown]) -> list[tuple[str, bool]]:
    return [(each.searches[0].trajectory.category, each.searches[0].success) for each in shown]


def searched(shown: list[Shown]) -> dict[str, list[str]]:
    return {
        each.sample.image_id: [search.trajectory.category for search in each.searches]
        for each in shown
    }


def test_successes_and_failures_of_each_category_get_equal_shares_and_take_turns() -> None:
    many = [
        candidate(10 * number + place, success, category=category)
        for number in range(9)
        # Successes are three times as frequent, cats twice.
        for place, (category, success) in enumerate(
            [("cat", True), ("cat", True), ("cat", True), ("cat", False), ("dog", True),
             ("dog", number % 2 == 0)]
        )
    ]  # fmt: skip
    shown = selection._balanced(iter(many), ("cat", "dog"), 8)
    assert Counter(outcomes(shown)) == dict.fromkeys(
        [("cat", True), ("cat", False), ("dog", True), ("dog", False)], 2
    )
    assert [success for _, success in outcomes(shown)] == [True, False] * 4


def test_where_failures_are_few_successes_fill_the_page() -> None:
    many = [candidate(number, number != 7) for number in range(12)]
    shown = selection._balanced(iter(many), ("cat",), 10)
    assert len(shown) == 10
    assert Counter(outcomes(shown)) == {("cat", True): 9, ("cat", False): 1}
    assert len({each.sample.image_id for each in shown}) == 10


def test_no_more_is_searched_than_is_needed() -> None:
    tried = 0

    def endless() -> Iterator[Shown]:
        nonlocal tried
        while True:
            tried += 1
            yield candidate(tried, tried % 2 == 0)

    assert len(selection._balanced(endless(), ("cat",), 6)) == 6
    assert tried == 6


def test_images_are_drawn_by_the_seed_and_searched_for_what_they_hold(
    shards_folder: Path,
) -> None:
    params = Explore(images=3, absent=0)
    first = searched(choose(shards_folder, CHECKPOINT, params))
    assert len(first) == 3
    assert searched(choose(shards_folder, CHECKPOINT, params)) == first
    other = [
        searched(choose(shards_folder, CHECKPOINT, Explore(images=3, absent=0, seed=seed)))
        for seed in range(1, 6)
    ]
    assert any(each != first for each in other)
    for each in choose(shards_folder, CHECKPOINT, params):
        held = {item.category for item in each.sample.objects}
        assert [run.trajectory.category for run in each.searches] == sorted(held)


def test_what_an_image_lacks_is_searched_for_too_if_asked(shards_folder: Path) -> None:
    without = searched(choose(shards_folder, CHECKPOINT, Explore(images=6, absent=0)))
    both = choose(shards_folder, CHECKPOINT, Explore(images=6, absent=5))
    assert set(searched(both)) == set(without)
    assert all(sorted(names) == ["cat", "dog"] for names in searched(both).values())
    assert any(names != searched(both)[image_id] for image_id, names in without.items())
    for each in both:
        for search in each.searches:
            held = {item.category for item in each.sample.objects}
            assert bool(search.objects) == (search.trajectory.category in held)


def test_chosen_images_are_shown_in_the_order_given(shards_folder: Path) -> None:
    params = Explore(image_set="train", image_ids=("000003", "000001", "000003"), absent=0)
    assert list(searched(choose(shards_folder, CHECKPOINT, params))) == ["000003", "000001"]


def test_a_chosen_image_without_the_category_is_searched_for_it_all_the_same(
    shards_folder: Path,
) -> None:
    params = Explore(images=6, absent=0, categories=("cat",))
    there = set(searched(choose(shards_folder, CHECKPOINT, params)))
    everything = set(searched(choose(shards_folder, CHECKPOINT, Explore(images=6))))
    lacking = sorted(everything - there)
    assert lacking
    chosen = Explore(image_ids=tuple(lacking), categories=("cat",), absent=0)
    shown = choose(shards_folder, CHECKPOINT, chosen)
    assert searched(shown) == {image_id: ["cat"] for image_id in lacking}
    assert not shown[0].searches[0].objects


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (Explore(image_set="x"), "image set 'x'"),
        (Explore(image_ids=("nope",)), "explore.image_ids: expected images of image set 'test'"),
        (Explore(categories=("cow",)), "explore.categories: unknown category 'cow'"),
    ],
)
def test_a_mistake_is_told(shards_folder: Path, params: Explore, told: str) -> None:
    with pytest.raises(ObjlocError, match=told):
        choose(shards_folder, CHECKPOINT, params)


def test_a_set_without_any_of_the_categories_is_told(shards_folder: Path) -> None:
    with pytest.raises(ObjlocError, match="expected images that hold cow; found none"):
        choose(shards_folder, make_checkpoint(("cow",)), Explore())
