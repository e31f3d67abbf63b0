import json
from pathlib import Path
from typing import Any

import pytest

from objloc.learning import fingerprint as module
from objloc.learning.fingerprint import (
    PUBLISHED,
    Fingerprint,
    difference_to_published,
    fingerprint,
    published_agent,
)
from objloc.network.device import CPU, machine_of
from objloc.params import load_params
from tests.helpers.imports import ROOT

REMEDY = "run `python -m benchmarks.fingerprint`"


def published() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(PUBLISHED.read_text("utf-8"))
    return content


def test_the_published_fingerprint_is_of_the_default_agent() -> None:
    expected = load_params(ROOT / "params.yaml").agent
    assert published_agent(published()) == expected, REMEDY


def test_a_machine_of_the_same_kind_makes_the_published_bytes() -> None:
    if machine_of(CPU) != published()["machine"]:
        pytest.skip("another processor or another version rounds differently")
    assert difference_to_published() == "", REMEDY


def test_a_fingerprint_tells_weights_and_is_the_same_again() -> None:
    agent = published_agent(published())
    encoder = agent.encoder.model_copy(update={"image_size": 32, "widths": (4, 8)})
    learning = agent.learning.model_copy(update={"images_per_batch": 4})
    replay = agent.replay.model_copy(update={"init_size": 40})
    small = agent.model_copy(update={"encoder": encoder, "learning": learning, "replay": replay})
    first = fingerprint(small)
    assert fingerprint(small) == first
    faster = small.learning.model_copy(update={"learning_rate": 0.004})
    other = fingerprint(small.model_copy(update={"learning": faster}))
    assert other.pictures == first.pictures
    assert other.weights != first.weights


@pytest.mark.parametrize(
    ("found", "machine", "told"),
    [
        (("p", "w"), {"processor": "another"}, ""),
        (("q", "v"), {}, "scenes are drawn differently: other versions of numpy or pillow"),
        (("p", "v"), {}, "other sums, for a reason that is not known"),
        (("p", "v"), {"processor": "one"}, "processor: one, now "),
    ],
)
def test_what_differs_is_told(
    found: tuple[str, str],
    machine: dict[str, str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "published.json"
    content = {
        "agent": {},
        "fingerprint": {"pictures": "p", "weights": "w"},
        "machine": machine_of(CPU) | machine,
    }
    file.write_text(json.dumps(content))
    monkeypatch.setattr(module, "PUBLISHED", file)
    monkeypatch.setattr(module, "fingerprint", lambda _agent: Fingerprint(*found))
    assert difference_to_published().startswith(told)
    assert bool(difference_to_published()) == bool(told)
