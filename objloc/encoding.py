"""Writing a feature store: the maps of a frozen backbone, computed once."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from objloc.agent.backbone import BACKBONES, Backbone, backbone_of
from objloc.agent.crops import draw_crop, picture_of_crop
from objloc.agent.features import FEATURES_FILE, MIRRORED_FILE, FeatureIndex, write_feature_index
from objloc.params import Encoder, Learning
from objloc.voc.sample import Coordinates, Sample
from objloc.voc.shard_index import read_index
from objloc.voc.shard_reader import read_samples
from objloc.voc.store import squash


def encode_sets(
    shards: Path,
    folder: Path,
    image_sets: tuple[str, ...],
    train_sets: tuple[str, ...],
    encoder: Encoder,
    learning: Learning,
    batch: int,
    device: torch.device,
) -> Iterator[tuple[int, int]]:
    """Write the features of image sets; yields images done and images in all.

    An image of several sets is computed once.

    Args:
        shards: folder of shards.
        folder: where to; exists.
        image_sets: their names; empty: an empty store.
        train_sets: those of them that are learned from: with mirrored images, crops or
            both, as ``learning`` says.
        encoder: backbone, resolution and precision.
        learning: of the agent.
        batch: images at once.
        device: of the backbone.

    Raises:
        ObjlocError: an unknown image set, damaged shards, the backbone's package is
            missing.
    """
    train_sets = tuple(name for name in image_sets if name in train_sets)
    others = tuple(name for name in image_sets if name not in train_sets)
    sets: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    drawn: list[list[Coordinates]] = []
    for name in train_sets:
        sets[name] = []
        for sample in read_samples(shards, name):
            sets[name].append(sample.image_id)
            if sample.image_id not in rows:
                rows[sample.image_id] = len(rows)
                numbers = range(learning.stored_crops)
                drawn.append([draw_crop(sample, n, learning.crop) for n in numbers])
    learned = len(rows)
    places = [
        (row, *crops[n]) for n in range(learning.stored_crops) for row, crops in enumerate(drawn)
    ]
    for name in others:
        sets[name] = [sample.image_id for sample in read_samples(shards, name)]
        for image_id in sets[name]:
            rows.setdefault(image_id, len(rows) + len(places))
    index = FeatureIndex(
        backbone=encoder.backbone,
        weights=BACKBONES[encoder.backbone].weights,
        precision=encoder.precision,
        image_size=encoder.image_size,
        data_hash=read_index(shards).data_hash,
        images=len(rows) + len(places),
        mirrored=learned + len(places) if learning.flip else 0,
        image_sets={name: [rows[i] for i in ids] for name, ids in sets.items()},
        crops=learning.stored_crops,
        crop=learning.crop,
        jitter=learning.jitter,
        first_crop=learned,
        crop_places=places,
    )
    if rows:
        backbone = backbone_of(encoder, device)
        pictures = chain(
            (squash(each, encoder.image_size) for each in _once(shards, train_sets, set())),
            _pictures_of_crops(shards, train_sets, drawn, learning, encoder.image_size),
            (
                squash(each, encoder.image_size)
                for each in _once(shards, others, {i for name in train_sets for i in sets[name]})
            ),
        )
        for done in _write_rows(folder, pictures, index, backbone, encoder, batch):
            yield done, index.images
    write_feature_index(folder, index)


def _once(shards: Path, sets: tuple[str, ...], seen: set[str]) -> Iterator[Sample]:
    """Every image of some sets once, but those that were seen."""
    for name in sets:
        for sample in read_samples(shards, name):
            if sample.image_id not in seen:
                seen.add(sample.image_id)
                yield sample


def _pictures_of_crops(
    shards: Path,
    sets: tuple[str, ...],
    drawn: list[list[Coordinates]],
    learning: Learning,
    size: int,
) -> Iterator[Tensor]:
    """Crops of every image, all first ones before all second ones: ``[3, S, S]`` uint8."""
    for number in range(learning.stored_crops):
        for sample, crops in zip(_once(shards, sets, set()), drawn, strict=True):
            yield picture_of_crop(sample, number, crops[number], learning.jitter, size)


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
    plain = create(folder / FEATURES_FILE, "w+", np.int8, (index.images, length))
    turned = None
    if index.mirrored:
        turned = create(folder / MIRRORED_FILE, "w+", np.int8, (index.mirrored, length))
    for done in range(0, index.images, batch):
        images = torch.stack(list(islice(pictures, batch)))
        plain[done : done + len(images)] = backbone.rows(images).cpu().numpy()
        # What is learned from comes first.
        wanted = images[: max(0, index.mirrored - done)]
        if turned is not None and len(wanted):
            turned[done : done + len(wanted)] = backbone.rows(wanted.flip(-1)).cpu().numpy()
        yield done + len(images)
    for file in (plain, turned):
        if file is not None:
            file.flush()
