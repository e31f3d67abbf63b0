"""Gymnasium's environments over the shards of tests, and a comparison of what they return."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from objloc import gym
from objloc.gym.environment import LocalisationEnv
from objloc.gym.vector import LocalisationVectorEnv

SMALL: dict[str, Any] = {"window_size": 12, "image_size": 24, "action_history": 3}


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
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert_same(tuple(one), tuple(other))
    elif isinstance(one, tuple):
        for each, its in zip(one, other, strict=True):
            assert_same(each, its)
    else:
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
