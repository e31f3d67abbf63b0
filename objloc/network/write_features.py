"""Writing a feature store: maps of a frozen backbone, computed once."""

import shutil
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from objloc.data.decode import squash_ahead
from objloc.data.remote.cache import Stated, fetch_index
from objloc.data.remote.pointer import write_pointer
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import ShardFiles, read_placed_samples
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
from objloc.ranks.group import ALONE, Ranks, code_hash
from objloc.ranks.launch import cores

_COPIED_AT_ONCE = 2**24
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
    ranks: Ranks = ALONE,
) -> Iterator[tuple[int, int]]:
    """Write the features of image sets; yields the number of images done, and of all.

    An image of several sets is computed once. Each of several processes computes successive
    batches, and reads only their images; the first joins what all have written.

    Args:
        shards: folder of shards.
        folder: an existing folder that the store is written to; the first process names it.
        image_sets: names of the sets; empty: an empty store.
        mirrored_sets: names of the sets whose mirrored images are encoded too.
        encoder: backbone, resolution and precision.
        batch: number of images computed at once.
        device: where the backbone computes.
        ranks: the processes that encode together.

    Raises:
        ObjlocError: an unknown image set, damaged shards, the backbone's package is
            missing; processes differ, or are too many.
    """
    # Sets with mirrored images come first: mirrored rows are those of the first images.
    ordered = sorted(image_sets, key=lambda name: name not in mirrored_sets)
    sets: dict[str, list[int]] = {}
    rows: dict[str, int] = {}
    files = ShardFiles()
    mirrored = 0
    for name in ordered:
        sets[name] = []
        for sample, place in read_placed_samples(shards, name):
            if sample.image_id not in rows:
                rows[sample.image_id] = len(rows)
                files.append(place)
            sets[name].append(rows[sample.image_id])
        if name in mirrored_sets:
            mirrored = len(rows)
    info = info_of(encoder)
    index = FeatureIndex(
        backbone=encoder.source,
        weights=info.weights,
        precision=encoder.precision,
        image_size=encoder.image_size,
        data_hash=read_index(shards).data_hash,
        images=len(rows),
        mirrored=mirrored,
        image_sets=sets,
    )
    ranks.require_same({**vars(index), "encode.batch": batch, "code": code_hash()})
    if rows:
        folder = ranks.from_first(lambda: folder)
        mine = _part(index, batch, ranks)
        backbone = backbone_of(encoder, device)
        # Cores take whole batches, each with one thread: however many there are, every
        # batch is computed in the same way.
        at_once = 1 if device.type == "cuda" else min(cores(), _MAX_BATCHES)
        names = list(rows)
        contents = ((names[row], files[row]) for row in mine)
        # While the backbone computes, the next batches are decoded.
        pictures = squash_ahead(contents, encoder.image_size, ahead=2 * batch)
        index = replace(index, made=making(encoder, batch, device))
        work = _Work(mine, pictures, backbone, batch, at_once)
        index = yield from _write_rows(folder, work, info.length(encoder.image_size), index, ranks)
    if ranks.first:
        write_feature_index(folder, index)


def _part(index: FeatureIndex, batch: int, ranks: Ranks) -> range:
    """Rows that this process computes: successive whole batches, an even part of the work.

    Whole batches, whatever the number of processes: another batch may round differently.
    """
    starts = range(0, index.images, batch)
    ranks.require_enough(len(starts), "the batches of encode.batch images")
    # What comes before each batch: the first images are computed mirrored too.
    before = [start + min(start, index.mirrored) for start in starts]
    everything = index.images + index.mirrored
    first, last = (
        sum(each * ranks.number < everything * rank for each in before)
        for rank in (ranks.rank, ranks.rank + 1)
    )
    return range(first * batch, min(last * batch, index.images))


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
    content = fetch_index(url, Stated.features(checksum))
    with folder_written_whole(folder, INDEX_FILE) as temporary:
        write_pointer(temporary, url, content)
        try:
            for image_set in image_sets:
                checked_index(temporary, image_set, data_hash, encoder)
        except ObjlocError as error:
            raise ObjlocError(str(error).replace(str(temporary), url)) from None


class RowFile:
    """A file of rows, written one after another.

    Not through a memory map: on a full disk that kills the process without a message.

    Args:
        path: the file.
        rows: number of rows that it will hold; None: a part, which has no header.
        length: numbers in a row.

    Attributes:
        checksums: CRC-32 of each row so far.
    """

    def __init__(self, path: Path, rows: int | None, length: int) -> None:
        self.checksums: list[int] = []
        self._path, self._file = path, path.open("wb")
        if rows is not None:
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

    def join(self, part: Path, checksums: list[int]) -> None:
        """Append a part with its checksums, and remove its file; this one is closed."""
        with self._path.open("ab") as whole, part.open("rb") as file:
            shutil.copyfileobj(file, whole, _COPIED_AT_ONCE)
        part.unlink()
        self.checksums += checksums


@dataclass(frozen=True)
class _Work:
    """Work of a process.

    Attributes:
        rows: successive rows, from the start of a batch on.
        pictures: their images, in order.
        backbone: computes the maps.
        batch: number of images of a batch.
        at_once: number of batches computed at once.
    """

    rows: range
    pictures: Iterator[Tensor]
    backbone: Backbone
    batch: int
    at_once: int

    def maps(self, mirrored: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Maps of each batch, and of those of its images mirrored that are among the first."""

        def compute(images: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor | None]:
            seen = self.backbone.rows(images)
            return seen, self.backbone.rows(mirrored.flip(-1)) if len(mirrored) else None

        waiting: deque[Future[tuple[Tensor, Tensor | None]]] = deque()
        with ThreadPoolExecutor(self.at_once, initializer=use_one_thread) as pool:
            for first in self.rows[:: self.batch]:
                number = min(self.batch, self.rows.stop - first)
                images = torch.stack(list(islice(self.pictures, number)))
                waiting.append(pool.submit(compute, images, images[: max(0, mirrored - first)]))
                if len(waiting) > self.at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def _write_rows(
    folder: Path, work: _Work, length: int, index: FeatureIndex, ranks: Ranks
) -> Generator[tuple[int, int], None, FeatureIndex]:
    """Compute and write maps; see ``encode_sets``. Returns the index with their checksums."""

    def path_of(name: str, rank: int) -> Path:
        return folder / (f"{name}.{rank}" if rank else name)

    lengths = {FEATURES_FILE: index.images} | (
        {MIRRORED_FILE: index.mirrored} if index.mirrored else {}
    )
    files = {
        name: RowFile(path_of(name, ranks.rank), rows if ranks.first else None, length)
        for name, rows in lengths.items()
    }
    done = 0
    with ExitStack() as stack:
        for file in files.values():
            stack.enter_context(file)
        for rows, turned in work.maps(index.mirrored):
            files[FEATURES_FILE].add(rows)
            if turned is not None:
                files[MIRRORED_FILE].add(turned)
            done += len(rows)
            yield done, len(work.rows)
    checksums = {name: file.checksums for name, file in files.items()}
    for rank, part in enumerate(ranks.collect({ranks.rank: checksums})):
        for name, its in part.items() if rank else ():
            files[name].join(path_of(name, rank), its)
    return replace(
        index, checksums=checksums[FEATURES_FILE], mirrored_checksums=checksums.get(MIRRORED_FILE)
    )
