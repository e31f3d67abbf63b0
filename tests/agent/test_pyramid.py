import torch

from objloc.agent.backbone import BACKBONES, load_backbone, pack, unpack
from objloc.agent.pyramid import PretrainedPyramid
from objloc.params import Encoder

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


def test_a_fine_tuned_backbone_is_trained_and_saved() -> None:
    pyramid = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": True}))
    pyramid(IMAGES).sum().backward()
    learned = dict(pyramid.named_parameters())
    stem = learned["backbone.stem.weight"]
    assert stem.grad is not None
    assert float(stem.grad.abs().max()) > 0
    assert "backbone.stem.weight" in pyramid.state_dict()


def test_before_any_training_a_fine_tuned_backbone_sees_what_a_frozen_one_does() -> None:
    frozen = PretrainedPyramid(FROZEN).eval()
    tuned = PretrainedPyramid(FROZEN.model_copy(update={"fine_tune": True})).eval()
    tuned.load_state_dict(frozen.state_dict(), strict=False)
    with torch.no_grad():
        torch.testing.assert_close(tuned(IMAGES), frozen(IMAGES), atol=0.1, rtol=0.05)
