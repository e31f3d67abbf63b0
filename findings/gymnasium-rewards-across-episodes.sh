#!/usr/bin/env bash
# gymnasium 1.4.0: NormalizeReward adds up rewards across episodes that are truncated.
#
# The wrapper divides rewards by the standard deviation of a discounted sum of the rewards before.
# That sum begins anew when an episode is terminated. When one is truncated, as by the usual limit
# of steps, it goes on through reset into the next episode, so the same rewards are made several
# times smaller, by a factor that drifts for hundreds of episodes. A learning rate that suits a task
# with an end does not suit the same task with a limit of steps. Besides, the sum is cleared in the
# terminating step itself: the last reward of an episode, often the one that counts, stands alone.
#
# Episodes of five steps with a reward of 1 each and a discount of .99; the last reward of an
# episode after normalisation, and the sum that the wrapper holds then. By hand it is 4.90.
#
# Seen on 28 November 2026 (Python 3.11):
#     terminated, episode 100: reward 0.725, sum 1.00
#     terminated, episode 2000: reward 0.725, sum 1.00
#     truncated, episode 100: reward 0.041, sum 99.34
#     truncated, episode 2000: reward 0.144, sum 100.00
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gymnasium==1.4.0 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import gymnasium
import numpy as np


class Five(gymnasium.Env):
    """Five steps with a reward of 1 each."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, end):
        self.end = end

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        ends = self.steps == 5
        terminated, truncated = (ends and self.end == end for end in ("terminated", "truncated"))
        return np.zeros(1, np.float32), 1.0, terminated, truncated, {}


EXPECTED = {
    "terminated": {100: (0.725, 1.0), 2000: (0.725, 1.0)},
    "truncated": {100: (0.041, 99.34), 2000: (0.144, 100.0)},
}
for end, episodes in EXPECTED.items():
    environment = gymnasium.wrappers.NormalizeReward(Five(end), gamma=0.99)
    for episode in range(1, 2001):
        environment.reset()
        for _ in range(5):
            reward = float(environment.step(0)[1])
        if episode in episodes:
            total = float(np.ravel(environment.discounted_reward)[0])
            print(f"{end}, episode {episode}: reward {reward:.3f}, sum {total:.2f}")
            near = np.allclose((reward, total), episodes[episode], atol=6e-3)
            assert near, f"the behaviour changed: expected {episodes[episode]}"
PYTHON
