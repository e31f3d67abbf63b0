import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from objloc.learning.memory.replay import ReplayBuffer, Transition
from objloc.mdp.environment import Observation
from tests.helpers.watching import force_stalling


def transitions(first: int, number: int, image: int | None = None, frames: int = 1) -> Transition:
    """Numbered transitions: every field tells which one it is."""
    count = torch.arange(first, first + number)
    images = count % 7 if image is None else torch.full((number,), image)
    boxes = count.double().view(-1, 1, 1).expand(-1, frames, 4).clone()
    return Transition(
        Observation(images, count % 3, boxes, (count % 5).view(-1, 1).expand(-1, 2).clone()),
        count % 9,
        count.float(),
        count.double().view(-1, 1).expand(-1, 4).clone() + 0.5,
        count % 2 == 0,
    )


def numbers(buffer: ReplayBuffer, draws: int = 2000) -> set[int]:
    drawn = buffer.sample(draws, 1, torch.Generator().manual_seed(0))
    return {int(reward) for reward in drawn.reward_t}


def test_the_oldest_is_forgotten_first() -> None:
    buffer = ReplayBuffer(10, 1, 2)
    buffer.add(transitions(0, 6))
    assert len(buffer) == 6
    buffer.add(transitions(6, 7))
    assert len(buffer) == 10
    assert numbers(buffer) == set(range(3, 13))


def test_a_transition_comes_back_as_it_went_in() -> None:
    buffer = ReplayBuffer(100, 1, 2)
    buffer.add(transitions(0, 50))
    drawn = buffer.sample(64, 1, torch.Generator().manual_seed(1))
    for row, which in enumerate(int(r) for r in drawn.reward_t):
        expected = transitions(which, 1)
        assert drawn.observation_tm1.image[row] == expected.observation_tm1.image[0]
        assert drawn.observation_tm1.category[row] == expected.observation_tm1.category[0]
        assert torch.equal(drawn.observation_tm1.boxes[row], expected.observation_tm1.boxes[0])
        assert torch.equal(drawn.observation_tm1.actions[row], expected.observation_tm1.actions[0])
        assert drawn.action_tm1[row] == expected.action_tm1[0]
        assert torch.equal(drawn.box_t[row], expected.box_t[0])
        assert drawn.terminated_t[row] == expected.terminated_t[0]


def test_the_next_observation_shifts_the_histories() -> None:
    one = transitions(4, 1, frames=2)
    following = one.observation_t
    assert following.boxes[0, :, 0].tolist() == [4.0, 4.5]
    assert following.actions.tolist() == [[4, 4]]
    two = transitions(6, 1).observation_t
    assert two.actions.tolist() == [[1, 6]]


def test_uniform_draws_are_uniform() -> None:
    buffer = ReplayBuffer(20, 1, 2)
    buffer.add(transitions(0, 20))
    drawn = buffer.sample(20_000, 1, torch.Generator().manual_seed(0)).reward_t.long()
    counts = torch.bincount(drawn, minlength=20)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_grouped_draws_hold_distinct_images_with_their_own_windows() -> None:
    buffer = ReplayBuffer(1000, 1, 2)
    buffer.add(transitions(0, 300, image=3))
    buffer.add(transitions(300, 5, image=9))
    buffer.add(transitions(305, 60))
    drawn = buffer.sample(4, 8, torch.Generator().manual_seed(2))
    images = drawn.observation_tm1.image.view(-1, 8)
    assert images.shape == (4, 8)
    assert (images == images[:, :1]).all()
    assert len(set(images[:, 0].tolist())) == 4
    for image, which in zip(images.flatten().tolist(), drawn.reward_t.long().tolist(), strict=True):
        expected = 3 if which < 300 else 9 if which < 305 else which % 7
        assert image == expected


def test_a_grouped_draw_takes_what_images_there_are() -> None:
    buffer = ReplayBuffer(100, 1, 2)
    buffer.add(transitions(0, 10, image=1))
    assert len(buffer.sample(32, 4, torch.Generator()).reward_t) == 4


def test_a_restored_memory_goes_on_as_the_original() -> None:
    buffer, other = ReplayBuffer(10, 1, 2), ReplayBuffer(10, 1, 2)
    buffer.add(transitions(0, 13))
    other.load_state_dict(buffer.state_dict())
    for memory in (buffer, other):
        memory.add(transitions(13, 4))
    first = buffer.sample(30, 1, torch.Generator().manual_seed(5))
    second = other.sample(30, 1, torch.Generator().manual_seed(5))
    assert torch.equal(first.reward_t, second.reward_t)
    assert numbers(other) == set(range(7, 17))


def test_a_full_memory_goes_on_in_a_larger_one_without_rows_never_written() -> None:
    full = ReplayBuffer(10, 1, 2)
    full.add(transitions(0, 13))
    larger = ReplayBuffer(20, 1, 2)
    larger.add(transitions(500, 20))  # what must not come back
    larger.load_state_dict(full.state_dict())
    larger.add(transitions(13, 5))
    assert len(larger) == 10
    assert numbers(larger) == set(range(8, 18))


def test_a_memory_with_room_fills_the_rest_of_a_larger_one() -> None:
    some = ReplayBuffer(10, 1, 2)
    some.add(transitions(0, 6))
    larger = ReplayBuffer(20, 1, 2)
    larger.load_state_dict(some.state_dict())
    larger.add(transitions(6, 9))
    assert numbers(larger) == set(range(15))


@given(
    st.integers(1, 12),
    st.lists(st.integers(1, 15), min_size=1, max_size=6),
    st.integers(1, 8),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_only_the_last_transitions_come_back_and_each_whole(
    size: int, numbers_added: list[int], images: int, windows: int, seed: int
) -> None:
    buffer, restored, total = ReplayBuffer(size, 1, 2), ReplayBuffer(size + 3, 1, 2), 0
    for number in numbers_added:
        buffer.add(transitions(total, number))
        total += number
    restored.load_state_dict(buffer.state_dict())
    for memory in (buffer, restored):
        assert len(memory) == min(total, size)
        assert numbers(memory, 300) <= set(range(max(0, total - size), total))
        drawn = memory.sample(images, windows, torch.Generator().manual_seed(seed))
        which = drawn.reward_t.long()
        expected = transitions(0, total)
        seen, kept = drawn.observation_tm1, expected.observation_tm1[which]
        assert torch.equal(seen.image, kept.image)
        assert torch.equal(seen.category, kept.category)
        assert torch.equal(seen.boxes, kept.boxes)
        assert torch.equal(seen.actions, kept.actions)
        assert torch.equal(drawn.action_tm1, expected.action_tm1[which])
        assert torch.equal(drawn.box_t, expected.box_t[which])
        assert torch.equal(drawn.terminated_t, expected.terminated_t[which])
        assert torch.equal(drawn.steps, torch.ones_like(which))
        if windows > 1:
            groups = seen.image.view(-1, windows)
            stored = {number % 7 for number in range(max(0, total - size), total)}
            assert len(groups) == min(images, len(stored))
            assert (groups == groups[:, :1]).all()
            assert len(set(groups[:, 0].tolist())) == len(groups)


def test_padded_draws_are_of_the_same_images_and_as_likely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buffer = ReplayBuffer(100, 1, 2, images=12)
    buffer.add(transitions(0, 20, image=3))
    buffer.add(transitions(20, 10))
    found = []
    for stalling in (False, True):
        if stalling:
            force_stalling(monkeypatch)
        generator = torch.Generator().manual_seed(0)
        draws = [buffer.sample(2, 3, generator) for _ in range(2000)]
        for drawn in draws:
            groups = drawn.observation_tm1.image.view(2, 3)
            assert (groups == groups[:, :1]).all()
            assert groups[0, 0] != groups[1, 0]
        found.append(torch.bincount(torch.cat([drawn.rows for drawn in draws]), minlength=30))
    assert (found[1] > 0).all()
    assert torch.allclose(found[0] / 12000, found[1] / 12000, atol=0.025)


def test_a_padded_draw_of_few_images_has_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    force_stalling(monkeypatch)
    buffer = ReplayBuffer(100, 1, 2, images=12)
    buffer.add(transitions(0, 6))
    buffer.add(transitions(6, 3, image=1))
    drawn = buffer.sample(9, 2, torch.Generator().manual_seed(0))
    assert set(drawn.observation_tm1.image.tolist()) == set(range(6))
    assert len(drawn.rows) == 18


def test_steps_of_searches_for_what_is_not_there_are_wrong_triggers() -> None:
    steps = transitions(0, 4)
    absent = torch.tensor([False, True, True, False])
    taught = steps.with_wrong_triggers(absent, trigger=8, reward=-3.0)
    assert taught.action_tm1.tolist() == [0, 8, 8, 3]
    assert taught.reward_t.tolist() == [0.0, -3.0, -3.0, 3.0]
    # No value follows a trigger.
    assert taught.terminated_t.tolist() == [True, True, True, False]
    assert taught.observation_tm1 is steps.observation_tm1
