#!/usr/bin/env bash
# stable-baselines3 2.9.2 gives a picture in a dictionary no convolutions if its numbers are floats.
#
# MultiInputPolicy chooses a network for each key. Only uint8 with bounds of exactly 0 and 255 and
# three dimensions is a picture to it; anything else is flattened, and training starts without a
# word, where CnnPolicy with the same picture alone is refused. A float picture, scaled to 0 to 1 as
# is usual, is so learned by a dense layer. A grey picture without a channel dimension is not even
# divided by 255: the layer gets numbers a hundred times as large as those of the other keys.
#
# Observations of one picture and a box each; what becomes of the picture.
#
# Seen on 27 November 2026 (Python 3.11, CPU), network, largest number that it gets, warnings:
#     uint8 [40, 40, 3]: NatureCNN, 1, 0
#     float32 [40, 40, 3]: Flatten, 1, 0
#     uint8 [40, 40]: Flatten, 255, 0
#     uint8 [40, 40, 1]: NatureCNN, 1, 0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 stable-baselines3==2.9.2 gymnasium==1.4.0 \
    numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import warnings

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3 import DQN
from stable_baselines3.common.preprocessing import preprocess_obs


class Pictures(gymnasium.Env):
    """White pictures."""

    action_space = spaces.Discrete(2)

    def __init__(self, picture):
        box = spaces.Box(0, 1, (4,), np.float32)
        self.observation_space = spaces.Dict({"picture": picture, "box": box})

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return {key: space.high for key, space in self.observation_space.items()}, {}

    def step(self, action):
        return self.reset()[0], 0.0, False, True, {}


def network(space):
    """Network of the picture, the largest number that it gets, and the number of warnings."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        agent = DQN("MultiInputPolicy", Pictures(space), buffer_size=10)
        tensors, _ = agent.policy.obs_to_tensor(agent.env.reset())
    part = agent.policy.q_net.features_extractor.extractors["picture"]
    largest = float(preprocess_obs(tensors, agent.observation_space)["picture"].max())
    return type(part).__name__, largest, len(heard)


for dtype, highest, shape, expected in (
    (np.uint8, 255, (40, 40, 3), ("NatureCNN", 1, 0)),
    (np.float32, 1, (40, 40, 3), ("Flatten", 1, 0)),
    (np.uint8, 255, (40, 40), ("Flatten", 255, 0)),
    (np.uint8, 255, (40, 40, 1), ("NatureCNN", 1, 0)),
):
    seen = network(spaces.Box(0, highest, shape, dtype))
    print(f"{dtype.__name__} {list(shape)}: {seen[0]}, {seen[1]:.0f}, {seen[2]}")
    assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
PYTHON
