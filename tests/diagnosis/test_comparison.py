from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from objloc.diagnosis.comparison import Side, common_image_set, compare, evaluation_folder
from objloc.errors import ObjlocError
from objloc.evaluation.read import EpisodeRow, EvaluationFiles
from tests.helpers.metrics import make_metrics

# Of eight searches the one succeeds in these, the other in those.
ONE = (1, 1, 0, 0, 0, 0, 1, 0)
OTHER = (1, 0, 1, 1, 1, 0, 1, 1)


def side(
    name: str,
    successes: tuple[int, ...],
    parameters: dict[str, Any] | None = None,
    **changes: Any,
) -> Side:
    measured: dict[str, Any] = {
        "sha256": name,
        "data": "drawn",
        "data_hash": "a" * 64,
        "images": 6,
    } | changes
    keys = [(f"{row // 2}", ("cat", "dog")[row % 2]) for row in range(8)]
    searches = {
        key: EpisodeRow(3 + right, bool(right), (0, 0, 1, 1), float(right), bool(right))
        for key, right in zip(keys, successes, strict=True)
    }
    evaluation = EvaluationFiles(Path(name), "val", make_metrics(**measured), searches)
    return Side(name, evaluation, parameters or {})


def test_rates_differences_and_images_won_and_lost_are_those_counted_by_hand() -> None:
    found = compare(side("one", ONE), side("other", OTHER), None, 0)
    # Cats are the even places: 1 0 0 1 and 1 1 1 1; dogs 1 0 0 0 and 0 1 0 1.
    cat, dog, mean = (found.success[column] for column in ("cat", "dog", "mean"))
    assert (cat.a, cat.b, cat.difference) == (0.5, 1.0, 0.5)
    assert (dog.a, dog.b, dog.difference) == (0.25, 0.5, 0.25)
    assert mean.difference == 0.375
    assert [(each.image_id, each.category) for each in found.gained] == [
        ("1", "cat"), ("1", "dog"), ("2", "cat"), ("3", "dog"),
    ]  # fmt: skip
    assert [(each.image_id, each.category) for each in found.lost] == [("0", "dog")]
    assert (found.steps.a, found.steps.b) == (3.375, 3.75)
    assert found.ap is None


def test_the_interval_is_of_the_difference_in_the_same_drawn_images() -> None:
    found = compare(side("one", ONE), side("other", OTHER), None, 5)
    # Plain and slow: draw four images, and take the difference of the means.
    generator = np.random.default_rng(5)
    weights = generator.multinomial(4, np.full(4, 1 / 4), size=1000)
    differences = []
    for weight in weights:
        rates = []
        for successes in (ONE, OTHER):
            cats = sum(w * successes[2 * i] for i, w in enumerate(weight)) / weight.sum()
            dogs = sum(w * successes[2 * i + 1] for i, w in enumerate(weight)) / weight.sum()
            rates.append((cats + dogs) / 2)
        differences.append(rates[1] - rates[0])
    expected = np.percentile(differences, (2.5, 97.5)).tolist()
    assert list(found.success["mean"].interval or ()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (ONE, ONE, "is not told apart from one"),
        ((0,) * 8, (1,) * 8, "is better than one"),
        ((1,) * 8, (0,) * 8, "is worse than one"),
    ],
)
def test_the_verdict_follows_the_interval(
    a: tuple[int, ...], b: tuple[int, ...], word: str
) -> None:
    assert word in compare(side("one", a), side("other", b), None, 0).verdict


def test_parameters_that_differ_are_told_whatever_the_agents_are_called() -> None:
    one = {"train.agent": "x", "train.seed": 0, "agents.x.mdp.step_size": 0.1, "agents.x.a": 1}
    other = {"train.agent": "y", "train.seed": 0, "agents.y.mdp.step_size": 0.2, "agents.y.b": 1}
    found = compare(side("one", ONE, one), side("other", ONE, other), None, 0).parameters
    assert found == {
        "train.agent": ("x", "y"),
        "agent.mdp.step_size": (0.1, 0.2),
        "agent.a": (1, None),
        "agent.b": (None, 1),
    }
    bare = {"agent.mdp.step_size": 0.3}
    found = compare(side("one", ONE, one), side("other", ONE, bare), None, 0).parameters
    assert found == {"agent.mdp.step_size": (0.1, 0.3)}


def test_a_newer_parameter_that_one_side_leaves_out_is_told_with_its_default() -> None:
    older = {"agent.mdp.step_size": 0.1, "agent.learning.crop": 0.25}
    newer = older | {"agent.mdp.zoom_side": 0.75, "agent.learning.image_size": 96}
    assert compare(side("one", ONE, older), side("other", ONE, newer), None, 0).parameters == {
        "agent.mdp.zoom_side": (0.55, 0.75),
        "agent.learning.image_size": (None, 96),
    }


def test_another_order_of_looking_is_told_whatever_is_known_of_the_training() -> None:
    restarted = side("other", ONE, order="restarts", cross=0.2)
    assert compare(side("one", ONE), restarted, None, 0).parameters == {
        "evaluate.search.order": ("best_first", "restarts"),
        "evaluate.search.cross": (None, 0.2),
    }
    assert compare(restarted, restarted, None, 0).parameters == {}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"data": "other", "data_hash": "b" * 64}, r"drawn \(aaaaaaaaaaaa\) and other \(bbbb"),
    ({"iou_threshold": 0.7}, "iou_threshold; found 0.5 and 0.7"),
    ({"images": 5}, r"as many images \(evaluate.first_images\); found 6 and 5"),
    ({"categories": ["cow"]}, "found cat, dog and cow"),
]


@pytest.mark.parametrize(("changes", "text"), REFUSED)
def test_what_cannot_be_compared_is_refused_by_name(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ObjlocError, match=f"^one and other: .*{text}"):
        compare(side("one", ONE), side("other", OTHER, **changes), None, 0)


def test_other_images_and_other_sets_are_refused() -> None:
    one, other = side("one", ONE), side("other", OTHER)
    fewer = dict(list(other.evaluation.episodes.items())[:-1])
    part = replace(other, evaluation=replace(other.evaluation, episodes=fewer))
    with pytest.raises(ObjlocError, match="found 8 and 7, 7 of them the same"):
        compare(one, part, None, 0)
    elsewhere = replace(other, evaluation=replace(other.evaluation, image_set="test"))
    with pytest.raises(ObjlocError, match="found 'val' and 'test'"):
        compare(one, elsewhere, None, 0)


def test_the_image_set_is_one_that_both_were_measured_on(
    evaluated_run: Path, tmp_path: Path
) -> None:
    evaluate = evaluated_run / "evaluate"
    assert evaluation_folder(evaluated_run) == evaluation_folder(evaluate) == evaluate
    assert evaluation_folder(tmp_path) is None
    both = {"one": evaluate, "other": evaluate}
    assert common_image_set(both, None) == "val"
    assert common_image_set(both, "test") == "test"
    with pytest.raises(ObjlocError, match=r"^one: .* image set 'train'; found val, test"):
        common_image_set(both, "train")
    assert common_image_set({}, None) == "val"
    assert common_image_set({}, "train") == "train"
