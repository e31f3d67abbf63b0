import pytest
import torch

from objloc.box import best_iou, iou
from objloc.data.store import SampleStore
from objloc.evaluation.answer import answers, consensus
from objloc.network.q_network import QNetwork
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import search
from objloc.search.trace import Tasks, joined
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.stores import make_store

AGENT = Agent(
    mdp=Mdp(step_size=0.3, min_side=0.05),
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3),
    head=Head(hidden=(8,)),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic"),
)


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(6)


@pytest.fixture(scope="module")
def network() -> QNetwork:
    return promising_network(AGENT)


def test_the_answer_is_the_window_on_which_those_of_its_search_agree(
    store: SampleStore, network: QNetwork
) -> None:
    counted = store.presence()
    found = answers(store, network, AGENT.mdp, Search(), 12, counted)
    assert torch.equal(found.counted, counted)
    assert found.quality.shape == (1, *counted.shape)
    assert (found.quality[0][~counted] == 0).all()
    answered = set()
    for image, category in counted.nonzero().tolist():
        searched = torch.zeros(1, 2, dtype=torch.bool)
        searched[0, category] = True
        one = Tasks(torch.tensor([image]), searched)
        looks = joined(
            list(search(store, network, AGENT.mdp, Search(), 12, tasks=one, triggering=False))
        )
        number = int(looks.number[0])
        boxes, values = looks.boxes[0, :number], looks.values[0, :number, category]
        # The trigger's reward is 3, its cost too.
        agreed = [
            sum((float(values[w]) + 3) / 6 * float(iou(boxes[v], boxes[w])) for w in range(number))
            for v in range(number)
        ]
        best = max(range(number), key=agreed.__getitem__)
        objects = store.objects_of(torch.tensor([image]), torch.tensor([category]))
        assert found.quality[0, image, category] == best_iou(boxes[best][None], *objects)
        answered.add(best)
    assert len(answered) > 1


def test_windows_that_agree_outvote_a_single_surer_one() -> None:
    boxes = torch.tensor(
        [[[0.0, 0, 10, 10], [50, 50, 60, 60], [51, 50, 61, 60], [50, 51, 60, 61], [0, 0, 9, 9]]]
    ).double()
    chances = torch.tensor([[0.9, 0.5, 0.5, 0.5, 5.0]])
    real = torch.tensor([[True, True, True, True, False]])
    assert consensus(boxes, chances, real).tolist() == [1]
    assert consensus(boxes, chances * torch.tensor([1.0, 0, 0, 1, 1]), real).tolist() == [0]
    # No chance is above 1.
    assert consensus(boxes, chances + torch.tensor([4.0, 0, 0, 0, 0]), real).tolist() == [1]


def test_with_one_look_the_answer_is_the_whole_image(store: SampleStore, network: QNetwork) -> None:
    counted = store.presence()
    found = answers(store, network, AGENT.mdp, Search(), 1, counted)
    image, category = counted.nonzero(as_tuple=True)
    whole = torch.cat([torch.zeros(len(image), 2), store.sizes[image]], dim=1).double()
    expected = best_iou(whole, *store.objects_of(image, category))
    assert torch.equal(found.quality[0, image, category], expected)
