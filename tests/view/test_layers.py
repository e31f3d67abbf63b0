import io
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from objloc.data.image_batch import Pixels
from objloc.data.images import open_image
from objloc.data.shard_reader import read_samples
from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint
from objloc.network.crop_encoder import CropEncoder
from objloc.network.map_encoder import MapEncoder
from objloc.network.pyramid import ResidualPyramid
from objloc.network.q_network import QNetwork, build_network
from objloc.params import Agent, Encoder, Head
from objloc.view.canvas import CARD
from objloc.view.layers import (
    activation_pictures,
    activations,
    glow,
    kernel_pictures,
    layer_pictures,
    one_sample,
    pick_layer,
)
from tests.helpers.stores import make_samples

HEAD = Head(hidden=(8,), action_history=2)
MAP = Agent(encoder=Encoder(image_size=32, widths=(4, 6, 8), cell_width=4), head=HEAD)
GREY = Agent(
    encoder=Encoder(kind="crops", image_size=40, window_size=36, greyscale=True, frames=4),
    head=HEAD,
)
COLOUR = Agent(encoder=Encoder(kind="crops", image_size=40, window_size=36, frames=2), head=HEAD)


def make_network(agent: Agent) -> QNetwork:
    return build_network(agent, ("cat",), torch.Generator().manual_seed(3)).eval()


def make_checkpoint(agent: Agent) -> Checkpoint:
    network = make_network(agent)
    return Checkpoint(agent, ("cat",), "drawn", "0" * 64, network.state_dict())


def some_image(side: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, side, side), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("asked", ["conv2", 2, "2", " 2 "])
def test_a_layer_has_a_name_and_a_number(asked: str | int) -> None:
    layers: dict[str, nn.Module] = {f"conv{n}": nn.Identity() for n in (1, 2, 3)}
    assert pick_layer(layers, asked) == "conv2"


@pytest.mark.parametrize("asked", ["conv4", 0, 4, -1, "", "1.5", "conv", "²"])
def test_an_unknown_layer_is_refused_with_all_there_are(asked: str | int) -> None:
    layers: dict[str, nn.Module] = {f"conv{n}": nn.Identity() for n in (1, 2, 3)}
    with pytest.raises(ObjlocError, match="1 conv1, 2 conv2, 3 conv3; found") as caught:
        pick_layer(layers, asked)
    assert "\n" not in str(caught.value)


def test_activations_of_crops_are_those_of_the_whole_images_window() -> None:
    network, image = make_network(GREY), some_image(40)
    encoder = network.encoder
    assert isinstance(encoder, CropEncoder)
    grey = (image.float() / 255 * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=0)
    squashed = F.interpolate(grey[None, None], (36, 36), mode="bilinear", align_corners=False)
    stack = squashed.expand(1, 4, 36, 36)
    with torch.no_grad():
        first = F.relu(encoder.conv1(stack))
        second = F.relu(encoder.conv2(first))
    torch.testing.assert_close(
        activations(network, Pixels(image[None]), "conv1"), first[0], atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        activations(network, Pixels(image[None]), "conv2"), second[0], atol=1e-4, rtol=0
    )


def test_activations_of_a_map_are_normalised_as_the_network_does() -> None:
    network, image = make_network(MAP), some_image(32)
    encoder = network.encoder
    assert isinstance(encoder, MapEncoder)
    pyramid = encoder.pyramid
    assert isinstance(pyramid, ResidualPyramid)
    # Statistics that are not those of a new layer, so that they can be missed.
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.fill_(0.1)  # type: ignore[union-attr]
                module.running_var.fill_(0.25)  # type: ignore[union-attr]
        stem = F.relu(pyramid.stem_norm(pyramid.stem(image[None].float() / 127.5 - 1)))
        block = dict(pyramid.stages[0].named_children())
        inner = F.relu(block["norm1"](block["conv1"](stem)))
        outer = F.relu(block["norm2"](block["conv2"](inner)))
    for name, expected in (("conv1", stem), ("conv2", inner), ("conv3", outer)):
        torch.testing.assert_close(
            activations(network, Pixels(image[None]), name), expected[0], atol=1e-5, rtol=1e-5
        )


def test_activations_in_bfloat16_are_shown_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objloc.network.device.has_bfloat16", lambda _device: True)
    encoder = MAP.encoder.model_copy(update={"precision": "bfloat16"})
    network, image = make_network(MAP.model_copy(update={"encoder": encoder})), some_image(32)
    dtypes = []
    layer = network.layers()["conv3"]
    layer.register_forward_hook(lambda _module, _inputs, output: dtypes.append(output.dtype))
    maps = activations(network, Pixels(image[None]), "conv3")
    assert (dtypes, maps.dtype) == ([torch.bfloat16], torch.float32)
    assert len(activation_pictures(maps)) == 6
    exact = activations(make_network(MAP), Pixels(image[None]), "conv3")
    torch.testing.assert_close(maps, exact, atol=0.05, rtol=0.05)


def test_looking_leaves_no_hooks_behind() -> None:
    network = make_network(MAP)
    activations(network, Pixels(some_image(32)[None]), "conv1")
    assert all(not module._forward_hooks for module in network.modules())


def test_brightness_grows_with_the_answer() -> None:
    picture = np.asarray(glow(np.linspace(0, 1, 50, dtype=np.float32)[None])).astype(int)
    lightness = picture[0] @ (2, 5, 1)
    assert (np.diff(lightness) > 0).all()


def test_each_filter_is_scaled_by_its_own_largest_answer_and_silence_is_dark() -> None:
    maps = torch.tensor([[[0.0, 1.0]], [[0.0, 100.0]], [[0.0, 0.0]]])
    first, second, silent = (np.asarray(each).tolist() for each in activation_pictures(maps))
    assert first == second
    assert silent == [[first[0][0], first[0][0]]]
    assert first[0][1] != first[0][0]


def test_kernels_of_colour_images_are_shown_in_colour() -> None:
    weights = torch.zeros(1, 3, 1, 2)
    weights[0, 0, 0, 0] = 2.0
    weights[0, 2, 0, 1] = -2.0
    (picture,) = kernel_pictures(weights, colour=True)
    assert picture.getpixel((0, 0)) == (255, 128, 128)
    assert picture.getpixel((1, 0)) == (128, 128, 0)


def test_kernels_of_several_windows_stand_side_by_side() -> None:
    weights = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 2, 2)
    (picture,) = kernel_pictures(weights, colour=False)
    assert picture.size == (4 * 2 + 3, 2)
    assert [picture.getpixel((x, 1)) for x in (2, 5, 8)] == [CARD] * 3
    greys = np.asarray(picture)[0, [0, 3, 6, 9], 0].tolist()
    assert greys == [128, 170, 212, 255]
    (coloured,) = kernel_pictures(weights.repeat(1, 3, 1, 1)[:, :6], colour=True)
    assert coloured.size == (2 * 2 + 1, 2)


@pytest.mark.parametrize(("agent", "asked", "name", "maps", "kernels"), [
    (MAP, 2, "conv2", 6, 4), (GREY, "conv3", "conv3", 64, 32), (COLOUR, 1, "conv1", 32, 32),
])  # fmt: skip
def test_every_filter_has_a_file_and_a_place_on_the_sheet(
    agent: Agent, asked: str | int, name: str, maps: int, kernels: int
) -> None:
    sample = make_samples(1)[0]
    photograph = open_image(sample.jpeg)
    checkpoint = make_checkpoint(agent)
    contents = layer_pictures(checkpoint, sample, photograph, asked)
    assert sorted(contents) == sorted(
        [f"activations_{name}.png", "filters_conv1.png"]
        + [f"activations_{name}/{number:03}.png" for number in range(1, maps + 1)]
        + [f"filters_conv1/{number:03}.png" for number in range(1, kernels + 1)]
    )
    for content in contents.values():
        with Image.open(io.BytesIO(content)) as file:
            file.load()
            assert file.format == "PNG"
            assert set(file.info) == set()
    assert layer_pictures(checkpoint, sample, photograph, asked) == contents


def test_activations_have_the_photographs_shape() -> None:
    sample = make_samples(1)[0]  # 120 x 90
    contents = layer_pictures(make_checkpoint(MAP), sample, open_image(sample.jpeg), 1)
    with Image.open(io.BytesIO(contents["activations_conv1/001.png"])) as file:
        assert file.width / file.height == pytest.approx(120 / 90, rel=0.01)


def test_an_image_of_a_set_is_the_first_or_the_one_named(shards_folder: Path) -> None:
    samples = list(read_samples(shards_folder, "test"))
    assert one_sample(shards_folder, "test", None) == samples[0]
    assert one_sample(shards_folder, "test", samples[3].image_id) == samples[3]
    expected = f"such as '{samples[0].image_id}'; found 'nothing'"
    with pytest.raises(ObjlocError, match=expected):
        one_sample(shards_folder, "test", "nothing")
    with pytest.raises(ObjlocError, match="weekend"):
        one_sample(shards_folder, "weekend", None)
