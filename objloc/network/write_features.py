"""Writing a feature store: maps of a frozen backbone, computed once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from objloc.data.sample import Sample
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.data.store import squash
from objloc.network.backbones.base import Backbone
from objloc.network.backbones.catalogue import backbone_of, info_of
from objloc.network.feature_store import (
    FEATURES_FILE,
    MIRRORED_FILE,
    FeatureIndex,
    write_feature_index,
)
from objloc.params import Encoder


def encode_sets(
    shards: Path,
    folder: Path,
    image_sets: tuple[str, ...],
    mirrored_sets: tuple[str, ...],
    encoder: Encoder,
    batch: int,
    device: torch.device,
) -> Iterator[tuple[int, int]]:
    """Write the features of image sets; yields the number of images done, and of all.

    An image of several sets is computed once.

    Args:
        shards: folder of shards.
        folder: an existing folder that the store is written to.
        image_sets: names of the sets; empty: an empty store.
        mirrored_sets: names of the sets whose mirrored images are encoded too.
        encoder: backbone, resolution and precision.
        batch: number of images computed at once.
        device: where the backbone computes.

    Raises:
        ObjlocError: an unknown image set, damaged shards, the backbone's package is
            missing.
    """
    # Sets with mirrored images come first: mirrored rows are those of the first images.
    ordered = sorted(image_sets, key=lambda name: name not in mirrored_sets)
    sets: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    mirrored = 0
    for name in ordered:
        sets[name] = [sample.image_id for sample in read_samples(shards, name)]
        for image_id in sets[name]:
            rows.setdefault(image_id, len(rows))
        if name in mirrored_sets:
            mirrored = len(rows)
    index = FeatureIndex(
        backbone=encoder.backbone,
        weights=info_of(encoder.backbone).weights,
        precision=encoder.precision,
        image_size=encoder.image_size,
        data_hash=read_index(shards).data_hash,
        images=len(rows),
        mirrored=mirrored,
        image_sets={name: [rows[i] for i in ids] for name, ids in sets.items()},
    )
    if rows:
        backbone = backbone_of(encoder, device)
        pictures = (squash(each, encoder.image_size) for each in _once(shards, ordered))
        for done in _write_rows(folder, pictures, index, backbone, encoder, batch):
            yield done, index.images
    write_feature_index(folder, index)


def _once(shards: Path, sets: Sequence[str]) -> Iterator[Sample]:
    """Every image of several sets once."""
    seen: set[str] = set()
    for name in sets:
        for sample in read_samples(shards, name):
            if sample.image_id not in seen:
                seen.add(sample.image_id)
                yield sample


def _write_rows(
    folder: Path,
    pictures: Iterator[Tensor],
    index: FeatureIndex,
    backbone: Backbone,
    encoder: Encoder,
    batch: int,
) -> Iterator[int]:
    """Compute and write maps; yields the number of images done."""
    length = info_of(encoder.backbone).length(encoder.image_size)
    create = np.lib.format.open_memmap
    plain = create(folder / FEATURES_FILE, "w+", np.int8, (index.images, length))
    turned = None
    if index.mirrored:
        turned = create(folder / MIRRORED_FILE, "w+", np.int8, (index.mirrored, length))
    for done in range(0, index.images, batch):
        images = torch.stack(list(islice(pictures, batch)))
        plain[done : done + len(images)] = backbone.rows(images).cpu().numpy()
        wanted = images[: max(0, index.mirrored - done)]
        if turned is not None and len(wanted):
            turned[done : done + len(wanted)] = backbone.rows(wanted.flip(-1)).cpu().numpy()
        yield done + len(images)
    for file in (plain, turned):
        if file is not None:
            file.flush()
