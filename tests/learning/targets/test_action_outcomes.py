"""Outcomes of all actions, beside a slow recomputation."""

import pytest
import torch

from objloc.box import iou
from objloc.learning.batch import make_batch
from objloc.learning.extra_windows import windows_around_objects
from objloc.learning.targets.action_outcomes import ActionOutcomes, bootstrap
from objloc.mdp.action import ACTION_SETS, Action, Moves
from objloc.mdp.environment import Observation
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Learning, Mdp
from tests.helpers.networks import windows_of
from tests.helpers.stores import make_store

STORE = make_store(8, ("cat", "dog", "cow"))
MDP = Mdp()


def observation(number: int = 6, seed: int = 0) -> Observation:
    generator = torch.Generator().manual_seed(seed)
    return windows_around_objects(STORE, torch.arange(number), 1, 0, generator)


def test_the_bootstrap_value_of_the_double_network_is_chosen_by_the_online_one() -> None:
    online, target = torch.tensor([[1.0, 3.0, 2.0]]), torch.tensor([[9.0, 4.0, 5.0]])
    assert bootstrap(online, target, double=False).tolist() == [9.0]
    assert bootstrap(online, target, double=True).tolist() == [4.0]


def test_rewards_of_all_actions_equal_a_slow_recomputation() -> None:
    learning = Learning(absent_reward=-2.5)
    batch = make_batch(STORE, observation(), learning, torch.Generator(), 3)
    rewards, trained, next_boxes = ActionOutcomes(MDP, learning, True).rewards(batch, 3)
    moves, actions = Moves(MDP), ACTION_SETS["paper"]
    assert rewards.shape == trained.shape == (6, 3, 9)
    for row in range(6):
        box = batch.observation.boxes[row, -1]
        truth = int(STORE.object_category[row, 0])
        for category in range(3):
            for index, action in enumerate(actions):
                value, known = rewards[row, category, index], trained[row, category, index]
                after = moves.apply(box[None], STORE.sizes[row][None], torch.tensor([index]))[0]
                assert torch.equal(after, next_boxes[row, index])
                if category != truth:
                    assert known == (action is Action.TRIGGER)
                    if known:
                        assert value == -2.5
                    continue
                now = iou(box, STORE.boxes[row, 0])
                then = iou(after, STORE.boxes[row, 0])
                if action is Action.TRIGGER:
                    expected = 3.0 if now > 0.5 else -3.0
                else:
                    expected = 1.0 if then > now else -1.0
                assert known
                assert value == expected


def test_a_shared_head_is_taught_only_the_category_searched() -> None:
    batch = make_batch(STORE, observation(), Learning(), torch.Generator(), 3)
    trained = ActionOutcomes(MDP, Learning(), False).rewards(batch, 3).trained
    for row in range(6):
        for category in range(3):
            own = category == int(batch.observation.category[row])
            assert trained[row, category].all().item() == own


@pytest.mark.parametrize("category_channels", [0, 2])
def test_next_values_are_the_target_networks_at_the_windows_after_each_move(
    category_channels: int,
) -> None:
    encoder = Encoder(image_size=64, widths=(8, 8, 8), category_channels=category_channels)
    agent = Agent(encoder=encoder, head=Head(hidden=(16,)))
    online, target = build_network(agent, STORE.categories), build_network(agent, STORE.categories)
    batch = make_batch(STORE, observation(3), Learning(), torch.Generator(), 3)
    outcomes = ActionOutcomes(MDP, Learning(double=False), True)
    rewards = outcomes.rewards(batch, 3)
    values = outcomes.next_values(batch, rewards, online, target, 0)
    assert values.shape == (3, 3, 8)
    target.eval()
    views = target.encode(batch.images)
    for row in range(3):
        for move in range(8):
            box = rewards.next_boxes[row, move] / torch.cat([batch.sizes[row], batch.sizes[row]])
            seen = target(views, windows_of(box.float().view(1, 1, 4), batch.index[row : row + 1]))
            truth = int(STORE.object_category[row, 0])
            for category in range(3):
                expected = float(seen[0, category].max().detach()) if category == truth else 0.0
                assert values[row, category, move] == pytest.approx(expected, abs=1e-4)
