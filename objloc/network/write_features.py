"""Writing a feature store: maps of a frozen backbone, computed once."""

import json
import os
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from objloc.checksums import CHECKSUM
from objloc.data.decode import squash_ahead
from objloc.data.remote import fetch_index, write_pointer
from objloc.data.sample import Sample
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.errors import ObjlocError
from objloc.files import folder_written_whole
from objloc.network.backbones.base import Backbone
from objloc.network.backbones.catalogue import backbone_of, info_of
from objloc.network.device import use_one_thread
from objloc.network.feature_store import (
    FEATURES_FILE,
    INDEX_FILE,
    MIRRORED_FILE,
    FeatureIndex,
    checked_index,
    making,
    write_feature_index,
)
from objloc.params import Encoder

_MAX_BATCHES = 4
"""Maximum number of batches computed at once: the first maps of a batch are large."""


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
        # Cores take whole batches, each with one thread: however many there are, every
        # batch is computed in the same way.
        cores = 1 if device.type == "cuda" else min(os.cpu_count() or 1, _MAX_BATCHES)
        files = ((sample.image_id, sample.jpeg) for sample in _once(shards, ordered))
        # While the backbone computes, the next batches are decoded.
        pictures = squash_ahead(files, encoder.image_size, ahead=2 * batch)
        index = replace(index, made=making(encoder, batch, device))
        index = yield from _write_rows(folder, pictures, index, backbone, encoder, batch, cores)
    write_feature_index(folder, index)


def use_features_at(
    url: str,
    checksum: str | None,
    folder: Path,
    image_sets: tuple[str, ...],
    data_hash: str,
    encoder: Encoder,
) -> None:
    """Write a folder that stands for a feature store by URL, if it is the one that is needed.

    Args:
        url: where the store is.
        checksum: the checksum that its index must have; None: any.
        folder: folder to write, whole or not at all.
        image_sets: names of the sets that it must hold.
        data_hash: hash of the shards that they come from.
        encoder: names the backbone and the resolution.

    Raises:
        ObjlocError: there is no store, or one of something else.
    """
    content = fetch_index(url)
    with folder_written_whole(folder, INDEX_FILE) as temporary:
        write_pointer(temporary, url, content)
        found = json.loads(content)[CHECKSUM]
        if checksum not in (None, found):
            raise ObjlocError(f"{url}: expected encode.checksum {checksum}; found {found}")
        try:
            for image_set in image_sets:
                checked_index(temporary, image_set, data_hash, encoder)
        except ObjlocError as error:
            raise ObjlocError(str(error).replace(str(temporary), url)) from None


def _once(shards: Path, sets: Sequence[str]) -> Iterator[Sample]:
    """Every image of several sets once."""
    seen: set[str] = set()
    for name in sets:
        for sample in read_samples(shards, name):
            if sample.image_id not in seen:
                seen.add(sample.image_id)
                yield sample


class RowFile:
    """A file of rows, written one after another.

    Not through a memory map: on a full disk that kills the process without a message.

    Args:
        path: the file.
        rows: number of rows that it will hold.
        length: numbers in a row.

    Attributes:
        checksums: CRC-32 of each row so far.
    """

    def __init__(self, path: Path, rows: int, length: int) -> None:
        self.checksums: list[int] = []
        self._file = path.open("wb")
        header = {"descr": "|i1", "fortran_order": False, "shape": (rows, length)}
        np.lib.format.write_array_header_1_0(self._file, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, rows: Tensor) -> None:
        """Append rows ``[M, L]`` int8."""
        for row in rows.cpu().numpy():
            self._file.write(row)
            self.checksums.append(zlib.crc32(row))


def _write_rows(
    folder: Path,
    pictures: Iterator[Tensor],
    index: FeatureIndex,
    backbone: Backbone,
    encoder: Encoder,
    batch: int,
    cores: int,
) -> Generator[tuple[int, int], None, FeatureIndex]:
    """Compute and write maps; see ``encode_sets``. Returns the index with their checksums."""
    length = info_of(encoder.backbone).length(encoder.image_size)

    def compute(images: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor | None]:
        seen = backbone.rows(images)
        return seen, backbone.rows(mirrored.flip(-1)) if len(mirrored) else None

    done = 0
    waiting: deque[Future[tuple[Tensor, Tensor | None]]] = deque()
    with ExitStack() as stack:
        plain = stack.enter_context(RowFile(folder / FEATURES_FILE, index.images, length))
        turned = None
        if index.mirrored:
            turned = stack.enter_context(RowFile(folder / MIRRORED_FILE, index.mirrored, length))
        pool = stack.enter_context(ThreadPoolExecutor(cores, initializer=use_one_thread))
        for first in range(0, index.images, batch):
            images = torch.stack(list(islice(pictures, batch)))
            mirrored = images[: max(0, index.mirrored - first)]
            waiting.append(pool.submit(compute, images, mirrored))
            last = first + batch >= index.images
            while waiting and (last or len(waiting) > cores):
                rows, turned_rows = waiting.popleft().result()
                plain.add(rows)
                if turned is not None and turned_rows is not None:
                    turned.add(turned_rows)
                done += len(rows)
                yield done, index.images
    return replace(
        index,
        checksums=plain.checksums,
        mirrored_checksums=turned.checksums if turned is not None else None,
    )
