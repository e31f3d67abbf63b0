"""A batch: windows of images from the store, with ground truth, both augmented alike."""

import dataclasses
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.box import area, flip_horizontally
from objloc.data.image_batch import ImageBatch, Pixels
from objloc.data.store import SampleStore
from objloc.learning.selection import distinct
from objloc.mdp.environment import Observation
from objloc.network.pooling import cell_centres, sampling_grid
from objloc.params import Agent, Learning

_MIN_VISIBLE = 0.4
"""Fraction of a box's area that must lie in a crop for the box to count there."""


@dataclass(frozen=True)
class Batch:
    """The states of one update: B windows of M images.

    Attributes:
        images: M images, augmented, on the device of all else.
        index: ``[B]`` int64, image of each window among the M.
        observation: the B windows, in pixels of the augmented images.
        sizes: ``[B, 2]`` float64, width and height of the augmented images in pixels.
        objects: ``[B, K, 4]`` float64, ground truth in pixels of the augmented images.
        labels: ``[B, K]`` int64, categories of the objects, -1 where padded.
        mirrored: ``[B]`` bool, whether the image was mirrored, before it was cropped.
        offset: ``[B, 2]`` float64 pixels, upper left corner of the crop.
        widths: ``[B]`` float64 pixels, widths of the store's images.
    """

    images: ImageBatch
    index: Tensor
    observation: Observation
    sizes: Tensor
    objects: Tensor
    labels: Tensor
    mirrored: Tensor
    offset: Tensor
    widths: Tensor

    def as_stored(self, window: Tensor, boxes: Tensor) -> Tensor:
        """Undo the augmentation of boxes.

        Args:
            window: ``[P]`` int64, window whose image each box lies in.
            boxes: ``[P, 4]`` float64, pixels of the augmented images.

        Returns:
            ``[P, 4]`` float64, pixels of the store's images.
        """
        boxes = boxes + self.offset[window].repeat(1, 2)
        flipped = flip_horizontally(boxes, self.widths[window])
        return torch.where(self.mirrored[window, None], flipped, boxes)


def make_batch(
    store: SampleStore,
    observation: Observation,
    learning: Learning,
    generator: torch.Generator,
    most: int,
) -> Batch:
    """Fetch the images and ground truth of observations, and augment both.

    Args:
        store: the images.
        observation: B windows, on the store's device.
        learning: ``flip``, ``crop``, ``image_size`` and ``jitter`` are used.
        generator: source of random draws, of the same device.
        most: M on a device that stalls, at least the number of images that the windows lie in;
            one of them comes several times where they are fewer.
    """
    unique, index = distinct(observation.image, most)
    device = unique.device
    sizes = store.sizes[observation.image]
    objects, labels = store.boxes[observation.image], store.object_category[observation.image]
    mirrored = torch.zeros(len(unique), dtype=torch.bool, device=device)
    offset, widths = torch.zeros_like(sizes), sizes[:, 0]
    if learning.flip:
        mirrored = torch.rand(len(unique), generator=generator, device=device) < 0.5
        images: ImageBatch = store.images.partly_mirrored(unique, mirrored).to(device)
        flipped = mirrored[index, None, None]
        boxes = torch.where(
            flipped, flip_horizontally(observation.boxes, widths), observation.boxes
        )
        objects = torch.where(flipped, flip_horizontally(objects, widths), objects)
        observation = dataclasses.replace(observation, boxes=boxes)
    else:
        images = store.images[unique].to(device)
    # Pixels alone can be cropped and coloured, stored features cannot.
    if (learning.crop or learning.image_size) and isinstance(images, Pixels):
        side = learning.image_size or images.values.shape[-1]
        crops, offset, sizes = random_crop(
            images.values, store.sizes[unique], index, learning.crop, side, generator
        )
        images = Pixels(crops)
        boxes, _ = shift_boxes(observation.boxes, offset, sizes)
        observation = dataclasses.replace(observation, boxes=boxes)
        objects, visible = shift_boxes(objects, offset, sizes)
        labels = torch.where(visible, labels, -1)
    if learning.jitter and isinstance(images, Pixels):
        images = Pixels(jitter_colours(images.values, learning.jitter, generator))
    return Batch(
        images, index, observation, sizes, objects, labels, mirrored[index], offset, widths
    )


def smaller_than_in_use(agent: Agent) -> str:
    """Say that no crop shows objects as large as use will; empty: some do.

    An agent that extends another has the other's ``learning.image_size``, beside an
    ``encoder.image_size`` of its own.
    """
    learning, size = agent.learning, agent.encoder.image_size
    least = math.ceil(size * (1 - learning.crop) - 1e-9)  # 48, not 49, of 160 with .7
    if learning.image_size is None or learning.image_size >= least:
        return ""
    return (
        f"learning.image_size={learning.image_size} beside encoder.image_size={size}: objects are "
        f"smaller in training than in use, even in the smallest crops "
        f"(learning.crop={learning.crop:g}); state {least} or more, or null"
    )


def random_crop(
    images: Tensor,
    sizes: Tensor,
    index: Tensor,
    amount: float,
    side: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Crop each image at random and stretch the crop to a square.

    Args:
        images: ``[M, 3, S, S]``.
        sizes: ``[M, 2]`` float64 pixels.
        index: ``[B]`` int64, image of each window.
        amount: sides of the crop are uniform between 1 - amount and 1 times the image's.
        side: R, side of the square.
        generator: source of random draws.

    Returns:
        Crops ``[M, 3, R, R]`` float32, and the offset and the size of each window's crop in
        pixels, ``[B, 2]`` float64 each.
    """

    def drawn() -> Tensor:
        return torch.rand(
            len(images), 2, generator=generator, dtype=torch.float64, device=images.device
        )

    scale = 1 - amount * drawn()
    start = (1 - scale) * drawn()
    boxes = torch.cat([start, start + scale], dim=1).float()
    grid = sampling_grid(boxes, cell_centres(side, boxes))
    crops = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return crops, (start * sizes)[index], (scale * sizes)[index]


def shift_boxes(boxes: Tensor, offset: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes in a crop of their image, clipped at its border.

    Args:
        boxes: ``[B, ..., 4]`` float64 pixels.
        offset: ``[B, 2]`` float64, the crop's upper left corner.
        sizes: ``[B, 2]`` float64, its width and height.

    Returns:
        Boxes ``[B, ..., 4]``, and ``[B, ...]`` bool, whether enough of a box is in the crop.
        The others become the whole crop, since a window needs some place.
    """
    middle = (1,) * (boxes.dim() - 2)
    moved = boxes - torch.cat([offset, offset], dim=1).view(-1, *middle, 4)
    limit = sizes.view(-1, *middle, 2)
    low, high = moved[..., :2].clamp(min=0), torch.minimum(moved[..., 2:], limit)
    clipped = torch.cat([low, high], dim=-1)
    visible = area(clipped) >= _MIN_VISIBLE * area(boxes)
    whole = torch.cat([torch.zeros_like(limit), limit], dim=-1).expand_as(clipped)
    return torch.where(visible[..., None], clipped, whole), visible


def jitter_colours(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Scale brightness, contrast and saturation of each image by 1 +- amount.

    Shapes: ``[M, 3, S, S]`` uint8 to the same in float32, 0 to 255.
    """
    drawn = torch.rand(3, len(images), 1, 1, 1, generator=generator, device=images.device)
    factors = 1 + amount * (2 * drawn - 1)
    brightness, contrast, saturation = factors
    values = images.float() * brightness
    mean = values.mean(dim=(1, 2, 3), keepdim=True)
    values = (values - mean) * contrast + mean
    grey = values.mean(dim=1, keepdim=True)
    coloured: Tensor = (values - grey) * saturation + grey
    return coloured.clamp(0, 255)
