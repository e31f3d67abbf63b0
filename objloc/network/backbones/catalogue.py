"""Backbones by name: those of packages that carry weights, and those of timm."""

import torch

from objloc.network.backbones import efficientnet_lite
from objloc.network.backbones import timm as timm_backbone
from objloc.network.backbones.base import Backbone, BackboneInfo
from objloc.network.precision import arithmetic
from objloc.params import Encoder


def info_of(name: str) -> BackboneInfo:
    """Facts about a backbone; see ``objloc.params.Encoder.backbone`` for names.

    Raises:
        ObjlocError: timm is not installed, or has no such network.
    """
    if model := timm_backbone.model_of(name):
        return timm_backbone.info_of(model)
    return efficientnet_lite.NETWORKS[name]


def backbone_of(encoder: Encoder, device: torch.device) -> Backbone:
    """An encoder's backbone on a device, in the precision that it computes in there."""
    return load_backbone(encoder.backbone, arithmetic(encoder.precision, device)).to(device)


def load_backbone(name: str, dtype: torch.dtype = torch.float32) -> Backbone:
    """A backbone with its pretrained weights, in evaluation mode, without gradients.

    Raises:
        ObjlocError: its package is not installed, or its weights are not available.
    """
    if model := timm_backbone.model_of(name):
        backbone: Backbone = timm_backbone.load_network(model)
    else:
        backbone = efficientnet_lite.load_network(name)
    backbone = backbone.eval().requires_grad_(False)
    return backbone.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
