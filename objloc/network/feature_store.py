"""Feature stores: maps of a frozen backbone, computed once and kept on disk.

An image's maps lie one after another in one row of 8-bit numbers, so that reading
an image is reading one piece of a file. ``index.json`` says which image of an image set has
which row. Training images come first.

``load_store`` is here and not in ``objloc.data``: it asks which backbone an encoder has.

N images of a set, M of them in a batch, U rows in a file, L numbers in a row.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import torch

from objloc.checksums import CHECKSUM, checksum_of, verify_checksum
from objloc.data.image_batch import CheckedRows, Rows, RowsOfFile
from objloc.data.remote.cache import RemoteFile, open_remote
from objloc.data.remote.pointer import origin_of
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.files import write_json
from objloc.network.backbones.catalogue import info_of
from objloc.network.backbones.stored_maps import StoredFeatures, StoredMaps
from objloc.network.device import arithmetic
from objloc.params import Encoder

INDEX_FILE = "index.json"
FEATURES_FILE = "features.npy"
MIRRORED_FILE = "mirrored.npy"
_FORMAT = "objloc features 3"
_MAX_HEADER = 1024
"""Maximum size in bytes of the header of a file of rows."""


@dataclass(frozen=True)
class FeatureIndex:
    """Contents of ``index.json``.

    Attributes:
        backbone, weights, precision: the network that computed the maps.
        image_size: side in pixels of the images it saw.
        data_hash: hash of the shards.
        images: number of rows.
        mirrored: number of rows in a second file, of the mirrored images of the first rows.
        image_sets: name of an image set to the rows of its images, in the shards' order.
        checksums, mirrored_checksums: CRC-32 of each row of the files; None in older stores.
        made: where and how the maps were computed; None in older stores and empty ones.
    """

    backbone: str
    weights: str
    precision: str
    image_size: int
    data_hash: str
    images: int
    mirrored: int
    image_sets: dict[str, list[int]]
    checksums: list[int] | None = None
    mirrored_checksums: list[int] | None = None
    made: dict[str, Any] | None = None


def read_feature_index(folder: Path) -> FeatureIndex:
    """Read a store's ``index.json``.

    Raises:
        ObjlocError: there is none, it is not one of this program, or damaged.
    """
    path = folder / INDEX_FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        verify_checksum(content, path)
        content.pop(CHECKSUM, None)
        if content.pop("format") != _FORMAT:
            raise KeyError
        return FeatureIndex(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ObjlocError(
            f"{path}: expected the index of a feature store; found none that can be read "
            "(python -m stages.encode writes one)"
        ) from None


def write_feature_index(folder: Path, index: FeatureIndex) -> None:
    """Write ``index.json``."""
    known = {key: value for key, value in vars(index).items() if value is not None}
    content = {"format": _FORMAT, **known}
    write_json(folder / INDEX_FILE, {**content, CHECKSUM: checksum_of(content)})


def making(encoder: Encoder, batch: int, device: torch.device) -> dict[str, Any]:
    """Describe how this machine computes features: device, number type, TF32, batch size.

    With any of them, features change by rounding (TF32: by up to 1 % of the largest).
    """
    number = arithmetic(encoder.precision, device)
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else device.type,
        "arithmetic": str(number).removeprefix("torch."),
        "tf32": cuda and number is torch.float32 and torch.backends.cudnn.allow_tf32,
        "batch": batch,
    }


def made_otherwise(
    features: Sequence[Path], expected: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Lines on stores that were not made as those that they are used with.

    Args:
        features: the stores.
        expected: by backbone, ``making`` of the features that the model learned from or that
            this run would compute.
    """
    for folder in features:
        index = read_feature_index(folder)
        wanted = expected.get(index.backbone)
        if index.made and wanted and index.made != wanted:
            yield (
                f"{folder}: expected features made {_in_words(wanted)}; found those made "
                f"{_in_words(index.made)}: they differ by rounding, and results may"
            )


def _in_words(made: Mapping[str, Any]) -> str:
    tf32 = " with TF32" if made["tf32"] else ""
    return f"on {made['device']} in {made['arithmetic']}{tf32}, {made['batch']} images at once"


def open_features(
    folder: Path, image_set: str, data_hash: str, encoder: Encoder, memory_mb: int
) -> StoredMaps:
    """The maps of an image set, and those of its mirrored images where there are any.

    Args:
        folder: the store.
        image_set: name of the set.
        data_hash: hash of the shards that the images come from.
        encoder: names the backbone and the resolution.
        memory_mb: a store of more megabytes is not loaded, but read row by row.

    Raises:
        ObjlocError: a store of other shards, another backbone or resolution, one
            that lacks the image set, or a file of another length.
    """
    index = checked_index(folder, image_set, data_hash, encoder)
    rows = torch.tensor(index.image_sets[image_set])
    length = info_of(encoder).length(encoder.image_size)
    whole = (index.images + index.mirrored) * length <= memory_mb * 1_000_000
    shape = (index.images, length)
    values = _open(
        _file(folder, FEATURES_FILE, shape, index.checksums), shape, index.checksums, whole
    )
    if not index.mirrored or int(rows.max()) >= index.mirrored:
        return StoredMaps(values, rows)
    shape, checksums = (index.mirrored, length), index.mirrored_checksums
    mirrored = _open(_file(folder, MIRRORED_FILE, shape, checksums), shape, checksums, whole)
    return StoredMaps(values, rows, mirrored)


def _file(folder: Path, name: str, shape: tuple[int, int], checksums: Sequence[int] | None) -> Path:
    """A file of rows in a store; of a store by URL, its verified copy in the cache."""
    url = origin_of(folder)
    if url is None:
        return folder / name
    if checksums is None:
        raise ObjlocError(f"{url}: expected a feature store with checksums; found an older one")
    known = np.array(checksums, dtype=np.uint32)

    def fault(file: BufferedReader) -> str | None:
        header = os.fstat(file.fileno()).st_size - shape[0] * shape[1]
        if not 0 < header <= _MAX_HEADER:
            return f"expected {shape[0]} rows of {shape[1]} bytes; found a file of another length"
        file.seek(header)
        for row, expected in enumerate(known.tolist()):
            if (found := zlib.crc32(file.read(shape[1]))) != expected:
                return f"row {row}: expected CRC-32 {expected:08x}; found {found:08x}"
        return None

    # Rows whose checksums are the same are the same file.
    key = f"{hashlib.sha256(known.tobytes()).hexdigest()}-{name}"
    wanted = RemoteFile(name, key, shape[0] * shape[1] + _MAX_HEADER, fault)
    open_remote(url, wanted).close()
    return wanted.path


def checked_index(folder: Path, image_set: str, data_hash: str, encoder: Encoder) -> FeatureIndex:
    """The index of a store, refused unless it fits; see ``open_features``."""
    index = read_feature_index(folder)
    for what, wanted, found in (
        ("backbone", encoder.source, index.backbone),
        ("weights", info_of(encoder).weights, index.weights),
        ("precision", encoder.precision, index.precision),
        ("image_size", encoder.image_size, index.image_size),
        ("shards", data_hash[:12], index.data_hash[:12]),
    ):
        if wanted != found:
            raise ObjlocError(f"{folder}: expected features of {what} {wanted}; found {found}")
    if image_set not in index.image_sets:
        known = ", ".join(index.image_sets) or "none"
        raise ObjlocError(f"{folder}: expected image set '{image_set}'; found {known}")
    return index


def load_store(
    shards: Path,
    image_set: str,
    categories: tuple[str, ...],
    encoders: Sequence[Encoder],
    features: Sequence[Path],
    memory_mb: int,
) -> SampleStore:
    """Load an image set, with features in place of images if the encoder takes them.

    Args:
        shards: folder of shards.
        image_set: name of the set.
        categories: the agent's.
        encoders: the agent's: one, or for several networks one for each backbone.
        features: their feature stores, in any order; none: the images are loaded.
        memory_mb: maximum size of the images or features held in memory.

    Raises:
        ObjlocError: no such image set, damaged shards, or a store of other features.
    """
    if not features or not encoders[0].reads_store:
        size = encoders[0].image_size
        return SampleStore.load(shards, image_set, categories, size, memory_mb)
    store = SampleStore.load(shards, image_set, categories, None)
    opened = {
        encoder.source: open_features(
            _folder_of(encoder, features), image_set, store.data_hash, encoder, memory_mb
        )
        for encoder in encoders
    }
    return replace(store, images=StoredFeatures(opened))


def _folder_of(encoder: Encoder, features: Sequence[Path]) -> Path:
    """The feature store of an encoder's backbone among several."""
    if len(features) == 1:
        return features[0]
    found = {read_feature_index(each).backbone: each for each in features}
    if encoder.source not in found:
        raise ObjlocError(
            f"--features: expected a store of backbone {encoder.source}; found {', '.join(found)}"
        )
    return found[encoder.source]


def _open(path: Path, shape: tuple[int, int], checksums: Sequence[int] | None, whole: bool) -> Rows:
    """Rows of a file, loaded once for all image sets that share it."""
    changed = path.stat().st_mtime_ns if path.exists() else 0
    return _opened(path.resolve(), changed, shape, checksums and tuple(checksums), whole)


@lru_cache(maxsize=4)
def _opened(
    path: Path,
    _changed: int,
    shape: tuple[int, int],
    checksums: tuple[int, ...] | None,
    whole: bool,
) -> Rows:
    try:
        values = np.load(path, mmap_mode=None if whole else "r")
    # A damaged header is a fault of Python's grammar.
    except (OSError, ValueError, SyntaxError, TokenError) as error:
        raise ObjlocError(f"{path}: features cannot be read: {error}") from None
    except MemoryError:
        raise ObjlocError(f"{path}: out of memory; lower encode.memory_mb") from None
    if values.shape != shape or values.dtype != np.int8:
        raise ObjlocError(
            f"{path}: expected int8 {list(shape)}; found {values.dtype} {list(values.shape)}"
        )
    mapped = isinstance(values, np.memmap)
    rows = RowsOfFile(path, shape, values.offset) if mapped else torch.from_numpy(values)
    return rows if checksums is None else CheckedRows(path, rows, checksums)
