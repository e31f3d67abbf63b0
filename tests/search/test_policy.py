import pytest
import torch

from objloc.data.image_batch import ImageBatch, NoImages
from objloc.mdp.environment import Environment
from objloc.search.policy import Choice, GreedyPolicy, RandomPolicy, category_outputs, shares
from tests.helpers.budgeted_searches import AGENT, MDP, promising_network
from tests.helpers.stores import make_store

STORE = make_store(3)
TASKS = torch.tensor([[0, 0], [0, 1], [2, 1]])
INDEX = torch.tensor([0, 0, 1])


def act(epsilon: float, seed: int = 0) -> Choice:
    policy = GreedyPolicy(promising_network(AGENT), epsilon)
    policy.look(STORE.images, torch.tensor([0, 2]))
    observation = Environment(STORE, MDP, policy.frames, policy.action_history).reset(TASKS)
    generator = torch.Generator().manual_seed(seed)
    return policy.act(observation, INDEX, STORE.sizes[TASKS[:, 0]], generator)


def test_the_greedy_action_is_that_of_the_highest_value_for_the_category_searched() -> None:
    actions, values, steps = act(0.0)
    network = promising_network(AGENT)
    observation = Environment(STORE, MDP, network.frames).reset(TASKS)
    with torch.no_grad():
        views = network.encode(STORE.images[torch.tensor([0, 2])])
        expected = category_outputs(network, views, INDEX, observation, STORE.sizes[TASKS[:, 0]])
    torch.testing.assert_close(values, network.values_of(expected))
    assert steps is None
    assert torch.equal(actions, values.argmax(dim=1))
    assert not torch.equal(values[0], values[1]), "one window, two categories"


def test_learned_steps_are_those_from_the_windows_for_the_category_searched() -> None:
    agent = AGENT.model_copy(update={"head": AGENT.head.model_copy(update={"learned_steps": True})})
    network = promising_network(agent)
    policy = GreedyPolicy(network)
    policy.look(STORE.images, torch.tensor([0, 2]))
    observation = Environment(STORE, MDP, policy.frames).reset(TASKS)
    sizes = STORE.sizes[TASKS[:, 0]]
    choice = policy.act(observation, INDEX, sizes, torch.Generator())
    with torch.no_grad():
        views = network.encode(STORE.images[torch.tensor([0, 2])])
        outputs = category_outputs(network, views, INDEX, observation, sizes)
    torch.testing.assert_close(choice.steps, network.steps_of(outputs))
    torch.testing.assert_close(choice.q_values, network.values_of(outputs))
    assert choice.steps is not None
    assert not torch.equal(choice.steps[0], choice.steps[1]), "one window, two categories"


def test_few_images_are_encoded_at_once_and_values_do_not_depend_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = promising_network(AGENT)
    rows, index = torch.tensor([0, 1, 2]), torch.tensor([0, 0, 2])
    sizes: list[int] = []
    encode = network.encode

    def counting(images: ImageBatch) -> torch.Tensor:
        sizes.append(len(images))
        return encode(images)

    monkeypatch.setattr(network, "encode", counting)
    values = []
    for at_once in (64, 2):
        monkeypatch.setattr("objloc.search.policy._ENCODED_AT_ONCE", at_once)
        policy = GreedyPolicy(network)
        policy.look(STORE.images, rows)
        observation = Environment(STORE, MDP, policy.frames).reset(TASKS)
        choice = policy.act(observation, index, STORE.sizes[TASKS[:, 0]], torch.Generator())
        values.append(choice.q_values)
    assert sizes == [3, 2, 1]
    torch.testing.assert_close(*values)


def test_epsilon_is_the_probability_of_any_action() -> None:
    greedy = act(0.0).actions
    seen = {tuple(act(1.0, seed).actions.tolist()) for seed in range(5)}
    assert len(seen) > 1
    assert torch.equal(act(0.0, 1).actions, greedy), "without chance the seed is of no consequence"
    assert torch.equal(act(1.0, 3).actions, act(1.0, 3).actions)


def test_the_random_policy_draws_every_action_and_values_none() -> None:
    policy = RandomPolicy(4)
    tasks = torch.zeros(400, 2, dtype=torch.int64)
    observation = Environment(STORE, MDP).reset(tasks)
    policy.look(NoImages(), torch.tensor([0]))  # it reads none
    actions, values, steps = policy.act(
        observation, tasks[:, 0], STORE.sizes[tasks[:, 0]], torch.Generator().manual_seed(0)
    )
    assert actions.bincount().tolist() == pytest.approx([100] * 4, abs=30)
    assert values.shape == (400, 4)
    assert values.isnan().all()
    assert steps is None


def test_boxes_become_fractions_of_their_own_images_sides() -> None:
    boxes = torch.tensor([[[10.0, 20, 30, 40]], [[10, 20, 30, 40]]], dtype=torch.float64)
    sizes = torch.tensor([[100.0, 200.0], [50.0, 40.0]], dtype=torch.float64)
    found = shares(boxes, sizes)
    assert found.dtype == torch.float32
    torch.testing.assert_close(
        found, torch.tensor([[[0.1, 0.1, 0.3, 0.2]], [[0.2, 0.5, 0.6, 1.0]]])
    )
