"""Auxiliary outputs: targets and losses by hand, and where learned moves lead."""

import pytest
import torch
from torch import Tensor

from objloc.box import quarters
from objloc.data.image_batch import Pixels
from objloc.learning.auxiliary import (
    LearnedMoves,
    auxiliary_losses,
    coverage_by_label,
    step_loss,
    zoom_losses,
    zoom_targets,
)
from objloc.learning.batch import Batch
from objloc.mdp.action import Moves, steps_between
from objloc.mdp.environment import Observation
from objloc.network.q_network import build_network
from objloc.network.valuer import NUM_STEPS, QUARTERS, STEP_UNIT
from objloc.network.windows import Pairs
from objloc.params import Agent, Head, Learning
from tests.search.test_learned_zooms import AGENT, STEPS, zooming

FIRST = Pairs(torch.tensor([0]), torch.tensor([0]))


def batch_of(boxes: torch.Tensor, objects: torch.Tensor, labels: torch.Tensor) -> Batch:
    number = len(boxes)
    return Batch(
        images=Pixels(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)),
        index=torch.zeros(number, dtype=torch.int64),
        observation=Observation(
            torch.full((number,), 4),
            torch.zeros(number, dtype=torch.int64),
            boxes[:, None].double(),
            torch.zeros(number, 0, dtype=torch.int64),
        ),
        sizes=torch.full((number, 2), 100.0, dtype=torch.float64),
        objects=objects.double().expand(number, -1, -1),
        labels=labels.expand(number, -1),
        mirrored=torch.zeros(number, dtype=torch.bool),
        offset=torch.zeros(number, 2, dtype=torch.float64),
        widths=torch.full((number,), 100.0, dtype=torch.float64),
    )


def real(pairs: Pairs) -> Tensor:
    return torch.ones_like(pairs.window, dtype=torch.bool)


def test_coverage_is_the_maximum_fraction_of_an_object_of_each_category() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]], dtype=torch.float64)
    objects = torch.tensor([[[5, 0, 15, 10], [0, 0, 40, 10], [0, 0, 4, 4]]], dtype=torch.float64)
    labels = torch.tensor([[1, 1, -1]])
    assert coverage_by_label(boxes, objects, labels, 3).tolist() == [[0.0, 0.5, 0.0]]


def test_steps_lead_to_the_best_object_from_windows_near_it() -> None:
    boxes = torch.tensor([[10, 10, 50, 50], [70, 10, 95, 50], [60, 10, 90, 50.0]])[:, None]
    objects = torch.tensor([[20, 10, 50, 50], [0, 0, 40, 40], [60, 10, 90, 50.0]])
    batch = batch_of(boxes[:, 0], objects, torch.tensor([0, 0, 1]))
    # The second window has no cat near it; of the first the better of two cats counts.
    pairs = Pairs(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1]))
    right = torch.zeros(3, NUM_STEPS)
    right[0] = steps_between(boxes[0, 0], objects[0])
    right[1] = 77
    loss = step_loss(batch, pairs, right, 0.3, real(pairs))
    assert float(loss) == pytest.approx(0, abs=1e-6)
    wrong = right.clone()
    wrong[2, -1] = 3 * STEP_UNIT
    loss = step_loss(batch, pairs, wrong, 0.3, real(pairs))
    assert float(loss) == pytest.approx((3 - 0.5) / 2)
    second = Pairs(torch.tensor([1]), torch.tensor([0]))
    alone = step_loss(batch, second, right[1:2], 0.3, real(second))
    assert float(alone) == 0


def test_a_quarter_holds_the_largest_small_object_whose_centre_lies_in_it() -> None:
    boxes = torch.tensor([[0, 0, 100, 100.0]])
    objects = torch.tensor(
        [
            [5, 5, 15, 15],  # upper left, the smaller of two cats there
            [20, 20, 40, 40],  # upper left
            [60, 60, 70, 70],  # lower right, a dog
            [0, 10, 100, 95],  # too near to the window for a zoom
        ]
    )
    batch = batch_of(boxes, objects, torch.tensor([0, 0, 1, 0]))
    both = Pairs(torch.tensor([0, 0]), torch.tensor([0, 1]))
    targets = zoom_targets(batch, both, 0.3, real(both))
    assert targets.held.tolist() == [[True, False, False, False], [False, False, False, True]]
    parts = quarters(boxes[0].double())
    expected = torch.stack(
        [
            steps_between(parts[0], objects[1].double()),
            steps_between(parts[3], objects[2].double()),
        ]
    )
    torch.testing.assert_close(steps_between(targets.boxes, targets.objects), expected)
    # By hand: from the quarter's centre 25, 25 by 5 of its 50 pixels; 50 becomes 20.
    steps = steps_between(targets.boxes, targets.objects)
    torch.testing.assert_close(
        steps[0, [0, 2]], torch.tensor([0.1, 0.4]).double().where(
            torch.tensor([True, False]), torch.tensor(0.4).double().log()
        )
    )  # fmt: skip


def test_an_object_larger_than_the_window_is_not_zoomed_to() -> None:
    boxes = torch.tensor([[40, 40, 60, 60.0]])
    batch = batch_of(boxes, torch.tensor([[0, 0, 99, 99]]), torch.tensor([0]))
    targets = zoom_targets(batch, FIRST, 0.3, real(FIRST))
    assert not targets.held.any()
    assert steps_between(targets.boxes, targets.objects).shape == (0, 4)


def test_losses_of_zooms_are_zero_where_all_is_right_and_grow_by_hand() -> None:
    batch = batch_of(
        torch.tensor([[0, 0, 100, 100.0]]), torch.tensor([[20, 20, 40, 40]]), torch.tensor([0])
    )
    targets = zoom_targets(batch, FIRST, 0.3, real(FIRST))
    odds = torch.where(targets.held, 50.0, -50.0)
    found = torch.full((1, QUARTERS, NUM_STEPS), 77.0)  # empty quarters have no target
    found[targets.held] = steps_between(targets.boxes, targets.objects).float()
    chance, distance = zoom_losses(targets, odds, found, torch.ones(1))
    assert float(chance) == pytest.approx(0, abs=1e-6)
    assert float(distance) == pytest.approx(0, abs=1e-6)
    found[0, 0, 2] += 3 * STEP_UNIT
    chance, distance = zoom_losses(targets, torch.zeros(1, QUARTERS), found, torch.ones(1))
    assert float(chance) == pytest.approx(torch.tensor(2.0).log().item())
    assert float(distance) == pytest.approx(3 - 0.5)


def test_no_zooms_cost_nothing() -> None:
    batch = batch_of(torch.tensor([[0, 0, 9, 9.0]]), torch.zeros(1, 4), torch.tensor([-1]))
    targets = zoom_targets(batch, FIRST, 0.3, real(FIRST))
    _, distance = zoom_losses(targets, torch.zeros(1, 4), torch.zeros(1, 4, 4), torch.ones(1))
    assert float(distance) == 0


def test_moves_land_where_they_lead_in_the_stores_image() -> None:
    network = zooming(1)
    boxes = torch.tensor([[0, 0, 100, 80.0], [20, 20, 60, 60.0]])
    batch = batch_of(boxes, torch.zeros(1, 4), torch.tensor([-1]))
    outputs = torch.zeros(2, network.num_outputs)
    outputs[:] = network.values.bias.detach()
    outputs[:, network.num_actions - 1] = -9.0  # no trigger is likely, so no step is made
    pairs = Pairs(torch.tensor([0, 1]), torch.tensor([0, 0]))
    image, landed, _ = LearnedMoves(network, AGENT.mdp).landings(batch, pairs, outputs, real(pairs))
    assert image.tolist() == [4, 4]
    begin = quarters(boxes.double())[:, 1]
    expected = Moves(AGENT.mdp).by(begin, batch.sizes, STEPS.double().expand(2, -1))
    torch.testing.assert_close(landed, expected)
    outputs[1, network.num_actions - 1] = 0.0
    image, landed, _ = LearnedMoves(network, AGENT.mdp).landings(batch, pairs, outputs, real(pairs))
    assert len(image) == 3
    torch.testing.assert_close(landed[0], boxes[1].double())  # the step leads nowhere


def test_losses_are_those_of_the_outputs_that_the_network_has_with_their_weights() -> None:
    batch = batch_of(
        torch.tensor([[0, 0, 100, 100.0]]), torch.tensor([[20, 20, 40, 40]]), torch.tensor([0])
    )
    learning = Learning(presence_weight=2.0, zoom_weight=3.0, step_weight=5.0)
    one = torch.ones(1)
    found = {}
    for name, head in (
        ("none", Head(hidden=(8,))),
        ("presence", Head(hidden=(8,), presence=True)),
        ("all", Head(hidden=(8,), presence=True, learned_steps=True, learned_zooms=True)),
    ):
        network = zooming(0) if name == "all" else build_network(
            Agent(encoder=AGENT.encoder, head=head, learning=AGENT.learning), ("cat", "dog")
        )  # fmt: skip
        outputs = torch.zeros(1, network.num_outputs)
        found[name] = auxiliary_losses(network, learning, batch, FIRST, outputs, one, one)
    assert found["none"] == ()
    log2 = torch.tensor(2.0).log().item()
    assert [float(each) for each in found["presence"]] == pytest.approx([2 * log2])
    targets = zoom_targets(batch, FIRST, learning.step_iou, real(FIRST))
    _, steps = zoom_losses(targets, torch.zeros(1, 4), torch.zeros(1, 4, 4), one)
    expected = [2 * log2, 3 * log2, 5 * float(steps)]
    assert [float(each) for each in found["all"]] == pytest.approx(expected)
