"""Stages killed under DVC at moments drawn by seed; ``dvc repro`` then goes on.

A round is one miniature project that is run from nothing to its end, and is killed once in
each stage on the way: so it also meets what the kills before have left.
"""

import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from benchmarks.reliability.table import Row
from tests.helpers.faults import STAGES
from tests.helpers.projects import Project
from tests.helpers.warm import warm_python

VICTIMS = {
    "stage": "the stage's process",
    "dvc": "DVC's process alone; the stage goes on",
    "group": "DVC and the stage",
}
"""What is killed, and its name in the table."""
ROUNDS = 4
_POLL = 0.02
_TRIES = 4
_RESULTS = ("data", "results", "dvc.lock")
_BUSY = ("expected no other process to write it", "is busy, it is being blocked by")
_CUT = re.compile(r"JSON structure is corrupted|dvc\.lock' (?:validation failed|is invalid)")


@dataclass
class Tally:
    """Kills of one kind.

    Attributes:
        tried: number of kills.
        held: number of those after which ``dvc repro`` went on to the same bytes.
        waited: number of those after which it first refused, since the stage was running.
        mended: number of those that left a file of DVC cut.
        moments: where they struck.
    """

    tried: int = 0
    held: int = 0
    waited: int = 0
    mended: int = 0
    moments: list[str] = field(default_factory=list)


@dataclass
class Kill:
    """A kill that is planned.

    Attributes:
        stage: the stage after whose start it strikes, or the next that runs.
        fraction: part of the stage's time, DVC's own included, that passes first.
        victim: key of ``VICTIMS``.
    """

    stage: str
    fraction: float
    victim: str


def measure() -> list[Row]:
    """Kill in all rounds; what did not hold is printed."""
    tallies = {victim: Tally() for victim in VICTIMS}
    with tempfile.TemporaryDirectory() as folder, warm_python() as tools:
        whole = Repro(Project(_new(folder, "whole"), tools))
        status, told = whole.run()
        if status:
            raise RuntimeError(f"an undisturbed run failed:\n{told}")
        expected, seconds = whole.hashes(), whole.seconds
        for number in range(ROUNDS):
            repro = Repro(Project(_new(folder, f"round-{number}"), tools))
            _round(repro, number, expected, seconds, tallies)
    return [
        {
            "what": f"SIGKILL under `dvc repro` of {what}",
            "tried": tally.tried,
            "held": tally.held,
            "note": _note(tally),
        }
        for what, tally in ((VICTIMS[victim], tallies[victim]) for victim in VICTIMS)
    ]


def plan(number: int) -> list[Kill]:
    """The kills of a round, one in each stage, all victims in turn."""
    chance = Random(f"kills {number}")
    victims = list(VICTIMS)
    return [
        Kill(stage, chance.random(), victims[(number + place) % len(victims)])
        for place, stage in enumerate(STAGES)
    ]


def _round(
    repro: "Repro",
    number: int,
    expected: dict[str, str],
    seconds: dict[str, float],
    tallies: dict[str, Tally],
) -> None:
    struck: list[Tally] = []
    for kill in [*plan(number), None]:
        for _ in range(_TRIES):
            status, told = repro.run(kill, seconds)
            if status == 0 or repro.struck:
                break
            if any(each in told for each in _BUSY):
                struck[-1].waited += 1
                repro.wait_for_orphans()
            elif _CUT.search(told):
                struck[-1].mended += 1
                repro.mend()
            else:
                print(
                    f"round {number}, after {struck and struck[-1].moments[-1]}:\n{told}",
                    flush=True,
                )
                return
        if repro.struck and kill:
            tally = tallies[kill.victim]
            tally.tried += 1
            tally.moments.append(f"{kill.stage} +{kill.fraction:.2f} {kill.victim}")
            struck.append(tally)
            print(f"round {number}: {tally.moments[-1]}", flush=True)
    repro.wait_for_orphans()
    found = repro.hashes()
    differing = sorted(
        name for name in expected.keys() | found if expected.get(name) != found.get(name)
    )
    if differing or repro.leftovers():
        print(f"round {number}: other bytes {differing}; left {repro.leftovers()}", flush=True)
        return
    for tally in struck:
        tally.held += 1


class Repro:
    """``dvc repro`` in a project, which may be killed.

    Args:
        project: the project.
        targets: stages to run, with those before them; none: all.

    Attributes:
        seconds: of each stage that ran, to the start of the next, when nothing was killed.
        struck: whether the last run was killed.
    """

    def __init__(self, project: Project, *targets: str) -> None:
        self.seconds: dict[str, float] = {}
        self.struck = False
        self._project, self._targets = project, targets
        self._orphans: list[psutil.Process] = []

    def run(
        self, kill: Kill | None = None, seconds: dict[str, float] | None = None
    ) -> tuple[int, str]:
        """Run to the end, or until it is killed.

        Returns:
            The exit status, and what was printed.
        """
        self.struck = False
        log = self._project.folder.parent / "log"
        started: dict[str, float] = {}
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "dvc", "repro", *self._targets],
                cwd=self._project.folder,
                env=self._project.environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while process.poll() is None:
            for name in re.findall(r"Running stage '(\w+)'", log.read_text("utf-8", "replace")):
                started.setdefault(name, time.monotonic())
            at = kill and next((each for each in _from(kill.stage) if each in started), None)
            if kill and at and self.is_due(kill, started[at], (seconds or {}).get(at, 0.0)):
                self._strike(process, kill.victim)
                break
            time.sleep(_POLL)
        process.wait()
        ends = [*list(started.values())[1:], time.monotonic()]
        # If it was refused, no stage has started.
        pairs = zip(started.items(), ends, strict=False)
        self.seconds = {name: end - began for (name, began), end in pairs}
        return process.returncode, log.read_text("utf-8", "replace")

    def is_due(self, kill: Kill, started: float, seconds: float) -> bool:
        """Whether it is time for a kill.

        Args:
            kill: the kill.
            started: when its stage started, on the monotonic clock.
            seconds: what the stage takes undisturbed.
        """
        return time.monotonic() - started >= kill.fraction * seconds

    def _strike(self, process: subprocess.Popen[bytes], victim: str) -> None:
        """Kill; where the stage is to be killed and DVC is at work between two, kill DVC."""
        below = [
            each for each in psutil.process_iter(["cwd"]) if self._is_of_a_stage(each, process)
        ]
        self.struck = True
        if victim == "dvc":
            self._orphans = below
        else:
            for each in below:
                _kill(each)
        if victim != "stage" or not below:
            os.kill(process.pid, signal.SIGKILL)

    def _is_of_a_stage(self, each: psutil.Process, dvc: subprocess.Popen[bytes]) -> bool:
        """Whether a process works in the project and is not DVC's own; a stage may be no child."""
        return each.pid != dvc.pid and each.info["cwd"] == str(self._project.folder.resolve())

    def wait_for_orphans(self) -> None:
        """Wait until the stages whose DVC was killed have ended."""
        psutil.wait_procs(self._orphans, timeout=600)

    def mend(self) -> None:
        """Mend files of DVC that were cut, as ``make run`` does."""
        self._project.run(sys.executable, "-m", "stages._unlock")

    def hashes(self) -> dict[str, str]:
        """Hash of each result by path."""
        root = self._project.folder
        files = [
            each
            for name in _RESULTS
            for each in ((root / name), *(root / name).rglob("*"))
            # DVC adds lines to data/.gitignore in the order in which stages first ended.
            if each.is_file() and each.name[0] != "."
        ]
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def leftovers(self) -> list[str]:
        """Partial outputs, which the next run of their stages should have removed."""
        root = self._project.folder
        return [str(path.relative_to(root)) for path in root.rglob("*.objloc-partial*")]


def _from(stage: str) -> list[str]:
    """A stage and those after it: a kill may strike so late that the next has run."""
    names = list(STAGES)
    return names[names.index(stage) :]


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def _new(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


def _note(tally: Tally) -> str:
    parts = ["the next `dvc repro` ended with the same bytes"]
    if tally.waited:
        parts.append(f"{tally.waited} times after it had refused while the stage still ran")
    if tally.mended:
        parts.append(f"{tally.mended} times after a file of DVC had been mended as `make run` does")
    return "; ".join(parts)
