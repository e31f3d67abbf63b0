"""Extra windows: round objects, where searches start, where learned moves landed."""

import torch

from objloc.box import iou
from objloc.learning.extra_windows import ExtraWindows, LandedWindows, windows_around_objects
from objloc.mdp.action import start_windows
from objloc.mdp.environment import Observation
from objloc.params import Learning, Mdp
from tests.helpers.stores import make_store

STORE = make_store(6)
MDP = Mdp(starts=((1, 1.0), (3, 0.5)))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def drawn(learning: Learning, images: list[int]) -> tuple[ExtraWindows, Observation]:
    extra = ExtraWindows(STORE, MDP, learning, 2, 3, seeded())
    image = torch.tensor(images).repeat_interleave(extra.replayed)
    replayed = Observation(
        image,
        torch.zeros_like(image),
        torch.zeros(len(image), 2, 4, dtype=torch.float64),
        torch.zeros(len(image), 3, dtype=torch.int64),
    )
    return extra, extra.add_to(replayed, 4)


def test_a_batch_has_as_many_windows_of_each_kind_as_asked() -> None:
    learning = Learning(
        windows_per_image=20, object_windows=0.5, start_windows=0.1, landed_windows=0.25
    )
    extra, observation = drawn(learning, [1, 3])
    assert extra.replayed == 20 - 10 - 2 - 5
    assert torch.bincount(observation.image).tolist() == [0, 20, 0, 20]
    assert observation.boxes.shape == (40, 2, 4)
    assert (observation.actions[2 * extra.replayed :] == -1).all()


def test_start_windows_are_large_as_often_as_small() -> None:
    learning = Learning(windows_per_image=401, start_windows=400 / 401)
    extra, observation = drawn(learning, [2])
    boxes = observation.boxes[extra.replayed :, -1]
    starts = start_windows(MDP.starts) * STORE.sizes[2].repeat(2)
    which = (boxes[:, None] - starts).abs().amax(dim=-1).argmin(dim=1)
    torch.testing.assert_close(boxes, starts[which])
    assert 160 < int((which == 0).sum()) < 240, "one grid is a single window"
    assert set(which.tolist()) == set(range(10))


def test_windows_landed_on_come_from_their_own_image() -> None:
    learning = Learning(windows_per_image=8, landed_windows=0.5)
    extra, _ = drawn(learning, [0])
    assert extra.landed is not None
    boxes = torch.tensor([[1, 2, 30, 40], [5, 6, 70, 80.0]]).double()
    extra.landed.add(torch.tensor([1, 1]), boxes, torch.tensor([True, True]), seeded())
    replayed = Observation(
        torch.tensor([1, 4]),
        torch.zeros(2, dtype=torch.int64),
        torch.zeros(2, 2, 4, dtype=torch.float64),
        torch.zeros(2, 3, dtype=torch.int64),
    )
    observation = extra.add_to(replayed, 4)
    known = observation.boxes[2:][observation.image[2:] == 1, -1]
    assert {tuple(box) for box in known.tolist()} <= {tuple(box) for box in boxes.tolist()}
    # Nothing has landed in the other one yet: windows round its object, inside of it.
    others = observation.boxes[2:][observation.image[2:] == 4, -1]
    assert len(others) == 4
    assert (others[:, 2:] > others[:, :2]).all()


def test_the_latest_landings_are_remembered_and_some_of_many() -> None:
    landed, generator = LandedWindows(3), seeded()
    number = torch.arange(100).double()
    landed.add(torch.full((100,), 2), number[:, None].expand(-1, 4), number >= 0, generator)
    boxes, known = landed.draw(torch.tensor([0, *[2] * 200]), generator)
    assert known.tolist() == [False, *[True] * 200]
    assert len(set(boxes[1:, 0].tolist())) == 8
    for value in range(1000, 1032):
        box = torch.full((1, 4), float(value)).double()
        landed.add(torch.tensor([2]), box, torch.tensor([True]), generator)
    boxes, _ = landed.draw(torch.full((600,), 2), generator)
    assert set(boxes[:, 0].tolist()) == set(map(float, range(1000, 1032)))


def test_landings_go_on_from_their_state() -> None:
    first, second = LandedWindows(2), LandedWindows(2)
    image = torch.tensor([0, 1, 1])
    first.add(image, torch.rand(3, 4).double(), image >= 0, seeded())
    second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    images = torch.tensor([0, 1, 1, 1])
    for mine, theirs in zip(
        first.draw(images, seeded()), second.draw(images, seeded()), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_windows_around_objects_lie_in_the_image_and_often_on_the_object() -> None:
    image = torch.arange(6).repeat(130)
    seen = windows_around_objects(STORE, image, 2, 3, torch.Generator().manual_seed(0))
    boxes = seen.boxes[:, -1]
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= STORE.sizes[image]).all()
    assert ((boxes[:, 2:] - boxes[:, :2]) >= 1 - 1e-9).all()
    overlap = iou(boxes, STORE.boxes[image, 0])
    assert 0.3 < (overlap > 0.5).double().mean() < 0.9
    farther = windows_around_objects(STORE, image, 2, 3, torch.Generator().manual_seed(0), 3.0)
    beyond = iou(farther.boxes[:, -1], STORE.boxes[image, 0])
    assert (beyond > 0).double().mean() > 0.1
    assert (beyond > 0.5).double().mean() < 0.5 * (overlap > 0.5).double().mean()
    assert torch.equal(seen.boxes[:, 0], seen.boxes[:, 1])
    assert (seen.actions == -1).all()
    assert torch.equal(seen.category, STORE.object_category[image, 0])
