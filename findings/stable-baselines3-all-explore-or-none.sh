#!/usr/bin/env bash
# stable-baselines3 2.9.2: all environments of a DQN explore in the same steps.
#
# With several environments one expects each to draw by itself whether it acts at random. DQN draws
# once for all of them: with an exploration rate of .5, either every environment acts at random or
# none does. The mean is right. But whole steps are random or greedy together, so the environments
# do not even out chance in the replay memory as more of them should: at a final rate of .05, 16
# environments collect 95 steps of 100 without a single random action.
#
# Sixteen environments, 200 steps at a rate of .5, and so many actions that a random one is hardly
# ever the greedy one. Independent draws would give 7, 8 or 9 of 16 in most steps.
#
# Seen on 28 November 2026 (Python 3.11, CPU), environments that act at random in a step:
#     numbers seen in 200 steps: 0 or 16
#     mean: 7.5
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q stable-baselines3==2.9.2 gymnasium==1.4.0 torch==2.13.0 \
    numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import gymnasium
import numpy as np
from stable_baselines3 import DQN
from stable_baselines3.common.vec_env import DummyVecEnv

ENVIRONMENTS, STEPS, ACTIONS = 16, 200, 100_000


class Still(gymnasium.Env):
    """One state and many actions; notes the actions that it is given."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,))
    action_space = gymnasium.spaces.Discrete(ACTIONS)
    taken = []

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.taken.append(int(action))
        return np.zeros(2, np.float32), 0.0, False, False, {}


agent = DQN(
    "MlpPolicy", DummyVecEnv([Still] * ENVIRONMENTS), seed=0, device="cpu", learning_starts=0,
    exploration_initial_eps=0.5, exploration_final_eps=0.5, learning_rate=1e-9, train_freq=STEPS,
    policy_kwargs={"net_arch": [8]},
)
agent.exploration_rate = 0.5
(greedy,), _ = agent.predict(np.zeros((1, 2), np.float32), deterministic=True)
agent.learn(STEPS * ENVIRONMENTS)
steps = np.array(Still.taken).reshape(-1, ENVIRONMENTS)
random = (steps != greedy).sum(axis=1)
numbers = sorted(set(random.tolist()))
print(f"numbers seen in {len(steps)} steps: {' or '.join(map(str, numbers))}")
print(f"mean: {random.mean():.1f}")
assert len(steps) == STEPS, f"expected {STEPS} steps, found {len(steps)}"
assert 6 < random.mean() < 10, f"expected a mean near 8, found {random.mean()}"
assert numbers == [0, ENVIRONMENTS], "the behaviour changed: environments explore independently"
PYTHON
