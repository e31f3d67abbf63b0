"""CanViT as a backbone: the package itself, on a small network with weights drawn by chance.

Its published weights have never been used here. The package needs Python 3.12; without it these
tests are skipped, and `make test-canvit` runs them.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from objloc.data.image_batch import FeatureRows
from objloc.errors import ObjlocError
from objloc.network.backbones import canvit, catalogue
from objloc.network.backbones.catalogue import backbone_of, info_of, load_backbone
from objloc.network.device import CPU
from objloc.network.pyramid import PretrainedPyramid
from objloc.params import Encoder
from tests.helpers.canvit import make_canvit
from tests.helpers.networks import random_images

package = pytest.importorskip("canvit_pytorch")
colours = pytest.importorskip("canvit_core.preprocess")
episode = pytest.importorskip("canvit_pytorch.episode")
policies = pytest.importorskip("canvit_pytorch.policies")
hub = pytest.importorskip("huggingface_hub.constants")
quadtree = pytest.importorskip("canvit_pytorch.policies.quadtree")

SIDE = 64


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The network as the package has it."""
    return make_canvit(tmp_path / "small", monkeypatch)


@pytest.fixture
def encoder(model: Any, tmp_path: Path) -> Encoder:  # noqa: ARG001  # writes the folder
    """An encoder that loads it."""
    return Encoder(
        kind="canvit", weights=str(tmp_path / "small"), image_size=SIDE, glimpses=5, neck_width=8
    )


def test_the_canvas_is_that_of_an_episode_of_the_package(model: Any, encoder: Encoder) -> None:
    images = random_images(3, SIDE).values
    mean, std = (
        torch.tensor(each).view(3, 1, 1) for each in (colours.IMAGENET_MEAN, colours.IMAGENET_STD)
    )
    tiles = torch.tensor([*quadtree.quadtree_level(0), *quadtree.quadtree_level(1)])
    sequence = [
        package.Viewpoint(centers=tile[:2].expand(3, 2), scales=tile[2].expand(3)) for tile in tiles
    ]
    with torch.no_grad():
        *_, last = episode.run_episode(
            canvit=model.canvit,
            images=(images / 255 - mean) / std,
            policy=policies.FixedSequence(sequence),
            num_glimpses=5,
            glimpse_size_px=128,
            initial_state=model.init_state(batch_size=3, canvas_grid_size=SIDE // 16),
        )
    expected = model.canvit.canvas_patch_grid(last.state.canvas)
    expected = F.layer_norm(expected, expected.shape[-1:]).permute(0, 3, 1, 2)
    (found,) = load_backbone(encoder)(images)
    torch.testing.assert_close(found, expected)
    assert info_of(encoder).shapes(SIDE) == ((SIDE // 16, SIDE // 16, model.canvit.canvas_dim),)


def test_the_quadtree_is_the_packages() -> None:
    theirs = [tuple(tile) for level in range(4) for tile in quadtree.quadtree_level(level)]
    assert [tuple(view) for view in canvit.views(85)] == theirs


def test_more_glimpses_see_more(encoder: Encoder) -> None:
    images = random_images(2, SIDE).values
    one, five = (
        load_backbone(encoder.model_copy(update={"glimpses": number}))(images)[0]
        for number in (1, 5)
    )
    assert float((one - five).abs().max()) > 0.01


def test_rows_fill_the_bits_of_a_store(encoder: Encoder) -> None:
    images = random_images(2, SIDE)
    pyramid = PretrainedPyramid(encoder).eval()
    rows = pyramid.rows(images.values)
    assert float(rows.float().std()) > 10
    assert float((rows.abs() == 127).float().mean()) < 0.2
    assert torch.equal(pyramid(FeatureRows({encoder.source: rows})), pyramid(images))


def test_an_image_is_the_same_in_any_batch_and_thread(encoder: Encoder) -> None:
    images = random_images(3, SIDE).values
    backbone = load_backbone(encoder)
    together = backbone(images)[0]
    alone = torch.cat([backbone(each[None])[0] for each in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_in_bfloat16_the_canvas_differs_by_rounding(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = random_images(2, SIDE).values
    exact = load_backbone(encoder)(images)[0]
    monkeypatch.setattr(catalogue, "arithmetic", lambda *_: torch.bfloat16)
    rounded = backbone_of(encoder, CPU)(images)[0]
    assert rounded.dtype is torch.float32
    assert 0 < float((rounded - exact).abs().max()) < 0.1


def test_another_network_of_the_package_is_refused(
    model: Any, encoder: Encoder, tmp_path: Path
) -> None:
    classifier = package.CanViTForImageClassification(
        canvit_config=model.canvit.config, n_classes=2
    )
    classifier.save_pretrained(tmp_path / "classifier")
    other = encoder.model_copy(update={"weights": str(tmp_path / "classifier")})
    with pytest.raises(ObjlocError, match=r"encoder.weights: .*config.json lacks \['teacher_dim'"):
        load_backbone(other)


def test_weights_of_another_shape_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    config = tmp_path / "small" / "config.json"
    config.write_text(config.read_text().replace('"canvas_head_dim": 8', '"canvas_head_dim": 16'))
    with pytest.raises(ObjlocError, match=r"encoder.weights: .*size mismatch"):
        load_backbone(encoder)


def test_without_the_hub_the_error_is_one_line(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "cache"))
    absent = encoder.model_copy(update={"weights": "made-up/network"})
    with pytest.raises(ObjlocError, match=r"on the Hugging Face Hub, made-up/network; found"):
        load_backbone(absent)
