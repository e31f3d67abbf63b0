"""Windows cut out of the image, one pixel beside the other."""

import pytest
import torch

from objloc.data.image_batch import FeatureRows, Pixels
from objloc.network.crop_encoder import CropEncoder
from objloc.network.windows import Pairs
from objloc.params import Encoder
from tests.helpers.networks import random_images, random_windows, windows_of


def test_a_crop_of_the_whole_image_is_the_image() -> None:
    encoder = CropEncoder(Encoder(kind="crops", image_size=84, window_size=84))
    images = random_images(2, 84)
    whole = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]] * 2)
    crops = encoder.crop(encoder.encode(images), windows_of(whole, torch.arange(2)))
    assert torch.allclose(crops, images.values.float() / 255, atol=1e-5)


def test_a_crop_shows_what_is_inside_the_window() -> None:
    images = torch.zeros(1, 3, 84, 84, dtype=torch.uint8)
    images[:, :, 42:, 42:] = 255  # the lower right quarter is white
    encoder = CropEncoder(Encoder(kind="crops", image_size=84))
    views = encoder.encode(Pixels(images))
    quarters = torch.tensor([[[0.5, 0.5, 1.0, 1.0]], [[0.0, 0.0, 0.5, 0.5]]])
    crops = encoder.crop(views, windows_of(quarters))
    assert crops[0, :, 1:, 1:].min() > 0.99
    assert crops[1, :, :-1, :-1].max() < 0.01


def test_frames_are_stacked_oldest_first() -> None:
    images = torch.arange(84).view(1, 1, 1, 84).expand(1, 3, 84, 84).to(torch.uint8)
    encoder = CropEncoder(Encoder(kind="crops", image_size=84, greyscale=True, frames=2))
    windows = torch.tensor([[[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]]])
    crops = encoder.crop(encoder.encode(Pixels(images)), windows_of(windows))
    assert crops.shape == (1, 2, 84, 84)
    assert crops[0, 0].mean() < crops[0, 1].mean()


def test_greyscale_weighs_the_colours_as_luma() -> None:
    images = torch.zeros(3, 3, 84, 84, dtype=torch.uint8)
    for channel in range(3):
        images[channel, channel] = 255
    encoder = CropEncoder(Encoder(kind="crops", image_size=84, greyscale=True))
    means = encoder.encode(Pixels(images)).mean(dim=(1, 2, 3))
    assert torch.allclose(means, torch.tensor([0.299, 0.587, 0.114]), atol=1e-5)


def test_pairs_have_the_features_of_their_windows() -> None:
    encoder = CropEncoder(Encoder(kind="crops", image_size=84))
    seen = encoder.observe(
        encoder.encode(random_images(1, 84)), windows_of(random_windows(3).view(3, 1, 4))
    )
    pairs = Pairs(torch.tensor([2, 0]), torch.tensor([1, 1]))
    every = seen.features().own
    assert torch.equal(seen.features(pairs).own, every[pairs.window, 0])
    assert torch.equal(seen.shared_features(), every[:, 0])


def test_stacked_frames_do_not_come_apart_again() -> None:
    encoder = CropEncoder(Encoder(kind="crops", image_size=84, frames=2))
    boxes = random_windows(2).view(1, 2, 4)
    seen = encoder.observe(encoder.encode(random_images(1, 84)), windows_of(boxes))
    with pytest.raises(TypeError, match="crops of 2 steps stacked"):
        seen.by_frame(2)


def test_stored_features_are_refused() -> None:
    encoder = CropEncoder(Encoder(kind="crops"))
    with pytest.raises(TypeError, match="expected images as pixels"):
        encoder.encode(FeatureRows({"efficientnet-lite0": torch.zeros(1, 9, dtype=torch.int8)}))
