"""The learner: updates of the online network, the target network and the optimiser."""

import copy
from typing import Any

import pytest
import torch

from objloc.learning.divergence import DivergenceError
from objloc.learning.extra_windows import windows_around_objects
from objloc.learning.learner import (
    Learner,
    Update,
    largest_return,
    learning_rate_at,
)
from objloc.learning.memory.replay import ReplayBuffer, Transition
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Learning, Mdp
from objloc.ranks.group import ALONE, Ranks
from tests.helpers.ranks import in_threads
from tests.helpers.stores import make_store

STORE = make_store(8, ("cat", "dog", "cow"))
AGENT = Agent(
    encoder=Encoder(image_size=64, widths=(4, 8), pool=3),
    head=Head(hidden=(8,)),
    learning=Learning(images_per_batch=3, windows_per_image=4, loss="squared"),
)


def test_a_cheaper_wrong_trigger_changes_what_is_done_not_what_is_learned() -> None:
    """The share of its range that a trigger's value is taught is the chance of a hit."""
    memory = ReplayBuffer(8, 1, 0)
    seen = windows_around_objects(STORE, torch.arange(8), 1, 0, torch.Generator().manual_seed(0))
    rows = torch.arange(8)
    memory.add(Transition(seen, rows, rows.float(), seen.boxes[:, -1], rows < 0))
    trained, values = [], []
    for cost in (3.0, 0.7):
        learning = Learning(
            backup="all_actions", discount=0.0, loss="logistic", absent_reward=-cost,
            images_per_batch=4, windows_per_image=4, object_windows=0.5,
        )  # fmt: skip
        mdp = Mdp(trigger_cost=cost)
        agent = Agent(mdp=mdp, encoder=Encoder(image_size=96), learning=learning)
        generator = torch.Generator().manual_seed(0)
        network = build_network(agent, STORE.categories, generator)
        learner = Learner(network, STORE, mdp, learning, generator)
        for _ in range(3):
            learner.update(memory)
        trained.append(network.values.weight.detach())
        values.append(network.values_of(torch.zeros(9))[-1])
    assert torch.allclose(trained[0], trained[1], atol=1e-5)
    assert values[0] < values[1]


def learner_of(ranks: Ranks = ALONE, /, **learning: object) -> Learner:
    settings = AGENT.learning.model_copy(update=learning)
    generator = torch.Generator().manual_seed(0)
    network = build_network(
        AGENT.model_copy(update={"learning": settings}), STORE.categories, generator
    )
    return Learner(network, STORE, AGENT.mdp, settings, generator, ranks)


def memory() -> ReplayBuffer:
    memory, rows = ReplayBuffer(8, 1, 0), torch.arange(8)
    seen = windows_around_objects(STORE, rows, 1, 0, torch.Generator().manual_seed(0))
    memory.add(Transition(seen, rows, rows.float(), seen.boxes[:, -1], rows < 0))
    return memory


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in network.parameters()])


def test_the_target_network_is_a_copy_every_so_many_updates() -> None:
    learner = learner_of(target_update_every=2)
    first = weights(learner.target)
    learner.update(memory())
    assert torch.equal(weights(learner.target), first)
    assert not torch.equal(weights(learner.online), first)
    learner.update(memory())
    assert torch.equal(weights(learner.target), weights(learner.online))


def test_a_soft_update_moves_the_target_weights_by_a_fraction() -> None:
    learner = learner_of(target_update_every=1, target_rate=0.25)
    first = weights(learner.target)
    learner.update(memory())
    expected = first + 0.25 * (weights(learner.online) - first)
    torch.testing.assert_close(weights(learner.target), expected)


def test_an_update_reports_td_errors_and_squared_losses() -> None:
    update = learner_of().update(memory())
    assert len(update.q_values) == len(update.losses)
    assert update.td_error == pytest.approx(float(update.losses.sqrt().mean()), rel=1e-5)
    assert update.loss == pytest.approx(float(update.losses.mean()), rel=1e-5)


@pytest.mark.parametrize("batch_parts", [1, 2])
def test_a_restored_learner_goes_on_as_the_original(batch_parts: int) -> None:
    learner, other = learner_of(batch_parts=batch_parts), learner_of(batch_parts=batch_parts)
    other.update(memory())
    learner.update(memory())
    other.load_state_dict(copy.deepcopy(learner.state_dict()))
    for each in (learner, other):
        each.update(memory())
    assert other.updates == 2
    assert torch.equal(weights(other.online), weights(learner.online))


def test_parts_side_by_side_give_the_mean_of_their_gradients_over_the_images() -> None:
    """The same, to the bit, as one after another."""
    learner, other = learner_of(batch_parts=2), learner_of(batch_parts=2)
    assert [part.images for part in learner.parts] == [2, 1]
    learner._optimiser.step = lambda: None  # type: ignore[method-assign,assignment]
    learner.update(memory())
    alone = []
    for part in other.parts:
        part.network.train()
        alone.append(part.gradient(part.sample(memory())))
    assert set(alone[0].images.tolist()) != set(alone[1].images.tolist())
    for weight, first, second in zip(
        learner.online.parameters(), alone[0].gradients, alone[1].gradients, strict=True
    ):
        assert weight.grad is not None
        assert first is not None
        assert second is not None
        assert torch.equal(weight.grad, first * (2 / 3) + second * (1 / 3))


def test_parts_share_weights_and_average_their_running_statistics() -> None:
    learner = learner_of(batch_parts=2)
    first, second = (part.network for part in learner.parts)
    assert first is learner.online
    for mine, its in zip(first.parameters(), second.parameters(), strict=True):
        assert mine is its
    sampled = [part.sample(memory()) for part in learner.parts]
    results = []
    for part, drawn in zip(learner.parts, sampled, strict=True):
        part.network.train()
        results.append(part.gradient(drawn))
    names = [name for name, each in first.named_buffers() if name.endswith("running_mean")]
    before = [dict(network.named_buffers()) for network in (first, second)]
    expected = {name: before[0][name] * (2 / 3) + before[1][name] * (1 / 3) for name in names}
    assert any(not torch.equal(before[0][name], before[1][name]) for name in names)
    learner._average(results)
    for network in (first, second):
        for name, mean in expected.items():
            assert torch.equal(dict(network.named_buffers())[name], mean)


@pytest.mark.parametrize(("parts", "processes"), [(2, 2), (3, 2), (3, 3)])
def test_processes_that_divide_a_batch_make_the_update_of_one_with_the_whole(
    parts: int, processes: int
) -> None:
    def make(ranks: Ranks) -> Learner:
        return learner_of(ranks, batch_parts=parts, max_gradient_norm=1.0)

    def learned(learner: Learner) -> tuple[Learner, list[Update], dict[str, Any]]:
        updates = [learner.update(memory()) for _ in range(3)]
        return learner, updates, learner.state_dict()

    learner, updates, state = learned(make(ALONE))
    found = in_threads(processes, make, learned)
    assert [len(each.parts) for each, *_ in found] == [
        len(range(rank, parts, processes)) for rank in range(processes)
    ]
    for other, its, _ in found:
        for mine, theirs in zip(
            learner.online.state_dict().values(), other.online.state_dict().values(), strict=True
        ):
            assert torch.allclose(mine, theirs, atol=1e-6)
        for one, two in zip(updates, its, strict=True):
            assert two.loss == pytest.approx(one.loss)
            assert two.td_error == pytest.approx(one.td_error)
            assert two.q_values.sum() == pytest.approx(float(one.q_values.sum()), rel=1e-4)
    # The state of all parts is that of one process: any number of them goes on from it.
    whole = found[0][2]["parts"]
    for one, two in zip(state["parts"], whole, strict=True):
        assert torch.equal(one["generator"], two["generator"])
    again = make(ALONE)
    again.load_state_dict(found[0][2])
    assert torch.allclose(weights(again.online), weights(learner.online), atol=1e-6)
    assert again.update(memory()).loss == pytest.approx(learner.update(memory()).loss)


def test_values_that_run_away_in_one_process_end_all_with_the_same_words() -> None:
    def make(ranks: Ranks) -> Learner:
        return learner_of(ranks, batch_parts=2)

    def told(learner: Learner) -> str:
        learner._watch.limit = 0.0
        with pytest.raises(DivergenceError) as error:
            learner.update(memory())
        return str(error.value)

    alone = told(make(ALONE))
    assert in_threads(2, make, told) == [alone, alone]


def test_a_part_that_fails_ends_the_update_with_its_own_error() -> None:
    learner = learner_of(batch_parts=2)

    def fail(_: object) -> None:
        raise RuntimeError("out of memory")

    learner.parts[1].gradient = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        learner.update(memory())


def test_dropout_draws_from_its_part_alone() -> None:
    def losses() -> tuple[torch.Tensor, torch.Tensor]:
        head = AGENT.head.model_copy(update={"dropout": 0.5})
        learning = AGENT.learning.model_copy(update={"batch_parts": 2})
        agent = AGENT.model_copy(update={"head": head, "learning": learning})
        generator = torch.Generator().manual_seed(0)
        network = build_network(agent, STORE.categories, generator)
        learner = Learner(network, STORE, AGENT.mdp, learning, generator)
        return learner.update(memory()).loss, torch.get_rng_state()

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, _ = losses()
    torch.manual_seed(2)
    second, _ = losses()
    torch.manual_seed(1)
    _, after = losses()
    assert first == second
    assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (float("nan"), "a finite loss; found nan"),
        (float("inf"), "a finite loss; found (inf|nan)"),
        (1e9, "Q-values of at most 150000; found 1e\\+09"),
        (-1e9, "Q-values of at most 150000; found 1e\\+09"),
    ],
)
def test_an_update_that_runs_away_is_named_with_its_images(value: float, found: str) -> None:
    learner = learner_of(discount=1.0)
    learner.update(memory())
    with torch.no_grad():
        learner.online.values.bias.fill_(value)
    with pytest.raises(
        DivergenceError, match=f"^update 2: expected {found}, in a batch of 3 images"
    ):
        learner.update(memory())


def test_no_return_is_larger_than_the_largest_reward_in_every_step() -> None:
    mdp = Mdp(max_steps=10, trigger_reward=2.0, trigger_cost=4.0)
    learning = Learning(discount=1.0, absent_reward=0.0)
    assert largest_return(mdp, learning) == 40
    assert largest_return(mdp, learning.model_copy(update={"discount": 0.5})) == 8
    assert largest_return(mdp, learning.model_copy(update={"discount": 0.99})) == 40
    assert largest_return(Mdp(max_steps=1, trigger_reward=0.1, trigger_cost=0.1), learning) == 1


def test_the_learning_rate_falls_to_a_hundredth_by_a_cosine() -> None:
    learning = Learning(learning_rate=0.1, learning_rate_decay_updates=100)
    rates = [learning_rate_at(learning, updates) for updates in (0, 50, 100, 900)]
    assert rates == pytest.approx([0.1, 0.1 * 0.505, 0.001, 0.001])
    assert learning_rate_at(Learning(learning_rate=0.1), 900) == 0.1
