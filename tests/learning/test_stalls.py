"""Training as on a device that stalls when it is asked for a number: padded, and never asked."""

import copy
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import torch

from objloc.data.store import SampleStore
from objloc.learning.batch_part import BatchPart, PartResult
from objloc.learning.divergence import DivergenceError
from objloc.learning.training import Training
from objloc.network.q_network import QNetwork, build_network
from objloc.params import Agent
from tests.helpers.elsewhere import brought_back, computing_elsewhere, moved
from tests.helpers.stores import crowded, make_store
from tests.helpers.watching import Watch, force_stalling
from tests.learning.test_training import AGENTS as TRAINED

AGENTS = {
    # Eight windows of an image: two of them are replayed, so that images are drawn, all distinct.
    name: agent.model_copy(
        update={"learning": agent.learning.model_copy(update={"windows_per_image": 8})}
    )
    if agent.learning.backup == "all_actions"
    else agent
    for name, agent in TRAINED.items()
}
STORE = make_store(12, ("cat", "dog", "cow"), image_size=84)


def training_of(agent: Agent, store: SampleStore | None = None) -> Training:
    store = store or crowded(STORE)
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, store.categories, generator)
    return Training(
        network, store, store.tasks().repeat(9, 1), agent, lambda _: {"score": 0.0}, generator
    )


def played(agent: Agent, updates: int = 1) -> Training:
    """A training after some updates."""
    made = training_of(agent)
    go_on(made, updates)
    return made


def result_of(agent: Agent, network: QNetwork, sampled: Any, store: SampleStore) -> PartResult:
    part = BatchPart(network, network, store, agent.mdp, agent.learning, 4, 7)
    # Dropout draws another number of times where there is padding, and batch normalisation
    # looks at an image again that a batch has twice.
    network.eval()
    return part.gradient(sampled)


@pytest.mark.parametrize("name", AGENTS)
def test_padding_changes_neither_loss_nor_gradients(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = AGENTS[name]
    made = played(agent)
    (part, *_), memory, store = made.learner.parts, made._memory, made._store
    sampled = part.sample(memory)
    network = made.learner.online
    state = {name: value.clone() for name, value in network.state_dict().items()}
    alone = result_of(agent, network, sampled, store)
    network.load_state_dict(state)
    force_stalling(monkeypatch)
    padded = result_of(agent, network, sampled, store)
    torch.testing.assert_close(padded.loss, alone.loss, rtol=1e-5, atol=1e-6)
    for one, two in zip(padded.gradients, alone.gradients, strict=True):
        assert (one is None) == (two is None)
        if one is not None:
            torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)
    real = padded.real
    assert alone.real.all()
    for column in ("values", "losses", "td_errors", "keys"):
        torch.testing.assert_close(
            getattr(padded, column)[real], getattr(alone, column), rtol=1e-4, atol=1e-5
        )
    for column in ("values", "losses", "td_errors"):
        assert not getattr(padded, column)[~real].any()


def updates_of(name: str) -> Iterator[Watch]:
    """Watch updates after some lock-steps, the first two of them unwatched."""
    learning = AGENTS[name].learning.model_copy(update={"target_update_every": 1})
    made = played(AGENTS[name].model_copy(update={"learning": learning}), 2)
    for _ in count():
        with Watch() as watch:
            made.learner.update(made._memory)
        yield watch
        for _ in range(3):
            made._act()


@pytest.mark.parametrize("name", AGENTS)
def test_no_update_waits_for_the_device_and_all_have_the_same_shapes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    force_stalling(monkeypatch)
    watches = updates_of(name)
    first = next(watches)
    assert len(first.done) > 100
    for watch in (first, next(watches), next(watches)):
        assert watch.stalls == []
        assert watch.done == first.done


@pytest.mark.parametrize("name", AGENTS)
def test_a_lock_step_asks_the_device_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    force_stalling(monkeypatch)
    made = played(AGENTS[name], 2)
    ticks, ended = made.run(), made._episodes.num_ended
    while made._episodes.num_ended == ended:
        reports = made._reports_due()
        with Watch() as watch:
            next(ticks)
        if made._reports_due() == reports:
            assert watch.stalls == ["aten.nonzero.default"]


def test_the_watch_sees_an_update_that_waits() -> None:
    made = played(AGENTS["windows landed on"], 2)
    with Watch() as watch:
        made.learner.update(made._memory)
    assert set(watch.stalls) >= {
        "aten.nonzero.default", "aten._local_scalar_dense.default", "aten._unique2.default",
    }  # fmt: skip


def test_divergence_is_told_before_anything_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    force_stalling(monkeypatch)
    made = played(AGENTS["all_actions"], 2)
    bias = made.learner.online.values.bias
    with torch.no_grad():
        before = bias.clone()
        bias.fill_(torch.nan)
    made.learner.update(made._memory)
    with torch.no_grad():
        bias.copy_(before)
        made.learner.online.load_state_dict(made.learner.target.state_dict())
    for keep in (made.report, made.state_dict, made.learner.check):
        with pytest.raises(
            DivergenceError, match=r"^update 3: expected a finite loss; found nan, in"
        ):
            keep()


@pytest.mark.filterwarnings("ignore:for .*to a meta parameter")  # it has numbers here
@pytest.mark.parametrize("name", AGENTS)
def test_all_of_a_training_lies_on_its_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its state goes on from there on the CPU, and from the CPU there."""
    agent, store = AGENTS[name], crowded(STORE)
    head = agent.head.model_copy(update={"recurrent": 0})  # its cell is one of each device's own
    agent = agent.model_copy(update={"head": head})
    here = played(agent, 4)
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, store.categories, generator)
    with computing_elsewhere(monkeypatch) as device:
        made = Training(
            moved(network), store, STORE.tasks(), agent, lambda _: {"score": 0.0}, generator
        )
        made.load_state_dict(copy.deepcopy(here.state_dict()))
        go_on(made, 7)
        before = made.learner.updates
        update = made.learner.update(made._memory)
        state = brought_back(made.state_dict())
    assert update.loss.device == device
    here.load_state_dict(state)
    assert here.learner.updates == before + 1
    go_on(here, 12)
    assert all(each.isfinite().all() for each in here.learner.online.state_dict().values())


def go_on(made: Training, updates: int) -> None:
    ticks = made.run()
    while made.learner.updates < updates:
        next(ticks)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", AGENTS)
def test_an_update_on_a_gpu_does_not_synchronise(name: str) -> None:
    agent, store = AGENTS[name], crowded(STORE)
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, store.categories, generator).cuda()
    made = Training(network, store, STORE.tasks(), agent, lambda _: {"score": 0.0}, generator)
    go_on(made, 2)
    torch.cuda.set_sync_debug_mode("error")
    try:
        made.learner.update(made._memory)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    made.learner.check()
