"""Write samples as WebDataset shards, reproducible to the byte.

A sample is two files of a tar: ``<image_id>.jpg``, the unchanged bytes of the image,
and ``<image_id>.json``. Boxes there are one-based and inclusive, as in the devkit.
``objloc.data.shard_reader`` reads them back.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import webdataset

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
from objloc.files import file_hash, folder_written_whole
from objloc.progress import progress

_READ_AHEAD = 64
"""Maximum number of images that are read before they are written."""


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
                samples = map_ahead(devkit.read, planned[name], _READ_AHEAD)
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


def _write_set(
    folder: Path,
    image_set: str,
    samples: Iterable[Sample],
    section: params.Shard,
    advance: Callable[[int], None],
) -> tuple[ImageSet, Statistics]:
    """Write an image set's shards, ``<image_set>-000000.tar`` and so on."""
    samples_in: dict[Path, int] = {}
    # The writer inserts the number with the % operator.
    pattern = f"{str(folder.resolve()).replace('%', '%%')}/{image_set}-%06d.tar"
    with webdataset.ShardWriter(
        pattern,
        maxcount=section.samples_per_shard,
        maxsize=section.mb_per_shard * 1e6,
        mtime=0.0,
        user="",
        group="",
        encoder=False,
        verbose=0,
    ) as writer:

        def written() -> Iterator[Sample]:
            for sample in samples:
                writer.write(
                    {
                        "__key__": sample.image_id,
                        "jpg": sample.jpeg,
                        "json": encode_annotation(sample),
                    }
                )
                samples_in[Path(str(writer.fname))] = writer.count
                advance(1)
                yield sample

        statistics = count(written())
    shards = tuple(
        Shard(name=path.name, samples=number, bytes=path.stat().st_size, sha256=file_hash(path))
        for path, number in samples_in.items()
    )
    return ImageSet(samples=statistics.images, shards=shards), statistics


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
