"""Feature maps of a frozen backbone, computed once and kept on disk.

An image's maps lie one after another in one row of 8-bit numbers, so that reading
an image is reading one piece of a file. Which image of an image set has which row
stands in ``index.json``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from objloc.agent.backbone import BACKBONES, Backbone, load_backbone
from objloc.errors import ObjlocError
from objloc.files import write_json
from objloc.params import Encoder
from objloc.voc.shard_index import read_index
from objloc.voc.shard_reader import read_samples
from objloc.voc.store import SampleStore, squash

INDEX_FILE = "index.json"
_FORMAT = "objloc features 1"


class Features:
    """The maps of an image set, row by row; what ``SampleStore.images`` can be.

    Args:
        values: ``[U, L]`` int8, of all images; may be memory-mapped.
        rows: ``[N]`` int64, which of them each image of the set is.
    """

    def __init__(self, values: Tensor, rows: Tensor) -> None:
        self._values = values
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, images: Tensor) -> Tensor:
        """Rows of some images: ``[M]`` int64 to ``[M, L]`` int8."""
        return self._values[self._rows[images]]


@dataclass(frozen=True)
class FeatureIndex:
    """What ``index.json`` says.

    Attributes:
        backbone, weights, precision: what computed the maps.
        image_size: pixels a side of what it saw.
        data_hash: of the shards.
        images: number of rows.
        mirrored: number of rows of mirrored images, in a second file: those of the
            first images.
        image_sets: names to the rows of their images, in the shards' order.
    """

    backbone: str
    weights: str
    precision: str
    image_size: int
    data_hash: str
    images: int
    mirrored: int
    image_sets: dict[str, list[int]]


def read_feature_index(folder: Path) -> FeatureIndex:
    """Read a store's ``index.json``.

    Raises:
        ObjlocError: there is none, or it is not one of this program.
    """
    path = folder / INDEX_FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if content.pop("format") != _FORMAT:
            raise KeyError
        return FeatureIndex(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ObjlocError(
            f"{path}: expected the index of a feature store; found none that can be read "
            "(python -m stages.encode writes one)"
        ) from None


def open_features(
    folder: Path, image_set: str, data_hash: str, encoder: Encoder, memory_mb: int
) -> tuple[Features, Features | None]:
    """The maps of an image set, and those of its mirrored images where there are any.

    Args:
        folder: the store.
        image_set: its name.
        data_hash: of the shards that the images come from.
        encoder: which backbone and resolution are wanted.
        memory_mb: a store of more megabytes is memory-mapped, not loaded.

    Raises:
        ObjlocError: a store of other shards, another backbone or resolution, one
            that lacks the image set, or a file of another length.
    """
    index = read_feature_index(folder)
    info = BACKBONES[encoder.backbone]
    for what, wanted, found in (
        ("backbone", encoder.backbone, index.backbone),
        ("weights", info.weights, index.weights),
        ("precision", encoder.precision, index.precision),
        ("image_size", encoder.image_size, index.image_size),
        ("shards", data_hash[:12], index.data_hash[:12]),
    ):
        if wanted != found:
            raise ObjlocError(f"{folder}: expected features of {what} {wanted}; found {found}")
    if image_set not in index.image_sets:
        known = ", ".join(index.image_sets) or "none"
        raise ObjlocError(f"{folder}: expected image set '{image_set}'; found {known}")
    rows = torch.tensor(index.image_sets[image_set])
    length = info.length(encoder.image_size)
    whole = (index.images + index.mirrored) * length <= memory_mb * 1_000_000
    plain = Features(_open(folder / "features.npy", (index.images, length), whole), rows)
    if not index.mirrored or int(rows.max()) >= index.mirrored:
        return plain, None
    turned = _open(folder / "mirrored.npy", (index.mirrored, length), whole)
    return plain, Features(turned, rows)


def load_store(
    shards: Path,
    image_set: str,
    categories: tuple[str, ...],
    encoder: Encoder,
    features: Path | None,
    memory_mb: int,
) -> SampleStore:
    """The images of an image set, or features in their place where the encoder takes them.

    Args:
        shards: folder of shards.
        image_set: its name.
        categories: the agent's.
        encoder: what it sees.
        features: a feature store; None: the images.
        memory_mb: see ``open_features``.

    Raises:
        ObjlocError: no such image set, damaged shards, or a store of other features.
    """
    if features is None or encoder.kind != "pretrained" or encoder.fine_tune == "all":
        return SampleStore.load(shards, image_set, categories, encoder.image_size)
    store = SampleStore.load(shards, image_set, categories, None)
    images, mirrored = open_features(features, image_set, store.data_hash, encoder, memory_mb)
    return replace(store, images=images, mirrored=mirrored)


def _open(path: Path, shape: tuple[int, int], whole: bool) -> Tensor:
    """A file's rows; loaded once for all image sets that share it."""
    return _opened(path.resolve(), path.stat().st_mtime_ns if path.exists() else 0, shape, whole)


@lru_cache(maxsize=2)
def _opened(path: Path, _changed: int, shape: tuple[int, int], whole: bool) -> Tensor:
    try:
        # Copy on write: torch wants what it could write to; the file stays as it is.
        values = np.load(path, mmap_mode=None if whole else "c")
    except (OSError, ValueError) as error:
        raise ObjlocError(f"{path}: features cannot be read: {error}") from None
    except MemoryError:
        raise ObjlocError(f"{path}: out of memory; lower encode.memory_mb to map it") from None
    if values.shape != shape or values.dtype != np.int8:
        raise ObjlocError(
            f"{path}: expected int8 {list(shape)}; found {values.dtype} {list(values.shape)}"
        )
    return torch.from_numpy(values)


def encode_sets(
    shards: Path,
    folder: Path,
    image_sets: tuple[str, ...],
    mirrored_sets: tuple[str, ...],
    encoder: Encoder,
    batch: int,
    device: torch.device,
) -> Iterator[tuple[int, int]]:
    """Write the features of image sets; yields images done and images in all.

    An image of several sets is computed once.

    Args:
        shards: folder of shards.
        folder: where to; exists.
        image_sets: their names; empty: an empty store.
        mirrored_sets: those of them whose mirrored images are wanted too.
        encoder: backbone, resolution and precision.
        batch: images at once.
        device: of the backbone.

    Raises:
        ObjlocError: an unknown image set, damaged shards, the backbone's package is
            missing.
    """
    sets = {name: [s.image_id for s in read_samples(shards, name)] for name in image_sets}
    order = sorted(sets, key=lambda name: name not in mirrored_sets)
    rows: dict[str, int] = {}
    for name in order:
        for image_id in sets[name]:
            rows.setdefault(image_id, len(rows))
    mirrored = len({i for name in mirrored_sets for i in sets.get(name, ())})
    index = FeatureIndex(
        backbone=encoder.backbone,
        weights=BACKBONES[encoder.backbone].weights,
        precision=encoder.precision,
        image_size=encoder.image_size,
        data_hash=read_index(shards).data_hash,
        images=len(rows),
        mirrored=mirrored,
        image_sets={name: [rows[i] for i in ids] for name, ids in sets.items()},
    )
    if rows:
        dtype = torch.bfloat16 if encoder.precision == "bfloat16" else torch.float32
        backbone = load_backbone(encoder.backbone, dtype).to(device)
        pictures = _pictures(shards, order, set(), encoder.image_size)
        for done in _write_rows(folder, pictures, index, backbone, encoder, batch):
            yield done, len(rows)
    write_json(folder / INDEX_FILE, {"format": _FORMAT, **vars(index)})


def _pictures(shards: Path, sets: list[str], seen: set[str], size: int) -> Iterator[Tensor]:
    """Every image once, squashed: ``[3, S, S]`` uint8."""
    for name in sets:
        for sample in read_samples(shards, name):
            if sample.image_id not in seen:
                seen.add(sample.image_id)
                yield squash(sample, size)


def _write_rows(
    folder: Path,
    pictures: Iterator[Tensor],
    index: FeatureIndex,
    backbone: Backbone,
    encoder: Encoder,
    batch: int,
) -> Iterator[int]:
    """Compute maps and write them; yields the number of images done."""
    length = BACKBONES[encoder.backbone].length(encoder.image_size)
    create = np.lib.format.open_memmap
    plain = create(folder / "features.npy", "w+", np.int8, (index.images, length))
    turned = None
    if index.mirrored:
        turned = create(folder / "mirrored.npy", "w+", np.int8, (index.mirrored, length))
    for done in range(0, index.images, batch):
        images = torch.stack(list(islice(pictures, batch)))
        plain[done : done + len(images)] = backbone.rows(images).cpu().numpy()
        # The images of the mirrored sets come first.
        wanted = images[: max(0, index.mirrored - done)]
        if turned is not None and len(wanted):
            turned[done : done + len(wanted)] = backbone.rows(wanted.flip(-1)).cpu().numpy()
        yield done + len(images)
    for file in (plain, turned):
        if file is not None:
            file.flush()
