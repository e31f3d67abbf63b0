import pytest
import torch

from objloc.agent.network import QNetwork
from objloc.box import best_iou
from objloc.evaluation.answer import answers
from objloc.evaluation.search import Tasks, joined, search
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.voc.store import SampleStore
from tests.evaluation.searches import promising_network
from tests.stores import make_store

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


def test_the_answer_is_the_best_valued_window_of_each_search(
    store: SampleStore, network: QNetwork
) -> None:
    counted = store.presence()
    found = answers(store, network, AGENT.mdp, Search(), 12, counted)
    assert torch.equal(found.counted, counted)
    assert found.quality.shape == (1, *counted.shape)
    assert (found.quality[0][~counted] == 0).all()
    moved = 0
    for image, category in counted.nonzero().tolist():
        searched = torch.zeros(1, 2, dtype=torch.bool)
        searched[0, category] = True
        one = Tasks(torch.tensor([image]), searched)
        looks = joined(list(search(store, network, AGENT.mdp, Search(), 12, tasks=one)))
        best = max(range(int(looks.number[0])), key=lambda w: float(looks.values[0, w, category]))
        objects = store.objects_of(torch.tensor([image]), torch.tensor([category]))
        expected = best_iou(looks.boxes[0, best][None], *objects)
        assert found.quality[0, image, category] == expected
        moved += best > 0
    assert moved > 0


def test_with_one_look_the_answer_is_the_whole_image(store: SampleStore, network: QNetwork) -> None:
    counted = store.presence()
    found = answers(store, network, AGENT.mdp, Search(), 1, counted)
    image, category = counted.nonzero(as_tuple=True)
    whole = torch.cat([torch.zeros(len(image), 2), store.sizes[image]], dim=1).double()
    expected = best_iou(whole, *store.objects_of(image, category))
    assert torch.equal(found.quality[0, image, category], expected)
