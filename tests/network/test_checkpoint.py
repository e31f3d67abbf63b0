import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Mdp

AGENT = Agent(encoder=Encoder(image_size=64, widths=(8, 8, 8)), head=Head(hidden=(16,)))


def make(agent: Agent = AGENT, categories: tuple[str, ...] = ("cat", "dog")) -> Checkpoint:
    network = build_network(agent, categories, torch.Generator().manual_seed(0))
    return Checkpoint(agent, categories, "drawn", "0" * 64, network.state_dict(), {"update": 3})


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    before = make()
    save_checkpoint(tmp_path / "a.pt", before)
    after = load_checkpoint(tmp_path / "a.pt")
    assert (after.agent, after.categories, after.info) == (
        before.agent,
        ("cat", "dog"),
        {"update": 3},
    )
    for name, value in before.state.items():
        assert torch.equal(after.state[name], value)
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    assert content["categories"] == ["cat", "dog"]


def test_the_same_content_gives_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pt", make())
    save_checkpoint(tmp_path / "sub" / "another name.pt", make())
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "sub/another name.pt").read_bytes()


def test_a_damaged_checkpoint_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, make())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ObjlocError, match=r"a\.pt: damaged: checksum of \S+ does not match"):
        load_checkpoint(path)


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, make())
    whole = path.read_bytes()
    for place in range(100, len(whole), len(whole) // 12):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        # A byte that carries nothing, such as padding, may still load as it was.
        with contextlib.suppress(ObjlocError):
            after = load_checkpoint(path)
            assert all(torch.equal(after.state[k], v) for k, v in make().state.items())


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "not a readable"), (b"not a checkpoint", "not a readable"), (None, "no such")],
)
def test_other_files_are_refused_in_one_line(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "a.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ObjlocError, match=expected) as error:
        load_checkpoint(path)
    assert "\n" not in str(error.value)


def test_another_pytorch_file_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "a.pt")
    with pytest.raises(ObjlocError, match="another PyTorch file"):
        load_checkpoint(tmp_path / "a.pt")
    torch.save({"path": tmp_path}, tmp_path / "b.pt")
    with pytest.raises(ObjlocError, match=r"not a readable checkpoint|not a checkpoint"):
        load_checkpoint(tmp_path / "b.pt")


def test_weights_that_do_not_fit_the_parameters_are_refused(tmp_path: Path) -> None:
    agent = AGENT.model_copy(update={"mdp": Mdp(actions="dissertation")})
    save_checkpoint(tmp_path / "a.pt", replace(make(), agent=agent))
    with pytest.raises(ObjlocError, match="weights do not fit its network: size mismatch") as error:
        load_checkpoint(tmp_path / "a.pt")
    assert "\n" not in str(error.value)


def test_weights_of_before_the_pyramid_had_a_name_of_its_own_are_read(tmp_path: Path) -> None:
    state = build_network(AGENT, ("cat",)).state_dict()
    old = {name.replace("encoder.pyramid.", "encoder."): value for name, value in state.items()}
    assert old.keys() != state.keys()
    save_checkpoint(tmp_path / "old.pt", Checkpoint(AGENT, ("cat",), "mini", "0" * 64, old))
    assert load_checkpoint(tmp_path / "old.pt").state.keys() == state.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agent", None), ("categories", "cat"), ("categories", ["cat", 5]), ("data", 3),
        ("state", []), ("state", {"values.weight": 1.0}), ("state", {5: torch.zeros(1)}),
        ("info", None), ("members", [{}]),
    ],
)  # fmt: skip
def test_an_entry_of_another_type_is_refused(name: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, make())
    torch.save(torch.load(path, weights_only=True) | {name: value}, path)
    with pytest.raises(ObjlocError, match=rf"a\.pt: expected an entry '{name}.*' as objloc writes"):
        load_checkpoint(path)


def test_a_missing_entry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, make())
    content = torch.load(path, weights_only=True)
    del content["info"]
    torch.save(content, path)
    with pytest.raises(ObjlocError, match="expected an entry 'info'"):
        load_checkpoint(path)
