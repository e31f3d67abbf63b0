"""Agents of several networks."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from objloc.data.image_batch import FeatureRows, Pixels
from objloc.errors import ObjlocError
from objloc.network.backbones.efficientnet_lite import NETWORKS
from objloc.network.checkpoint import (
    Checkpoint,
    combine,
    load_checkpoint,
    save_checkpoint,
)
from objloc.network.ensemble import Ensemble
from objloc.network.pyramid import PretrainedPyramid
from objloc.network.q_network import QNetwork, build_network
from objloc.network.windows import Pairs, Windows
from objloc.params import Agent, Encoder, Head, Learning, Mdp

MAP = Agent(
    encoder=Encoder(image_size=32, widths=(4, 8), pool=2, cell_width=4, category_channels=2),
    head=Head(hidden=(8,), presence=True, learned_steps=True, learned_zooms=True),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic"),
)
CROPS = Agent(
    encoder=Encoder(kind="crops", image_size=40, window_size=36, frames=2),
    head=Head(hidden=(8,), action_history=2),
)
FROZEN = Agent(
    encoder=Encoder(kind="pretrained", image_size=64, neck_width=4, cell_width=4, pool=2),
    head=Head(hidden=(8,)),
)
LARGER = FROZEN.model_copy(
    update={"encoder": FROZEN.encoder.model_copy(update={"backbone": "efficientnet-lite2"})}
)
CATEGORIES = ("cat", "dog", "cow")


def networks(agent: Agent, number: int = 2) -> list[QNetwork]:
    return [
        build_network(agent, CATEGORIES, torch.Generator().manual_seed(seed)).eval()
        for seed in range(number)
    ]


def checkpoint(agent: Agent = MAP, seed: int = 0, **others: object) -> Checkpoint:
    network = build_network(agent, CATEGORIES, torch.Generator().manual_seed(seed))
    info = {"image_set": "train", "val_image_set": "val", "update": 100 + seed}
    made = Checkpoint(agent, CATEGORIES, "drawn", "0" * 64, network.state_dict(), info)
    return replace(made, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize("agent", [MAP, CROPS, FROZEN], ids=["map", "crops", "frozen"])
@torch.no_grad()
def test_what_it_says_is_the_mean_of_what_its_members_say(agent: Agent) -> None:
    if agent is FROZEN:
        pytest.importorskip("efficientnet_lite_pytorch")
    members = networks(agent, 3)
    together = Ensemble(members)
    generator = torch.Generator().manual_seed(5)
    size = agent.encoder.image_size
    images = Pixels(torch.randint(256, (2, 3, size, size), generator=generator, dtype=torch.uint8))
    frames = agent.encoder.frames
    corners = torch.rand(3, frames, 2, generator=generator) / 2
    boxes = torch.cat([corners, corners + 0.4], dim=2)
    past = torch.full((3, agent.head.action_history), -1)
    windows = Windows(torch.tensor([0, 1, 1]), boxes, past)
    apart = [each.outputs(each.encode(images), windows) for each in members]
    assert not torch.equal(apart[0], apart[1])
    views = together.encode(images)
    outputs = together.outputs(views, windows)
    torch.testing.assert_close(outputs, (apart[0] + apart[1] + apart[2]) / 3)
    torch.testing.assert_close(together(views, windows), members[0].values_of(outputs))
    pairs = Pairs(torch.tensor([2, 0]), torch.tensor([1, 2]))
    torch.testing.assert_close(
        together.outputs_for(views, windows, pairs), outputs[pairs.window, pairs.category]
    )


@torch.no_grad()
def test_members_of_different_backbones_see_the_same_from_images_and_from_rows() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    members = [*networks(FROZEN), *networks(LARGER, 1)]
    together = Ensemble(members)
    generator = torch.Generator().manual_seed(5)
    images = Pixels(torch.randint(256, (2, 3, 64, 64), generator=generator, dtype=torch.uint8))
    views = together.encode(images)
    for number, each in enumerate(members):
        assert torch.equal(views[:, number], each.encode(images))
    rows = {
        each.encoder.backbone: PretrainedPyramid(each.encoder).rows(images.values)
        for each in (FROZEN, LARGER)
    }
    assert torch.equal(together.encode(FeatureRows(rows)), views)


@torch.no_grad()
def test_maps_of_its_members_are_pooled_without_a_copy() -> None:
    views = Ensemble(networks(MAP)).encode(Pixels(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)))
    assert all(mine.permute(0, 2, 3, 1).is_contiguous() for mine in views.unbind(1))


def test_its_layers_are_those_of_its_members() -> None:
    members = networks(MAP)
    layers = Ensemble(members).layers()
    assert layers["network2_conv1"] is members[1].layers()["conv1"]
    assert len(layers) == 2 * len(members[0].layers())


def test_combined_models_come_back_and_say_what_they_are_made_of(tmp_path: Path) -> None:
    parts = {str(seed): checkpoint(seed=seed) for seed in range(3)}
    save_checkpoint(tmp_path / "both.pt", combine(parts))
    found = load_checkpoint(tmp_path / "both.pt")
    assert found.members == (MAP, MAP, MAP)
    assert found.info == {
        "image_set": "train",
        "val_image_set": "val",
        "members": [part.info for part in parts.values()],
    }
    network = found.network()
    assert isinstance(network, Ensemble)
    second = network.members[1].state_dict()
    assert all(torch.equal(second[name], value) for name, value in parts["1"].state.items())


def test_backbones_may_differ_where_their_maps_are_as_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    parts = {"a.pt": checkpoint(FROZEN), "b.pt": checkpoint(LARGER), "c.pt": checkpoint(FROZEN)}
    save_checkpoint(tmp_path / "all.pt", combine(parts))
    found = load_checkpoint(tmp_path / "all.pt")
    assert found.members == (FROZEN, LARGER, FROZEN)
    assert found.encoders == (FROZEN.encoder, LARGER.encoder)
    monkeypatch.setitem(
        NETWORKS, "efficientnet-lite2", NETWORKS["efficientnet-lite2"]._replace(strides=(4, 8, 16))
    )
    with pytest.raises(
        ObjlocError, match=r"b.pt: expected strides of .*backbone=\[.*32\] as in a.pt; found \[4"
    ):
        combine(parts)


def test_a_single_networks_file_tells_of_no_members(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "one.pt", checkpoint())
    assert "members" not in torch.load(tmp_path / "one.pt", weights_only=True)


FINER = MAP.encoder.model_copy(update={"image_size": 64})
OTHER_PRICE = MAP.model_copy(
    update={"learning": MAP.learning.model_copy(update={"absent_reward": -9.0})}
)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (
            checkpoint(categories=("cat", "dog", "ox")),
            r'categories=\["cat", "dog", "cow"\] as in a.pt; found \["cat", "dog", "ox"\]',
        ),
        (checkpoint(data_hash="1" * 64), "b.pt: expected data_hash=0+ as in a.pt; found 1+"),
        (
            checkpoint(MAP.model_copy(update={"mdp": Mdp(max_steps=7)})),
            r"b.pt: expected agents.\*.mdp.max_steps=50 as in a.pt; found 7",
        ),
        (
            checkpoint(MAP.model_copy(update={"head": Head(hidden=(9,))})),
            r"b.pt: expected agents.\*.head.hidden=\[8\] as in a.pt; found \[9\]",
        ),
        (
            checkpoint(MAP.model_copy(update={"encoder": FINER})),
            r"b.pt: expected agents.\*.encoder.image_size=32 as in a.pt; found 64",
        ),
        (checkpoint(CROPS), r"b.pt: expected agents.\*.encoder.kind=map as in a.pt; found crops"),
        (checkpoint(OTHER_PRICE), "b.pt: expected values of the range of a.pt; found another"),
        (
            combine({"c": checkpoint(), "d": checkpoint(seed=1)}),
            "b.pt: expected a single network; found 2 combined",
        ),
    ],
    ids=["categories", "data", "mdp", "head", "image size", "kind", "range", "combined"],
)
def test_models_of_another_kind_are_not_combined(other: Checkpoint, expected: str) -> None:
    with pytest.raises(ObjlocError, match=expected):
        combine({"a.pt": checkpoint(), "b.pt": other})


def test_one_model_alone_is_not_combined() -> None:
    with pytest.raises(ObjlocError, match="expected two models or more; found 1"):
        combine({"a.pt": checkpoint()})
