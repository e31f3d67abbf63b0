import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, warm_start
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


def test_warm_start_copies_categories_by_name() -> None:
    earlier = make(categories=("dog", "cat"))
    network = build_network(AGENT, ("cat", "cow", "dog"))
    warm_start(network, earlier, "earlier.pt")
    theirs = earlier.state["values.weight"].view(2, 9, -1)
    mine = network.values.weight.view(3, 9, -1)
    assert torch.equal(mine[0], theirs[1])
    assert torch.equal(mine[2], theirs[0])
    assert torch.allclose(mine[1], theirs.mean(dim=0))
    assert torch.equal(network.state_dict()["hidden.1.weight"], earlier.state["hidden.1.weight"])


def test_warm_start_copies_values_and_advantages_of_categories_by_name() -> None:
    encoder = Encoder(image_size=64, widths=(8, 8), cell_width=3, category_channels=2)
    agent = Agent(encoder=encoder, head=Head(hidden=(16,), joint=(4,), dueling=True))
    earlier = make(agent, ("dog", "cat"))
    network = build_network(agent, ("cat", "cow", "dog"))
    warm_start(network, earlier, "earlier.pt")
    last = [name for name in earlier.state if name.startswith("joint")][-1]
    theirs, mine = earlier.state[last].view(2, 10), network.state_dict()[last].view(3, 10)
    assert torch.equal(mine[[2, 0]], theirs)
    assert torch.allclose(mine[1], theirs.mean(dim=0))


def test_warm_start_copies_the_cells_of_categories_by_name() -> None:
    encoder = Encoder(image_size=64, widths=(8, 8, 8), cell_width=3, category_channels=2)
    agent = Agent(encoder=encoder, head=Head(hidden=(16,)))
    earlier = make(agent, ("dog", "cat"))
    network = build_network(agent, ("cat", "cow", "dog"))
    warm_start(network, earlier, "earlier.pt")
    theirs, mine = earlier.state["encoder.cells.weight"], network.state_dict()
    rows = mine["encoder.cells.weight"]
    assert torch.equal(rows[:3], theirs[:3])  # shared
    assert torch.equal(rows[3:5], theirs[5:7])  # cat
    assert torch.equal(rows[5:7], (theirs[3:5] + theirs[5:7]) / 2)  # cow: the mean
    assert torch.equal(rows[7:9], theirs[3:5])  # dog
    assert torch.equal(mine["values.weight"], earlier.state["values.weight"])


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (AGENT.model_copy(update={"mdp": Mdp(actions="dissertation")}), "11 actions; found 9"),
        (AGENT.model_copy(update={"head": Head(hidden=(16,), per_category=False)}), "per_category"),
        (AGENT.model_copy(update={"head": Head(hidden=(24,))}), "hidden.1.weight"),
        (
            AGENT.model_copy(update={"head": Head(hidden=(16,), dueling=True)}),
            "expected head.dueling=true; found false",
        ),
        (
            AGENT.model_copy(update={"encoder": Encoder(kind="crops", image_size=64)}),
            "another encoder",
        ),
        (
            AGENT.model_copy(update={"encoder": Encoder(image_size=64, widths=(8, 8))}),
            "another encoder",
        ),
    ],
)
def test_a_model_of_another_kind_is_refused_by_name(agent: Agent, expected: str) -> None:
    network = build_network(agent, ("cat", "dog"))
    with pytest.raises(ObjlocError, match=expected) as error:
        warm_start(network, make(), "earlier.pt")
    assert "earlier.pt" in str(error.value)


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
