"""CanViT as a backbone: a stand-in for the package, whose canvas keeps what glimpses show.

``test_canvit_package.py`` asks the package itself, where it is installed.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from objloc.data.image_batch import FeatureRows
from objloc.errors import ObjlocError
from objloc.network.backbones import canvit
from objloc.network.backbones.catalogue import info_of, load_backbone
from objloc.network.pyramid import PretrainedPyramid
from objloc.params import Agent, Encoder
from tests.helpers.networks import random_images

SIDE = 64
CELLS = SIDE // 16


class StandIn(nn.Module):
    """Writes each glimpse's mean colours, and its number, to the cells that it covers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.canvas_dim = 4

    def init_state(self, *, batch_size: int, canvas_grid_size: int) -> SimpleNamespace:
        canvas = torch.zeros(batch_size, canvas_grid_size, canvas_grid_size, 4)
        return SimpleNamespace(canvas=canvas, glimpses=0)

    def forward(
        self, *, glimpse: Tensor, state: SimpleNamespace, viewpoint: SimpleNamespace
    ) -> SimpleNamespace:
        canvas, number = state.canvas.clone(), state.glimpses + 1
        side = canvas.shape[1]
        (row, column), scale = viewpoint.centers[0].tolist(), float(viewpoint.scales[0])
        top, bottom = (round((row + sign * scale + 1) / 2 * side) for sign in (-1, 1))
        left, right = (round((column + sign * scale + 1) / 2 * side) for sign in (-1, 1))
        seen = torch.cat([glimpse.mean((2, 3)), torch.full((len(glimpse), 1), float(number))], 1)
        canvas[:, top:bottom, left:right] = seen[:, None, None]
        return SimpleNamespace(state=SimpleNamespace(canvas=canvas, glimpses=number))

    def canvas_patch_grid(self, canvas: Tensor) -> Tensor:
        return canvas


def sample(*, spatial: Tensor, viewpoint: SimpleNamespace, glimpse_size_px: int) -> Tensor:
    """The square around the centre, row before column, half a side each way."""
    side = spatial.shape[-1]
    (row, column), scale = viewpoint.centers[0].tolist(), float(viewpoint.scales[0])
    top, left = (round((centre - scale + 1) / 2 * side) for centre in (row, column))
    size = round(scale * side)
    return F.interpolate(
        spatial[:, :, top : top + size, left : left + size], (glimpse_size_px, glimpse_size_px)
    )


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in for the package."""

    class ForPretraining:
        @staticmethod
        def from_pretrained(folder: Path) -> SimpleNamespace:
            if "damaged" in (folder / "model.safetensors").read_text():
                raise ValueError("Weights in the file\ndo not match the model")
            print("Loading weights from local directory")
            return SimpleNamespace(canvit=StandIn())

    def configuration(*, canvas_num_heads: int, canvas_head_dim: int) -> SimpleNamespace:
        return SimpleNamespace(canvas_dim=canvas_num_heads * canvas_head_dim)

    def hub_file(repo: str, name: str) -> Path:
        if not Path(repo).is_dir():
            raise OSError("no route to the hub")
        return Path(repo) / name

    parts: dict[str, dict[str, Any]] = {
        "canvit_pytorch": {
            "CanViTForPretraining": ForPretraining,
            "CanViTConfig": configuration,
            "Viewpoint": SimpleNamespace,
            "sample_at_viewpoint": sample,
        },
        "canvit_pytorch.hub.loading": {"hub_file": hub_file},
        "canvit_core.preprocess": {
            "IMAGENET_MEAN": (0.4, 0.5, 0.6), "IMAGENET_STD": (0.2, 0.25, 0.3)
        },
    }  # fmt: skip
    for name, members in parts.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    canvit._files.cache_clear()
    yield
    canvit._files.cache_clear()


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    config = {"canvit_config": {"canvas_num_heads": 2, "canvas_head_dim": 2}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_text("weights")
    return Encoder(kind="canvit", weights=str(tmp_path), image_size=SIDE, glimpses=5, neck_width=8)


def test_glimpses_are_the_image_its_quarters_and_their_quarters_row_by_row() -> None:
    five = [tuple(view) for view in canvit.views(5)]
    quarters = [(-0.5, -0.5, 0.5), (-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, 0.5)]
    assert five == [(0, 0, 1), *quarters]
    assert [sum(1 for _ in canvit.views(number)) for number in (1, 5, 21, 85)] == [1, 5, 21, 85]
    assert list(canvit.views(21))[5:7] == [(-0.75, -0.75, 0.25), (-0.75, -0.25, 0.25)]


def test_a_store_is_told_apart_by_weights_and_glimpses(encoder: Encoder) -> None:
    sha256 = hashlib.sha256(b"weights").hexdigest()
    info = info_of(encoder)
    assert info.weights == f"{sha256[:12]}, glimpses=5"
    assert info.shapes(SIDE) == ((CELLS, CELLS, 4),)
    assert encoder.source == f"canvit:{encoder.weights}"
    assert info_of(encoder.model_copy(update={"glimpses": 21})).weights.endswith("glimpses=21")


def test_each_cell_holds_what_the_last_glimpse_of_it_showed(
    encoder: Encoder, capsys: pytest.CaptureFixture[str]
) -> None:
    images = torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8)
    images[1, 0, : SIDE // 2, SIDE // 2 :] = 255  # red at the top right
    (canvas,) = load_backbone(encoder)(images)
    assert capsys.readouterr().out == ""
    black = [(0 - mean) / deviation for mean, deviation in ((0.4, 0.2), (0.5, 0.25), (0.6, 0.3))]
    red = [(1 - 0.4) / 0.2, *black[1:]]
    half = CELLS // 2
    for number, (colour, rows, columns) in enumerate(
        [
            (black, slice(0, half), slice(0, half)),
            (red, slice(0, half), slice(half, CELLS)),
            (black, slice(half, CELLS), slice(0, half)),
            (black, slice(half, CELLS), slice(half, CELLS)),
        ],
        2,  # the first glimpse is of the whole image
    ):
        expected = F.layer_norm(torch.tensor([*colour, float(number)]), (4,))
        found = canvas[1, :, rows, columns].flatten(1).T
        torch.testing.assert_close(found, expected.expand_as(found))


def test_a_pyramid_sees_the_canvas_stored_or_not(encoder: Encoder) -> None:
    images = random_images(2, SIDE)
    pyramid = PretrainedPyramid(encoder).eval()
    maps = pyramid(images)
    assert maps.shape == (2, 8, CELLS, CELLS)
    rows = pyramid.rows(images.values)
    assert rows.shape == (2, info_of(encoder).length(SIDE))
    assert torch.equal(pyramid(FeatureRows({encoder.source: rows})), maps)
    assert not any("canvit" in name for name in pyramid.state_dict())
    assert list(pyramid.layers()) == ["conv1"]


def test_maps_that_are_not_stored_are_not_rounded(encoder: Encoder) -> None:
    stored = PretrainedPyramid(encoder).eval()
    direct = PretrainedPyramid(encoder.model_copy(update={"stored": False})).eval()
    direct.load_state_dict(stored.state_dict())
    images = random_images(2, SIDE)
    assert not torch.equal(stored(images), direct(images))
    torch.testing.assert_close(stored(images), direct(images), atol=0.1, rtol=0.05)


def test_other_weights_than_asked_for_are_refused(encoder: Encoder) -> None:
    found = hashlib.sha256(b"weights").hexdigest()
    load_backbone(encoder.model_copy(update={"weights_sha256": found}))
    other = encoder.model_copy(update={"weights_sha256": "0" * 64})
    with pytest.raises(ObjlocError, match=rf"weights_sha256: expected 0{{64}}; found {found}"):
        load_backbone(other)


def test_what_is_no_pretrained_canvit_is_refused_in_one_line(
    encoder: Encoder, tmp_path: Path
) -> None:
    expected = r"encoder.weights: expected config.json and model.safetensors of a pretrained CanViT"
    absent = encoder.model_copy(update={"weights": "canvit/unreachable"})
    with pytest.raises(ObjlocError, match=f"{expected}.*OSError: no route to the hub"):
        info_of(absent)
    (tmp_path / "model.safetensors").write_text("damaged")
    with pytest.raises(ObjlocError, match=f"{expected}.*Weights in the file do not match"):
        load_backbone(encoder)
    canvit._files.cache_clear()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ObjlocError, match=f"{expected}.*KeyError: 'canvit_config'"):
        info_of(encoder)


def test_the_package_need_not_be_installed(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "canvit_pytorch", None)
    with pytest.raises(
        ObjlocError, match=r"extra 'canvit' .*Python 3.12.*; found it not installed"
    ):
        info_of(encoder)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"fine_tune": "all"}, "encoder.fine_tune: expected none with canvit"),
        ({"fine_tune": "last"}, "encoder.fine_tune: expected none with canvit"),
        ({"image_size": 80}, "encoder.image_size: expected a multiple of 32"),
        ({"greyscale": True}, "encoder.greyscale: expected false for encoder.kind=canvit"),
        ({"glimpses": 4}, "expected 1, 5, 21 or 85|Input should be 1, 5, 21 or 85"),
        ({"weights": ""}, "weights"),
        ({"weights_sha256": "abc"}, "64 hexadecimal digits"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Agent.model_validate({"encoder": {"kind": "canvit", "image_size": 64} | settings})


def test_its_keys_are_written_where_they_are_used() -> None:
    keys = {"weights", "weights_sha256", "glimpses"}
    assert not keys & Encoder().model_dump().keys()
    assert not keys & Encoder(kind="canvit").model_dump().keys()
    assert Encoder(kind="canvit", glimpses=5).model_dump()["glimpses"] == 5


def test_stages_of_it_are_not_to_be_had(encoder: Encoder) -> None:
    with pytest.raises(ObjlocError, match=r"encoder.fine_tune: expected none with canvit"):
        load_backbone(encoder).last_stages(1)
