import pytest
import torch

from objloc.box import best_iou, iou
from objloc.data.store import SampleStore
from objloc.evaluation.answer import answer, answer_outcomes, answer_tasks
from objloc.network.q_network import QNetwork
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTasks
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
    searcher = Searcher(network, AGENT.mdp, Search())
    boxes = [answer(store, searcher, 12, tasks) for tasks in answer_tasks(counted)]
    found = answer_outcomes(store, counted, torch.cat(boxes))
    assert torch.equal(found.counted, counted)
    assert found.quality.shape == (1, *counted.shape)
    assert (found.quality[0][~counted] == 0).all()
    answered = set()
    for image, category in counted.nonzero().tolist():
        searched = torch.zeros(1, 2, dtype=torch.bool)
        searched[0, category] = True
        one = SearchTasks(torch.tensor([image]), searched)
        searcher = Searcher(network, AGENT.mdp, Search())
        (trace,) = run_budgeted_search(store, searcher, 12, one, triggering=False)
        number = int(trace.num_windows[0])
        windows, values = trace.boxes[0, :number], trace.trigger_values[0, :number, category]
        # The trigger's reward is 3, its cost too.
        agreed = [
            sum(
                (float(values[w]) + 3) / 6 * float(iou(windows[v], windows[w]))
                for w in range(number)
            )
            for v in range(number)
        ]
        best = max(range(number), key=agreed.__getitem__)
        objects = store.objects_of(torch.tensor([image]), torch.tensor([category]))
        assert found.quality[0, image, category] == best_iou(windows[best][None], *objects)
        answered.add(best)
    assert len(answered) > 1


def test_with_one_look_the_answer_is_the_whole_image(store: SampleStore, network: QNetwork) -> None:
    counted = store.presence()
    (tasks,) = answer_tasks(counted)
    boxes = answer(store, Searcher(network, AGENT.mdp, Search()), 1, tasks)
    found = answer_outcomes(store, counted, boxes)
    image, category = counted.nonzero(as_tuple=True)
    whole = torch.cat([torch.zeros(len(image), 2), store.sizes[image]], dim=1).double()
    expected = best_iou(whole, *store.objects_of(image, category))
    assert torch.equal(found.quality[0, image, category], expected)
