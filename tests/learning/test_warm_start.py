"""Warm starts: what is copied by name, and which earlier models are refused."""

import pytest
import torch

from objloc.errors import ObjlocError
from objloc.learning.warm_start import warm_start
from objloc.network.checkpoint import Checkpoint, combine
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Mdp

AGENT = Agent(encoder=Encoder(image_size=64, widths=(8, 8, 8)), head=Head(hidden=(16,)))


def make(agent: Agent = AGENT, categories: tuple[str, ...] = ("cat", "dog")) -> Checkpoint:
    network = build_network(agent, categories, torch.Generator().manual_seed(0))
    return Checkpoint(agent, categories, "drawn", "0" * 64, network.state_dict(), {"update": 3})


def test_warm_start_copies_categories_by_name() -> None:
    earlier = make(categories=("dog", "cat"))
    network = build_network(AGENT, ("cat", "cow", "dog"))
    warm_start(network, earlier, "earlier.pt")
    theirs = earlier.state["values.weight"].view(2, 9, -1)
    mine = network.values.weight.view(3, 9, -1)
    assert torch.equal(mine[0], theirs[1])
    assert torch.equal(mine[2], theirs[0])
    assert torch.allclose(mine[1], theirs.mean(dim=0))
    assert torch.equal(network.state_dict()["hidden.1.weight"], earlier.state["hidden.1.weight"])


def test_warm_start_copies_values_and_advantages_of_categories_by_name() -> None:
    encoder = Encoder(image_size=64, widths=(8, 8), cell_width=3, category_channels=2)
    agent = Agent(encoder=encoder, head=Head(hidden=(16,), joint=(4,), dueling=True))
    earlier = make(agent, ("dog", "cat"))
    network = build_network(agent, ("cat", "cow", "dog"))
    warm_start(network, earlier, "earlier.pt")
    last = [name for name in earlier.state if name.startswith("joint")][-1]
    theirs, mine = earlier.state[last].view(2, 10), network.state_dict()[last].view(3, 10)
    assert torch.equal(mine[[2, 0]], theirs)
    assert torch.allclose(mine[1], theirs.mean(dim=0))


def test_warm_start_copies_the_cells_of_categories_by_name() -> None:
    encoder = Encoder(image_size=64, widths=(8, 8, 8), cell_width=3, category_channels=2)
    agent = Agent(encoder=encoder, head=Head(hidden=(16,)))
    earlier = make(agent, ("dog", "cat"))
    network = build_network(agent, ("cat", "cow", "dog"))
    warm_start(network, earlier, "earlier.pt")
    theirs, mine = earlier.state["encoder.cells.weight"], network.state_dict()
    rows = mine["encoder.cells.weight"]
    assert torch.equal(rows[:3], theirs[:3])  # shared
    assert torch.equal(rows[3:5], theirs[5:7])  # cat
    assert torch.equal(rows[5:7], (theirs[3:5] + theirs[5:7]) / 2)  # cow: the mean
    assert torch.equal(rows[7:9], theirs[3:5])  # dog
    assert torch.equal(mine["values.weight"], earlier.state["values.weight"])


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (AGENT.model_copy(update={"mdp": Mdp(actions="dissertation")}), "11 actions; found 9"),
        (AGENT.model_copy(update={"head": Head(hidden=(16,), per_category=False)}), "per_category"),
        (AGENT.model_copy(update={"head": Head(hidden=(24,))}), "hidden.1.weight"),
        (
            AGENT.model_copy(update={"head": Head(hidden=(16,), dueling=True)}),
            "expected head.dueling=true; found false",
        ),
        (
            AGENT.model_copy(update={"encoder": Encoder(kind="crops", image_size=64)}),
            "another encoder",
        ),
        (
            AGENT.model_copy(update={"encoder": Encoder(image_size=64, widths=(8, 8))}),
            "another encoder",
        ),
    ],
)
def test_a_model_of_another_kind_is_refused_by_name(agent: Agent, expected: str) -> None:
    network = build_network(agent, ("cat", "dog"))
    with pytest.raises(ObjlocError, match=expected) as error:
        warm_start(network, make(), "earlier.pt")
    assert "earlier.pt" in str(error.value)


def test_training_does_not_go_on_from_combined_models() -> None:
    combined = combine({"a": make(), "b": make()})
    network = build_network(AGENT, ("cat", "dog"))
    with pytest.raises(ObjlocError, match="single network to go on from; found 2 combined"):
        warm_start(network, combined, "earlier.pt")
