"""Write samples as WebDataset shards, reproducible to the byte.

A sample is two files of a tar: ``<image_id>.jpg``, the unchanged bytes of the image,
and ``<image_id>.json``. Boxes there are one-based and inclusive, as in the devkit.
``objloc.data.shard_reader`` reads them back. Headers are those that ``webdataset.ShardWriter``
writes by ``tarfile``; made again for each file they took as long as copying it.
"""

import hashlib
import json
import sys
import tarfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from io import BufferedWriter
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from objloc import params
from objloc.box import to_voc
from objloc.data.coco2017.archives import ANNOTATIONS, open_coco
from objloc.data.sample import Sample
from objloc.data.shard_index import (
    INDEX_FILE,
    ImageSet,
    Shard,
    ShardIndex,
    Statistics,
    add,
    count,
    write_index,
)
from objloc.data.splits import compose, overlaps, split
from objloc.data.voc.devkit import open_devkit
from objloc.data.workers import map_ahead
from objloc.files import folder_written_whole
from objloc.progress import progress

_READ_AHEAD = 64
"""Maximum number of images that are read before they are written."""
_READABLE = 0o444
_NAME_LENGTH = 100
"""Maximum length of a name in a plain header."""


class _OfYear(Protocol):
    @property
    def year(self) -> str:
        """Name of the year."""


class AnnotatedImages(Protocol):
    """Annotated images and their image sets."""

    @property
    def name(self) -> str:
        """Name of the data."""

    @property
    def image_sets(self) -> Mapping[str, tuple[str, ...]]:
        """Image ids in order, by name of the set."""

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Ids of all images."""

    @property
    def images(self) -> Mapping[str, _OfYear]:
        """Files by image id, which state the year of each image."""

    def read(self, image_id: str) -> Sample:
        """Read one annotated image and check the image and its annotation.

        Raises:
            ObjlocError: there is no such image, or it or its annotation is not valid.
        """


def open_annotated(path: Path) -> AnnotatedImages:
    """Open what the ``download`` stage wrote, or a devkit from elsewhere.

    Args:
        path: a folder with COCO's archives; or a devkit, see ``open_devkit``.

    Raises:
        ObjlocError: see ``open_devkit`` and ``open_coco``.
    """
    return open_coco(path) if (path / ANNOTATIONS).is_file() else open_devkit(path)


def write_shards(devkit: AnnotatedImages, folder: Path, section: params.Shard) -> ShardIndex:
    """Write the image sets of a dataset as shards, and ``index.json``.

    The same devkit and parameters give the same bytes. A set that is the
    disjoint union of others (``trainval``) is not written again: the index names
    the others' shards.

    Args:
        devkit: the images: a devkit, or COCO's archives.
        folder: folder to write, whole or not at all.
        section: the parameters ``shard``.

    Raises:
        ObjlocError: the devkit has no image sets, a set would be empty, or an
            image or annotation is not valid.
    """
    years = {image_id: file.year for image_id, file in devkit.images.items()}
    planned = split(devkit.image_ids, devkit.image_sets, section, years)
    composition = compose(planned)
    simple = [name for name in planned if composition[name] == (name,)]
    for line in overlaps(planned, composition):
        print(f"note: {line}", file=sys.stderr)
    data = devkit.name
    if section.split != "devkit":
        by_year = ", by year" if section.split == "by_year" else ""
        data += f"{by_year}, seeded split {section.seed}"
    image_sets: dict[str, ImageSet] = {}
    statistics: dict[str, Statistics] = {}
    with folder_written_whole(folder, INDEX_FILE) as temporary, warnings.catch_warnings():
        # Pillow's on odd metadata do not matter here; set once, since threads share them.
        warnings.filterwarnings("ignore", module="PIL")
        total = sum(len(planned[name]) for name in simple)
        with progress("shard", total, "images") as advance:
            for name in simple:
                # Threads read and check the next images while the first are written.
                samples = map_ahead(partial(_read, devkit), planned[name], _READ_AHEAD)
                image_sets[name], statistics[name] = _write_set(
                    temporary, name, samples, section, advance
                )
        for name in planned.keys() - simple:
            parts = composition[name]
            shards = tuple(shard for part in parts for shard in image_sets[part].shards)
            image_sets[name] = ImageSet(samples=len(planned[name]), shards=shards)
            statistics[name] = add(statistics[part] for part in parts)
        return write_index(
            temporary,
            data,
            {name: image_sets[name] for name in sorted(planned)},
            {name: statistics[name] for name in sorted(planned)},
        )


def _read(devkit: AnnotatedImages, image_id: str) -> tuple[Sample, "_Packed"]:
    sample = devkit.read(image_id)
    return sample, _pack(sample)


def _write_set(
    folder: Path,
    image_set: str,
    samples: Iterable[tuple[Sample, "_Packed"]],
    section: params.Shard,
    advance: Callable[[int], None],
) -> tuple[ImageSet, Statistics]:
    """Write an image set's shards, ``<image_set>-000000.tar`` and so on."""
    with _Writer(folder, image_set, section) as writer:

        def written() -> Iterator[Sample]:
            for sample, files in samples:
                writer.write(files)
                advance(1)
                yield sample

        statistics = count(written())
    return ImageSet(samples=statistics.images, shards=tuple(writer.shards)), statistics


def _info(name: str, size: int, time: float) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, time, _READABLE
    return info


_EXACT_TIME = _info("", 0, 0.0).tobuf(tarfile.PAX_FORMAT)[: -tarfile.BLOCKSIZE]
"""Block before a plain header: the time as a fraction."""


class _Packed(NamedTuple):
    """A sample as it lies in a tar.

    Attributes:
        blocks: its files, each with its header and padding.
        size: number of bytes of the files alone.
    """

    blocks: bytes
    size: int


def _pack(sample: Sample) -> _Packed:
    """Lay out a sample's two files."""
    annotation = encode_annotation(sample)
    files = ((f"{sample.image_id}.jpg", sample.jpeg), (f"{sample.image_id}.json", annotation))
    parts = [
        part
        for name, content in files
        for part in (_header(name, len(content)), content, bytes(-len(content) % tarfile.BLOCKSIZE))
    ]
    return _Packed(b"".join(parts), len(sample.jpeg) + len(annotation))


def _header(name: str, size: int) -> bytes:
    if len(name) > _NAME_LENGTH:
        return _info(name, size, 0.0).tobuf(tarfile.PAX_FORMAT)
    return _EXACT_TIME + _info(name, size, 0).tobuf(tarfile.USTAR_FORMAT)


class _Writer:
    """Writes samples to ``<image_set>-000000.tar`` and so on; leaving it ends the last tar.

    Args:
        folder: an existing folder.
        image_set: name of the set.
        section: how large a tar becomes.
    """

    def __init__(self, folder: Path, image_set: str, section: params.Shard) -> None:
        self._folder, self._image_set, self._section = folder, image_set, section
        self._shards: list[Shard] = []
        self._file: BufferedWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    @property
    def shards(self) -> Sequence[Shard]:
        """The tars that have ended."""
        return self._shards

    def write(self, sample: _Packed) -> None:
        """Append a sample, to a new tar if the last one is full.

        Raises:
            OSError: the disk is full.
        """
        if self._file is not None and self._full:
            self._end()
        if self._file is None:
            self._begin()
        self._append(sample.blocks)
        self._samples += 1
        self._content += sample.size

    @property
    def _full(self) -> bool:
        section = self._section
        return (
            self._samples >= section.samples_per_shard
            or self._content >= section.mb_per_shard * 1e6
        )

    def _begin(self) -> None:
        self._name = f"{self._image_set}-{len(self._shards):06d}.tar"
        self._file = (self._folder / self._name).open("wb")
        self._digest = hashlib.sha256()
        self._samples = self._content = self._bytes = 0

    def _append(self, blocks: bytes) -> None:
        assert self._file is not None  # noqa: S101  # for the type checker
        self._file.write(blocks)
        self._digest.update(blocks)
        self._bytes += len(blocks)

    def _end(self) -> None:
        if self._file is None:
            return
        # Two blocks of zeros, and more up to a whole record.
        mark = 2 * tarfile.BLOCKSIZE
        self._append(bytes(mark + -(self._bytes + mark) % tarfile.RECORDSIZE))
        self._file.close()
        self._file = None
        found = self._digest.hexdigest()
        self._shards.append(
            Shard(name=self._name, samples=self._samples, bytes=self._bytes, sha256=found)
        )


def encode_annotation(sample: Sample) -> bytes:
    """Encode all of a sample except its image as JSON with sorted keys."""
    value = {
        "image_id": sample.image_id,
        "width": sample.width,
        "height": sample.height,
        "objects": [
            {
                "category": item.category,
                "box": to_voc(item.box),
                "difficult": int(item.difficult),
                "truncated": int(item.truncated),
                "occluded": int(item.occluded),
                "pose": item.pose,
                "parts": [{"name": part.name, "box": to_voc(part.box)} for part in item.parts],
            }
            for item in sample.objects
        ],
    }
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()
