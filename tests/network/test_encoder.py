"""What all encoders have in common."""

from typing import Literal

import pytest
import torch

from objloc.data.image_batch import Pixels
from objloc.network.crop_encoder import CropEncoder
from objloc.network.encoder import build_encoder
from objloc.network.map_encoder import MapEncoder
from objloc.params import Encoder
from tests.helpers.networks import random_images, random_windows, windows_of


def test_parameters_name_the_encoder() -> None:
    assert isinstance(build_encoder(Encoder(kind="crops"), 2), CropEncoder)
    assert isinstance(build_encoder(Encoder(kind="map"), 2), MapEncoder)
    with pytest.raises(AssertionError, match="made_up"):
        build_encoder(Encoder().model_copy(update={"kind": "made_up"}), 2)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("kind", ["map", "crops"])
def test_features_have_the_stated_length(kind: Literal["map", "crops"], frames: int) -> None:
    boxes = random_windows(6).view(-1, 1, 4).repeat(1, frames, 1)
    encoder = build_encoder(Encoder(kind=kind, image_size=96, frames=frames), 2)
    windows = windows_of(boxes, torch.tensor([0, 1, 1, 0, 0, 1]))
    seen = encoder.observe(encoder.encode(random_images(2, 96)), windows)
    features = seen.features()
    assert features.own.shape == (6, 1, encoder.features)
    assert features.shared is None
    assert seen.shared_features().shape == (6, encoder.shared_features)


def test_layers_are_numbered_in_order() -> None:
    assert list(build_encoder(Encoder(widths=(8, 8, 8)), 2).layers()) == [
        "conv1", "conv2", "conv3", "conv4", "conv5",
    ]  # fmt: skip
    assert list(build_encoder(Encoder(kind="crops"), 2).layers()) == ["conv1", "conv2", "conv3"]


@pytest.mark.parametrize("kind", ["map", "crops"])
def test_without_colours_only_brightness_counts(kind: Literal["map", "crops"]) -> None:
    params = Encoder(kind=kind, image_size=84, greyscale=True, widths=(4, 8), cell_width=4, pool=3)
    encoder = build_encoder(params, 2).eval()
    red, grey = torch.zeros(1, 3, 84, 84), torch.zeros(1, 3, 84, 84)
    red[:, 0, 20:60, 20:60] = 200
    grey[:, :, 20:60, 20:60] = 200 * 0.299
    seen = [encoder.encode(Pixels(each)) for each in (red, grey)]
    torch.testing.assert_close(seen[0], seen[1], atol=1e-5, rtol=1e-4)
    coloured = build_encoder(params.model_copy(update={"greyscale": False}), 2).eval()
    seen = [coloured.encode(Pixels(each)) for each in (red, grey)]
    assert float((seen[0] - seen[1]).detach().abs().max()) > 1e-3


@pytest.mark.parametrize("kind", ["map", "crops"])
def test_from_pixels_no_rows_of_features_are_made(kind: Literal["map", "crops"]) -> None:
    assert build_encoder(Encoder(kind=kind), 2).frozen is None
