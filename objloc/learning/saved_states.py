"""Saved states of a training, from which a killed run, or a longer one, is resumed."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from objloc.errors import ObjlocError
from objloc.files import repository_root, write_atomically
from objloc.network.checkpoint import load_tensors
from objloc.network.device import differences
from objloc.params import Agent, Params
from objloc.partial import sweep

_KEPT_UNUSED = 7 * 86400.0
"""Seconds after which the states of other runs, which are large, are deleted."""


class SavedStates:
    """The saved states of one run, in ``.objloc/resume``.

    There are two: the last one, and the last that the coming end of the run had not changed.
    From the second a longer run goes on as if it had been longer from the start.

    Args:
        key: the run's, see ``run_key``.
        agent: the agent that is trained.
        machine: facts about what it is trained on, by name.

    Attributes:
        best: file for the best model of a run that diverged.
    """

    def __init__(self, key: str, agent: Agent, machine: Mapping[str, str]) -> None:
        self._key, self._agent, self._machine = key, agent, machine
        folder = repository_root() / ".objloc" / "resume"
        self._last = folder / f"{key}.pt"
        self._extension = folder / f"{key}-extend.pt"
        self.best = folder / f"{key}-best.pt"

    def save(self, state: Mapping[str, Any], extension: bool = False) -> None:
        """Save a state, and delete those that other runs have left long ago.

        Args:
            state: ``phase``; ``training``, that of ``Training``; ``record``; ``finished``:
                whether nothing is left to do; ``extendable``: whether a longer run can go on
                from it.
            extension: whether it is the state for a longer run.
        """
        path = self._extension if extension else self._last
        buffer = io.BytesIO()
        evaluations = self._agent.schedule.evaluations
        torch.save({**state, "evaluations": evaluations, "machine": self._machine}, buffer)
        sweep(path.parent, path.name)
        write_atomically(path, buffer.getvalue())
        oldest = time.time() - _KEPT_UNUSED
        for other in path.parent.glob("*.pt"):
            if not other.name.startswith(self._key) and other.stat().st_mtime < oldest:
                other.unlink(missing_ok=True)

    def load(self, log: Callable[[str], None]) -> dict[str, Any] | None:
        """The state to resume from; None if there is none that this run continues.

        Args:
            log: shows a line: where the run goes on, or why it starts again.
        """
        evaluations = self._agent.schedule.evaluations
        try:
            state = _read(self._last)
            if state and evaluations > state["evaluations"] and not state["extendable"]:
                # The shorter run's end has changed it; the state from before has its own file.
                shorter, state = state["evaluations"], _read(self._extension)
                if state and state["evaluations"] != shorter:
                    return None
        except ObjlocError as error:
            log(f"starts from the beginning: {error}")
            return None
        if state is None or evaluations < state["evaluations"] + state["finished"]:
            return None
        if "total" not in state["training"]["memory"] and self._agent.encoder.frames > 1:
            log("starts from the beginning: its replay memory is an earlier version's")
            return None
        log(f"goes on from update {state['training']['learner']['updates']}")
        alone = {"processes": "1"}  # a process alone does not say so
        begun = state.get("machine", self._machine)
        if changed := differences(alone | begun, alone | dict(self._machine)):
            log(f"begun under other conditions, so its bytes are of neither: {changed}")
        return state


def run_key(params: Params, data_hash: str, device: torch.device) -> str:
    """Hash of everything that determines a run but its length, so that it can be extended.

    Lengths are counted in validations: a longer run then validates, and so chooses its best
    model, where a shorter one did.

    Args:
        params: ``train`` and the agent that it names are used.
        data_hash: hash of the shards.
        device: what is trained on.
    """
    train = params.train.model_dump(mode="json", exclude={"max_minutes"})
    agent, schedule = params.agent.model_dump(mode="json"), params.agent.schedule
    for name in ("passes", "max_updates"):
        length = getattr(schedule, name)
        agent["schedule"][name] = length and str(Fraction(length, schedule.evaluations))
    del agent["schedule"]["evaluations"]
    text = json.dumps([data_hash, train, agent, str(device)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any] | None:
    return load_tensors(path) if path.exists() else None
