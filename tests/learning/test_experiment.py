"""Experiments: phases, the record, resuming, and what they ask of a display and of tracking."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from objloc.errors import ObjlocError
from objloc.learning import experiment as module
from objloc.learning.experiment import Experiment
from objloc.learning.learner import Learner, Update
from objloc.learning.status import SILENT, UNTRACKED, Record, TrainingStatus, ValidationReport
from objloc.network import training_pass
from objloc.network.checkpoint import load_checkpoint
from objloc.network.q_network import build_network
from objloc.network.training_pass import Compiler
from objloc.params import (
    Agent,
    Encoder,
    Head,
    Learning,
    Mdp,
    Params,
    Replay,
    Schedule,
    Train,
)
from objloc.ranks.group import ALONE, Ranks
from tests.helpers.ranks import in_threads
from tests.helpers.watching import force_stalling

AGENT = Agent(
    mdp=Mdp(max_steps=6),
    encoder=Encoder(image_size=32, widths=(4, 8), pool=3, cell_width=2),
    head=Head(hidden=(8,)),
    learning=Learning(
        images_per_batch=4, windows_per_image=4, object_windows=0.5, updates_per_step=0.25
    ),
    replay=Replay(size=200, init_size=10),
    schedule=Schedule(environments=4, passes=1, evaluations=2),
)


class Observer:
    """A display and a tracking that keep what they are given."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.lines: list[str] = []
        self.statuses: list[TrainingStatus] = []
        self.logged: list[tuple[int, dict[str, float]]] = []

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def log(self, line: str) -> None:
        self.lines.append(line)

    def update(self, status: TrainingStatus) -> None:
        self.statuses.append(status)

    def rates(self, status: TrainingStatus) -> dict[str, float]:
        return {"steps_per_second": float(status.steps)}

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.logged.append((step, metrics))


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def experiment_of(
    shards: Path,
    passes: int = 1,
    evaluations: int | None = None,
    ranks: Ranks = ALONE,
    **train: object,
) -> Experiment:
    lengths = {"passes": passes, "evaluations": evaluations or 2 * passes}
    schedule = AGENT.schedule.model_copy(update=lengths)
    agent = AGENT.model_copy(update={"schedule": schedule})
    section = Train.model_validate({"agent": "tiny", **train})
    return Experiment(shards, Params(train=section, agents={"tiny": agent}), ranks=ranks)


def report(update: float, score: float = 0.0) -> ValidationReport:
    values = np.zeros(3, np.float32)
    return ValidationReport({"update": update, "score": score}, values, values, best=False)


def test_updates_of_a_phase_are_counted_on_from_those_before() -> None:
    record = Record()
    for phase, update in ((0, 4.0), (0, 9.0), (1, 2.0), (2, 1.0)):
        record.add(phase, report(update))
    assert [row["update"] for row in record.rows] == [4.0, 9.0, 11.0, 12.0]
    assert [row["phase"] for row in record.rows] == [0.0, 0.0, 1.0, 2.0]
    assert [update for update, _ in record.losses] == [4, 9, 11, 12]
    assert [record.updates_before(phase) for phase in range(4)] == [0, 9, 11, 12]


def test_each_status_is_shown_and_each_period_is_logged(shards_folder: Path) -> None:
    seen = Observer()
    experiment = experiment_of(shards_folder)
    best, last = experiment.run(seen, seen)
    assert seen.phases == ["1 of 1: cat, dog"]
    assert seen.statuses[-1].progress == 1
    reports = [status for status in seen.statuses if status.report is not None]
    assert len(reports) == len(seen.logged) == len(experiment.record.rows) == 2
    for (step, metrics), row, status in zip(
        seen.logged, experiment.record.rows, reports, strict=True
    ):
        assert step == row["update"] == status.updates
        assert row.items() <= metrics.items()
        assert metrics.keys() - row.keys() == {"steps_per_second", "cpu_percent", "memory_mb"}
        assert metrics["steps_per_second"] == status.steps
    assert last.info["update"] == experiment.record.rows[-1]["update"]
    assert best.info["score"] == max(row["score"] for row in experiment.record.rows)


def test_an_image_size_that_was_meant_for_another_agent_is_told_first(shards_folder: Path) -> None:
    experiment, seen = experiment_of(shards_folder), Observer()
    learning = AGENT.learning.model_copy(update={"image_size": 16})
    agent = AGENT.model_copy(update={"learning": learning})
    experiment.params = Params(train=Train(agent="mine"), agents={"mine": agent})
    experiment.run(seen, seen)
    (line,) = seen.lines
    assert line.startswith("note: agents.mine.learning.image_size=16 beside encoder.image_size=32")


def test_a_training_without_a_single_update_is_refused(shards_folder: Path) -> None:
    experiment = experiment_of(shards_folder)
    agent = experiment.params.agents["tiny"]
    patient = agent.model_copy(update={"replay": Replay(size=20_000, init_size=10_000)})
    experiment.params = Params(train=Train(agent="tiny"), agents={"tiny": patient})
    with pytest.raises(
        ObjlocError, match=r"^agents\.tiny\.schedule\.passes: .*init_size=10000 .* found 1, "
    ):
        experiment.run(Observer(), Observer())


def test_too_little_memory_names_the_size_of_a_batch(
    shards_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Learner, __: object) -> Update:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Learner, "update", full)
    with pytest.raises(
        ObjlocError, match=r"^agents\.\w+\.learning\.images_per_batch: .* found \d+: lower it"
    ):
        experiment_of(shards_folder).run(Observer(), Observer())


@pytest.mark.parametrize("works", [True, False])
def test_a_compiled_training_keeps_the_names_of_weights_and_a_failure_is_told_once(
    shards_folder: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    """On the CPU, as if it were a GPU; all phases share what is compiled."""
    seen, graphs = Observer(), CompileCounterWithBackend("eager")
    force_stalling(monkeypatch)
    torch._dynamo.reset()
    chosen = Compiler(seen.log, graphs if works else "none of this name", min_updates=0)
    monkeypatch.setattr(Compiler, "chosen", lambda *_: chosen)
    best, last = experiment_of(shards_folder, curriculum=("cat", "dog")).run(seen, seen)
    expected = build_network(best.agent, best.categories).state_dict().keys()
    assert best.state.keys() == last.state.keys() == expected
    failures = [line for line in seen.lines if "not compiled" in line]
    assert len(failures) == (0 if works else 1)
    assert graphs.frame_count == (1 if works else 0)


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        ((), []),
        ((0,), ["train.compile: not compiled: RuntimeError: no compiler"]),
        ((1,), ["train.compile: not compiled on process 1: RuntimeError: no compiler"]),
        ((0, 1), ["train.compile: not compiled: RuntimeError: no compiler"]),
    ],
)
def test_a_failure_to_compile_on_any_process_is_shown_once(
    shards_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: tuple[int, ...],
    expected: list[str],
) -> None:
    """Two processes, played by threads; the first alone has a display."""
    seen = Observer()

    def chosen(_train: Train, _device: torch.device, tell: Callable[[str], None]) -> Compiler:
        rank = int(tell != seen.log)
        return Compiler(tell, "fails" if rank in fails else "works", min_updates=0)

    def compiled(compiler: Compiler, *_: object) -> object:
        if compiler._backend == "fails":
            compiler._fail(RuntimeError("no compiler"))
        return training_pass._outputs_with

    force_stalling(monkeypatch)
    monkeypatch.setattr(Compiler, "chosen", chosen)
    monkeypatch.setattr(Compiler, "compiled", compiled)
    in_threads(
        2,
        lambda ranks: experiment_of(shards_folder, ranks=ranks),
        lambda each: each.run(*((seen, seen) if each._ranks.first else (SILENT, UNTRACKED))),
    )
    assert [line for line in seen.lines if "not compiled" in line] == expected


def test_a_run_is_the_same_whether_compile_is_stated_or_not(shards_folder: Path) -> None:
    """So that a saved state of an earlier version is gone on from."""
    plain, stated, off = (
        experiment_of(shards_folder),
        experiment_of(shards_folder, compile="auto"),
        experiment_of(shards_folder, compile="off"),
    )
    assert "compile" not in plain.parameters["train"]
    assert plain.key == stated.key != off.key


@pytest.mark.parametrize("after", [0, 3])
def test_a_diverging_training_names_its_last_good_model(
    shards_folder: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = experiment_of(shards_folder)
    whole.run(Observer(), Observer())
    reports = [int(row["update"]) for row in whole.record.rows]
    lost = reports[0] + 1 if after else 1
    assert 1 < reports[0] < reports[-1]
    update = Learner.update

    def poisoned(learner: Learner, memory: object) -> Update:
        if learner.updates == lost - 1:
            with torch.no_grad():
                next(learner.online.parameters()).fill_(float("nan"))
        return update(learner, memory)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "update", poisoned)
    # A finished run starts from the beginning.
    with pytest.raises(ObjlocError) as caught:
        experiment_of(shards_folder).run(Observer(), Observer())
    message = str(caught.value)
    assert message.startswith(f"update {lost}: expected a finite loss; found nan, in a batch of ")
    assert "0000" in message, "images of the batch"
    if not after:
        assert "no model was validated before" in message
        return
    path = Path(message.split(" is ")[1].split(" (lower ", maxsplit=1)[0])
    kept = load_checkpoint(path)
    assert (kept.info["update"], kept.info["cut"]) == (reports[0], True)
    assert f"the best model before, of update {reports[0]}, is {path}" in message
    assert all(bool(value.isfinite().all()) for value in kept.state.values())
    # The state that was saved last is still that of the first report: the same happens again.
    seen = Observer()
    with pytest.raises(ObjlocError, match=f"update {lost}: expected a finite loss"):
        experiment_of(shards_folder).run(seen, seen)
    assert seen.lines == [f"goes on from update {reports[0]}"]


def test_a_longer_run_resumes_a_shorter_one_and_a_finished_one_starts_again(
    shards_folder: Path,
) -> None:
    first, again, longer = Observer(), Observer(), Observer()
    experiment_of(shards_folder).run(first, first)
    assert first.lines == []
    experiment_of(shards_folder).run(again, again)
    assert again.lines == []
    assert again.logged[0][1]["update"] == first.logged[0][1]["update"]
    experiment = experiment_of(shards_folder, passes=2)
    experiment.run(longer, longer)
    # Not from its very end, where environments had gone idle.
    (line,) = longer.lines
    assert line.startswith("goes on from update ")
    assert 0 < int(line.split()[-1]) < first.logged[-1][0]
    assert len(experiment.record.rows) == 4
    assert experiment.record.rows[0].items() <= first.logged[0][1].items()


def test_what_cannot_be_extended_to_the_same_starts_again(shards_folder: Path) -> None:
    seen = Observer()
    experiment_of(shards_folder, passes=2).run(seen, seen)
    # A shorter one, and one that is validated at other moments.
    for passes, evaluations in ((1, 2), (3, 4)):
        experiment_of(shards_folder, passes=passes, evaluations=evaluations).run(seen, seen)
    assert seen.lines == []


def test_a_run_that_goes_on_elsewhere_says_so(
    shards_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Observer(), Observer()
    monkeypatch.setattr(module, "machine_of", lambda _: {"processor": "one"})
    experiment_of(shards_folder).run(first, first)
    monkeypatch.setattr(module, "machine_of", lambda _: {"processor": "another"})
    experiment_of(shards_folder, passes=2).run(second, second)
    assert second.lines[1:] == [
        "begun under other conditions, so its bytes are of neither: processor: one, now another"
    ]


def test_a_damaged_state_is_reported_and_not_used(shards_folder: Path, tmp_path: Path) -> None:
    experiment = experiment_of(shards_folder)
    path = tmp_path / ".objloc" / "resume" / f"{experiment.key}.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no state")
    seen = Observer()
    experiment.run(seen, seen)
    assert len(seen.lines) == 1
    assert seen.lines[0].startswith("starts from the beginning: ")


def test_a_curriculum_trains_a_phase_for_each_category_from_the_best_weights_before(
    shards_folder: Path,
) -> None:
    seen = Observer()
    experiment = experiment_of(shards_folder, curriculum=("dog", "cat"))
    best, _ = experiment.run(seen, seen)
    assert seen.phases == ["1 of 2: dog", "2 of 2: cat"]
    assert [row["phase"] for row in experiment.record.rows] == [0.0, 0.0, 1.0, 1.0]
    assert best.categories == ("cat", "dog")
    assert all(torch.isfinite(value).all() for value in best.state.values())


def test_categories_that_are_not_measured_cannot_be_a_phase(shards_folder: Path) -> None:
    with pytest.raises(ObjlocError, match=r"train\.val_categories: expected some of dog"):
        experiment_of(shards_folder, curriculum=("cat", "dog"), val_categories=("cat",))
