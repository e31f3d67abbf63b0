#!/usr/bin/env bash
# torchrl 0.14.1: a setting for actions decides whether observations are one-hot.
#
# A discrete number in a dictionary observation, such as the category to look for, reaches the
# network as a one-hot vector; a pair of numbers as a matrix. The option categorical_action_encoding
# of GymWrapper, chosen for the sake of the actions (DQN losses and other libraries want indices),
# changes the observations as well. So switching the action encoding changes the shape of the input.
#
# An environment whose observation holds a category of 20, two last actions of 10 and a box.
#
# Seen on 27 November 2026 (Python 3.11, CPU), shapes:
#     default: category [20], actions [2, 10], box [4], action [3]
#     categorical_action_encoding: category [], actions [2], box [4], action []
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 torchrl==0.14.1 tensordict==0.14.3 \
    gymnasium==1.4.0 numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import gymnasium
import numpy as np
from gymnasium import spaces
from torchrl.envs import GymWrapper


class Search(gymnasium.Env):
    action_space = spaces.Discrete(3)
    observation_space = spaces.Dict(
        {
            "category": spaces.Discrete(20),
            "actions": spaces.MultiDiscrete([10, 10]),
            "box": spaces.Box(0, 1, (4,), np.float32),
        }
    )

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return {"category": 7, "actions": np.array([3, 4]), "box": np.zeros(4, np.float32)}, {}

    def step(self, action):
        return self.reset()[0], 0.0, False, True, {}


def shapes(**options):
    environment = GymWrapper(Search(), **options)
    first = environment.reset()
    seen = {key: list(first[key].shape) for key in ("category", "actions", "box")}
    return seen | {"action": list(environment.action_spec.shape)}


for word, options, expected in (
    ("default", {}, ([20], [2, 10], [4], [3])),
    ("categorical_action_encoding", {"categorical_action_encoding": True}, ([], [2], [4], [])),
):
    seen = shapes(**options)
    print(f"{word}: {', '.join(f'{key} {shape}' for key, shape in seen.items())}")
    assert tuple(seen.values()) == expected, f"the behaviour changed: expected {expected}"
PYTHON
