"""Units of channels, measured on noise."""

import torch

from objloc.network.backbones.catalogue import load_backbone
from objloc.network.backbones.noise import deviations, noise
from objloc.params import Encoder


def test_channels_have_about_the_deviations_that_noise_tells() -> None:
    known = load_backbone(Encoder(kind="pretrained"))  # whose weights tell their deviations
    measured = deviations(known(noise(8)))
    for mine, theirs in zip(measured, known.deviations, strict=True):
        ratio = (mine / theirs).log().mean().exp()
        assert 0.5 < float(ratio) < 2


def test_noise_has_the_levels_of_photographs_and_is_always_the_same() -> None:
    pictures = noise(2)
    assert pictures.shape == (2, 3, 224, 224)
    assert pictures.dtype is torch.uint8
    assert torch.equal(pictures, noise(2))
    assert 110 < float(pictures.float().mean()) < 126
    assert 50 < float(pictures.float().std()) < 65


def test_a_channel_that_is_nearly_constant_has_a_unit_all_the_same() -> None:
    (units,) = deviations([torch.tensor([[[[0.0]], [[4.0]], [[-6.0]]]])])
    torch.testing.assert_close(units[1:], torch.tensor([1.6, 2.4]))
    assert float(units[0]) > 0
