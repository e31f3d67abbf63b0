"""The contract of encoders, and the one place that lists them.

An encoder sees an image in two steps. ``encode`` looks at whole images, once for all windows of
them; ``observe`` looks through windows at what came out. To add an encoder, write a module with
a class that has the members of ``Encoder``, and name it in ``build_encoder`` and in
``objloc.params.Encoder.kind``.

N images, B windows, P pairs of a window and a category, C categories, F frames.
"""

from typing import Protocol, assert_never

from torch import Tensor, nn

from objloc.data.image_batch import ImageBatch
from objloc.network.crop_encoder import CropEncoder
from objloc.network.map_encoder import MapEncoder
from objloc.network.pyramid import PretrainedPyramid
from objloc.network.windows import Features, Pairs, Windows
from objloc.params import Encoder as EncoderParams


class Seen(Protocol):
    """B windows as an encoder sees them."""

    def features(self, pairs: Pairs | None = None) -> Features:
        """Feature vectors for a head.

        Args:
            pairs: which are wanted; None: all, a row for each category if
                ``Encoder.by_category``, else one for all.
        """

    def shared_features(self) -> Tensor:
        """The part that all categories share, and the place: ``[B, shared_features]``."""

    def by_frame(self, frames: int) -> "Seen":
        """The window of each step by itself: B * F windows of one frame, oldest first."""


class Encoder(Protocol):
    """The members that a Q-network needs of its encoder, which is an ``nn.Module``."""

    features: int
    """Length of a feature vector, its shared part included."""
    shared_features: int
    """Length of the vector that ``Seen.shared_features`` gives."""
    by_category: bool
    """Each category has features of its own."""

    @property
    def frozen(self) -> PretrainedPyramid | None:
        """Maker of the rows that it takes in place of images; None if it takes images."""

    def encode(self, images: ImageBatch) -> Tensor:
        """Images to views: ``[N, ...]`` float32."""

    def observe(self, views: Tensor, windows: Windows) -> Seen:
        """Look through windows at views."""

    def category_weights(self) -> dict[str, tuple[int, int]]:
        """Weights with rows for each category: name to shared rows before them, rows of each."""

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order."""


def build_encoder(
    params: EncoderParams, num_categories: int, apart: bool = False
) -> CropEncoder | MapEncoder:
    """The encoder that the parameters name.

    Args:
        params: see ``objloc.params.Encoder``.
        num_categories: C.
        apart: what categories share is left to a second head.
    """
    match params.kind:
        case "crops":
            return CropEncoder(params)
        case "map" | "pretrained" | "canvit":
            return MapEncoder(params, num_categories, apart)
        case unknown:
            assert_never(unknown)
