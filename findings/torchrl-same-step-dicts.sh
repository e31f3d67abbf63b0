#!/usr/bin/env bash
# torchrl 0.14.1: in gymnasium's mode SameStep an episode's last dictionary observation is lost.
#
# With autoreset_mode=SAME_STEP gymnasium's vectors answer the step that ends an episode with the
# first observation of the next one, and put the last one into info["final_obs"]. torchrl's
# GymWrapper takes it from there if the observation is an array. If it is a dictionary, the entry
# ("next", key) of that step holds zeros: no error, no warning. A learner that uses it, as every
# value target of a truncated episode does, learns from an observation that never was.
#
# Two environments whose observation is 10 and the number of the step; episodes are truncated after
# 3. In the third step ("next", key) should hold 13.
#
# Seen on 28 November 2026 (Python 3.11, CPU), ("next", key) in five steps:
#     array: 11, 12, 13, 11, 12
#     dictionary: 11, 12, 0, 11, 12
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 torchrl==0.14.1 tensordict==0.14.3 \
    gymnasium==1.4.0 numpy==2.4.6
cd "$folder"

venv/bin/python -W error::UserWarning - <<'PYTHON'
import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torchrl.envs import GymWrapper


class Count(gymnasium.Env):
    action_space = spaces.Discrete(2)

    def __init__(self, dictionary):
        number = spaces.Box(0, 99, (1,), np.float32)
        self.dictionary = dictionary
        self.observation_space = spaces.Dict({"steps": number}) if dictionary else number

    def seen(self):
        number = np.array([10 + self.steps], np.float32)
        return {"steps": number} if self.dictionary else number

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.seen(), {}

    def step(self, action):
        self.steps += 1
        return self.seen(), 0.0, False, self.steps == 3, {}


for dictionary in (False, True):
    vector = SyncVectorEnv([lambda: Count(dictionary)] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    taken = GymWrapper(vector).rollout(5, break_when_any_done=False)
    key, expected = ("steps", 0) if dictionary else ("observation", 13)
    found = taken["next", key][0, :, 0].tolist()
    print(f"{'dictionary' if dictionary else 'array'}: {found}")
    assert taken["next", "truncated"][0, :, 0].tolist() == [False, False, True, False, False]
    assert found == [11, 12, expected, 11, 12], "the behaviour changed"
PYTHON
