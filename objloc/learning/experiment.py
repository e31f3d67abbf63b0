"""A training run from shards to checkpoints: its phases, its record, what ends it."""

import time
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from objloc.command import interrupts
from objloc.data.sample import resolve_categories
from objloc.data.shard_index import read_index
from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.learning.batch import smaller_than_in_use
from objloc.learning.divergence import DivergenceError
from objloc.learning.learner import number_of_parts
from objloc.learning.saved_states import SavedStates, run_key
from objloc.learning.status import Progress, Record, Run
from objloc.learning.training import Training
from objloc.learning.validation import Validator
from objloc.learning.warm_start import warm_start
from objloc.network.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from objloc.network.device import device_of, enough_memory, machine_of
from objloc.network.feature_store import INDEX_FILE, load_store, read_feature_index
from objloc.network.q_network import QNetwork, build_network
from objloc.network.training_pass import Compiler
from objloc.params import Params
from objloc.ranks.group import ALONE, Ranks, code_hash, processes

SAVE_EVERY = 120.0
"""Seconds between two saves of the state that a killed run is resumed from."""


class Experiment:
    """A training run: one phase, or one for each category of a curriculum.

    Args:
        shards: folder of shards.
        params: all parameters; ``train`` and the agent that it names are used.
        init: checkpoint to start from.
        features: feature store of a frozen backbone; None: features are computed from
            the images of every batch.
        ranks: the processes that train together; the first one writes.

    Raises:
        ObjlocError: unknown categories or image sets, a category without images, an ``init``
            that does not fit; processes that differ, or too many of them.
    """

    def __init__(
        self,
        shards: Path,
        params: Params,
        init: Path | None = None,
        features: Path | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        train, agent = params.train, params.agent
        self._device = device_of(train.device, train.deterministic)
        index = read_index(shards)
        self.machine = machine_of(self._device) | processes(ranks)
        self.params = params
        self._ranks = ranks
        self.data, self.data_hash = index.data, index.data_hash
        self._require_alike(features)
        self.categories = resolve_categories(train.categories, index.categories, "train.categories")
        curriculum = resolve_categories(train.curriculum, self.categories, "train.curriculum")
        self.phases: tuple[tuple[str, ...], ...] = (
            tuple((name,) for name in curriculum) if curriculum else (self.categories,)
        )
        self._measured = resolve_categories(
            train.val_categories, self.categories, "train.val_categories"
        )
        for phase in self.phases:
            if not set(phase) & set(self._measured):
                raise ObjlocError(
                    f"train.val_categories: expected some of {', '.join(phase)}, which are "
                    f"trained together; found {', '.join(self._measured)}"
                )
        memory = params.encode.memory_mb
        stores = [] if features is None else [features]
        self._store, self._val = (
            load_store(shards, name, self.categories, [agent.encoder], stores, memory)
            for name in (train.image_set, train.val_image_set)
        )
        # How the features were made that the agent learns from.
        self._made: dict[str, Any] | None = None
        if features is not None and agent.encoder.reads_store:
            self._made = read_feature_index(features).made
        self._tasks = self._store.tasks()
        self._init = init
        self.key = run_key(params, self.data_hash, self._device)
        self._states = SavedStates(self.key, agent, self.machine)
        self.record = Record()
        self._compiler: Compiler | None = None
        self._failure_shown = False
        # Fails now instead of after an hour if ``init`` does not fit.
        self._first_network()

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters that determine this run: ``train`` and the agent that it names."""
        params = self.params
        return {
            "train": params.train.model_dump(mode="json"),
            "agents": {params.train.agent: params.agent.model_dump(mode="json")},
        }

    def _require_alike(self, features: Path | None) -> None:
        """Refuse processes that would train something else, and those with nothing to do."""
        ranks, agent, name = self._ranks, self.params.agent, self.params.train.agent
        stored = None if features is None else file_hash(features / INDEX_FILE)
        facts = {"data hash": self.data_hash, "features": stored, "code": code_hash()}
        ranks.require_same({**facts, **self.parameters})
        parts = number_of_parts(self._device, agent.learning, ranks)
        for key, available in (
            ("learning.images_per_batch", agent.learning.images_per_batch),
            ("learning.batch_parts", parts),
            ("schedule.environments", agent.schedule.environments),
        ):
            ranks.require_enough(available, f"agents.{name}.{key}")

    def run(self, progress: Progress, run: Run) -> tuple[Checkpoint, Checkpoint]:
        """Train, or resume an interrupted run.

        Returns:
            Checkpoints of the last phase: the best on validation, and the last.

        Raises:
            KeyboardInterrupt: the run was interrupted; its state is saved.
            ObjlocError: training diverged; the message names the last good checkpoint.
        """
        state = self._ranks.from_first(lambda: self._states.load(progress.log))
        if state is not None:
            self.record = Record(*state["record"])
        if note := smaller_than_in_use(self.params.agent):
            progress.log(f"note: agents.{self.params.train.agent}.{note}")
        limit = self.params.train.max_minutes
        deadline = time.monotonic() + 60 * limit if limit else float("inf")
        first = state["phase"] if state else 0
        network = self._first_network()
        self._compiler = Compiler.chosen(self.params.train, self._device, progress.log)
        for phase in range(first, len(self.phases)):
            with enough_memory(*self._batch):
                training = self._training(phase, network)
            if state and phase == first:
                training.load_state_dict(state["training"])
            progress.phase(f"{phase + 1} of {len(self.phases)}: {', '.join(self.phases[phase])}")
            try:
                with enough_memory(*self._batch):
                    cut = self._run_phase(phase, training, progress, run, deadline)
            except DivergenceError as error:
                raise ObjlocError(f"{error}; {self._last_good(phase, training)}") from None
            if not training.learner.updates and not cut:
                self._refuse_no_update()
            last = self._checkpoint(
                training.learner.kept.state_dict(), self.record.rows[-1], phase, cut
            )
            best = last
            if self.params.train.keep == "best":
                best = self._best(phase, training, cut)
            # The last weights are the network's own: only a next phase may overwrite them.
            if cut or phase + 1 == len(self.phases):
                break
            network.load_state_dict(best.state)
        return best, last

    def _refuse_no_update(self) -> None:
        """Refuse to pass off as trained what has never been updated."""
        name, wanted = self.params.train.agent, self.params.agent.replay.init_size
        raise ObjlocError(
            f"agents.{name}.schedule.passes: expected enough for replay.init_size={wanted} steps, "
            f"before which nothing is learned; found {self.params.agent.schedule.passes}, which "
            "made fewer: no update was made"
        )

    @property
    def _batch(self) -> tuple[str, int]:
        """Name and value of the parameter that most of the memory goes with."""
        name = f"agents.{self.params.train.agent}.learning.images_per_batch"
        return name, self.params.agent.learning.images_per_batch

    def _run_phase(
        self,
        phase: int,
        training: Training,
        progress: Progress,
        run: Run,
        deadline: float,
    ) -> bool:
        """Run a phase to its end or the deadline; True if it was cut."""
        saved, ending = time.monotonic(), training.ending
        psutil.cpu_percent()
        with interrupts() as interrupted:
            for status in training.run():
                progress.update(status)
                if status.report is not None:
                    row = self.record.add(phase, status.report)
                    self._log(row, progress.rates(status), run)
                if training.ending and not ending and phase == 0:
                    self._save_state(phase, training, extension=True)
                ending = training.ending
                now = time.monotonic()
                stop, late, due, failed = self._ranks.any(
                    bool(interrupted),
                    now >= deadline,
                    now - saved >= SAVE_EVERY,
                    bool(self._failure) and not self._failure_shown,
                )
                if failed:
                    self._show_failure(progress)
                if status.report is not None or due or stop:
                    self._save_state(phase, training)
                    saved = now
                if stop:
                    raise KeyboardInterrupt("the same command goes on from here")
                if late and status.progress < 1:
                    self._save_state(phase, training)
                    row = self.record.add(phase, training.report())
                    self._log(row, progress.rates(status), run)
                    progress.log(f"cut by train.max_minutes at {status.progress:.0%}")
                    return True
        return False

    @property
    def _failure(self) -> str:
        """Why this process compiles no more; empty: it does, or never did."""
        return self._compiler.failure if self._compiler else ""

    def _show_failure(self, progress: Progress) -> None:
        """Show why another process compiles no more, unless the first has said it of itself."""
        self._failure_shown = True
        reasons = self._ranks.to_first(self._failure)
        if reasons and not reasons[0]:
            rank, reason = next((rank, each) for rank, each in enumerate(reasons) if each)
            progress.log(f"train.compile: not compiled on process {rank}: {reason}")

    def _best(self, phase: int, training: Training, cut: bool) -> Checkpoint:
        # The record counts updates over all phases, a phase its own.
        chosen = dict(training.best_metrics)
        chosen["update"] += self.record.updates_before(phase)
        return self._checkpoint(training.best_weights, chosen, phase, cut)

    def _last_good(self, phase: int, training: Training) -> str:
        """Save the best model of a phase that diverged, if there is one; where it is."""
        if not training.best_weights:
            return "no model was validated before (lower agents.*.learning.learning_rate)"
        best = self._best(phase, training, cut=True)
        path = self._states.best
        if self._ranks.first:
            save_checkpoint(path, best)
        return (
            f"the best model before, of update {best.info['update']}, is {path} "
            f"(lower agents.*.learning.learning_rate)"
        )

    @staticmethod
    def _log(row: dict[str, float], rates: dict[str, float], run: Run) -> None:
        machine = {
            **rates,
            "cpu_percent": psutil.cpu_percent(),
            "memory_mb": psutil.Process().memory_info().rss / 1e6,
        }
        run.log_metrics({**row, **machine}, int(row["update"]))

    def _training(self, phase: int, network: QNetwork) -> Training:
        trained = [self.categories.index(name) for name in self.phases[phase]]
        mine = torch.isin(self._tasks[:, 1], torch.tensor(trained))
        generator = torch.Generator().manual_seed(self.params.train.seed * 1000 + phase)
        measured = [each for each in trained if self.categories[each] in self._measured]
        agent, tasks, ranks = self.params.agent, self._tasks[mine], self._ranks
        ranks.require_enough(len(tasks), f"the searches of image set '{self._store.image_set}'")
        validate = Validator(self._store, self._val, measured, agent, ranks)
        return Training(
            network, self._store, tasks, agent, validate, generator, ranks, self._compiler
        )

    def _first_network(self) -> QNetwork:
        generator = torch.Generator().manual_seed(self.params.train.seed)
        network = build_network(self.params.agent, self.categories, generator)
        if self._init is not None:
            warm_start(network, load_checkpoint(self._init), str(self.params.train.init_from))
        return network.to(self._device)

    def _checkpoint(
        self, weights: dict[str, Tensor], metrics: dict[str, float], phase: int, cut: bool
    ) -> Checkpoint:
        train = self.params.train
        return Checkpoint(
            agent=self.params.agent,
            categories=self.categories,
            data=self.data,
            data_hash=self.data_hash,
            state=weights,
            info={
                "image_set": train.image_set,
                "val_image_set": train.val_image_set,
                "seed": train.seed,
                "phase": phase,
                "phases": len(self.phases),
                "update": int(metrics["update"]),
                "score": metrics["score"],
                "cut": cut,
                **({"features": self._made} if self._made else {}),
            },
        )

    def _save_state(self, phase: int, training: Training, extension: bool = False) -> None:
        state = {
            "phase": phase,
            "training": training.state_dict(),
            "record": [self.record.rows, self.record.losses, self.record.q_values],
            "finished": training.finished and phase == len(self.phases) - 1,
            "extendable": phase == 0 and (extension or not training.ending),
        }
        if self._ranks.first:
            self._states.save(state, extension)
