"""Zooms of learned extent: what is taught, and where a search goes by them."""

import pytest
import torch

from objloc.box import quarters
from objloc.data.image_batch import Pixels
from objloc.learning.learned_moves import LearnedMoves, zoom_losses, zoom_targets
from objloc.learning.targets import Batch
from objloc.mdp.action import Moves, steps_between
from objloc.mdp.environment import Observation
from objloc.network.q_network import QNetwork
from objloc.network.valuer import NUM_STEPS, QUARTERS, STEP_UNIT
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import search
from objloc.search.trace import Looks, joined
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.stores import make_store

AGENT = Agent(
    mdp=Mdp(step_size=0.3, zooms=True, starts=((1, 1.0), (2, 0.6)), min_side=0.05),
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3),
    head=Head(hidden=(8,), presence=True, learned_steps=True, learned_zooms=True),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic", step_iou=0.3),
)
STORE = make_store(6)
STEPS = torch.tensor([0.1, -0.2, -0.3, 0.1])
WIDTH = QUARTERS * (1 + NUM_STEPS)


def zooming(quarter: int, chance: float = 0.9) -> QNetwork:
    """A network that sees something in one quarter of every window, in the same place."""
    network = promising_network(AGENT)
    first = network.num_actions + 1
    numbers = torch.full((QUARTERS, 1 + NUM_STEPS), -9.0)
    numbers[quarter, 0] = torch.logit(torch.tensor(chance))
    numbers[quarter, 1:] = STEPS / STEP_UNIT
    with torch.no_grad():
        network.values.weight[first : first + WIDTH] = 0
        network.values.bias[first : first + WIDTH] = numbers.flatten()
        network.values.weight[-NUM_STEPS:] = 0
        network.values.bias[-NUM_STEPS:] = 0  # steps lead nowhere
    return network


def looks_of(network: QNetwork, **params: float | None) -> Looks:
    settings = Search.model_validate({"least_presence": 0.0, **params})
    return joined(list(search(STORE, network, AGENT.mdp, settings, 30)))


def by_zooms(network: QNetwork, looks: Looks) -> torch.Tensor:
    return (looks.moves[..., 0] == network.num_actions + 1) & looks.real()


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
    window, category = torch.tensor([0, 0]), torch.tensor([0, 1])
    targets = zoom_targets(batch, window, category, 0.3)
    assert targets.held.tolist() == [[True, False, False, False], [False, False, False, True]]
    parts = quarters(boxes[0].double())
    expected = torch.stack(
        [
            steps_between(parts[0], objects[1].double()),
            steps_between(parts[3], objects[2].double()),
        ]
    )
    torch.testing.assert_close(targets.steps, expected)
    # By hand: from the quarter's centre 25, 25 by 5 of its 50 pixels; 50 becomes 20.
    torch.testing.assert_close(
        targets.steps[0, [0, 2]], torch.tensor([0.1, 0.4]).double().where(
            torch.tensor([True, False]), torch.tensor(0.4).double().log()
        )
    )  # fmt: skip


def test_an_object_larger_than_the_window_is_not_zoomed_to() -> None:
    boxes = torch.tensor([[40, 40, 60, 60.0]])
    batch = batch_of(boxes, torch.tensor([[0, 0, 99, 99]]), torch.tensor([0]))
    targets = zoom_targets(batch, torch.tensor([0]), torch.tensor([0]), 0.3)
    assert not targets.held.any()
    assert targets.steps.shape == (0, 4)


def test_losses_of_zooms_are_zero_where_all_is_said_and_grow_by_hand() -> None:
    batch = batch_of(
        torch.tensor([[0, 0, 100, 100.0]]), torch.tensor([[20, 20, 40, 40]]), torch.tensor([0])
    )
    targets = zoom_targets(batch, torch.tensor([0]), torch.tensor([0]), 0.3)
    odds = torch.where(targets.held, 50.0, -50.0)
    said = torch.full((1, QUARTERS, NUM_STEPS), 77.0)  # of empty quarters nothing is taught
    said[targets.held] = targets.steps.float()
    chance, way = zoom_losses(targets, odds, said, torch.ones(1))
    assert float(chance) == pytest.approx(0, abs=1e-6)
    assert float(way) == pytest.approx(0, abs=1e-6)
    said[0, 0, 2] += 3 * STEP_UNIT
    chance, way = zoom_losses(targets, torch.zeros(1, QUARTERS), said, torch.ones(1))
    assert float(chance) == pytest.approx(torch.tensor(2.0).log().item())
    assert float(way) == pytest.approx(3 - 0.5)


def test_no_zooms_cost_nothing() -> None:
    batch = batch_of(torch.tensor([[0, 0, 9, 9.0]]), torch.zeros(1, 4), torch.tensor([-1]))
    targets = zoom_targets(batch, torch.tensor([0]), torch.tensor([0]), 0.3)
    _, way = zoom_losses(targets, torch.zeros(1, 4), torch.zeros(1, 4, 4), torch.ones(1))
    assert float(way) == 0


@pytest.mark.parametrize("quarter", range(QUARTERS))
def test_a_search_looks_where_a_zoom_leads(quarter: int) -> None:
    network = zooming(quarter)
    looks = looks_of(network, learned_zooms=3.0)
    image, window = by_zooms(network, looks).nonzero(as_tuple=True)
    assert len(image) > 10
    parents = looks.boxes[image, looks.parent[image, window]]
    begin = quarters(parents)[:, quarter]
    expected = Moves(AGENT.mdp).by(begin, STORE.sizes[image], STEPS.double().expand(len(image), -1))
    torch.testing.assert_close(looks.boxes[image, window], expected)


def test_a_search_need_not_zoom_by_them() -> None:
    network = zooming(0)
    assert not by_zooms(network, looks_of(network, learned_zooms=None)).any()


def test_unlikely_zooms_are_not_made() -> None:
    network = zooming(0, chance=0.2)
    looks = looks_of(network, learned_zooms=3.0, least_presence=0.3)
    assert not by_zooms(network, looks).any()
    assert by_zooms(network, looks_of(network, learned_zooms=3.0, least_presence=0.1)).any()


def test_no_zoom_leads_to_where_the_category_was_looked_for() -> None:
    network = zooming(3)
    fewer, more = (
        by_zooms(network, looks_of(network, learned_zooms=3.0, zoom_inhibition=overlap)).sum()
        for overlap in (0.05, 0.9)
    )
    assert 0 < fewer < more


def test_moves_land_where_they_lead_in_the_stores_image() -> None:
    network = zooming(1)
    boxes = torch.tensor([[0, 0, 100, 80.0], [20, 20, 60, 60.0]])
    batch = batch_of(boxes, torch.zeros(1, 4), torch.tensor([-1]))
    outputs = torch.zeros(2, network.num_rows)
    outputs[:] = network.values.bias.detach()
    outputs[:, network.num_actions - 1] = -9.0  # no trigger is likely, so no step is made
    image, landed = LearnedMoves(network, AGENT.mdp).landings(batch, torch.tensor([0, 1]), outputs)
    assert image.tolist() == [4, 4]
    begin = quarters(boxes.double())[:, 1]
    expected = Moves(AGENT.mdp).by(begin, batch.sizes, STEPS.double().expand(2, -1))
    torch.testing.assert_close(landed, expected)
    outputs[1, network.num_actions - 1] = 0.0
    image, landed = LearnedMoves(network, AGENT.mdp).landings(batch, torch.tensor([0, 1]), outputs)
    assert len(image) == 3
    torch.testing.assert_close(landed[0], boxes[1].double())  # the step leads nowhere
