"""Speed of training when another process uses the processors too.

Run ``python -m benchmarks.threads``. For both ways in which threads of OpenMP can wait for
each other it times the same updates of the default agent on random pictures, alone and
beside one busy process, and prints the ratios.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from objloc.data.store import SampleStore
    from objloc.learning.training import Training
    from objloc.network.training_pass import Compiler
    from objloc.params import Agent
    from objloc.ranks.group import Ranks

ROOT = Path(__file__).parent.parent
UPDATES = 15


def seconds_of_an_update(
    name: str = "scenes",
    settings: Sequence[str] = (),
    device: str = "cpu",
    updates: int = UPDATES,
    compiler: "Compiler | None" = None,
) -> float:
    """Time updates of an agent on random pictures, or on random features of pictures.

    Args:
        name: name of the entry of ``agents``.
        settings: departures from the entry, such as ``encoder.fine_tune=all``.
        device: device of the network.
        updates: number of timed updates, after three that are not timed.
        compiler: see ``training_on_noise``.

    Returns:
        Seconds per update.
    """
    training = training_on_noise(name, settings, device, compiler=compiler)
    ticks = training.run()
    while training.learner.updates < 3:
        next(ticks)
    first, began = training.learner.updates, time.perf_counter()
    while training.learner.updates < first + updates:
        next(ticks)
    return (time.perf_counter() - began) / updates


def operations_of_an_update(name: str = "scenes", settings: Sequence[str] = ()) -> float:
    """Count the operations of an update's products and convolutions, in GFLOP."""
    from torch.utils.flop_counter import FlopCounterMode

    # Counted in this thread alone: the batch has one part.
    training = training_on_noise(name, (*settings, "learning.batch_parts=1"))
    ticks = training.run()
    while training.learner.updates < 3:
        next(ticks)
    counter = FlopCounterMode(display=False)
    with counter:
        next(ticks)
    return counter.get_total_flops() / 1e9


def training_on_noise(
    name: str,
    settings: Sequence[str] = (),
    device: str = "cpu",
    categories: int = 20,
    ranks: "Ranks | None" = None,
    compiler: "Compiler | None" = None,
) -> "Training":
    """Set up a training on random pictures, or on random features of pictures.

    Args:
        name: name of the entry of ``agents``.
        settings: departures from the entry.
        device: device of the network.
        categories: number of categories, at most 64.
        ranks: the processes that train together; None: this one alone.
        compiler: compiler of the network, which works at the second update; None: none.
    """
    import torch

    from objloc.learning.training import Training
    from objloc.network.q_network import build_network
    from objloc.ranks.group import ALONE

    agent = agent_with(name, settings)
    store = noise(agent, categories)
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, store.categories, generator).to(device)
    tasks = store.tasks().repeat(50, 1)
    return Training(
        network, store, tasks, agent, lambda _: {"score": 0.0}, generator, ranks or ALONE, compiler
    )


def agent_with(name: str, settings: Sequence[str] = ()) -> "Agent":
    """An entry of ``agents`` with departures."""
    from objloc.params import load_params

    changed = [f"agents.{name}.{each}" for each in settings]
    return load_params(ROOT / "params.yaml", changed).agents[name]


def noise(agent: "Agent", categories: int = 20) -> "SampleStore":
    """Random pictures, or random features of pictures, each with an object."""
    import torch

    from objloc.data.image_batch import Images, Pixels
    from objloc.data.store import SampleStore
    from objloc.network.backbones.catalogue import info_of
    from objloc.network.backbones.stored_maps import StoredFeatures, StoredMaps

    number, size = 64, agent.encoder.image_size
    images: Images
    names = tuple(map(str, range(categories)))
    generator = torch.Generator().manual_seed(0)
    if agent.encoder.reads_store:
        length = info_of(agent.encoder).length(size)
        rows = torch.randint(-127, 127, (number, length), generator=generator).to(torch.int8)
        maps = StoredMaps(rows, torch.arange(number), mirrored=rows)
        images = StoredFeatures({agent.encoder.source: maps})
    else:
        pixels = torch.randint(256, (number, 3, size, size), generator=generator).to(torch.uint8)
        images = Pixels(pixels)
    low = torch.rand(number, 1, 2, generator=generator, dtype=torch.float64) * 40
    return SampleStore(
        data="random",
        data_hash="",
        image_set="train",
        image_ids=tuple(map(str, range(number))),
        categories=names,
        sizes=torch.full((number, 2), 100.0, dtype=torch.float64),
        images=images,
        boxes=torch.cat([low, low + 40], dim=2),
        object_category=torch.arange(number)[:, None] % categories,
        difficult=torch.zeros(number, 1, dtype=torch.bool),
        jpegs=(b"",) * number,
    )


def _seconds(policy: str, busy: bool) -> float:
    environment = os.environ | {"OMP_WAIT_POLICY": policy}
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        result = subprocess.run(
            [sys.executable, "-m", "benchmarks.threads", "--child"],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return float(result.stdout)


def main() -> None:
    """Measure all cases three times and print the medians of the ratios."""
    if "--child" in sys.argv:
        print(seconds_of_an_update())
        return
    for busy in (False, True):
        pairs = [(_seconds("ACTIVE", busy), _seconds("PASSIVE", busy)) for _ in range(3)]
        ratio = sorted(active / passive for active, passive in pairs)[1]
        beside = "beside a busy process" if busy else "alone"
        print(f"{beside}: an update takes {ratio:.2f} times as long when threads spin")


if __name__ == "__main__":
    main()
