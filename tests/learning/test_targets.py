import pytest
import torch

from objloc.box import iou
from objloc.data.image_batch import pixels_of
from objloc.learning.extra_windows import windows_round_objects
from objloc.learning.learner import Learner
from objloc.learning.replay import ReplayBuffer, Transition
from objloc.learning.targets import (
    Batch,
    EveryAction,
    bootstrap,
    coverage_by_label,
    make_batch,
    sampled_target,
)
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
    image = torch.arange(number)
    return windows_round_objects(STORE, image, 1, 0, generator)


def test_the_bootstrap_value_of_the_double_network_is_chosen_by_the_online_one() -> None:
    online, target = torch.tensor([[1.0, 3.0, 2.0]]), torch.tensor([[9.0, 4.0, 5.0]])
    assert bootstrap(online, target, double=False).tolist() == [9.0]
    assert bootstrap(online, target, double=True).tolist() == [4.0]


def test_nothing_follows_a_terminated_episode() -> None:
    transition = Transition(
        observation(2),
        torch.tensor([0, 8]),
        torch.tensor([1.0, 3.0]),
        torch.zeros(2, 4, dtype=torch.float64),
        torch.tensor([False, True]),
    )
    targets = sampled_target(transition, torch.tensor([10.0, 10.0]), 0.9)
    assert targets.tolist() == [10.0, 3.0]


def test_rewards_of_all_actions_equal_a_slow_recomputation() -> None:
    learning = Learning(absent_reward=-2.5)
    batch = make_batch(STORE, observation(), learning, torch.Generator())
    rewards, taught, following = EveryAction(MDP, learning, True).rewards(batch, 3)
    moves, actions = Moves(MDP), ACTION_SETS["paper"]
    assert rewards.shape == taught.shape == (6, 3, 9)
    for row in range(6):
        box = batch.observation.boxes[row, -1]
        truth = int(STORE.object_category[row, 0])
        for category in range(3):
            for index, action in enumerate(actions):
                value, known = rewards[row, category, index], taught[row, category, index]
                after = moves.apply(box[None], STORE.sizes[row][None], torch.tensor([index]))[0]
                assert torch.equal(after, following[row, index])
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
    batch = make_batch(STORE, observation(), Learning(), torch.Generator())
    _, taught, _ = EveryAction(MDP, Learning(), False).rewards(batch, 3)
    for row in range(6):
        for category in range(3):
            own = category == int(batch.observation.category[row])
            assert taught[row, category].all().item() == own


@pytest.mark.parametrize("category_channels", [0, 2])
def test_next_values_are_the_target_networks_at_the_windows_after_each_move(
    category_channels: int,
) -> None:
    encoder = Encoder(image_size=64, widths=(8, 8, 8), category_channels=category_channels)
    agent = Agent(encoder=encoder, head=Head(hidden=(16,)))
    online, target = build_network(agent, STORE.categories), build_network(agent, STORE.categories)
    batch = make_batch(STORE, observation(3), Learning(), torch.Generator())
    every = EveryAction(MDP, Learning(double=False), True)
    _, taught, following = every.rewards(batch, 3)
    values = every.next_values(batch, following, taught, online, target)
    assert values.shape == (3, 3, 8)
    target.eval()
    views = target.encode(batch.images)
    for row in range(3):
        for move in range(8):
            box = following[row, move] / torch.cat([batch.sizes[row], batch.sizes[row]])
            seen = target(views, windows_of(box.float().view(1, 1, 4), batch.index[row : row + 1]))
            truth = int(STORE.object_category[row, 0])
            for category in range(3):
                expected = float(seen[0, category].max().detach()) if category == truth else 0.0
                assert values[row, category, move] == pytest.approx(expected, abs=1e-4)


def test_flipped_images_keep_their_truth() -> None:
    """IoU of window and object is the same in the mirror, and the pixels move along."""
    learning = Learning(flip=True)
    plain = make_batch(STORE, observation(), Learning(), torch.Generator())
    flipped = 0
    for seed in range(4):
        mirrored = make_batch(STORE, observation(), learning, torch.Generator().manual_seed(seed))
        for row in range(6):
            before: Batch = plain
            old = iou(before.observation.boxes[row, -1], before.objects[row, 0])
            new = iou(mirrored.observation.boxes[row, -1], mirrored.objects[row, 0])
            assert new.item() == pytest.approx(old.item(), abs=1e-12)
            picture = pixels_of(mirrored.images)[mirrored.index[row]]
            unturned = pixels_of(before.images)[before.index[row]]
            if torch.equal(picture, unturned.flip(-1)):
                flipped += 1
                assert mirrored.objects[row, 0, 0] == 120 - before.objects[row, 0, 2]
            else:
                assert torch.equal(picture, unturned)
    assert 4 < flipped < 20


def test_windows_round_objects_lie_in_the_image_and_often_on_the_object() -> None:
    image = torch.arange(8).repeat(100)
    seen = windows_round_objects(STORE, image, 2, 3, torch.Generator().manual_seed(0))
    boxes = seen.boxes[:, -1]
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= STORE.sizes[image]).all()
    assert ((boxes[:, 2:] - boxes[:, :2]) >= 1 - 1e-9).all()
    overlap = iou(boxes, STORE.boxes[image, 0])
    assert 0.3 < (overlap > 0.5).double().mean() < 0.9
    farther = windows_round_objects(STORE, image, 2, 3, torch.Generator().manual_seed(0), 3.0)
    beyond = iou(farther.boxes[:, -1], STORE.boxes[image, 0])
    assert (beyond > 0).double().mean() > 0.1
    assert (beyond > 0.5).double().mean() < 0.5 * (overlap > 0.5).double().mean()
    assert torch.equal(seen.boxes[:, 0], seen.boxes[:, 1])
    assert (seen.actions == -1).all()
    assert torch.equal(seen.category, STORE.object_category[image, 0])


def test_cropping_teaches_only_objects_that_are_seen() -> None:
    learning = Learning(crop=0.6, flip=True)
    lost = 0
    for seed in range(20):
        batch = make_batch(STORE, observation(), learning, torch.Generator().manual_seed(seed))
        boxes = batch.observation.boxes
        assert (boxes[..., :2] >= 0).all()
        assert (boxes[:, -1, 2:] <= batch.sizes + 1e-9).all()
        assert (boxes[..., 2:] > boxes[..., :2]).all()
        lost += int((batch.labels < 0).sum())
    assert 0 < lost < 60


def test_coverage_is_the_greatest_share_of_an_object_of_each_category() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]], dtype=torch.float64)
    objects = torch.tensor([[[5, 0, 15, 10], [0, 0, 40, 10], [0, 0, 4, 4]]], dtype=torch.float64)
    labels = torch.tensor([[1, 1, -1]])
    assert coverage_by_label(boxes, objects, labels, 3).tolist() == [[0.0, 0.5, 0.0]]


@pytest.mark.parametrize(("discount", "moves"), [(0.0, 1.0), (0.5, 2.5), (0.9, 10.0)])
def test_bounded_values_reach_every_possible_return(discount: float, moves: float) -> None:
    learning = Learning(
        backup="all_actions", discount=discount, loss="logistic", absent_reward=-0.5
    )
    mdp = Mdp(trigger_reward=3.0, trigger_cost=0.7)
    network = build_network(Agent(mdp=mdp, learning=learning), ("cat",))
    assert network.bounds is not None
    least, greatest = network.bounds.tolist()
    assert least == pytest.approx([-moves] * 8 + [-0.7])
    assert greatest == pytest.approx([moves] * 8 + [3.0])
    outputs = torch.tensor([-100.0, 0.0, 100.0] * 3)
    values = network.values_of(outputs)
    assert values[:3].tolist() == pytest.approx([-moves, 0, moves])
    assert values[-1] == 3.0
    assert network.values_of(-outputs)[-1] == pytest.approx(-0.7)


def test_a_cheaper_wrong_trigger_changes_what_is_done_not_what_is_learned() -> None:
    """The share of its range that a trigger's value is taught is the chance of a hit."""
    memory = ReplayBuffer(8, 1, 0)
    seen = observation(8)
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


def test_values_have_no_bounds_with_another_loss() -> None:
    network = build_network(Agent(learning=Learning(loss="huber")), ("cat",))
    assert network.bounds is None
    assert network.values_of(torch.full((9,), 77.0)).tolist() == [77.0] * 9
