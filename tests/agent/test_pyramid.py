import pytest
import torch

from objloc.agent.backbone import BACKBONES, load_backbone, pack, unpack
from objloc.agent.network import build_network
from objloc.agent.pyramid import PretrainedPyramid
from objloc.agent.training import Training
from objloc.params import Agent, Encoder
from tests.stores import make_store

FROZEN = Encoder(kind="pretrained", image_size=64, neck_width=8)
IMAGES = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()


def test_maps_have_the_strides_and_channels_that_are_stated() -> None:
    info = BACKBONES["efficientnet-lite0"]
    maps = load_backbone("efficientnet-lite0")(IMAGES)
    assert [tuple(each.shape[1:]) for each in maps] == [(40, 8, 8), (112, 4, 4), (320, 2, 2)]
    assert info.shapes(64) == ((8, 8, 40), (4, 4, 112), (2, 2, 320))


def test_rows_hold_maps_to_within_half_a_level() -> None:
    info = BACKBONES["efficientnet-lite0"]
    backbone = load_backbone("efficientnet-lite0")
    maps = backbone(IMAGES)
    rows = pack(maps, backbone.deviations)
    assert rows.shape == (2, info.length(64))
    for before, after, deviation in zip(
        maps, unpack(rows, info, 64), backbone.deviations, strict=True
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
    [("all", "backbone.stem.weight"), ("last", "last_stage.0._depthwise_conv.weight")],
)
def test_a_fine_tuned_backbone_is_trained_and_saved(how: str, name: str) -> None:
    pyramid = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how}))
    pyramid(IMAGES).sum().backward()
    weight = dict(pyramid.named_parameters())[name]
    assert weight.grad is not None
    assert float(weight.grad.abs().max()) > 0
    assert name in pyramid.state_dict()
    assert name.startswith(PretrainedPyramid.PRETRAINED)


def test_the_last_stage_is_what_lies_behind_the_map_before() -> None:
    backbone = load_backbone("efficientnet-lite0")
    with torch.no_grad():
        *_, before, last = backbone(IMAGES)
        assert torch.equal(backbone.last_stage()(before), last)


def test_a_trained_last_stage_sees_stored_maps_as_it_sees_images() -> None:
    pyramid = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": "last"})).eval()
    with torch.no_grad():
        for weight in pyramid.last_stage.parameters():
            weight.add_(0.01)
        assert torch.equal(pyramid(IMAGES), pyramid(pyramid.rows(IMAGES)))


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
    name = "encoder.pyramid.last_stage.0._depthwise_conv.weight"
    # The first step of Adam is as long as the learning rate.
    assert slow[name] == pytest.approx(0.01 * fast[name], rel=0.1)
    assert slow["values.weight"] == pytest.approx(fast["values.weight"], rel=0.1)


@pytest.mark.parametrize("how", ["last", "all"])
def test_before_any_training_a_fine_tuned_backbone_sees_what_a_frozen_one_does(how: str) -> None:
    frozen = PretrainedPyramid(FROZEN).eval()
    tuned = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": how})).eval()
    tuned.load_state_dict(frozen.state_dict(), strict=False)
    with torch.no_grad():
        torch.testing.assert_close(tuned(IMAGES), frozen(IMAGES), atol=0.1, rtol=0.05)
