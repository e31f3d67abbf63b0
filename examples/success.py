"""The task of the examples, and how often a way to choose actions succeeds at it.

Sheep are searched for in drawn scenes. The observation is one vector: the window in 12 x 12
pixels and its place.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

ID = "objloc.gym:objloc/Localisation-v0"
TRIGGER = 8
SETTINGS: dict[str, Any] = {
    "categories": ["sheep"],
    "observation": "box",
    "window_size": 12,
    "action_history": 0,
    "mdp": {"max_steps": 20},
}
SETS: dict[str, dict[str, Any]] = {
    "20 images to learn from": {"image_set": "train", "scenes": 20},
    "50 other images": {"image_set": "val", "scenes": 50},
}
EPISODES = 50

Choose = Callable[[NDArray[np.float32]], Any]


def success(choose: Choose, **images: Any) -> int:
    """Number of the episodes, seeded 0 to 49, that end in a trigger above IoU .5."""
    environment = gymnasium.make(ID, **SETTINGS, **images)
    found = 0
    for seed in range(EPISODES):
        observation, info = environment.reset(seed=seed)
        ended = False
        while not ended:
            observation, _, terminated, truncated, info = environment.step(choose(observation))
            ended = terminated or truncated
        found += int(info["is_success"])
    return found


def print_success(choose: Choose) -> None:
    """Print a line for each set of images: the learner beside two that look at nothing."""
    generator = np.random.default_rng(0)
    ways: dict[str, Choose] = {
        "learned": choose,
        "random": lambda _: generator.integers(9),
        "trigger at once": lambda _: TRIGGER,
    }
    for name, images in SETS.items():
        counts = ", ".join(f"{way} {success(each, **images)}" for way, each in ways.items())
        print(f"success in {EPISODES} episodes on the {name}: {counts}")
