"""The official archives of COCO 2017 as annotated images.

``train2017.zip`` and ``val2017.zip`` hold ``<set>/<12 digits>.jpg``;
``annotations_trainval2017.zip`` holds ``annotations/instances_<set>.json`` beside captions
and key points, which are not read.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from objloc.data.coco2017.instances import IMAGE_NAME, Instances, ListedImage, read_instances
from objloc.data.coco2017.zips import MIB, ZippedFile, list_zip
from objloc.data.sample import Sample
from objloc.data.source import read_source
from objloc.data.voc.devkit import check_jpeg
from objloc.errors import ObjlocError
from objloc.wording import counted

ANNOTATIONS = "annotations_trainval2017.zip"
SETS = {"train": "train2017", "val": "val2017"}
"""COCO's name of each image set that it has annotated."""

_YEAR = "2017"
_MAX_JSON, _MAX_JPEG = 2048 * MIB, 64 * MIB


@dataclass(frozen=True)
class CocoArchives:
    """Annotated images of COCO and its own image sets.

    Attributes:
        name: name of the data.
        image_sets: ids of the images by name of the set, in order: ``train``, ``val``.
        image_ids: ids of all images: their file names without the ending.
        images: files by image id.
        listed: sizes and objects by image id.
    """

    name: str
    image_sets: Mapping[str, tuple[str, ...]]
    image_ids: tuple[str, ...]
    images: Mapping[str, ZippedFile]
    listed: Mapping[str, ListedImage]

    def read(self, image_id: str) -> Sample:
        """Read one annotated image and check the image.

        Raises:
            ObjlocError: there is no such image; it is damaged, or has another size than its
                annotation states.
        """
        if image_id not in self.listed:
            raise ObjlocError(f"{self.name}: expected an image id of COCO; found '{image_id}'")
        file, listed = self.images[image_id], self.listed[image_id]
        jpeg = file.read()
        annotated = (listed.width, listed.height)
        check_jpeg(jpeg, file.place, annotated, f"annotation of {file.place}")
        return Sample(image_id, jpeg, listed.width, listed.height, tuple(listed.objects))


def open_coco(folder: Path) -> CocoArchives:
    """List the images, and read the boxes, of COCO's archives in a folder.

    Raises:
        ObjlocError: an archive is missing, damaged or not the one that ``source.json`` names;
            an annotation is not valid; an image that is annotated is missing, or the reverse.
    """
    source = read_source(folder)
    members = {name: f"annotations/instances_{coco}.json" for name, coco in SETS.items()}
    packed = folder / ANNOTATIONS
    tables = list_zip(packed, re.compile("|".join(map(re.escape, members.values()))), _MAX_JSON)
    images: dict[str, ZippedFile] = {}
    listed: dict[str, ListedImage] = {}
    sets: dict[str, tuple[str, ...]] = {}
    categories: dict[str, tuple[str, ...]] = {}
    for name, coco in SETS.items():
        if members[name] not in tables:
            raise ObjlocError(f"{packed}: expected {members[name]}; found none")
        table = tables[members[name]]
        found = read_instances(table.read(), table.place)
        _report(found, table.place)
        categories[name] = found.categories
        files = _files(folder / f"{coco}.zip", coco, found)
        for image_id in files:
            if image_id in images:
                raise ObjlocError(
                    f"{files[image_id].place}: expected each image in one image set; found also "
                    f"{images[image_id].place}"
                )
        images |= files
        listed |= {Path(each).stem: image for each, image in found.images.items()}
        sets[name] = tuple(sorted(files))
    first, second = (frozenset(each) for each in categories.values())
    if first != second:
        odd = ", ".join(sorted(first ^ second))
        raise ObjlocError(f"{packed}: expected the same categories in both sets; found odd: {odd}")
    label = source.name if source else folder.resolve().name
    ids = tuple(image_id for members_of in sets.values() for image_id in members_of)
    return CocoArchives(label, sets, ids, images, listed)


def _files(archive: Path, coco: str, found: Instances) -> dict[str, ZippedFile]:
    """Image files by image id; exactly those that are annotated."""
    pattern = re.compile(f"{coco}/{IMAGE_NAME}")
    files = {Path(name).name: file for name, file in list_zip(archive, pattern, _MAX_JPEG).items()}
    for name in sorted(found.images.keys() - files.keys()):
        raise ObjlocError(f"{archive}: expected {coco}/{name}, which is annotated; found none")
    for name in sorted(files.keys() - found.images.keys()):
        raise ObjlocError(f"{files[name].place}: expected an annotated image; found no entry of it")
    if not files:
        raise ObjlocError(f"{archive}: expected images {coco}/<12 digits>.jpg; found none")
    return {Path(name).stem: replace(file, year=_YEAR) for name, file in files.items()}


def _report(found: Instances, place: str) -> None:
    for number, what in (
        (found.without_area, "without an area in the image: left out"),
        (found.cut, "beyond the border by more than a pixel: cut there"),
    ):
        if number:
            print(f"note: {place}: {counted(number, 'box', 'es')} {what}", file=sys.stderr)
