"""Fingerprint of a machine: whether it makes the bytes of the published agent."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from objloc.data.sample import Sample, VocObject, coordinates
from objloc.data.store import SampleStore
from objloc.learning.training import Training
from objloc.network.device import CPU, differences, machine_of, use_one_thread
from objloc.network.q_network import build_network
from objloc.params import Agent
from objloc.scenes.compose import DRAWERS
from objloc.scenes.write import jpeg_of, scene

PUBLISHED = Path(__file__).with_name("published.json")
"""The default agent, its fingerprint, and the machine that made it.

``python -m benchmarks.fingerprint`` writes it.
"""

_IMAGES = 30
_UPDATES = 3


class Fingerprint(NamedTuple):
    """Hashes of a few updates' data and result.

    Attributes:
        pictures: hash of drawn scenes, as JPEG files.
        weights: hash of a network's after it has learned from them.
    """

    pictures: str
    weights: str


def fingerprint(agent: Agent) -> Fingerprint:
    """Train an agent for a few updates on drawn scenes, on the CPU; it takes seconds."""
    use_one_thread()
    samples = [_sample(index) for index in range(_IMAGES)]
    store = SampleStore.from_samples(samples, tuple(DRAWERS), agent.encoder.image_size)
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, store.categories, generator)
    tasks = store.tasks().repeat(agent.replay.init_size, 1)
    training = Training(network, store, tasks, agent, lambda _: {"score": 0.0}, generator)
    for status in training.run():
        if status.updates >= _UPDATES:
            break
    weights = network.state_dict().values()
    return Fingerprint(
        _hash(sample.jpeg for sample in samples),
        _hash(weight.detach().contiguous().numpy().tobytes() for weight in weights),
    )


def published_agent(published: Mapping[str, Any]) -> Agent:
    """The agent in the content of ``PUBLISHED``."""
    # As text: JSON has no tuples.
    return Agent.model_validate_json(json.dumps(published["agent"]))


def difference_to_published() -> str:
    """Why this machine does not make the published bytes; empty if it does."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    found = fingerprint(published_agent(published))
    expected = Fingerprint(**published["fingerprint"])
    if found == expected:
        return ""
    if found.pictures != expected.pictures:
        return "scenes are drawn differently: other versions of numpy or pillow"
    changed = differences(published["machine"], machine_of(CPU))
    return changed or "other sums, for a reason that is not known"


def _sample(index: int) -> Sample:
    drawn = scene(0, "fingerprint", index)
    objects = tuple(VocObject(each.category, coordinates(each.box)) for each in drawn.objects)
    return Sample(str(index), jpeg_of(drawn), *drawn.image.size, objects)


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
