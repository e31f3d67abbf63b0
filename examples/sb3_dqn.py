"""Train Stable-Baselines3's DQN on the search: python examples/sb3_dqn.py [STEPS].

The example needs the extra `sb3`. It shows how the two fit together, but does not give a
good agent: after 14,000 steps (a minute) it has found nothing yet. This project's own
learner, in contrast, learns the reward of every action in every step.
"""

import sys

import gymnasium
from stable_baselines3 import DQN

settings = {"categories": ["sheep"], "scenes": 20, "window_size": 40, "mdp": {"max_steps": 20}}
environment = gymnasium.make("objloc.gym:objloc/Localisation-v0", **settings)
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
model = DQN("MultiInputPolicy", environment, buffer_size=20_000, learning_starts=200, gamma=0.5)
model.learn(steps)

found = 0
for seed in range(50):
    observation, info = environment.reset(seed=seed)
    ended = False
    while not ended:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, terminated, truncated, info = environment.step(action)
        ended = terminated or truncated
    found += info["is_success"]
print(f"success in {found} of 50 episodes on the images it learned from")
