"""Maps packed into rows of 8 bits."""

import torch
from torch import nn

from objloc.network.backbones.base import BackboneInfo, pack, train_further, unpack
from objloc.network.backbones.catalogue import info_of, load_backbone
from objloc.params import Encoder
from tests.helpers.networks import random_images

TWO_MAPS = BackboneInfo(channels=(2, 1), strides=(8, 16), weights="drawn")
ENCODER = Encoder(kind="pretrained", image_size=64)
UNIT = 127 / 5
"""Levels of a deviation."""


def test_a_row_is_as_long_as_the_maps_together() -> None:
    assert TWO_MAPS.shapes(32) == ((4, 4, 2), (2, 2, 1))
    assert TWO_MAPS.length(32) == 4 * 4 * 2 + 2 * 2


def test_maps_lie_one_after_another_channels_innermost() -> None:
    """In levels of a 127th of five deviations, cut at five."""
    fine = torch.tensor([[[[0.0, 1.0], [2.0, 9.0]], [[0.0, -3.0], [-6.0, 99.0]]]])
    coarse = torch.tensor([[[[0.5]]]])
    rows = pack([fine, coarse], [torch.tensor([1.0, 3.0]), torch.tensor([0.5])])
    deviations = [0, 0, 1, -1, 2, -2, 5, 5, 1]  # (0, 0), (1, -3), (2, -6), (9, 99); 0.5
    assert rows.dtype == torch.int8
    assert rows[0].tolist() == [round(each * UNIT) for each in deviations]


def test_unpacked_maps_are_in_units_of_their_deviations() -> None:
    rows = torch.arange(-18, 18).to(torch.int8)[None]
    fine, coarse = unpack(rows, TWO_MAPS, 32, 2)
    assert fine.shape == (1, 2, 4, 4)
    assert (fine * UNIT).round()[0, :, 0, 1].tolist() == [-16, -15]
    assert (coarse * UNIT).round().tolist() == [[[[14, 15], [16, 17]]]]
    assert len(unpack(rows, TWO_MAPS, 32, 1)) == 1


def test_rows_hold_maps_to_within_half_a_level() -> None:
    images = random_images(2, 64, seed=0).values
    info = info_of(ENCODER)
    backbone = load_backbone(ENCODER)
    maps = backbone(images)
    rows = pack(maps, backbone.deviations)
    assert rows.shape == (2, info.length(64))
    for before, after, deviation in zip(
        maps, unpack(rows, info, 64, 3), backbone.deviations, strict=True
    ):
        units = before / deviation.view(1, -1, 1, 1)
        # What is beyond five deviations is cut.
        error = (after - units.clamp(-5, 5)).abs().max()
        assert float(error) <= 0.5 * 5 / 127 + 1e-5


def test_all_but_convolutions_by_channel_are_trained() -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4))
    trained = train_further(module.requires_grad_(False))
    assert trained is module
    wanted = {name for name, weight in module.named_parameters() if weight.requires_grad}
    assert wanted == {"0.weight", "0.bias"}
