"""Read shards as samples and verify their hashes.

This is separate from writing, so that a change in how devkits are read retrains nothing.
"""

import hashlib
import json
import os
import tarfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Self, overload

from webdataset.tariterators import group_by_keys

from objloc.box import from_voc
from objloc.data.remote.cache import RemoteFile, open_remote
from objloc.data.remote.pointer import origin_of
from objloc.data.sample import Coordinates, Part, Sample, VocObject
from objloc.data.shard_index import Shard, read_index
from objloc.errors import ObjlocError


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where an image's file lies: in which shard, from which byte on, and its CRC-32."""

    shard: Path
    offset: int
    size: int
    crc32: int


class ShardFiles(Sequence[bytes]):
    """Image files, each read from its shard when it is asked for.

    It holds 20 bytes a file: a shard is not read as a whole again, so a file that changes later
    is noticed by its CRC-32.
    """

    def __init__(self) -> None:
        self._shards: list[Path] = []
        self._shard, self._offset = array("I"), array("Q")
        self._size, self._crc32 = array("I"), array("I")

    def append(self, place: FilePlace) -> None:
        """Add a file; those of one shard follow each other."""
        if not self._shards or self._shards[-1] != place.shard:
            self._shards.append(place.shard)
        self._shard.append(len(self._shards) - 1)
        self._offset.append(place.offset)
        self._size.append(place.size)
        self._crc32.append(place.crc32)

    def __len__(self) -> int:
        return len(self._shard)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> Self: ...
    def __getitem__(self, row: int | slice) -> bytes | Self:
        """Contents of a file, or some of the files.

        Raises:
            ObjlocError: the file is not what it was when its shard was verified.
        """
        if isinstance(row, slice):
            some = type(self)()
            for each in range(*row.indices(len(self))):
                some.append(self._place(each))
            return some
        place = self._place(row)
        path, size = place.shard, place.size
        try:
            handle = os.open(path, os.O_RDONLY)
            try:
                content = os.pread(handle, size, place.offset)
            finally:
                os.close(handle)
        except OSError as error:
            raise ObjlocError(f"{path}: cannot be read: {error.strerror or error}") from None
        if (found := zlib.crc32(content)) != place.crc32:
            raise ObjlocError(
                f"{path}: changed while it was in use: {size} bytes from byte {place.offset}: "
                f"expected CRC-32 {place.crc32:08x}; found {found:08x}"
            )
        return content

    def _place(self, row: int) -> FilePlace:
        shard = self._shards[self._shard[row]]
        return FilePlace(shard, self._offset[row], self._size[row], self._crc32[row])


def read_samples(folder: Path, image_set: str) -> Iterator[Sample]:
    """Read the samples of an image set, or of several as ``a+b``, in the order of their shards.

    A shard's hash is checked before its first sample is yielded, and its number of
    samples after the last, so that a damaged or shortened shard is never accepted.

    Raises:
        ObjlocError: there is no such image set (the message names those there are); a
            shard is missing or not the one that the index describes.
    """
    return (sample for sample, _ in read_placed_samples(folder, image_set))


def read_placed_samples(folder: Path, image_set: str) -> Iterator[tuple[Sample, FilePlace]]:
    """Read samples as ``read_samples`` does, each with the place of its image's file."""
    index = read_index(folder)
    if not index.knows(image_set):
        raise ObjlocError(
            f"{folder}: unknown image set '{image_set}'; expected one of "
            f"{', '.join(index.image_sets)}"
        )
    url = origin_of(folder)
    for shard in index.image_set(image_set).shards:
        place = folder / shard.name
        if url is None:
            held, file = place, _open_shard(place, shard)
        else:
            remote = _remote(shard)
            held, file = remote.path, open_remote(url, remote)
        with file:
            yield from _read_shard(file, held, place, shard)


def _open_shard(path: Path, shard: Shard) -> BufferedReader:
    """Open a shard, verified: the open file is the one that is read."""
    if not path.is_file():
        raise ObjlocError(
            f"{path}: expected a shard of {shard.samples} samples; found no such file"
        )
    file = path.open("rb")
    if (fault := _fault(file, shard)) is not None:
        file.close()
        raise ObjlocError(
            f"{path}: {fault} (damaged? `dvc repro --force --single-item shard` packs it again)"
        )
    return file


def _fault(file: BufferedReader, shard: Shard) -> str | None:
    """Find what is wrong with an opened shard; None: it is as its index has it."""
    found = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return None if found == shard.sha256 else f"expected sha256 {shard.sha256}; found {found}"


def _remote(shard: Shard) -> RemoteFile:
    return RemoteFile(
        name=shard.name,
        key=f"{shard.sha256}.tar",
        size=shard.bytes,
        fault=lambda file: _fault(file, shard),
    )


def _read_shard(
    file: BufferedReader, held: Path, path: Path, shard: Shard
) -> Iterator[tuple[Sample, FilePlace]]:
    """Samples of an opened shard.

    Args:
        file: the shard, or its copy in the cache.
        held: where the file lies.
        path: its name in errors.
        shard: its entry in the index.
    """
    samples = 0
    try:
        for sample in group_by_keys(_members(file, shard.name)):
            offset, jpeg = sample["jpg"]
            _, annotation = sample["json"]
            place = FilePlace(held, offset, len(jpeg), zlib.crc32(jpeg))
            yield decode_sample(sample["__key__"], jpeg, annotation), place
            samples += 1
    except (tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise ObjlocError(
            f"{path}: expected samples of a .jpg and a .json; found: {error!r}"
        ) from None
    if samples != shard.samples:
        raise ObjlocError(f"{path}: expected {shard.samples} samples; found {samples}")


def _members(file: BufferedReader, name: str) -> Iterator[dict[str, Any]]:
    """Members of a tar in the form of WebDataset; of each its offset and content."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            if member.isreg():
                content = os.pread(file.fileno(), member.size, member.offset_data)
                yield {
                    "fname": member.name,
                    "data": (member.offset_data, content),
                    "__url__": name,
                }


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
