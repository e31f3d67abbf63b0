"""Train Stable-Baselines3's DQN on the search: python examples/sb3_dqn.py [STEPS [SEED]].

The example needs the extra `sb3` and one core for two or three minutes. This project's own
learner, in contrast, learns the reward of every action in every step.
"""

import sys

import gymnasium
from stable_baselines3 import DQN
from success import ID, SETS, SETTINGS, print_success

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 24_000
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
images, _ = SETS.values()
model = DQN(
    "MlpPolicy",
    gymnasium.make(ID, **SETTINGS, **images),
    policy_kwargs={"net_arch": [256, 128]},
    gamma=0.0,  # a move is rewarded at once: IoU grows or does not
    learning_rate=1e-3,
    batch_size=128,
    buffer_size=20_000,
    learning_starts=200,
    train_freq=4,
    gradient_steps=2,
    target_update_interval=500,  # of use with a larger gamma; the default is 10,000 steps
    exploration_fraction=0.5,
    exploration_final_eps=0.15,
    seed=seed,
)
model.learn(steps)
print_success(lambda observation: model.predict(observation, deterministic=True)[0])
