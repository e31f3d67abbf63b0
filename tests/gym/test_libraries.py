"""Reinforcement-learning libraries take the environment, and the examples train them."""

import importlib.util
import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.env_checker import check_env

from objloc import gym
from tests.helpers.imports import ROOT

SETTINGS: dict[str, Any] = {"categories": ["cat"], "scenes": 4, "mdp": {"max_steps": 5}}

needs_torchrl = pytest.mark.skipif(
    importlib.util.find_spec("torchrl") is None, reason="the extra torchrl is not installed"
)


def run(example: str) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / example, "300"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_trains_stable_baselines() -> None:
    lines = run("sb3_dqn.py").splitlines()
    assert "50 episodes on the 20 images to learn from: learned " in lines[0]
    assert lines[1].endswith(" random 1, trigger at once 0")


@needs_torchrl
def test_the_example_trains_torchrl() -> None:
    assert "50 episodes on the 50 other images: learned " in run("torchrl_dqn.py")


@pytest.mark.parametrize("observation", ["dict", "box"])
def test_stable_baselines_own_check_is_silent(observation: str) -> None:
    environment = gymnasium.make(
        gym.ENVIRONMENT_ID, observation=observation, window_size=36, **SETTINGS
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(environment)


def test_stable_baselines_network_for_pictures_needs_36_pixels() -> None:
    sizes = {
        size: gymnasium.make(gym.ENVIRONMENT_ID, window_size=size, **SETTINGS) for size in (35, 36)
    }
    DQN("MultiInputPolicy", sizes[36], buffer_size=10)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input"):
        DQN("MultiInputPolicy", sizes[35], buffer_size=10)


@needs_torchrl
@pytest.mark.parametrize("observation", ["dict", "box"])
def test_torchrl_reads_infos_beside_observations(observation: str) -> None:
    from torchrl.envs import GymEnv, check_env_specs  # noqa: PLC0415 - an extra

    environment = GymEnv(
        f"objloc.gym:{gym.ENVIRONMENT_ID}", observation=observation, **SETTINGS
    ).auto_register_info_dict()
    check_env_specs(environment)
    taken = environment.rollout(12, break_when_any_done=False)["next"]
    assert taken["window_pixels"].shape == (12, 4)
    assert taken["steps"].max() <= 5


@needs_torchrl
@pytest.mark.parametrize(
    ("mode", "observation"), [("Disabled", "dict"), ("Disabled", "box"), ("SameStep", "box")]
)
def test_torchrl_takes_the_vector(mode: str, observation: str) -> None:
    from torchrl.envs import GymWrapper, check_env_specs  # noqa: PLC0415 - an extra

    environment = GymWrapper(
        gymnasium.make_vec(
            gym.ENVIRONMENT_ID,
            num_envs=4,
            autoreset_mode=mode,
            observation=observation,
            **SETTINGS,
        )
    )
    check_env_specs(environment)
    taken = environment.rollout(12, break_when_any_done=False)["next"]
    assert taken.batch_size == (4, 12)
    # Episodes of five steps at most: each of the four searches has begun again twice.
    assert (taken["done"].sum(dim=(1, 2)) >= 2).all()
