"""Backbones of timm: a stand-in for the package, with networks drawn by chance."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from objloc.data.image_batch import FeatureRows, Pixels
from objloc.errors import ObjlocError
from objloc.network.backbones import timm as timm_backbone
from objloc.network.backbones.catalogue import info_of, load_backbone
from objloc.network.pyramid import PretrainedPyramid
from objloc.params import Agent, Encoder

NAME = "timm:small.drawn"
ENCODER = Encoder(kind="pretrained", image_size=64, neck_width=8, backbone=NAME)
IMAGES = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()
CONFIG = {
    "architecture": "small", "tag": "drawn", "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)
}  # fmt: skip


class Features(nn.Module):
    """What ``timm.create_model(features_only=True)`` gives: maps of strides 2 to 32."""

    def __init__(self, strides: list[int], places: tuple[int, ...]) -> None:
        super().__init__()
        channels = [4, 6, 8, 10, 12][: len(strides)]
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in zip([3, *channels], channels, strict=False)
        )
        self.places = places
        self.pretrained_cfg = CONFIG
        self.feature_info = SimpleNamespace(
            reduction=lambda: [strides[place] for place in places],
            channels=lambda: [channels[place] for place in places],
        )

    def forward(self, values: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            values = stage(values)
            maps.append(values)
        return [maps[place] for place in self.places]


@pytest.fixture(autouse=True)
def timm(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The stand-in; what was asked of it."""
    asked: list[dict[str, Any]] = []

    def create_model(
        name: str,
        *,
        pretrained: bool,
        features_only: bool,
        out_indices: tuple[int, ...] | None = None,
    ) -> Features:
        asked.append({"name": name, "pretrained": pretrained, "places": out_indices})
        assert features_only
        if name == "unknown":
            raise RuntimeError("Unknown model (unknown)")
        if name == "unreachable" and pretrained:
            raise OSError("no route to the hub")
        strides = [4, 8, 16] if name == "coarse" else [2, 4, 8, 16, 32]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return Features(strides, out_indices or tuple(range(len(strides))))

    module = ModuleType("timm")
    module.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", module)
    timm_backbone.info_of.cache_clear()
    return asked


def test_what_is_known_needs_no_weights(timm: list[dict[str, Any]]) -> None:
    info = info_of(ENCODER)
    assert info.channels == (8, 10, 12)
    assert info.shapes(64) == ((8, 8, 8), (4, 4, 10), (2, 2, 12))
    assert info.weights == "small.drawn"
    assert not any(each["pretrained"] for each in timm)
    load_backbone(ENCODER)
    assert timm[-1] == {"name": "small.drawn", "pretrained": True, "places": (2, 3, 4)}


def test_maps_are_those_of_the_network_on_its_own_colours() -> None:
    backbone = load_backbone(ENCODER)
    mean, std = (torch.tensor(CONFIG[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = Features([2, 4, 8, 16, 32], (2, 3, 4)).eval()
    expected = network((IMAGES / 255 - mean) / std)
    for mine, theirs in zip(backbone(IMAGES), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    assert len(backbone(IMAGES, 2)) == 2


def test_the_units_of_its_channels_are_the_same_every_time() -> None:
    backbone, again = load_backbone(ENCODER), load_backbone(ENCODER)
    for one, other in zip(backbone.deviations, again.deviations, strict=True):
        assert torch.equal(one, other)


def test_a_pyramid_merges_their_maps_stored_or_not() -> None:
    pyramid = PretrainedPyramid(ENCODER).eval()
    assert pyramid(Pixels(IMAGES)).shape == (2, 8, 8, 8)
    rows = pyramid.rows(IMAGES)
    assert rows.shape == (2, info_of(ENCODER).length(64))
    assert torch.equal(pyramid(FeatureRows({NAME: rows})), pyramid(Pixels(IMAGES)))


def test_trained_further_its_normalisation_stays_as_it_was() -> None:
    pyramid = PretrainedPyramid(ENCODER.model_copy(update={"fine_tune": "all"})).train()
    names = {name for name, _ in pyramid.named_buffers() if name.startswith("backbone.network")}
    before = {name: value.clone() for name, value in pyramid.named_buffers() if name in names}
    pyramid(Pixels(IMAGES)).sum().backward()
    after = dict(pyramid.named_buffers())
    assert before
    assert all(torch.equal(before[name], after[name]) for name in before)
    weight = dict(pyramid.named_parameters())["backbone.network.stages.0.0.weight"]
    assert weight.grad is not None


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("timm:unknown", "Unknown model"),
        ("timm:unreachable", "no route to the hub"),
        ("timm:coarse", "expected maps of strides 8, 16 and 32 for timm:coarse; found 4, 8, 16"),
    ],
)
def test_what_timm_has_not_is_named(name: str, complaint: str) -> None:
    with pytest.raises(ObjlocError, match=complaint):
        load_backbone(ENCODER.model_copy(update={"backbone": name}))


def test_timm_need_not_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ObjlocError, match=r"expected timm for timm:small.drawn"):
        info_of(ENCODER)


@pytest.mark.parametrize(
    "encoder",
    [
        {"backbone": "timm:"},
        {"backbone": "resnet50"},
        {"backbone": NAME, "kind": "pretrained", "fine_tune": "last", "image_size": 64},
    ],
)
def test_other_names_and_parts_are_refused(encoder: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="backbone"):
        Agent.model_validate({"encoder": encoder})
