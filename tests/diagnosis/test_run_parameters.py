from pathlib import Path

import pytest

from objloc.diagnosis.run_parameters import (
    agent_parameters,
    comparable,
    flat,
    read_parameters,
)
from objloc.errors import ObjlocError
from objloc.network.checkpoint import load_checkpoint
from tests.helpers.evaluations import AGENT, make_checkpoint


def test_nested_parameters_have_dotted_keys() -> None:
    assert flat({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": {}}) == {
        "a.b": 1, "a.c.d": [1, 2], "e": {},
    }  # fmt: skip


def test_a_runs_parameters_are_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("train: {seed: 3, agent: tiny}\nagents: {tiny: {mdp: {max_steps: 8}}}\n")
    found = read_parameters(path)
    assert found == {"train.seed": 3, "train.agent": "tiny", "agents.tiny.mdp.max_steps": 8}
    assert comparable(found) == {
        "train.seed": 3, "train.agent": "tiny", "agent.mdp.max_steps": 8,
        # Newer keys, which files leave out where they have their defaults.
        "train.compile": "auto", "agent.mdp.zoom_side": 0.55,
    }  # fmt: skip


@pytest.mark.parametrize("content", [None, b"[1, 2]", b"a: [", b"\xff\xfe"])
def test_what_are_no_parameters_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ObjlocError, match=r"params\.yaml: expected the parameters of a training"):
        read_parameters(path)


def test_an_agents_parameters_are_those_of_its_checkpoint(tmp_path: Path) -> None:
    found = agent_parameters(load_checkpoint(make_checkpoint(tmp_path / "checkpoint.pt")))
    assert found["agent.mdp.max_steps"] == AGENT.mdp.max_steps
    assert found["agent.encoder.widths"] == list(AGENT.encoder.widths)
    assert all(key.startswith("agent.") for key in found)
