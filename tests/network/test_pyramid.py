"""Maps merged out of a residual network's or a pretrained backbone's."""

import pytest
import torch
import torch.nn.functional as F

from objloc.data.image_batch import FeatureRows, Pixels
from objloc.learning.training import Training
from objloc.network.pyramid import Pointwise, PretrainedPyramid, ResidualPyramid, luma
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder
from tests.helpers.networks import random_images
from tests.helpers.stores import make_store

FROZEN = Encoder(kind="pretrained", image_size=64, neck_width=8)
IMAGES = random_images(2, 64, seed=0)


def test_luma_weighs_colours() -> None:
    red_green_blue = torch.eye(3).view(1, 3, 3, 1)
    assert luma(red_green_blue).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_a_pointwise_layer_is_a_convolution_of_one_pixel() -> None:
    layer, values = Pointwise(3, 5), torch.randn(2, 3, 4, 7)
    expected = F.conv2d(values, layer.weight[:, :, None, None], layer.bias)
    torch.testing.assert_close(layer(values), expected)


@pytest.mark.parametrize("size", [64, 50])
def test_a_map_from_scratch_has_a_quarter_of_the_images_side(size: int) -> None:
    params = Encoder(image_size=size, widths=(4, 6, 8), neck_width=5)
    maps = ResidualPyramid(params)(random_images(2, size))
    assert maps.shape == (2, 5, -(-size // 4), -(-size // 4))
    assert float(maps.detach().min()) >= 0


@torch.no_grad()
def test_a_cell_of_a_map_knows_what_the_whole_image_holds() -> None:
    """A pixel changed in one corner is felt in the other, through the mean of the last map."""
    pyramid = ResidualPyramid(Encoder(image_size=64, widths=(4, 6, 8), neck_width=5)).eval()
    changed = IMAGES.values.clone()
    changed[:, :, :8, :8] = 255 - changed[:, :, :8, :8]
    difference = pyramid(IMAGES) - pyramid(Pixels(changed))
    assert float(difference[..., -1, -1].abs().max()) > 0


def test_a_frozen_backbone_is_neither_trained_nor_saved() -> None:
    pyramid = PretrainedPyramid(FROZEN)
    pyramid(IMAGES).sum().backward()
    assert not any("backbone" in name for name in pyramid.state_dict())
    assert all(each.grad is not None for each in pyramid.parameters())


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("all", "backbone.stem.weight"),
        ("last", "last_stages.0.0._expand_conv.weight"),
        ("last_two", "last_stages.1.4._project_conv.bias"),
    ],
)
def test_a_fine_tuned_backbone_is_trained_and_saved(how: str, name: str) -> None:
    pyramid = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how}))
    pyramid(IMAGES).sum().backward()
    weight = dict(pyramid.named_parameters())[name]
    assert weight.grad is not None
    assert float(weight.grad.abs().max()) > 0
    assert name in pyramid.state_dict()
    assert name.startswith(PretrainedPyramid.PRETRAINED)


@pytest.mark.parametrize("how", ["all", "last", "last_two"])
def test_convolutions_by_channel_stay_as_they_are(how: str) -> None:
    pyramid = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how}))
    pyramid(IMAGES).sum().backward()
    named = dict(pyramid.named_parameters())
    by_channel = {name for name in named if "_depthwise_conv" in name}
    assert by_channel
    assert {name for name, weight in named.items() if weight.grad is None} == by_channel


@pytest.mark.parametrize("how", ["last", "last_two"])
def test_trained_stages_see_stored_maps_as_they_see_images(how: str) -> None:
    pyramid = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how})).eval()
    with torch.no_grad():
        for weight in pyramid.last_stages.parameters():
            weight.add_(0.01)
        assert torch.equal(
            pyramid(IMAGES), pyramid(FeatureRows({FROZEN.backbone: pyramid.rows(IMAGES.values)}))
        )


@pytest.mark.parametrize("how", ["none", "last_two"])
def test_maps_that_are_not_stored_are_not_rounded(how: str) -> None:
    stored = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how})).eval()
    direct = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how, "stored": False})).eval()
    direct.load_state_dict(stored.state_dict())
    with torch.no_grad():
        rounded, exact = stored(IMAGES), direct(IMAGES)
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, atol=0.1, rtol=0.05)


def test_pretrained_weights_learn_at_a_rate_of_their_own() -> None:
    def moved(rate: float) -> dict[str, float]:
        agent = Agent.model_validate(
            {
                "encoder": FROZEN.model_dump() | {"fine_tune": "last"},
                "head": {"hidden": (8,)},
                "learning": {"optimiser": "adamw", "weight_decay": 0.0, "backbone_rate": rate},
                "replay": {"init_size": 8},
                "schedule": {"environments": 2},
            }
        )
        store = make_store(4, image_size=64)
        generator = torch.Generator().manual_seed(0)
        network = build_network(agent, store.categories, generator)
        before = {name: each.clone() for name, each in network.state_dict().items()}
        training = Training(
            network, store, store.tasks(), agent, lambda _: {"score": 0.0}, generator
        )
        ticks = training.run()
        while training.learner.updates == 0:
            next(ticks)
        after = training.learner.online.state_dict()
        return {name: float((after[name] - before[name]).abs().max()) for name in before}

    slow, fast = moved(0.01), moved(1.0)
    name = "encoder.pyramid.last_stages.0.0._expand_conv.weight"
    # The first step of Adam is as long as the learning rate.
    assert slow[name] == pytest.approx(0.01 * fast[name], rel=0.1)
    assert slow["values.weight"] == pytest.approx(fast["values.weight"], rel=0.1)


@pytest.mark.parametrize("how", ["last", "last_two", "all"])
def test_before_any_training_a_fine_tuned_backbone_sees_what_a_frozen_one_does(how: str) -> None:
    frozen = PretrainedPyramid(FROZEN).eval()
    tuned = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how})).eval()
    tuned.load_state_dict(frozen.state_dict(), strict=False)
    with torch.no_grad():
        torch.testing.assert_close(tuned(IMAGES), frozen(IMAGES), atol=0.1, rtol=0.05)
