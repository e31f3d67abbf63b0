"""Read shards as samples and verify their hashes.

This is separate from writing, so that a change in how devkits are read retrains nothing.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from webdataset.tariterators import group_by_keys, tar_file_expander

from objloc.box import from_voc
from objloc.data.sample import Coordinates, Part, Sample, VocObject
from objloc.data.shard_index import Shard, read_index
from objloc.errors import ObjlocError


def read_samples(folder: Path, image_set: str) -> Iterator[Sample]:
    """Read the samples of an image set, or of several as ``a+b``, in the order of their shards.

    A shard's hash is checked before its first sample is yielded, and its number of
    samples after the last, so that a damaged or shortened shard is never accepted.

    Raises:
        ObjlocError: there is no such image set (the message names those there are); a
            shard is missing or not the one that the index describes.
    """
    index = read_index(folder)
    if not index.knows(image_set):
        raise ObjlocError(
            f"{folder}: unknown image set '{image_set}'; expected one of "
            f"{', '.join(index.image_sets)}"
        )
    for shard in index.image_set(image_set).shards:
        yield from _read_shard(folder / shard.name, shard)


def _read_shard(path: Path, shard: Shard) -> Iterator[Sample]:
    if not path.is_file():
        raise ObjlocError(
            f"{path}: expected a shard of {shard.samples} samples; found no such file"
        )
    with path.open("rb") as file:
        # The open file that is verified is the one that is read.
        if (found := hashlib.file_digest(file, "sha256").hexdigest()) != shard.sha256:
            raise ObjlocError(
                f"{path}: expected sha256 {shard.sha256}; found {found} (damaged? "
                f"`dvc repro --force --single-item shard` packs it again)"
            )
        file.seek(0)
        samples = 0
        try:
            # An open file, not a URL: WebDataset may start other programs for a URL.
            files = tar_file_expander([{"url": shard.name, "stream": file}])
            for sample in group_by_keys(files):
                yield decode_sample(sample["__key__"], sample["jpg"], sample["json"])
                samples += 1
        except (tarfile.TarError, KeyError, TypeError, ValueError) as error:
            raise ObjlocError(
                f"{path}: expected samples of a .jpg and a .json; found: {error!r}"
            ) from None
    if samples != shard.samples:
        raise ObjlocError(f"{path}: expected {shard.samples} samples; found {samples}")


def decode_sample(key: str, jpeg: bytes, annotation: bytes) -> Sample:
    """Make a sample of an image's bytes and its annotation.

    The inverse of ``objloc.data.shards.encode_annotation``.

    Raises:
        ValueError, KeyError, TypeError: the bytes are not a sample.
    """
    value = json.loads(annotation)
    if value["image_id"] != key:
        raise ValueError(f"image_id '{value['image_id']}' in {key}.json")
    return Sample(
        image_id=key,
        jpeg=jpeg,
        width=value["width"],
        height=value["height"],
        objects=tuple(_decode_object(item) for item in value["objects"]),
    )


def _decode_object(item: dict[str, Any]) -> VocObject:
    return VocObject(
        category=item["category"],
        box=_decode_box(item["box"]),
        difficult=bool(item["difficult"]),
        truncated=bool(item["truncated"]),
        occluded=bool(item["occluded"]),
        pose=item["pose"],
        parts=tuple(Part(part["name"], _decode_box(part["box"])) for part in item["parts"]),
    )


def _decode_box(numbers: list[float]) -> Coordinates:
    xmin, ymin, xmax, ymax = numbers
    return from_voc((xmin, ymin, xmax, ymax))
