"""CanViT, where it is installed: its canvas after a fixed sequence of glimpses is the map.

The network never sees the image whole and sharp. Each glimpse is a square of the image at
128 x 128 pixels; what it shows is written to the canvas, a grid of vectors over the whole image
that later glimpses read and write again. The sequence is a quadtree, from coarse to fine and row
by row: the image, its quarters, its sixteenths.

Source: "CanViT: Toward Active-Vision Foundation Models" (2026), package ``canvit-pytorch``; its
policy "coarse to fine" draws the order within a level at random.

N images, S pixels a side, C channels and s cells a side of the canvas.
"""

import contextlib
import importlib
import json
import platform
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.network.backbones.base import Backbone, BackboneInfo
from objloc.network.backbones.noise import deviations, noise
from objloc.params import Encoder

_GLIMPSE = 128
"""Side of a glimpse in pixels, as in pretraining."""
_STRIDE = 16
"""Pixels of the image for a cell of the canvas, as in pretraining."""
_PROBES = 2
"""Number of pictures of noise on which deviations are measured."""
_WEIGHTS = "model.safetensors"
_CONFIG = "config.json"


class View(NamedTuple):
    """Where a glimpse looks, in the package's coordinates: -1 to 1 across the image.

    Attributes:
        row, column: its centre.
        scale: half its side.
    """

    row: float
    column: float
    scale: float


def views(glimpses: int) -> Iterator[View]:
    """The sequence of glimpses, 1 + 4 + 16 + ... of them."""
    tiles = 1
    while glimpses > 0:
        ticks = [(2 * place + 1) / tiles - 1 for place in range(tiles)]
        yield from (View(row, column, 1 / tiles) for row in ticks for column in ticks)
        glimpses -= tiles**2
        tiles *= 2


def info_of(encoder: Encoder) -> BackboneInfo:
    """Facts about an encoder's CanViT, from its files.

    Raises:
        ObjlocError: see ``load_network``.
    """
    files = _files(encoder.weights)
    if encoder.weights_sha256 not in (None, files.sha256):
        raise ObjlocError(
            f"encoder.weights_sha256: expected {encoder.weights_sha256}; found {files.sha256} in "
            f"{encoder.weights}"
        )
    weights = f"{files.sha256[:12]}, glimpses={encoder.glimpses}"
    return BackboneInfo((files.channels,), (_STRIDE,), weights)


class CanvitBackbone(Backbone):
    """CanViT as a network with one map, its canvas, each cell normalised.

    Whatever reads the canvas in the package normalises it first.

    Args:
        canvit: the package's ``CanViT``, float32.
        glimpses: number of glimpses.
        dtype: number type that it computes in, where it may.
    """

    _mean: Tensor
    _deviation: Tensor

    def __init__(self, canvit: Any, glimpses: int, dtype: torch.dtype) -> None:
        super().__init__([])
        colours = importlib.import_module("canvit_core.preprocess")
        self.canvit = canvit.eval()
        self._views = list(views(glimpses))
        self._dtype = dtype
        for name, values in (
            ("_mean", colours.IMAGENET_MEAN),
            ("_deviation", colours.IMAGENET_STD),
        ):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        with torch.no_grad():
            self.deviations = deviations(self(noise(_PROBES)))

    def forward(self, images: Tensor, number: int | None = None) -> list[Tensor]:
        """See ``Backbone``."""
        scene = (images.float() / 255 - self._mean) / self._deviation
        mixed = self._dtype is torch.bfloat16
        with torch.autocast(images.device.type, torch.bfloat16, enabled=mixed):
            canvas = self._canvas(scene)
        normalised = F.layer_norm(canvas.float(), (self.canvit.canvas_dim,))
        return [normalised.permute(0, 3, 1, 2)][:number]

    def _canvas(self, scene: Tensor) -> Tensor:
        """The canvas after all glimpses: ``[N, 3, S, S]`` float32 to ``[N, s, s, C]``."""
        package, images = _package(), len(scene)
        state = self.canvit.init_state(
            batch_size=images, canvas_grid_size=scene.shape[-1] // _STRIDE
        )
        for view in self._views:
            where = scene.new_tensor(view).expand(images, 3)
            viewpoint = package.Viewpoint(centers=where[:, :2], scales=where[:, 2])
            glimpse = package.sample_at_viewpoint(
                spatial=scene, viewpoint=viewpoint, glimpse_size_px=_GLIMPSE
            )
            state = self.canvit(glimpse=glimpse, state=state, viewpoint=viewpoint).state
        grid: Tensor = self.canvit.canvas_patch_grid(state.canvas)
        return grid

    def last_stages(self, number: int) -> list[nn.Sequential]:
        """Not available: the canvas is the work of all blocks at every glimpse.

        Raises:
            ObjlocError: always.
        """
        raise ObjlocError(
            f"encoder.fine_tune: expected none with canvit; found the last {number} stages"
        )


def load_network(encoder: Encoder, dtype: torch.dtype) -> CanvitBackbone:
    """An encoder's CanViT with its weights.

    Raises:
        ObjlocError: the package is not installed; the files are not available, are not those
            of a pretrained CanViT, or have another checksum than the encoder asks for.
    """
    info_of(encoder)
    package, folder = _package(), _files(encoder.weights).folder
    try:
        # The hub's package prints a line; standard output is for results.
        with contextlib.redirect_stdout(sys.stderr):
            model = package.CanViTForPretraining.from_pretrained(folder)
    except Exception as error:
        raise _no_weights(encoder.weights, error) from error
    return CanvitBackbone(model.canvit, encoder.glimpses, dtype)


class _Files(NamedTuple):
    """Files of a pretrained CanViT.

    Attributes:
        folder: where they are.
        channels: number of channels of the canvas.
        sha256: hash of the weights.
    """

    folder: Path
    channels: int
    sha256: str


@lru_cache
def _files(weights: str) -> _Files:
    """Find a CanViT's files; what the hub has is fetched into its cache."""
    package = _package()
    hub = importlib.import_module("canvit_pytorch.hub.loading")
    try:
        config, file = (Path(hub.hub_file(weights, name)) for name in (_CONFIG, _WEIGHTS))
        canvit = package.CanViTConfig(**json.loads(config.read_text("utf-8"))["canvit_config"])
        return _Files(config.parent, canvit.canvas_dim, file_hash(file))
    except Exception as error:
        raise _no_weights(weights, error) from error


def _no_weights(weights: str, error: Exception) -> ObjlocError:
    """A missing file, a hub out of reach, files of something else: the package's own words."""
    told = " ".join(str(error).split())
    return ObjlocError(
        f"encoder.weights: expected {_CONFIG} and {_WEIGHTS} of a pretrained CanViT in the folder, "
        f"or on the Hugging Face Hub, {weights}; found {type(error).__name__}: {told}"
    )


def _package() -> Any:  # it is not among what is checked for types
    try:
        return importlib.import_module("canvit_pytorch")
    except ImportError:
        raise ObjlocError(
            "encoder.kind: expected the extra 'canvit' for canvit (Python 3.12 or later, pip "
            f"install 'objloc[canvit]'); found it not installed in Python "
            f"{platform.python_version()}"
        ) from None
