import pytest
import torch

from objloc.data.image_batch import FeatureRows
from objloc.learning.training import Training
from objloc.network.backbones.base import pack, unpack
from objloc.network.backbones.catalogue import info_of, load_backbone
from objloc.network.backbones.efficientnet_lite import NETWORKS
from objloc.network.pyramid import PretrainedPyramid
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder
from tests.helpers.networks import random_images
from tests.helpers.stores import make_store

FROZEN = Encoder(kind="pretrained", image_size=64, neck_width=8)
IMAGES = random_images(2, 64, seed=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_have_the_strides_and_channels_that_are_stated(name: str) -> None:
    maps = load_backbone(name)(IMAGES.values)
    shapes = info_of(name).shapes(64)
    assert [tuple(each.permute(0, 2, 3, 1).shape[1:]) for each in maps] == list(shapes)
    assert [side for side, _, _ in shapes] == [8, 4, 2]


@pytest.mark.parametrize("name", NETWORKS)
def test_channels_have_about_the_deviations_that_the_weights_tell(name: str) -> None:
    """Maps in units of them fill the 8 bits of a store, and are not cut."""
    backbone = load_backbone(name)
    for values, deviation in zip(backbone(IMAGES.values), backbone.deviations, strict=True):
        units = values / deviation.view(1, -1, 1, 1)
        assert 0.3 < float(units.std()) < 1.5


def test_rows_hold_maps_to_within_half_a_level() -> None:
    info = info_of("efficientnet-lite0")
    backbone = load_backbone("efficientnet-lite0")
    maps = backbone(IMAGES.values)
    rows = pack(maps, backbone.deviations)
    assert rows.shape == (2, info.length(64))
    for before, after, deviation in zip(
        maps, unpack(rows, info, 64, 3), backbone.deviations, strict=True
    ):
        units = before / deviation.view(1, -1, 1, 1)
        # What is beyond five deviations is cut.
        error = (after - units.clamp(-5, 5)).abs().max()
        assert float(error) <= 0.5 * 5 / 127 + 1e-5


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


@pytest.mark.parametrize("number", [1, 2])
def test_the_last_stages_are_what_lies_behind_the_maps_before(number: int) -> None:
    backbone = load_backbone("efficientnet-lite0")
    with torch.no_grad():
        maps = backbone(IMAGES.values)
        first = backbone(IMAGES.values, len(maps) - number)
        values = first[-1]
        made = []
        for stage in backbone.last_stages(number):
            values = stage(values)
            made.append(values)
    assert len(made) == number
    for before, after in zip(maps, [*first, *made], strict=True):
        assert torch.equal(before, after)


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
