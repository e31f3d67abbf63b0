"""Prioritised replay, beside frequencies counted and errors computed by hand."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from objloc.learning.extra_windows import windows_around_objects
from objloc.learning.learner import Learner
from objloc.learning.memory.priorities import Priorities, inclusion_probabilities, systematic_sample
from objloc.learning.memory.replay import ReplayBuffer, Transition
from objloc.learning.targets.td_targets import AllActionTargets
from objloc.network.q_network import build_network
from objloc.params import Agent
from tests.helpers.stores import make_store
from tests.helpers.watching import force_stalling
from tests.learning.memory.test_replay import transitions

STORE = make_store(8, ("cat", "dog", "cow"))
ERRORS = torch.tensor([0.1, 0.2, 0.4, 0.8, 1.6])


def every(number: int) -> Tensor:
    return torch.ones(number, dtype=torch.bool)


def set_errors(priorities: Priorities, keys: Tensor, errors: Tensor) -> None:
    priorities.update(keys, errors, every(len(keys)))


def frequencies(draws: list[Tensor], number: int) -> Tensor:
    return torch.bincount(torch.cat(draws), minlength=number) / len(draws)


def measured(exponent: float, importance: float = 0.4, new: int = 0) -> Priorities:
    """Priorities of which all but the last ``new`` were updated once."""
    priorities = Priorities(len(ERRORS) + new, False, exponent, importance)
    set_errors(priorities, torch.arange(len(ERRORS)), ERRORS - 1e-3)
    return priorities


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_frequencies_are_in_proportion_to_powers_of_errors(exponent: float) -> None:
    priorities, generator = measured(exponent), torch.Generator().manual_seed(0)
    draws = [priorities.draw(every(5), 1, generator)[0] for _ in range(8000)]
    expected = ERRORS**exponent / (ERRORS**exponent).sum()
    assert torch.allclose(frequencies(draws, 5), expected, atol=0.02)


def test_among_several_each_has_its_chance_and_comes_once() -> None:
    generator = torch.Generator().manual_seed(0)
    chances = torch.tensor([0.9, 0.1, 0.5, 0.3, 1.0, 0.2], dtype=torch.float64)
    draws = [systematic_sample(chances, 3, generator) for _ in range(8000)]
    assert all(len(set(draw.tolist())) == 3 for draw in draws)
    assert torch.allclose(frequencies(draws, 6).double(), chances, atol=0.02)


@pytest.mark.parametrize("number", range(1, 6))
def test_an_item_whose_weight_exceeds_one_draw_is_drawn_for_certain(number: int) -> None:
    weights = torch.tensor([1.0, 2.0, 4.0, 8.0, 100.0], dtype=torch.float64)
    chances = inclusion_probabilities(weights, number)
    assert float(chances.sum()) == pytest.approx(number)
    assert float(chances.max()) <= 1
    ratios = (chances / weights)[chances < 1]
    assert torch.allclose(ratios, ratios.mean())
    expected = {1: 100 / 115, 2: 1, 3: 1, 4: 1, 5: 1}[number]
    assert float(chances[4]) == pytest.approx(expected)
    # 8 of the 15 that are left, of two, would be more than one.
    assert float(chances[2]) == pytest.approx({1: 4 / 115, 2: 4 / 15, 3: 4 / 7}.get(number, 1))


def test_importance_weights_are_relative_to_the_maximum() -> None:
    priorities, generator = measured(1.0, 0.7), torch.Generator().manual_seed(0)
    for _ in range(20):
        chosen, importance = priorities.draw(every(5), 2, generator)
        # A share of 1.6 / 3.1 of two draws: certain; one draw is left for the others.
        chances = [1.0 if key == 4 else float(ERRORS[key]) / 1.5 for key in chosen.tolist()]
        weights = [(1 / (5 * chance)) ** 0.7 for chance in chances]
        expected = [weight / max(weights) for weight in weights]
        assert importance.tolist() == pytest.approx(expected, abs=1e-5)


def test_sums_weighted_by_one_over_the_probability_are_unbiased() -> None:
    values, generator = torch.tensor([3.0, -1.0, 2.0, 5.0, 1.0]), torch.Generator().manual_seed(0)
    chances = inclusion_probabilities(ERRORS.double(), 2)
    sums = []
    for _ in range(8000):
        chosen = systematic_sample(chances, 2, generator)
        sums.append((values[chosen] / chances[chosen]).sum())
    assert float(torch.stack(sums).mean()) == pytest.approx(float(values.sum()), abs=0.3)


def test_new_keys_have_the_maximum_priority_so_far() -> None:
    priorities, generator = measured(1.0, new=1), torch.Generator().manual_seed(0)
    set_errors(priorities, torch.tensor([4]), torch.tensor([0.1 - 1e-3]))
    priorities.reset(torch.tensor([0]))
    draws = [priorities.draw(every(6), 1, generator)[0] for _ in range(8000)]
    counted = torch.tensor([1.6, 0.2, 0.4, 0.8, 0.1, 1.6])
    assert torch.allclose(frequencies(draws, 6), counted / counted.sum(), atol=0.02)


def test_errors_of_one_key_are_averaged() -> None:
    priorities = Priorities(3, True, 1.0, 0.4)
    set_errors(priorities, torch.tensor([2, 0, 2]), torch.tensor([0.5, 4.0, 1.5]))
    assert priorities.state_dict()["priorities"].tolist() == pytest.approx([4.001, 0, 1.001])


def test_a_row_that_is_overwritten_is_new() -> None:
    buffer = ReplayBuffer(4, 1, 2, priorities=Priorities(4, False, 1.0, 0.4))
    buffer.add(transitions(0, 4))
    assert buffer.priorities is not None
    set_errors(buffer.priorities, torch.arange(4), torch.tensor([1e-4, 1e-4, 1e-4, 9.0]))
    buffer.add(transitions(4, 1))
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([buffer.sample(1, 1, generator).reward_t for _ in range(400)])
    counts = torch.bincount(drawn.long(), minlength=5)
    assert counts[4] > 150
    assert counts[3] > 150
    assert counts[:3].sum() < 20


def test_images_are_drawn_by_priority_with_windows_of_their_own() -> None:
    buffer = ReplayBuffer(100, 1, 2, priorities=Priorities(7, True, 1.0, 0.4))
    buffer.add(transitions(0, 70))
    assert buffer.priorities is not None
    errors = torch.tensor([1.0, 1.0, 8.0, 1.0, 1.0, 1.0, 1.0])
    set_errors(buffer.priorities, torch.arange(7), errors)
    generator = torch.Generator().manual_seed(0)
    draws = [buffer.sample(1, 3, generator).observation_tm1.image for _ in range(2000)]
    assert all(len(draw) == 3 and len(set(draw.tolist())) == 1 for draw in draws)
    assert torch.allclose(
        frequencies([draw[:1] for draw in draws], 7), errors / errors.sum(), atol=0.03
    )
    several = buffer.sample(4, 2, generator)
    assert len(set(several.observation_tm1.image.tolist())) == 4
    assert torch.equal(several.importance[::2], several.importance[1::2])


def learner_of(**learning: Any) -> tuple[Learner, torch.Generator]:
    agent = Agent.model_validate(
        {
            "encoder": {"image_size": 64, "widths": (4, 8), "pool": 3},
            "head": {"hidden": (16,), "presence": learning["backup"] == "all_actions"},
            "learning": learning,
        }
    )
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, STORE.categories, generator)
    return Learner(network, STORE, agent.mdp, agent.learning, generator), generator


def memory_of(priorities: Priorities) -> ReplayBuffer:
    """Three windows of each of eight images; a reward tells the row."""
    memory = ReplayBuffer(24, 1, 0, priorities=priorities)
    seen = windows_around_objects(
        STORE, torch.arange(8).repeat(3), 1, 0, torch.Generator().manual_seed(0)
    )
    rows = torch.arange(24)
    memory.add(Transition(seen, rows % 9, rows.float(), seen.boxes[:, -1], rows % 9 == 8))
    return memory


def test_an_update_weights_losses_and_sets_priorities_of_transitions() -> None:
    learner, generator = learner_of(backup="sampled", loss="squared", images_per_batch=6)
    priorities = Priorities(24, False, 0.8, 0.5)
    set_errors(priorities, torch.arange(20), torch.rand(20, generator=generator))
    memory = memory_of(priorities)
    set_errors(priorities, torch.arange(0, 20), torch.rand(20, generator=generator))
    before = priorities.state_dict()["priorities"]
    (part,) = learner.parts
    state = copy.deepcopy(part.state_dict())
    drawn = part.sample(memory)
    target_batch = part.make_targets(drawn)
    part.load_state_dict(state)
    update = learner.update(memory)

    assert torch.equal(target_batch.keys, drawn.rows)
    assert torch.equal(target_batch.importance, drawn.importance)
    assert len(set(drawn.importance.tolist())) > 2
    errors = (target_batch.outputs.detach() - target_batch.targets).abs()
    expected = sum(
        float(weight * error**2)
        for weight, error in zip(drawn.importance, errors, strict=True)
    ) / 6  # fmt: skip
    assert update.loss == pytest.approx(expected, rel=1e-4)
    after = priorities.state_dict()["priorities"]
    for row in range(24):
        if row in drawn.rows.tolist():
            error = errors[drawn.rows.tolist().index(row)]
            assert float(after[row]) == pytest.approx(float(error) + 1e-3, abs=1e-4)
        else:
            assert after[row] == before[row]


def test_an_update_weights_images_and_sets_their_priorities() -> None:
    learner, generator = learner_of(
        backup="all_actions", images_per_batch=3, windows_per_image=4, object_windows=0.5,
        loss="logistic",
    )  # fmt: skip
    priorities = Priorities(8, True, 0.8, 0.5)
    memory = memory_of(priorities)
    set_errors(priorities, torch.arange(8), torch.rand(8, generator=generator))
    before = priorities.state_dict()["priorities"]
    (part,) = learner.parts
    state = copy.deepcopy(part.state_dict())
    drawn = part.sample(memory)
    assert isinstance(part.make_targets, AllActionTargets)
    begun = copy.deepcopy(part.state_dict())
    batch, importance = part.make_targets.batch_of(drawn)
    part.load_state_dict(begun)
    target_batch = part.make_targets(drawn)
    values, losses = (each.detach() for each in part._losses(target_batch))
    part.load_state_dict(state)
    update = learner.update(memory)

    of_image = dict(
        zip(drawn.observation_tm1.image.tolist(), drawn.importance.tolist(), strict=True)
    )
    assert len(set(of_image.values())) == 3
    # Windows round objects too: twelve, where six were replayed.
    assert importance.tolist() == [of_image[image] for image in batch.observation.image.tolist()]
    assert len(importance) == 12
    images = target_batch.keys.tolist()
    assert target_batch.importance.tolist() == [of_image[image] for image in images]
    weights = target_batch.weights
    total = sum(
        float(losses[n] * weights[n]) * of_image[image] for n, image in enumerate(images)
    ) / float(weights.sum())
    (presence,) = target_batch.auxiliary
    assert update.loss == pytest.approx(total + float(presence.detach()), rel=1e-4)
    after = priorities.state_dict()["priorities"]
    for image in range(8):
        mine = (target_batch.keys == image).nonzero().squeeze(1).tolist()
        if mine:
            errors = [abs(float(values[n] - target_batch.targets[n])) for n in mine]
            assert float(after[image]) == pytest.approx(sum(errors) / len(mine) + 1e-3, abs=1e-4)
        else:
            assert after[image] == before[image]
    assert {int(image) for image in target_batch.keys} == set(of_image)


def test_a_restored_memory_has_the_same_priorities() -> None:
    priorities, other = measured(0.7, new=2), Priorities(9, False, 0.7, 0.4)
    other.load_state_dict(priorities.state_dict())
    for each in (priorities, other):
        set_errors(each, torch.tensor([5]), torch.tensor([0.3]))
    first, second = (
        each.draw(every(7), 3, torch.Generator().manual_seed(2)) for each in (priorities, other)
    )
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


errors = st.floats(0, 1e6, width=32)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=12), st.data())
def test_probabilities_are_in_proportion_and_draws_distinct(
    values: list[float], data: st.DataObject
) -> None:
    weights = torch.tensor(values, dtype=torch.float64)
    number = data.draw(st.integers(1, len(values)))
    probabilities = inclusion_probabilities(weights, number)
    assert float(probabilities.sum()) == pytest.approx(number)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    # One factor for all, where it makes no probability larger than 1.
    below = probabilities < 1 - 1e-9
    factors = (probabilities / weights)[below]
    assert torch.allclose(factors, factors[:1].expand_as(factors), rtol=1e-6, atol=0)
    if below.any() and not below.all():
        assert float(factors[0] * weights[~below].min()) >= 1 - 1e-6
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 999)))
    chosen = systematic_sample(probabilities, number, generator)
    assert len(chosen) == number == len(set(chosen.tolist()))


@given(
    st.lists(st.tuples(st.integers(0, 7), errors), min_size=1, max_size=20),
    st.sampled_from([0.3, 1.0]),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.data(),
)
def test_updates_average_and_weights_are_at_most_one(
    updated: list[tuple[int, float]], exponent: float, importance: float, data: st.DataObject
) -> None:
    priorities = Priorities(8, False, exponent, importance)
    keys = torch.tensor([key for key, _ in updated])
    set_errors(priorities, keys, torch.tensor([error for _, error in updated]))
    stored = priorities.state_dict()["priorities"].tolist()
    for key in range(8):
        mine = [error for other, error in updated if other == key]
        assert stored[key] == pytest.approx(sum(mine) / len(mine) + 1e-3 if mine else 0, rel=1e-5)
    number = data.draw(st.integers(1, 10))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 999)))
    chosen, weights = priorities.draw(every(8), number, generator)
    assert len(set(chosen.tolist())) == len(chosen) == min(number, 8)
    assert ((weights > 0) & (weights <= 1)).all()
    assert float(weights.max()) == 1
    # The rarer one was to be drawn, the more its loss counts; a new key is as likely as any.
    known = [value or max([1e-3, *stored]) for value in stored]
    order = sorted(range(len(chosen)), key=lambda place: known[int(chosen[place])])
    assert (weights[order].diff() <= 1e-6).all()


def test_with_fewer_items_than_draws_all_come_and_some_again() -> None:
    weights = torch.tensor([0.0, 2.0, 0.0, 1e-9, 5.0], dtype=torch.float64)
    for number in (3, 4, 7):
        chances = inclusion_probabilities(weights, number)
        assert chances.tolist() == pytest.approx([0, 1, 0, 1, 1])
        chosen = systematic_sample(chances, number, torch.Generator().manual_seed(0))
        assert len(chosen) == number
        assert set(chosen.tolist()) == {1, 3, 4}


def test_padded_draws_are_as_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    held = torch.tensor([True, True, False, True, True])
    frequency = []
    for stalling in (False, True):
        if stalling:
            force_stalling(monkeypatch)
        priorities, generator = measured(1.0), torch.Generator().manual_seed(0)
        draws = [priorities.draw(held, 2, generator)[0] for _ in range(4000)]
        frequency.append(frequencies(draws, 5))
    assert frequency[1][2] == 0
    assert torch.allclose(frequency[0], frequency[1], atol=0.03)
