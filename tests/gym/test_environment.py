import copy
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import (
    FlattenObservation,
    FrameStackObservation,
    RecordEpisodeStatistics,
)

from objloc import gym
from objloc.data.image_batch import pixels_of
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.gym.environment import LocalisationEnv
from objloc.mdp.environment import Environment
from objloc.params import Mdp
from tests.helpers.environments import SMALL, assert_same, make, make_vector
from tests.helpers.imports import ROOT

TRIGGER = 8


@pytest.mark.parametrize("arguments", [{}, {"observation": "box"}, {"action_history": 0}])
def test_gymnasiums_own_check_passes(shards_folder: Path, arguments: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        check_env(make(shards_folder, **arguments))


def test_nothing_need_be_prepared() -> None:
    environment: Any = gymnasium.make(gym.ENVIRONMENT_ID, scenes=2, categories="cat", **SMALL)
    observation, info = environment.reset(seed=0)
    assert environment.observation_space.contains(observation)
    assert environment.unwrapped.categories[info["category_index"]] == "cat"


def test_each_action_has_a_name_of_its_own(shards_folder: Path) -> None:
    mdp = {"further_step_sizes": (0.3,), "zooms": True}
    for made in (make(shards_folder, mdp=mdp), make_vector(2, shards_folder, mdp=mdp)):
        assert len(set(made.actions)) == 22
        assert {"move_right", "move_right_0.3", "zoom_centre"} <= set(made.actions)


def test_a_process_that_imported_nothing_of_ours_makes_it_by_name() -> None:
    code = (
        "import gymnasium; "
        "print(gymnasium.make('objloc.gym:objloc/Localisation-v0', "
        "categories='cat', scenes=1).spec.id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == gym.ENVIRONMENT_ID


def test_an_older_gymnasium_is_refused_in_a_sentence() -> None:
    code = "import gymnasium.vector; del gymnasium.vector.AutoresetMode; import objloc.gym"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    message = f"objloc.gym: expected gymnasium 1.1 or later; found {gymnasium.__version__}"
    assert done.stderr.rstrip().endswith(message)


def test_it_does_what_the_batched_environment_does(shards_folder: Path) -> None:
    single = make(shards_folder)
    observation, info = single.reset(seed=4)
    store = SampleStore.load(shards_folder, "train", ("cat", "dog"), 24)
    environment = Environment(store, Mdp(), 1, 3)
    assert (single.image_ids, single.categories) == (store.image_ids, store.categories)
    task = (info["image_index"], info["category_index"])
    environment.reset(torch.tensor([task]))
    assert observation["category"] == task[1]
    taken: list[int] = []
    for action in (6, 4, 2, 0, 7, TRIGGER):
        outcome = environment.step(torch.tensor([action]))
        observation, reward, terminated, truncated, info = single.step(np.int64(action))
        taken.append(action)
        box = environment.observation().boxes[0, -1]
        assert reward == float(outcome.reward[0])
        assert (terminated, truncated) == (bool(outcome.terminated[0]), False)
        assert info["iou"] == float(outcome.iou[0])
        np.testing.assert_array_equal(info["window_pixels"], box.numpy())
        shares = (box / store.sizes[task[0]].repeat(2)).float().numpy()
        np.testing.assert_array_equal(observation["box"], shares)
        wanted = ([0, 0, 0] + [each + 1 for each in taken])[-3:]
        assert observation["actions"].tolist() == wanted
    assert terminated


def test_the_window_shows_what_lies_in_the_box(shards_folder: Path) -> None:
    environment = make(shards_folder, window_size=24)
    observation, info = environment.reset(seed=0)
    store = SampleStore.load(shards_folder, "train", ("cat", "dog"), 24)
    image = pixels_of(store.images[torch.tensor([info["image_index"]])])[0].permute(1, 2, 0)
    # A window of the whole image, as large as the image: the image itself.
    np.testing.assert_array_equal(observation["window"], image.numpy())
    while observation["box"][2] - observation["box"][0] > 0.5:
        observation = environment.step(np.int64(6))[0]
    left, top, right, bottom = (round(24 * float(each)) for each in observation["box"])
    inside = image[top:bottom, left:right].float().mean(dim=(0, 1)).numpy()
    assert np.abs(observation["window"].mean(axis=(0, 1)) - inside).max() < 12


def test_each_pixel_of_the_window_is_that_of_a_plain_interpolation(shards_folder: Path) -> None:
    environment = make(shards_folder, window_size=16)
    observation, info = environment.reset(seed=2)
    store = SampleStore.load(shards_folder, "train", ("cat", "dog"), 24)
    image = pixels_of(store.images[torch.tensor([info["image_index"]])])[0].double().numpy()
    for action in (6, 0, 7, 6, 3):
        observation = environment.step(action)[0]
        left, top, right, bottom = (24 * float(each) for each in observation["box"])
        ticks = (np.arange(16) + 0.5) / 16
        x, y = (
            np.clip(low + ticks * (high - low) - 0.5, 0, 23)
            for low, high in ((left, right), (top, bottom))
        )
        along, down = (np.interp(each, np.arange(24), np.arange(24)) for each in (x, y))
        rows = np.stack([[np.interp(along, np.arange(24), row) for row in one] for one in image])
        expected = np.stack(
            [[np.interp(down, np.arange(24), column) for column in one.T] for one in rows]
        )
        # A half may be rounded to either side.
        difference = np.abs(observation["window"].astype(float) - expected.transpose(2, 1, 0))
        assert difference.max() < 0.501


def pairs_of(shards: Path) -> list[tuple[Any, Any, Any]]:
    """Twice the same environment and an action of it; a single one, and a vector."""
    return [
        (make(shards), make(shards), np.int64(6)),
        (make_vector(2, shards), make_vector(2, shards), np.array([6, 6])),
    ]


def test_writing_to_what_was_returned_changes_nothing(shards_folder: Path) -> None:
    for one, other, action in pairs_of(shards_folder):
        given = one.reset(seed=0)
        assert_same(given, other.reset(seed=0))
        for _ in range(3):
            for value in (*given[0].values(), *given[-1].values()):
                if value.ndim:
                    value[...] = 1
            given = one.step(action)
            assert_same(given, other.step(action))


def test_a_copy_goes_on_as_the_original_does(shards_folder: Path) -> None:
    for one, other, action in pairs_of(shards_folder):
        for each in (one, other):
            each.reset(seed=0)
            each.step(action)
        expected = (other.step(action), other.reset(), other.step(action))
        for made in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301 - ours
            assert_same((made.step(action), made.reset(), made.step(action)), expected)


def test_the_box_observation_says_the_same_as_the_dict(shards_folder: Path) -> None:
    parts, vector = make(shards_folder), make(shards_folder, observation="box")
    for environment in (parts, vector):
        environment.reset(seed=1)
    seen, flat = (each.step(np.int64(2))[0] for each in (parts, vector))
    pixels = seen["window"].reshape(-1) / np.float32(255)
    category = np.eye(2)[seen["category"]]
    actions = np.eye(10)[seen["actions"]].reshape(-1)
    np.testing.assert_allclose(flat, np.concatenate([pixels, seen["box"], category, actions]))


def test_success_needs_a_trigger_and_enough_overlap(shards_folder: Path) -> None:
    environment = make(shards_folder, success_iou=0.05)
    for seed in range(20):
        _, info = environment.reset(seed=seed)
        assert not info["is_success"]
        _, reward, terminated, _, info = environment.step(np.int64(TRIGGER))
        assert terminated
        assert info["is_success"] == (info["iou"] > 0.05)
        assert reward == (3.0 if info["iou"] > 0.5 else -3.0)


def test_info_is_numbers_under_keys_of_its_own(shards_folder: Path) -> None:
    environment = make(shards_folder)
    observation, info = environment.reset(seed=0)
    assert not info.keys() & observation.keys()
    for _ in range(3):
        assert all(value.dtype.kind in "fib" for value in info.values())
        *_, info = environment.step(0)


def test_options_choose_image_and_category(shards_folder: Path) -> None:
    environment = make(shards_folder)
    for seed in range(5):
        _, info = environment.reset(seed=seed, options={"category": "dog", "image_id": "000003"})
        assert environment.image_ids[info["image_index"]] == "000003"
        assert environment.categories[info["category_index"]] == "dog"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"category": "cow"}, "reset: options: expected a known category; found 'cow'"),
        ({"image_id": 3}, "reset: options: expected a known image_id; found '3'"),
        ({"imageid": "000003"}, "reset: options: unknown key 'imageid'; expected image_id or cat"),
        ({"image": 1}, "reset: options: unknown key 'image'"),
        ("dog", "reset: options: expected a dict; found 'dog'"),
    ],
)
def test_unknown_options_are_refused(shards_folder: Path, options: Any, message: str) -> None:
    for environment in (make(shards_folder), make_vector(2, shards_folder)):
        with pytest.raises(ObjlocError) as error:
            environment.reset(options=options)
        assert message in str(error.value)


def test_a_picture_shows_window_and_truth(shards_folder: Path) -> None:
    environment = make(shards_folder, render_mode="rgb_array")
    environment.reset(seed=0)
    before = environment.render()
    environment.step(np.int64(6))
    after = environment.render()
    assert before is not None
    assert after is not None
    assert before.dtype == np.uint8
    assert before.shape[0] == 360
    assert (before != after).any()
    assert make(shards_folder).render() is None
    many = make_vector(2, shards_folder, render_mode="rgb_array")
    many.reset(seed=0)
    pictures = many.render()
    assert pictures is not None
    np.testing.assert_array_equal(pictures[0], before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mdp": {"alpha": 1}}, "mdp.alpha: unknown key"),
        ({"mdp": {"step_size": 2.0}}, "mdp.step_size: expected less than 1; found 2.0"),
        ({"observation": "flat"}, "observation: expected 'dict' or 'box'; found 'flat'"),
        ({"categories": ["cow"]}, "categories: unknown category 'cow'; allowed: all, cat, dog"),
        ({"categories": []}, "categories: expected all, one name, or several distinct names"),
        ({"categories": ["all", "cat"]}, "categories: expected all, one name, or several"),
        ({"categories": ["cat", "cat"]}, "categories: expected all, one name, or several"),
        ({"categories": 3}, "categories: unknown category '3'"),
        (
            {"category": "cat"},
            "unexpected keyword argument 'category'; expected some of shards",
        ),
        ({"autoreset_mode": "SameStep"}, "unexpected keyword argument 'autoreset_mode'"),
        ({"window_size": 0}, "window_size: expected greater than or equal to 1; found 0"),
        ({"window_size": "12"}, "window_size: expected a valid integer; found '12'"),
        ({"image_size": 0}, "image_size: expected greater than or equal to 1; found 0"),
        ({"action_history": -1}, "action_history: expected greater than or equal to 0; found -1"),
        ({"success_iou": 2}, "success_iou: expected less than 1; found 2"),
        ({"success_iou": -0.1}, "success_iou: expected greater than or equal to 0; found -0.1"),
        ({"success_iou": float("nan")}, "success_iou: expected"),
        ({"render_mode": "human"}, "render_mode: expected rgb_array or None; found 'human'"),
        ({"image_set": "nowhere"}, "nowhere"),
        ({"shards": "/nowhere"}, "/nowhere/index.json: expected the index of a folder of shards"),
        ({"shards": None, "scenes": 1}, "(draw more `scenes`, or name fewer `categories`)"),
        ({"shards": None, "scenes": 0}, "scenes: expected greater than or equal to 1; found 0"),
    ],
)
def test_impossible_arguments_are_refused(
    shards_folder: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ObjlocError) as error:
        LocalisationEnv(**{"shards": shards_folder, **SMALL, **arguments})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"categories": ["all"]}, {}),
        ({"categories": ["cat"]}, {"categories": "cat"}),
        ({"mdp": {"further_step_sizes": [0.3]}}, {"mdp": Mdp(further_step_sizes=(0.3,))}),
        ({"mdp": None, "window_size": np.int64(12)}, {}),
    ],
)
def test_arguments_are_read_as_they_mean(
    shards_folder: Path, one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = make(shards_folder, **one), make(shards_folder, **other)
    assert first.categories == second.categories
    assert first.actions == second.actions
    assert first.observation_space == second.observation_space


@pytest.mark.parametrize(
    "action", [3, np.int64(3), np.array(3), np.array([3], np.uint8), [3], torch.tensor(3)]
)
def test_an_action_may_be_of_any_kind(shards_folder: Path, action: Any) -> None:
    environment = gymnasium.make(gym.ENVIRONMENT_ID, shards=shards_folder, **SMALL)
    environment.reset(seed=0)
    observation = environment.step(action)[0]
    assert observation["actions"].tolist() == [0, 0, 4]


@pytest.mark.parametrize("action", [9, -1, 0.0, [0, 1], True, "0", None, torch.tensor([0.0])])
def test_an_action_that_does_not_exist_is_refused(shards_folder: Path, action: Any) -> None:
    environment = make(shards_folder)
    environment.reset(seed=0)
    with pytest.raises(ObjlocError, match="step: expected an action, integers from 0 to 8; found"):
        environment.step(action)


def test_a_step_before_reset_is_refused(shards_folder: Path) -> None:
    environment = make(shards_folder, render_mode="rgb_array")
    with pytest.raises(ObjlocError, match="step: expected a call of reset before; found none"):
        environment.step(0)
    with pytest.raises(ObjlocError, match="render: expected a call of reset before"):
        environment.render()


@pytest.mark.parametrize(
    "wrapper",
    [
        FlattenObservation,
        RecordEpisodeStatistics,
        lambda environment: FrameStackObservation(environment, 2),
    ],
)
def test_gymnasiums_wrappers_take_it(shards_folder: Path, wrapper: Any) -> None:
    environment = wrapper(gymnasium.make(gym.ENVIRONMENT_ID, shards=shards_folder, **SMALL))
    observation, _ = environment.reset(seed=0)
    assert environment.observation_space.contains(observation)
    observation, *_, info = environment.step(TRIGGER)
    assert environment.observation_space.contains(observation)
    assert info["steps"] == 1
