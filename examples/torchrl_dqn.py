"""Train a DQN of torchrl's parts on the search: python examples/torchrl_dqn.py [STEPS [SEED]].

The example needs the extra `torchrl` and one core for about two minutes. Eight searches run in
lock-step; torchrl resets those that end, so the environment must not.
"""

import sys
from typing import Any

import gymnasium
import torch
from success import ID, SETS, SETTINGS, print_success
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.envs import GymWrapper
from torchrl.modules import MLP, EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss

SLOTS, WARM_UP, BATCH = 8, 200, 128
UPDATES = SLOTS // 2  # one for every two steps of a search

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 24_000
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
images, _ = SETS.values()
environment = GymWrapper(
    gymnasium.make_vec(ID, num_envs=SLOTS, autoreset_mode="Disabled", **SETTINGS, **images),
    categorical_action_encoding=True,
)
environment.set_seed(seed)
network = MLP(out_features=9, num_cells=[256, 128], activation_class=torch.nn.ReLU)
actor = QValueActor(network, in_keys=["observation"], action_space="categorical")
explorer = EGreedyModule(environment.action_spec, 1.0, 0.15, annealing_num_steps=steps // 2)
now = environment.reset()
actor(now)  # the first call makes the network's weights

loss_of = DQNLoss(actor, loss_function="smooth_l1", delay_value=False, action_space="categorical")
loss_of.make_value_estimator(gamma=0.0)  # a move is rewarded at once: IoU grows or does not
optimiser = torch.optim.Adam(actor.parameters(), lr=1e-3)
buffer = ReplayBuffer(storage=LazyTensorStorage(20_000), batch_size=BATCH)
for step in range(0, steps, SLOTS):
    with torch.no_grad():
        now = explorer(actor(now))
        taken, now = environment.step_and_maybe_reset(now)
    explorer.step(SLOTS)
    buffer.extend(taken.select("observation", "action", "next"))
    for _ in range(UPDATES if step >= WARM_UP else 0):
        optimiser.zero_grad()
        loss_of(buffer.sample())["loss"].backward()
        optimiser.step()


def choose(observation: Any) -> int:
    """The action of the highest value."""
    with torch.no_grad():
        return int(network(torch.as_tensor(observation)).argmax())


print_success(choose)
