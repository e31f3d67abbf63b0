"""A network's pass in training: compiled, or as it is, the numbers and draws are the same."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.testing import CompileCounterWithBackend

from objloc.learning.targets.td_targets import online_outputs
from objloc.learning.training import Training
from objloc.network import device, training_pass
from objloc.network.q_network import build_network
from objloc.network.training_pass import Compiler, TrainingPass
from objloc.network.windows import Pairs
from objloc.params import Agent, Head, Train
from tests.helpers.stores import crowded
from tests.helpers.watching import force_stalling
from tests.learning.test_stalls import AGENTS, STORE, go_on
from tests.learning.test_training import equal, steady

LANDING = AGENTS["windows landed on"]
TWO_HEADS = LANDING.model_copy(
    update={
        "encoder": LANDING.encoder.model_copy(
            update={"category_channels": 2, "precision": "bfloat16"}
        ),
        "head": Head(hidden=(16,), joint=(8,), dropout=0.3),
    }
)
PASSES = {"windows landed on": LANDING, "two heads": TWO_HEADS, "dqn2018": AGENTS["dqn2018"]}


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """In fixed shapes, and with a driver that cannot be asked within a graph."""
    force_stalling(monkeypatch)
    asked: Callable[[], bool] = torch.cuda.is_bf16_supported
    monkeypatch.setattr(device, "_processor_has_bfloat16", asked)
    torch._dynamo.reset()


def training_of(agent: Agent, compiler: Compiler | None) -> Training:
    store, generator = crowded(STORE), torch.Generator().manual_seed(0)
    network = build_network(agent, store.categories, generator)
    tasks = store.tasks().repeat(2, 1)
    return Training(network, store, tasks, agent, steady, generator, compiler=compiler)


def learned(training: Training) -> dict[str, Any]:
    """Weights, optimiser, draws and memory."""
    state = training.state_dict()
    return {"learner": state["learner"], "memory": state["memory"]}


class Told(list[str]):
    """Lines for the user."""

    def compiler(self, backend: Any, min_updates: int = 0) -> Compiler:
        return Compiler(self.append, backend, min_updates)


def refuse(*_: object) -> Any:
    raise RuntimeError("expected a compiler; found none\nfurther lines")


@pytest.mark.parametrize("name", PASSES)
def test_one_graph_gives_the_run_of_the_network_as_it_is(name: str) -> None:
    """Over a validation too."""
    told, graphs = Told(), CompileCounterWithBackend("eager")
    made = [training_of(PASSES[name], each) for each in (None, told.compiler(graphs))]
    for training in made:
        ticks = training.run()
        go_on(training, 3)
        while next(ticks).report is None:
            pass
        go_on(training, training.learner.updates + 2)
    assert told == ["train.compile: compiling the network, once; this may take minutes"]
    assert graphs.frame_count == 1
    assert equal(learned(made[1]), learned(made[0]))


@pytest.mark.parametrize("name", PASSES)
def test_loss_and_gradients_are_those_of_the_network_as_it_is(name: str) -> None:
    """Differentiated by the compiler too; the second update is the first that is compiled."""
    plain, compiled = (
        training_of(PASSES[name], each) for each in (None, Told().compiler("aot_eager"))
    )
    for training in (plain, compiled):
        go_on(training, 1)
    one, two = (each.learner.update(each._memory) for each in (plain, compiled))
    torch.testing.assert_close(two.loss, one.loss)
    torch.testing.assert_close(two.q_values, one.q_values)
    networks = plain.learner.online, compiled.learner.online
    for weight, its in zip(*(each.parameters() for each in networks), strict=True):
        torch.testing.assert_close(its.grad, weight.grad, rtol=1e-3, atol=1e-5)
    for buffer, its in zip(*(each.buffers() for each in networks), strict=True):
        torch.testing.assert_close(its, buffer)
    (part,), (other,) = plain.learner.parts, compiled.learner.parts
    assert torch.equal(part.state_dict()["noise"], other.state_dict()["noise"])


@pytest.mark.parametrize("resumed", ["compiled", "as it is"])
def test_a_state_is_that_of_the_network_as_it_is(resumed: str) -> None:
    straight = training_of(LANDING, None)
    go_on(straight, 3)
    state = copy.deepcopy(learned(straight))
    go_on(straight, 6)
    told = Told()
    first, second = told.compiler("eager"), told.compiler("eager")
    training = training_of(LANDING, first)
    go_on(training, 3)
    assert equal(learned(training), state)
    other = training_of(LANDING, second if resumed == "compiled" else None)
    other.load_state_dict(training.state_dict())
    go_on(other, 6)
    assert equal(learned(other), learned(straight))
    assert len(told) == (2 if resumed == "compiled" else 1)


@pytest.mark.parametrize(
    "backend", [refuse, aot_autograd(fw_compiler=lambda graph, _: graph, bw_compiler=refuse)],
    ids=["forwards", "backwards"],
)  # fmt: skip
def test_what_does_not_compile_is_told_once_and_changes_nothing(backend: Any) -> None:
    told = Told()
    compiler = told.compiler(backend)
    phases = [training_of(LANDING, compiler) for _ in range(2)]
    plain = training_of(LANDING, None)
    for training in (plain, *phases):
        go_on(training, 5)
    begun, failed = told
    assert begun.startswith("train.compile: compiling")
    found = "RuntimeError: expected a compiler; found none"
    assert failed == f"train.compile: not compiled: {found}"
    for training in phases:
        assert equal(learned(training), learned(plain))


def test_what_cannot_be_captured_whole_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = training_pass._outputs

    def printing(*args: Any) -> torch.Tensor:
        print("a graph has no place for this")
        return outputs(*args)

    monkeypatch.setattr(training_pass, "_outputs", printing)
    told, graphs = Told(), CompileCounterWithBackend("eager")
    go_on(training_of(LANDING, told.compiler(graphs)), 4)
    assert told[1].startswith("train.compile: not compiled: Unsupported: ")
    assert (len(told), graphs.frame_count) == (2, 0)


def test_a_batch_of_another_shape_is_not_compiled() -> None:
    told, graphs = Told(), CompileCounterWithBackend("eager")
    training = training_of(LANDING, None)
    go_on(training, 1)
    (part,) = training.learner.parts
    batch, _ = part.make_targets.batch_of(part.sample(training._memory))  # type: ignore[attr-defined]
    network = training.learner.online.train()
    one, two = (
        TrainingPass(network, torch.Generator().manual_seed(0), compiler)
        for compiler in (None, told.compiler(graphs))
    )
    for number in (4, 4, 3, 4):
        pairs = Pairs(torch.arange(number), torch.zeros(number, dtype=torch.int64))
        assert torch.equal(*(online_outputs(each, batch, pairs) for each in (one, two)))
    assert (len(told), graphs.frame_count) == (1, 1)


def test_a_short_schedule_compiles_nothing() -> None:
    told = Told()
    training = training_of(LANDING, told.compiler(refuse, 10_000))
    go_on(training, 4)
    assert told == []
    # 12 images and twice their searches; half an update for 12 steps of each.
    assert 10 < training._most_updates < 10_000


@pytest.mark.parametrize(
    ("train", "kind", "compiles"),
    [
        (Train(), "cuda", True),
        (Train(compile="off"), "cuda", False),
        (Train(deterministic=True), "cuda", False),
        (Train(), "cpu", False),
    ],
)
def test_only_a_gpu_gets_a_compiler_and_only_if_it_is_wanted(
    train: Train, kind: str, compiles: bool
) -> None:
    compiler = Compiler.chosen(train, torch.device(kind), Told().append)
    assert (compiler is not None) == compiles
