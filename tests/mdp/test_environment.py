import pytest
import torch

from objloc.box import iou
from objloc.mdp.action import ACTION_SETS, Action, Moves, actions_of, effects_of
from objloc.mdp.environment import Environment
from objloc.params import Mdp
from tests.helpers.stores import crowded, make_store

STORE = make_store()
MDP = Mdp(max_steps=6)
PAPER = ACTION_SETS["paper"]


def number(action: Action) -> torch.Tensor:
    return torch.tensor([PAPER.index(action)])


def test_the_first_window_is_the_whole_image() -> None:
    environment = Environment(STORE, MDP, frames=3, action_history=2)
    seen = environment.reset(STORE.tasks()[:4])
    assert seen.boxes.shape == (4, 3, 4)
    assert seen.boxes[0].tolist() == [[0, 0, 120, 90]] * 3
    assert seen.actions.tolist() == [[-1, -1]] * 4


def test_the_trigger_ends_the_episode_and_leaves_the_window() -> None:
    environment = Environment(STORE, MDP)
    environment.reset(STORE.tasks()[:1])
    environment.step(number(Action.SMALLER))
    before = environment.observation().boxes
    outcome = environment.step(number(Action.TRIGGER))
    assert outcome.terminated.item()
    assert not outcome.truncated.item()
    assert torch.equal(environment.observation().boxes, before)
    expected = 3.0 if outcome.iou.item() > 0.5 else -3.0
    assert outcome.reward.item() == expected


def test_the_step_limit_truncates_and_does_not_terminate() -> None:
    environment = Environment(STORE, MDP)
    environment.reset(STORE.tasks()[:1])
    outcomes = [environment.step(number(Action.MOVE_LEFT)) for _ in range(6)]
    assert [outcome.truncated.item() for outcome in outcomes] == [False] * 5 + [True]
    assert not any(outcome.terminated.item() for outcome in outcomes)


def test_a_trigger_in_the_last_step_terminates() -> None:
    environment = Environment(STORE, MDP)
    environment.reset(STORE.tasks()[:1])
    for _ in range(5):
        environment.step(number(Action.MOVE_LEFT))
    outcome = environment.step(number(Action.TRIGGER))
    assert outcome.terminated.item()
    assert not outcome.truncated.item()


def test_the_first_move_of_a_new_episode_is_judged_by_its_own_start() -> None:
    """The 2018 system kept the old IoU after a time-out and 0 after a trigger."""
    environment = Environment(STORE, MDP)
    task = STORE.tasks()[:1]
    environment.reset(task)
    standing_still = environment.step(number(Action.BIGGER)).reward.item()
    assert standing_still == -1.0
    for last in (Action.TRIGGER, Action.SMALLER):
        environment.step(number(last))
        environment.reset_slots(torch.tensor([0]), task)
        assert environment.step(number(Action.BIGGER)).reward.item() == -1.0


def test_rewards_equal_a_plain_recomputation() -> None:
    environment = Environment(STORE, Mdp(max_steps=50))
    environment.reset(STORE.tasks()[:1])
    moves = Moves(MDP)
    box = environment.observation().boxes[:, -1]
    truth = STORE.boxes[0, 0]
    generator = torch.Generator().manual_seed(3)
    for _ in range(40):
        action = torch.randint(8, (1,), generator=generator)
        following = moves.apply(box, STORE.sizes[:1], action)
        grew = iou(following[0], truth) > iou(box[0], truth)
        outcome = environment.step(action)
        assert outcome.reward.item() == (1.0 if grew else -1.0)
        assert outcome.iou.item() == iou(following[0], truth).item()
        box = following


def plain_iou(a: list[float], b: list[float]) -> float:
    def area(left: float, top: float, right: float, bottom: float) -> float:
        return max(right - left, 0.0) * max(bottom - top, 0.0)

    low, high = map(max, a[:2], b[:2]), map(min, a[2:], b[2:])
    shared = area(*low, *high)
    return shared / (area(*a) + area(*b) - shared)


def plain_move(box: list[float], size: list[float], effect: list[float], mdp: Mdp) -> list[float]:
    sides = [box[2] - box[0], box[3] - box[1]] * 2
    moved = [
        min(max(edge + share * side, 0.0), limit)
        for edge, share, side, limit in zip(box, effect, sides, size * 2, strict=True)
    ]
    width, height = (moved[2] - moved[0]) / size[0], (moved[3] - moved[1]) / size[1]
    ratio = height / max(width, 1e-12)
    allowed = min(width, height) >= mdp.min_side - 1e-9 and (
        mdp.min_aspect_ratio - 1e-9 <= ratio <= mdp.max_aspect_ratio + 1e-9
    )
    return moved if allowed else box


@pytest.mark.parametrize(
    "mdp",
    [
        Mdp(),
        Mdp(actions="dissertation", zooms=True, further_step_sizes=(0.4,)),
        Mdp(step_size=0.5, min_side=0.3, min_aspect_ratio=0.8, max_aspect_ratio=1.25),
    ],
)
def test_every_bit_of_an_episode_is_that_of_plain_arithmetic(mdp: Mdp) -> None:
    store, choices = crowded(STORE), len(actions_of(mdp))
    tasks, effects = store.tasks(), effects_of(mdp).tolist()
    generator = torch.Generator().manual_seed(2)
    environment = Environment(store, mdp)
    environment.reset(tasks)
    truths = [[box for box, _ in store.ground_truth(*task)] for task in tasks.tolist()]
    sizes = store.sizes[tasks[:, 0]].tolist()
    boxes = [[0.0, 0.0, *size] for size in sizes]
    for _ in range(25):
        actions = torch.randint(choices, (len(tasks),), generator=generator)
        outcome = environment.step(actions)
        for row, action in enumerate(actions.tolist()):
            before = max(plain_iou(boxes[row], list(truth)) for truth in truths[row])
            boxes[row] = plain_move(boxes[row], sizes[row], effects[action], mdp)
            after = max(plain_iou(boxes[row], list(truth)) for truth in truths[row])
            assert outcome.iou[row].item() == after
            earned = 1.0 if after > before else -1.0
            if action == choices - 1:
                earned = 3.0 if after > 0.5 else -3.0
            assert outcome.reward[row].item() == earned
        assert environment.observation().boxes[:, -1].tolist() == boxes


def test_what_was_returned_stays_as_it_is() -> None:
    environment = Environment(STORE, MDP, frames=2, action_history=2)
    task = STORE.tasks()[:3]
    returned = [environment.reset(task)]
    numbers = [(environment.iou, environment.steps)]
    copies = []
    for action in range(5):
        now, (overlap, steps) = returned[-1], numbers[-1]
        kept = (now.image, now.category, now.boxes, now.actions, overlap, steps)
        copies.append((kept, [each.clone() for each in kept]))
        if action == 2:
            environment.reset_slots(torch.tensor([1]), STORE.tasks()[5:6])
        else:
            environment.step(torch.tensor([action, 0, 6]))
        returned.append(environment.observation())
        numbers.append((environment.iou, environment.steps))
    for kept, copied in copies:
        assert all(torch.equal(one, two) for one, two in zip(kept, copied, strict=True))


def test_many_slots_behave_as_one_does() -> None:
    tasks = STORE.tasks()[:5]
    generator = torch.Generator().manual_seed(1)
    actions = torch.randint(8, (6, 5), generator=generator)
    together = Environment(STORE, MDP, frames=2, action_history=3)
    together.reset(tasks)
    alone = [Environment(STORE, MDP, frames=2, action_history=3) for _ in range(5)]
    for slot, environment in enumerate(alone):
        environment.reset(tasks[slot : slot + 1])
    for row in actions:
        joint = together.step(row)
        for slot, environment in enumerate(alone):
            single = environment.step(row[slot : slot + 1])
            assert single.reward.item() == joint.reward[slot].item()
            assert single.iou.item() == joint.iou[slot].item()
    seen = together.observation()
    for slot, environment in enumerate(alone):
        assert torch.equal(environment.observation().boxes[0], seen.boxes[slot])
        assert torch.equal(environment.observation().actions[0], seen.actions[slot])


def test_reward_of_every_action_is_what_each_action_earns() -> None:
    environment = Environment(STORE, MDP)
    environment.reset(STORE.tasks()[:3])
    environment.step(torch.tensor([0, 1, 2]))
    promised = environment.reward_of_every_action()
    state = {name: value.clone() for name, value in environment.state_dict().items()}
    for action in range(len(PAPER)):
        environment.load_state_dict({name: value.clone() for name, value in state.items()})
        earned = environment.step(torch.full((3,), action)).reward
        assert torch.equal(earned, promised[:, action])


def test_histories_hold_the_newest_last() -> None:
    environment = Environment(STORE, MDP, frames=2, action_history=2)
    environment.reset(STORE.tasks()[:1])
    for action in (Action.SMALLER, Action.MOVE_DOWN, Action.FATTER):
        before = environment.observation().boxes[0, -1]
        environment.step(number(action))
    seen = environment.observation()
    assert seen.actions.tolist() == [[PAPER.index(Action.MOVE_DOWN), PAPER.index(Action.FATTER)]]
    assert torch.equal(seen.boxes[0, 0], before)


@pytest.mark.parametrize("rows", [[0, 2], [1]])
def test_keep_drops_the_other_slots(rows: list[int]) -> None:
    environment = Environment(STORE, MDP)
    environment.reset(STORE.tasks()[:3])
    environment.step(torch.tensor([0, 1, 2]))
    before = environment.observation()
    environment.keep_only(torch.tensor(rows))
    assert torch.equal(environment.observation().boxes, before.boxes[rows])
    assert len(environment.steps) == len(rows)
