"""Annotated images in any form that shards are made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from objloc.data.coco2017.archives import ANNOTATIONS, open_coco
from objloc.data.sample import Sample
from objloc.data.voc.devkit import open_devkit


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
