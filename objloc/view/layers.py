"""Pictures of the network's convolutions: activations for an image, and the first filters."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from objloc.data.image_batch import ImageBatch
from objloc.data.sample import Sample
from objloc.data.shard_reader import read_samples
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint
from objloc.network.valuer import Valuer
from objloc.network.windows import Windows
from objloc.view.canvas import AGENT, BLACK, CARD
from objloc.view.contact_sheet import Tile, contact_sheet, png

_HEIGHT = 96
"""Height of a filter's picture on the contact sheet, in pixels."""
_ENLARGED = 240
"""Height of a filter's picture in a file of its own, in pixels."""
_ROW = 1000
"""Approximate width of a contact sheet, in pixels."""


def pick_layer(layers: dict[str, nn.Module], asked: str | int) -> str:
    """Find the name of a layer, given by name or by number from 1.

    Raises:
        ObjlocError: there is no such layer; the message lists all layers.
    """
    names = list(layers)
    text = str(asked).strip()
    if text.isdecimal() and 1 <= int(text) <= len(names):
        return names[int(text) - 1]
    if text not in names:
        known = ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))
        raise ObjlocError(f"layers.layer: expected one of {known}; found '{asked}'")
    return text


@torch.no_grad()
def activations(network: Valuer, image: ImageBatch, name: str) -> Tensor:
    """Activations of a convolution for a whole image, after normalisation and ReLU.

    An encoder that crops windows from the image gets the window of the whole image.

    Args:
        network: network in evaluation mode.
        image: batch of one image.
        name: name of the layer, one of ``network.layers()``.

    Returns:
        ``[filters, h, w]`` float32, not negative.
    """
    seen: dict[str, Tensor] = {}

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen["answer"] = output

    def keep_normalised(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # Only the normalisation of the layer's own output counts.
        if inputs[0] is seen.get("answer"):
            seen["answer"] = output

    handles = [network.layers()[name].register_forward_hook(keep)]
    handles += [
        module.register_forward_hook(keep_normalised)
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    try:
        views = network.encode(image.to(network.device))
        whole = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, network.frames, 4)
        history = torch.full((1, network.action_history), -1)
        windows = Windows(torch.zeros(1, dtype=torch.int64), whole, history)
        network(views, windows.to(network.device))
    finally:
        for handle in handles:
            handle.remove()
    # In float32 whatever the network computes in: NumPy knows no bfloat16.
    return F.relu(seen["answer"][0]).float().cpu()


def glow(values: NDArray[np.float32]) -> Image.Image:
    """Map values from 0 to 1 to colours from black, through amber, to near white.

    Args:
        values: ``[h, w]``.
    """
    stops = np.array([BLACK, (94, 46, 30), (190, 92, 10), AGENT, (255, 244, 214)], dtype=np.float64)
    place = np.linspace(0, 1, len(stops))
    channels = [np.interp(values, place, stops[:, channel]) for channel in range(3)]
    return Image.fromarray(np.rint(np.stack(channels, axis=-1)).astype(np.uint8), "RGB")


def activation_pictures(maps: Tensor) -> list[Image.Image]:
    """Pictures of the filters' activations, each scaled by its own maximum."""
    largest = maps.amax(dim=(1, 2), keepdim=True)
    scaled = torch.where(largest > 0, maps / largest.clamp(min=1e-12), 0.0)
    return [glow(each.numpy()) for each in scaled]


def kernel_pictures(weights: Tensor, colour: bool) -> list[Image.Image]:
    """Pictures of the filters' weights; mid-grey is zero, each filter has its own scale.

    Weights for the windows of several steps are side by side, the oldest on the left,
    with a gap as wide as one weight.

    Args:
        weights: ``[filters, channels, kh, kw]``.
        colour: whether each window has three channels, shown as red, green and blue.
    """
    number, channels, high, wide = weights.shape
    depth = 3 if colour and channels % 3 == 0 else 1
    largest = weights.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    shades = (weights / largest * 127.5 + 127.5).round().to(torch.uint8)
    windows = shades.view(number, channels // depth, depth, high, wide)
    pictures = []
    for each in windows.expand(-1, -1, 3, -1, -1).permute(0, 1, 3, 4, 2):
        picture = Image.new("RGB", (len(each) * (wide + 1) - 1, high), CARD)
        for place, window in enumerate(each):
            tile = Image.fromarray(window.contiguous().numpy())
            picture.paste(tile, (place * (wide + 1), 0))
        pictures.append(picture)
    return pictures


def enlarged(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Enlarge a picture so that each of its pixels is a visible cell."""
    return picture.resize(size, Image.Resampling.NEAREST)


def layer_pictures(
    checkpoint: Checkpoint, sample: Sample, photograph: Image.Image, asked: str | int
) -> dict[str, bytes]:
    """All pictures of a layer for an image, and of the first layer's filters.

    Args:
        checkpoint: the agent.
        sample: the image.
        photograph: the same image, decoded.
        asked: name of a layer, or its number from 1.

    Returns:
        PNG bytes by relative path: ``activations_<layer>.png`` and
        ``filters_<layer>.png`` are contact sheets; folders of the same names hold a
        file for each filter.

    Raises:
        ObjlocError: there is no such layer.
    """
    network = checkpoint.network()
    name = pick_layer(network.layers(), asked)
    store = SampleStore.from_samples(
        [sample], checkpoint.categories, checkpoint.agent.encoder.image_size
    )
    maps = activations(network, store.images[torch.tensor([0])], name)
    first, module = next(iter(network.layers().items()))
    weights = module.get_parameter("weight").detach().cpu()
    colour = checkpoint.agent.encoder.kind == "map" or not checkpoint.agent.encoder.greyscale
    return {
        **_activation_files(name, maps, photograph, sample.image_id),
        **_kernel_files(first, kernel_pictures(weights, colour)),
    }


def _activation_files(
    name: str, maps: Tensor, photograph: Image.Image, image_id: str
) -> dict[str, bytes]:
    # The network saw a square; restore the photograph's aspect ratio.
    ratio = min(3.0, max(1 / 3, photograph.width / photograph.height))
    tile = (round(_HEIGHT * ratio), _HEIGHT)
    own = (round(_ENLARGED * ratio), _ENLARGED)
    pictures = activation_pictures(maps)
    tiles = [Tile(photograph.resize(tile, Image.Resampling.LANCZOS), note="the image")]
    for number, (picture, answers) in enumerate(zip(pictures, maps, strict=True), 1):
        largest = float(answers.max())
        note = f"{number}: {largest:.2f}" if largest > 0 else f"{number}: silent"
        tiles.append(Tile(enlarged(picture, tile), note=note))
    silent = sum(float(answers.max()) <= 0 for answers in maps)
    sheet = contact_sheet(
        tiles,
        _ROW // tile[0],
        tile,
        f"{name}: {len(pictures)} filters on {image_id}",
        f"Where each filter answers, after ReLU; brightest: its largest answer, the number "
        f"below. {silent} silent. Maps of {maps.shape[2]} x {maps.shape[1]} cells.",
    )
    files = {f"activations_{name}.png": png(sheet)}
    for number, picture in enumerate(pictures, 1):
        files[f"activations_{name}/{number:03}.png"] = png(enlarged(picture, own))
    return files


def _kernel_files(name: str, pictures: list[Image.Image]) -> dict[str, bytes]:
    wide, high = pictures[0].size
    cell = max(1, min(_HEIGHT // high, 2 * _HEIGHT // wide))
    tile = (cell * wide, cell * high)
    large = max(1, _ENLARGED // high)
    tiles = [
        Tile(enlarged(picture, tile), note=str(number))
        for number, picture in enumerate(pictures, 1)
    ]
    windows = (wide + 1) // (high + 1)
    order = f" Those for {windows} windows stand side by side, oldest left." if windows > 1 else ""
    sheet = contact_sheet(
        tiles,
        max(1, _ROW // (tile[0] + 12)),
        tile,
        f"{name}: what its {len(pictures)} filters look for",
        f"Weights of {high} x {high} pixels; mid-grey is zero, each filter has its own scale."
        + order,
    )
    files = {f"filters_{name}.png": png(sheet)}
    for number, picture in enumerate(pictures, 1):
        size = (large * wide, large * high)
        files[f"filters_{name}/{number:03}.png"] = png(enlarged(picture, size))
    return files


def one_sample(shards: Path, image_set: str, image_id: str | None) -> Sample:
    """Read one image of an image set: the named one, or the first.

    Raises:
        ObjlocError: there is no such image set or image, or the set is empty.
    """
    first = None
    for sample in read_samples(shards, image_set):
        if image_id in (None, sample.image_id):
            return sample
        first = first or sample.image_id
    raise ObjlocError(
        f"layers.image_id: expected an image of image set '{image_set}'"
        + (f", such as '{first}'; found '{image_id}'" if first else "; found none")
    )
