"""Thirty minutes of good and bad requests to the service and the app, side by side.

``python -m benchmarks.reliability.load --minutes 2`` prints the rows of a shorter run.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Annotated

import psutil
import typer

from benchmarks.reliability.table import Row
from benchmarks.reliability.traffic.app import app_cases
from benchmarks.reliability.traffic.case import BusyError, Case, WrongError
from benchmarks.reliability.traffic.service import service_cases
from benchmarks.running import ROOT
from objloc.search.localiser import Localiser

CHECKPOINT = ROOT / "data" / "train" / "checkpoint.pt"
MEGABYTES, SECONDS = 4, 20
"""Limits of both servers, small enough to be met often."""
CLIENTS = 4
"""Clients of each server that send one request after another."""
CROWD = 32
"""Clients that come at once, every two minutes."""
MAX_REQUESTS = 20_000
"""Maximum number of requests to each server."""
GROWTH = 0.1
"""Growth of memory, as a fraction, up to which it counts as none."""


@dataclass
class Tally:
    """What was sent to a server and answered; several threads write to it."""

    name: str
    sent: Counter[bool] = field(default_factory=Counter)
    held: Counter[bool] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    busy: int = 0
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, case: Case, wrong: str, busy: int) -> None:
        """Add a request; ``wrong`` is what was found in place of the right answer."""
        with self.lock:
            self.sent[case.good] += 1
            self.held[case.good] += not wrong
            self.kinds[case.what] += 1
            self.busy += busy
            if wrong:
                self.wrong.append(f"{case.what}: {wrong}")
                print(f"{self.name}: {self.wrong[-1]}", file=sys.stderr, flush=True)

    def rows(self, minutes: float) -> list[Row]:
        """Rows of the table: right answers, refusals, memory."""
        part = min(300.0, 60 * minutes / 6)
        before = median(size for at, size in self.memory if at <= part)
        after = median(size for at, size in self.memory if at >= self.memory[-1][0] - part)
        kinds = sum(1 for each in self.kinds)
        return [
            {
                "what": f"{self.name}: good requests in {minutes:g} minutes, every answer compared",
                "tried": self.sent[True],
                "held": self.held[True],
                "note": f"{self.busy:,} times told to try again later, and then answered",
            },
            {
                "what": f"{self.name}: bad, broken and slow requests",
                "tried": self.sent[False],
                "held": self.held[False],
                "note": f"{kinds} kinds of requests in all, mixed",
            },
            {
                "what": f"{self.name}: memory does not grow",
                "tried": 1,
                "held": int(after <= (1 + GROWTH) * before),
                "note": f"{before:.0f} MiB (median) in the first {part / 60:.3g} minutes, "
                f"{after:.0f} in the last; at most {max(size for _, size in self.memory):.0f}",
            },
        ]


def measure(minutes: float = 30, checkpoint: Path = CHECKPOINT) -> list[Row]:
    """Start both servers, send requests for so long, and count right answers."""
    agent = Localiser.load(checkpoint)
    servers = (
        ("service", ["serve", "--port=0", "--at-once=2", "--waiting=8"], service_cases),
        ("app", ["app", "--no-open"], app_cases),
    )
    with ExitStack() as stack:
        running = []
        for name, command, cases_of in servers:
            process, address = stack.enter_context(_started([*command, f"--model={checkpoint}"]))
            cases = cases_of(address, agent, MEGABYTES, SECONDS)
            running.append((Tally(name), cases, process))
        threads = [
            threading.Thread(target=_drive, args=(*each, minutes), name=each[0].name)
            for each in running
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [row for tally, *_ in running for row in tally.rows(minutes)]


def _drive(tally: Tally, cases: list[Case], process: psutil.Process, minutes: float) -> None:
    """Send each kind once, then a mixture until the end, and read the server's memory."""
    for case in cases:
        _send(tally, case, Random(0))
    started = time.monotonic()
    end = started + 60 * minutes
    stop = threading.Event()
    with ThreadPoolExecutor(CLIENTS + CROWD) as pool:
        clients = [pool.submit(_client, tally, cases, seed, stop) for seed in range(CLIENTS)]
        at = 0
        while time.monotonic() < end and sum(tally.sent.values()) < MAX_REQUESTS:
            size = process.memory_info().rss / 2**20
            tally.memory.append((time.monotonic() - started, size))
            if at % 6 == 0:
                print(
                    f"{tally.name}: {sum(tally.sent.values())} requests, {size:.0f} MiB", flush=True
                )
            if at % 12 == 6:
                good = [case for case in cases if case.good]
                for seed in range(CROWD):
                    pool.submit(_send, tally, good[0], Random(f"{at} {seed}"))
            at += 1
            stop.wait(min(10, max(0, end - time.monotonic())))
        stop.set()
        for each in clients:
            each.result()


def _client(tally: Tally, cases: list[Case], seed: int, stop: threading.Event) -> None:
    """Send one request after another, with a little time between."""
    random = Random(seed)
    weights = [case.weight for case in cases]
    while not stop.is_set():
        (case,) = random.choices(cases, weights)
        _send(tally, case, random)
        stop.wait(random.random() / 2)


def _send(tally: Tally, case: Case, random: Random) -> None:
    """Send a request, again where the server is busy, and count it."""
    wrong, busy, state = "busy for ever", 0, random.getstate()
    while busy < 200:
        random.setstate(state)
        try:
            case.send(random)
            wrong = ""
        except BusyError:
            busy += 1
            time.sleep(0.5)
            continue
        except WrongError as error:
            wrong = str(error)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        break
    tally.count(case, wrong, busy)


@contextmanager
def _started(command: list[str]) -> Iterator[tuple[psutil.Process, str]]:
    """A server of ``objloc`` with its address, which is stopped at the end."""
    limits = [f"--max-megabytes={MEGABYTES}", f"--max-seconds={SECONDS}"]
    program = "from objloc.cli import main; main()"
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *command, *limits],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r"http://[\d.]+:\d+", line)
            if not found:
                log.seek(0)
                raise RuntimeError(f"objloc {command[0]} did not start: {log.read()}")
            yield psutil.Process(process.pid), found[0]
        finally:
            process.terminate()
            process.wait(60)


def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="Minutes of requests.")] = 30,
    model: Annotated[Path, typer.Option(help="Checkpoint to serve.")] = CHECKPOINT,
) -> None:
    """Send good and bad requests to the service and the app, and print the rows."""
    print(json.dumps(measure(minutes, model), indent=2))


if __name__ == "__main__":
    typer.run(main)
