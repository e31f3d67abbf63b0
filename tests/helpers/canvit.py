"""A small CanViT of the package's own classes, with weights drawn by chance."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch


def make_canvit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # the package has no stubs
    """Write a pretrained CanViT to a folder as the package does; returns it.

    The package knows two sizes of its backbone; a third, small one joins them for a test.
    """
    package, sizes = import_module("canvit_pytorch"), import_module("canvit_core.backbone")
    small = sizes.ViTSpec(embed_dim=32, num_heads=2, num_blocks=2)
    monkeypatch.setitem(sizes.BACKBONES, "small", small)
    config = package.CanViTConfig(
        backbone_name="small",
        canvas_num_heads=2,
        canvas_head_dim=8,
        num_canvas_registers=2,
        rw_stride=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = package.CanViTForPretraining(
            canvit_config=config, teacher_dim=8, teacher_patch_grid=4
        )
    model.save_pretrained(folder)
    return model.eval()
