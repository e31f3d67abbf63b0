import subprocess
import sys
import tomllib
import warnings
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from objloc import gym
from objloc.data.image_batch import pixels_of
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.gym.environment import LocalisationEnv, LocalisationVectorEnv
from objloc.mdp.environment import Environment
from objloc.params import Mdp
from tests.helpers.imports import ROOT

SMALL: dict[str, Any] = {"window_size": 12, "image_size": 24, "action_history": 3}
TRIGGER = 8


def make(shards: Path, **arguments: Any) -> LocalisationEnv:
    environment = gymnasium.make(gym.ENVIRONMENT_ID, shards=shards, **SMALL | arguments)
    assert isinstance(environment.unwrapped, LocalisationEnv)
    return environment.unwrapped


def make_vector(number: int, shards: Path, **arguments: Any) -> LocalisationVectorEnv:
    environment = gymnasium.make_vec(
        gym.ENVIRONMENT_ID, num_envs=number, shards=shards, **SMALL | arguments
    )
    assert isinstance(environment, LocalisationVectorEnv)
    return environment


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, tuple):
        for each, its in zip(one, other, strict=True):
            assert_same(each, its)
    else:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("arguments", [{}, {"observation": "box"}, {"action_history": 0}])
def test_gymnasiums_own_check_passes(shards_folder: Path, arguments: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        check_env(make(shards_folder, **arguments))


def test_nothing_need_be_prepared() -> None:
    environment = gymnasium.make(gym.ENVIRONMENT_ID, scenes=2, categories="cat", **SMALL)
    observation, info = environment.reset(seed=0)
    assert environment.observation_space.contains(observation)
    assert info["category"] == "cat"


def test_each_action_has_a_name_of_its_own(shards_folder: Path) -> None:
    mdp = {"further_step_sizes": (0.3,), "zooms": True}
    for made in (make(shards_folder, mdp=mdp), make_vector(2, shards_folder, mdp=mdp)):
        assert len(set(made.actions)) == 22
        assert {"move_right", "move_right_0.3", "zoom_centre"} <= set(made.actions)


def test_the_package_declares_the_entry_point_and_it_registers(tmp_path: Path) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    group = declared["project"]["entry-points"]["gymnasium.envs"]
    folder = tmp_path / "objloc-0.dist-info"
    folder.mkdir()
    lines = "".join(f"{name} = {value}\n" for name, value in group.items())
    (folder / "entry_points.txt").write_text(f"[gymnasium.envs]\n{lines}")
    (point,) = PathDistribution(folder).entry_points
    point.load()()
    assert gym.ENVIRONMENT_ID in gymnasium.registry


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


def test_it_does_what_the_batched_environment_does(shards_folder: Path) -> None:
    single = make(shards_folder)
    observation, info = single.reset(seed=4)
    store = SampleStore.load(shards_folder, "train", ("cat", "dog"), 24)
    environment = Environment(store, Mdp(), 1, 3)
    task = (store.image_ids.index(info["image_id"]), store.categories.index(info["category"]))
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
        np.testing.assert_array_equal(info["box"], box.numpy())
        shares = (box / store.sizes[task[0]].repeat(2)).float().numpy()
        np.testing.assert_array_equal(observation["box"], shares)
        wanted = ([0, 0, 0] + [each + 1 for each in taken])[-3:]
        assert observation["actions"].tolist() == wanted
    assert terminated


def test_the_window_shows_what_lies_in_the_box(shards_folder: Path) -> None:
    environment = make(shards_folder, window_size=24)
    observation, info = environment.reset(seed=0)
    store = SampleStore.load(shards_folder, "train", ("cat", "dog"), 24)
    row = store.image_ids.index(info["image_id"])
    image = pixels_of(store.images[torch.tensor([row])])[0].permute(1, 2, 0)
    # A window of the whole image, as large as the image: the image itself.
    np.testing.assert_array_equal(observation["window"], image.numpy())
    while observation["box"][2] - observation["box"][0] > 0.5:
        observation = environment.step(np.int64(6))[0]
    left, top, right, bottom = (round(24 * float(each)) for each in observation["box"])
    inside = image[top:bottom, left:right].float().mean(dim=(0, 1)).numpy()
    assert np.abs(observation["window"].mean(axis=(0, 1)) - inside).max() < 12


def test_the_box_observation_says_the_same_as_the_dict(shards_folder: Path) -> None:
    parts, vector = make(shards_folder), make(shards_folder, observation="box")
    for environment in (parts, vector):
        environment.reset(seed=1)
    seen, flat = (each.step(np.int64(2))[0] for each in (parts, vector))
    pixels = seen["window"].reshape(-1) / np.float32(255)
    category = np.eye(2)[seen["category"]]
    actions = np.eye(10)[seen["actions"]].reshape(-1)
    np.testing.assert_allclose(flat, np.concatenate([pixels, seen["box"], category, actions]))


@pytest.mark.parametrize("observation", ["dict", "box"])
def test_a_slot_of_many_is_as_gymnasiums_own_vector_of_single_ones(
    shards_folder: Path, observation: str
) -> None:
    settings = {"observation": observation, "mdp": {"max_steps": 4}}
    many = make_vector(5, shards_folder, **settings)
    reference = SyncVectorEnv([lambda: make(shards_folder, **settings)] * 5)
    assert many.metadata["autoreset_mode"] is reference.metadata["autoreset_mode"]
    assert many.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert many.observation_space == reference.observation_space
    assert many.action_space == reference.action_space
    assert_same(many.reset(seed=7), reference.reset(seed=7))
    actions = np.random.default_rng(0)
    ended = 0
    for _ in range(30):
        choice = actions.integers(0, 9, 5)
        one, other = many.step(choice), reference.step(choice)
        assert_same(one, other)
        assert [each.dtype for each in one[1:4]] == [each.dtype for each in other[1:4]]
        ended += int((one[2] | one[3]).sum())
    assert ended > 20


def test_seeds_may_be_given_one_by_one(shards_folder: Path) -> None:
    many = make_vector(3, shards_folder)
    assert_same(many.reset(seed=[5, 6, 7]), many.reset(seed=5))
    first = many.reset(seed=[5, None, None])[1]["image_id"][0]
    assert first == many.reset(seed=5)[1]["image_id"][0]
    with pytest.raises(ObjlocError, match="expected 3 seeds; found 2"):
        many.reset(seed=[1, 2])


def test_success_needs_a_trigger_and_enough_overlap(shards_folder: Path) -> None:
    environment = make(shards_folder, success_iou=0.05)
    for seed in range(20):
        _, info = environment.reset(seed=seed)
        assert not info["is_success"]
        _, reward, terminated, _, info = environment.step(np.int64(TRIGGER))
        assert terminated
        assert info["is_success"] == (info["iou"] > 0.05)
        assert reward == (3.0 if info["iou"] > 0.5 else -3.0)


def test_options_choose_image_and_category(shards_folder: Path) -> None:
    environment = make(shards_folder)
    for seed in range(5):
        _, info = environment.reset(seed=seed, options={"category": "dog", "image_id": "000003"})
        assert (info["image_id"], info["category"]) == ("000003", "dog")
    with pytest.raises(ObjlocError, match="expected a known category; found 'cow'"):
        environment.reset(options={"category": "cow"})


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
        ({"observation": "flat"}, "observation: expected dict or box; found 'flat'"),
        ({"categories": ["cow"]}, "categories: unknown category 'cow'; allowed: all, cat, dog"),
        ({"categories": []}, "categories: expected all, or at least one; found none"),
        ({"window_size": 0}, "window_size: expected at least one pixel; found 0"),
        ({"action_history": -1}, "action_history: expected 0 or more; found -1"),
        ({"image_set": "nowhere"}, "nowhere"),
        ({"shards": "/nowhere"}, "/nowhere/index.json: expected the index of a folder of shards"),
        ({"shards": None, "scenes": 1}, "expected images that hold"),
        ({"shards": None, "scenes": 0}, "scenes: expected at least one image; found 0"),
    ],
)
def test_impossible_arguments_are_refused(
    shards_folder: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ObjlocError) as error:
        LocalisationEnv(**{"shards": shards_folder, **SMALL, **arguments})
    assert message in str(error.value)


def test_an_action_that_does_not_exist_is_refused(shards_folder: Path) -> None:
    environment = make(shards_folder)
    environment.reset(seed=0)
    with pytest.raises(ObjlocError, match="expected an action of Discrete"):
        environment.step(np.int64(9))
    many = make_vector(2, shards_folder)
    many.reset(seed=0)
    with pytest.raises(ObjlocError, match="expected actions of MultiDiscrete"):
        many.step(np.array([0, 9]))


def test_the_example_trains_stable_baselines() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "sb3_dqn.py", "300"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "of 50 episodes" in done.stdout
