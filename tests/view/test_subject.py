import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from objloc.data.photograph import Photograph
from objloc.data.sample import Sample, VocObject
from objloc.data.shard_reader import read_samples
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError
from objloc.params import Animate
from objloc.search.localiser import Localiser
from objloc.search.result import Found, Result
from objloc.search.trajectory import Step, Trajectory
from objloc.view.frames import frames
from objloc.view.subject import search_image_set, search_photograph
from tests.helpers.subjects import make_checkpoint, make_search

CAT = (VocObject("cat", (0.0, 0.0, 10.0, 10.0)),)
PICTURE = Photograph("photo", Image.linear_gradient("L").resize((200, 100)).convert("RGB"))
ACTIONS = ("move_right", "smaller", "trigger")
FOR_DOG, TRIGGERED = (
    Step(
        (0.0, 0.0, 200.0, 100.0), (0.5, 1.0, -3.0), "smaller", 0.5, math.nan, ("move_right",), "dog"
    ),
    Step((100.0, 0.0, 200.0, 100.0), (-1.0, -1.0, 2.0), "trigger", 1.0, math.nan),
)


@pytest.mark.parametrize(
    ("ious", "triggered", "objects", "headline", "words"),
    [
        ((0.1, 0.3, 0.6), True, CAT, "Found the cat", "3 steps, at IoU 0.60"),
        ((0.7,), True, CAT, "Found the cat", "1 step, at IoU 0.70"),
        ((0.1, 0.3), True, CAT, "Wrong trigger", "IoU 0.30 at the trigger; more than 0.50"),
        ((0.1, 0.5), True, CAT, "Wrong trigger", "IoU 0.50"),
        ((0.3, 0.0), True, CAT, "Wrong trigger", "IoU 0.00"),
        ((0.1, 0.8, 0.3), True, CAT, "Triggered too late", "0.80 in step 2"),
        ((0.1, 0.8, 0.3), False, CAT, "Gave up after 3 steps", "best window had IoU 0.80"),
        ((0.0, 0.0), True, (), "False alarm", "there is no cat here"),
        ((0.0, 0.0), False, (), "Nothing found", "there is no cat"),
        ((0.0, 0.0), True, None, "Triggered", "No truth was given"),
        ((0.0, 0.0), False, None, "Gave up", "No trigger within 2 steps"),
    ],
)
def test_the_verdict_says_what_happened(
    ious: tuple[float, ...],
    triggered: bool,
    objects: tuple[VocObject, ...] | None,
    headline: str,
    words: str,
) -> None:
    search = make_search(ious, triggered=triggered, objects=objects)
    assert search.verdict()[0] == headline
    assert words in search.verdict()[1]
    assert search.success == (headline == "Found the cat")


def test_the_window_after_the_last_step_counts_when_a_search_gives_up() -> None:
    search = make_search((0.1, 0.2), triggered=False, objects=CAT, final_iou=0.9)
    assert "best window had IoU 0.90" in search.verdict()[1]


def test_success_is_judged_at_one_half_whatever_training_asked_for() -> None:
    assert not make_search((0.5,), objects=CAT).success
    assert make_search((0.501,), objects=CAT).success


def test_sampled_searches_are_of_different_images_and_categories_take_turns(
    shards_folder: Path,
) -> None:
    searches = search_image_set(shards_folder, make_checkpoint(), Animate(samples=4))
    runs = [search.trajectory for search in searches]
    assert [run.category for run in runs] == ["cat", "dog", "cat", "dog"]
    assert len({run.image_id for run in runs}) == 4
    again = search_image_set(shards_folder, make_checkpoint(), Animate(samples=4))
    assert [each.trajectory for each in again] == runs
    other = search_image_set(shards_folder, make_checkpoint(), Animate(samples=4, seed=1))
    assert [each.trajectory.image_id for each in other] != [run.image_id for run in runs]


def test_more_samples_than_images_show_each_image_once(shards_folder: Path) -> None:
    searches = search_image_set(shards_folder, make_checkpoint(), Animate(samples=99))
    assert len(searches) == 6


def test_every_search_bears_its_own_image_and_truth(
    shards_folder: Path, devkit_folder: Path
) -> None:
    devkit = open_devkit(devkit_folder)
    for search in search_image_set(shards_folder, make_checkpoint(), Animate(samples=6)):
        run, sample = search.trajectory, devkit.read(search.trajectory.image_id)
        assert list(search.size) == [sample.width, sample.height]
        assert search.objects == tuple(o for o in sample.objects if o.category == run.category)
        assert search.photograph.tobytes() == decoded(sample).tobytes()
        assert list(run.steps[0].box) == [0, 0, sample.width, sample.height]
        assert search.max_steps == 6


def decoded(sample: Sample) -> Image.Image:
    return Image.open(io.BytesIO(sample.jpeg)).convert("RGB")


def test_an_episode_never_exceeds_the_step_limit(shards_folder: Path) -> None:
    for search in search_image_set(shards_folder, make_checkpoint(), Animate(samples=6)):
        assert len(search.trajectory.steps) <= 6


def test_chosen_images_are_searched_for_what_they_hold(shards_folder: Path) -> None:
    samples = {sample.image_id: sample for sample in read_samples(shards_folder, "test")}
    chosen = tuple(sorted(samples, reverse=True))[:3]
    searches = search_image_set(shards_folder, make_checkpoint(), Animate(image_ids=chosen))
    expected = [
        (image_id, category)
        for image_id in chosen
        for category in ("cat", "dog")
        if category in {item.category for item in samples[image_id].objects}
    ]
    assert [(s.trajectory.image_id, s.trajectory.category) for s in searches] == expected


def test_a_named_category_is_searched_even_where_it_is_absent(shards_folder: Path) -> None:
    checkpoint = make_checkpoint(("cat", "dog", "cow"))
    image_id = next(read_samples(shards_folder, "test")).image_id
    params = Animate(image_ids=(image_id,), categories=("cow",))
    (search,) = search_image_set(shards_folder, checkpoint, params)
    assert search.objects == ()
    assert {step.iou for step in search.trajectory.steps} == {0.0}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (Animate(image_set="weekend"), "weekend"),
        (Animate(image_ids=("999999",)), "animate.image_ids: .*image set 'test'.*found '999999'"),
        (Animate(categories=("sheep",)), "animate.categories: unknown category 'sheep'"),
        (Animate(categories=("cow",)), "image set 'test' of .*'cow'; found none"),
    ],
)
def test_what_does_not_exist_is_told_in_one_line(
    shards_folder: Path, params: Animate, expected: str
) -> None:
    with pytest.raises(ObjlocError, match=expected) as caught:
        search_image_set(shards_folder, make_checkpoint(("cat", "dog", "cow")), params)
    assert "\n" not in str(caught.value)


def test_an_image_that_holds_nothing_known_wants_a_category(shards_folder: Path) -> None:
    image_id = next(read_samples(shards_folder, "test")).image_id
    with pytest.raises(ObjlocError, match="holds none of cow: name what to search for"):
        search_image_set(shards_folder, make_checkpoint(("cow",)), Animate(image_ids=(image_id,)))
    with pytest.raises(ObjlocError, match="images that hold cow; found none"):
        search_image_set(shards_folder, make_checkpoint(("cow",)), Animate())


@pytest.fixture
def photo() -> Photograph:
    return Photograph("holiday", Image.new("RGB", (60, 40), (10, 200, 30)))


def test_any_photograph_can_be_searched(photo: Photograph) -> None:
    search = search_photograph(photo, Localiser(make_checkpoint()), "dog", (11.0, 6.0, 50.0, 35.5))
    assert search.objects == (VocObject("dog", (10.0, 5.0, 50.0, 35.5)),)
    assert search.size == (60.0, 40.0)
    assert (search.trajectory.image_id, search.trajectory.category) == ("holiday", "dog")
    # The whole image: 40 x 30.5 of 60 x 40 pixels.
    assert search.trajectory.steps[0].iou == pytest.approx(40 * 30.5 / 2400)


def test_without_a_truth_there_is_no_judgement(photo: Photograph) -> None:
    assert (
        search_photograph(photo, Localiser(make_checkpoint(("cat",))), None, None).objects is None
    )


@pytest.mark.parametrize(
    ("category", "truth", "expected"),
    [
        (None, None, "--category: expected one of cat, dog; found none"),
        ("cow", None, "--category: expected one of cat, dog; found 'cow'"),
        ("cat", (0.0, 1.0, 10.0, 10.0), "--truth: expected 1 <= XMIN <= XMAX <= 60"),
        ("cat", (1.0, 1.0, 61.0, 10.0), "--truth"),
        ("cat", (20.0, 1.0, 10.0, 10.0), "--truth"),
        ("cat", (1.0, 1.0, 10.0, 41.0), "YMAX <= 40; found 1 1 10 41"),
        ("cat", (float("nan"), 1.0, 10.0, 10.0), "--truth"),
    ],
)
def test_mistakes_about_a_photograph_are_told_in_one_line(
    photo: Photograph,
    category: str | None,
    truth: tuple[float, float, float, float] | None,
    expected: str,
) -> None:
    with pytest.raises(ObjlocError, match=expected) as caught:
        search_photograph(photo, Localiser(make_checkpoint()), category, truth)
    assert "\n" not in str(caught.value)


def finding(first: Step = FOR_DOG) -> Localiser:
    """An agent that finds a cat in the right half, on a way made for a dog."""
    steps = (first, TRIGGERED)
    way = Trajectory("photo", "cat", ACTIONS, steps, TRIGGERED.box, 1.0, True, windows_at_trigger=5)
    found = (Found("cat", TRIGGERED.box, 2.0, way),)

    class Finding(Localiser):
        def __call__(self, *_: object, **__: object) -> Result:
            both = ("cat", "dog")
            return Result("photo", PICTURE.image, both, ACTIONS, found, (way,), both)

    return Finding(make_checkpoint())


def test_the_way_to_the_best_box_is_a_search_like_any_other() -> None:
    truth = (101.0, 1.0, 200.0, 100.0)
    search = search_photograph(PICTURE, finding(), None, truth, budget=9)
    assert search.trajectory == finding()(PICTURE).found[0].search
    assert search.objects == (VocObject("cat", (100.0, 0.0, 200.0, 100.0)),)
    assert search.max_steps == 2
    assert search.success
    assert search.verdict()[0] == "Found the cat"
    unjudged = search_photograph(PICTURE, finding(), None, None, budget=9)
    assert unjudged.objects is None
    assert unjudged.verdict()[0] == "Triggered"


def test_a_way_within_a_budget_is_judged_by_the_truth_given() -> None:
    checkpoint = make_checkpoint()
    checkpoint.state["values.bias"][8::9] += 50
    whole = (1.0, 1.0, 200.0, 100.0)
    # Two looks: it triggers on the whole picture before it goes on.
    search = search_photograph(PICTURE, Localiser(checkpoint), None, whole, budget=2)
    assert search.trajectory.image_id == "photo"
    assert search.trajectory.final_iou == 1.0
    assert search.verdict()[0].startswith("Found the ")


def test_a_way_is_drawn_with_all_its_moves() -> None:
    drawn = frames(search_photograph(PICTURE, finding(), None, None, budget=9), 240, 2.0)
    assert len(drawn) == 3
    alone = finding(replace(FOR_DOG, further=(), category=None))
    plain = frames(search_photograph(PICTURE, alone, None, None, budget=9), 240, 2.0)
    assert plain[0].image.tobytes() != drawn[0].image.tobytes()
    assert plain[1].image.tobytes() == drawn[1].image.tobytes()


def test_without_a_trigger_there_is_no_way() -> None:
    checkpoint = make_checkpoint()
    checkpoint.state["values.bias"][8::9] -= 50
    with pytest.raises(ObjlocError, match=r"photo: expected a trigger .*; found none in 9 windows"):
        search_photograph(PICTURE, Localiser(checkpoint), None, None, budget=9)
