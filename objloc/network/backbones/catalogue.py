"""Backbones by an encoder's parameters: those of packages that carry weights, timm's, CanViT."""

import torch

from objloc.network.backbones import canvit, efficientnet_lite
from objloc.network.backbones import timm as timm_backbone
from objloc.network.backbones.base import Backbone, BackboneInfo
from objloc.network.device import arithmetic
from objloc.params import Encoder


def info_of(encoder: Encoder) -> BackboneInfo:
    """Facts about an encoder's backbone.

    Raises:
        ObjlocError: timm or CanViT is not installed, or has no such network.
    """
    if encoder.kind == "canvit":
        return canvit.info_of(encoder)
    if model := timm_backbone.model_of(encoder.backbone):
        return timm_backbone.info_of(model)
    return efficientnet_lite.NETWORKS[encoder.backbone]


def backbone_of(encoder: Encoder, device: torch.device) -> Backbone:
    """An encoder's backbone on a device, in the precision that it computes in there."""
    return load_backbone(encoder, arithmetic(encoder.precision, device)).to(device)


def load_backbone(encoder: Encoder, dtype: torch.dtype = torch.float32) -> Backbone:
    """An encoder's backbone with its pretrained weights, in evaluation mode, without gradients.

    Raises:
        ObjlocError: its package is not installed, or its weights are not available.
    """
    if encoder.kind == "canvit":
        # Some of its layers are made for float32 alone: it casts the others itself.
        return canvit.load_network(encoder, dtype).eval().requires_grad_(False)
    if model := timm_backbone.model_of(encoder.backbone):
        backbone: Backbone = timm_backbone.load_network(model)
    else:
        backbone = efficientnet_lite.load_network(encoder.backbone)
    backbone = backbone.eval().requires_grad_(False)
    return backbone.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
