"""A part of a batch: its loss, and the gradient of that."""

import pytest
import torch

from objloc.learning.batch_part import BatchPart
from objloc.learning.extra_windows import windows_around_objects
from objloc.learning.memory.replay import ReplayBuffer, Transition
from objloc.network.q_network import build_network
from objloc.params import Agent
from tests.helpers.stores import make_store

STORE = make_store(8, ("cat", "dog", "cow"))


def part_of(seed: int = 0, **learning: object) -> BatchPart:
    agent = Agent.model_validate(
        {
            "encoder": {"image_size": 64, "widths": (4, 8), "pool": 3},
            "head": {"hidden": (8,), "presence": learning.get("backup") == "all_actions"},
            "learning": {"windows_per_image": 4, **learning},
        }
    )
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, STORE.categories, generator).train()
    return BatchPart(network, network, STORE, agent.mdp, agent.learning, 3, seed)


def memory() -> ReplayBuffer:
    memory, rows = ReplayBuffer(8, 1, 0), torch.arange(8)
    seen = windows_around_objects(STORE, rows, 1, 0, torch.Generator().manual_seed(0))
    memory.add(Transition(seen, rows, rows.float(), seen.boxes[:, -1], rows < 0))
    return memory


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic"])
@pytest.mark.parametrize("backup", ["sampled", "all_actions"])
def test_its_gradient_is_that_of_its_loss(backup: str, loss: str) -> None:
    part = part_of(backup=backup, loss=loss, discount=0.0)
    result = part.gradient(part.sample(memory()))
    assert len(result.values) == len(result.losses) == len(result.td_errors) == len(result.keys)
    assert len(set(result.images.tolist())) <= 3
    weight = part.network.values.bias
    place = [id(each) for each in part.network.parameters()].index(id(weight))
    gradient = result.gradients[place]
    assert gradient is not None
    # A step along the gradient changes the loss as much as the gradient says.
    again = part_of(backup=backup, loss=loss, discount=0.0)
    with torch.no_grad():
        again.network.values.bias.add_(gradient, alpha=1e-3)
    changed = again.gradient(again.sample(memory())).loss - result.loss
    assert changed == pytest.approx(1e-3 * float(gradient.square().sum()), rel=0.05)


def test_another_seed_draws_another_batch() -> None:
    first, second = part_of(0), part_of(1)
    drawn = [part.sample(memory()).rows.tolist() for part in (first, second)]
    assert drawn[0] != drawn[1]
    assert drawn[0] == part_of(0).sample(memory()).rows.tolist()


def test_its_state_restores_draws_and_statistics() -> None:
    part, other = part_of(), part_of()
    part.gradient(part.sample(memory()))
    other.load_state_dict(part.state_dict())
    first, second = (each.gradient(each.sample(memory())) for each in (part, other))
    assert first.loss == second.loss
    for mine, its in zip(part.network.buffers(), other.network.buffers(), strict=True):
        assert torch.equal(mine, its)
