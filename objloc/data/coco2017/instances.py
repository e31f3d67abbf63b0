"""Read COCO's file of boxes, ``instances_<set>.json``.

The file of the training set is half a gigabyte of text, most of it outlines that nobody
reads here. They are dropped while the text is parsed.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from objloc.data.sample import Coordinates, VocObject
from objloc.data.voc.annotation import BORDER_TOLERANCE, CATEGORY_NAME, MAX_NUMBER
from objloc.errors import ObjlocError, first_complaint

IMAGE_NAME = r"[0-9]{12}\.jpg"
"""Form of an image's file name."""
MIN_SIDE = 0.001
"""Minimum side of a box in pixels."""

_NEEDED = frozenset(
    ("images", "annotations", "categories", "id", "name", "file_name", "width", "height",
     "image_id", "category_id", "bbox", "iscrowd")
)  # fmt: skip
_Id = Annotated[int, Field(ge=0)]
_Side = Annotated[int, Field(ge=1)]
_Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False)]
_Length = Annotated[_Number, Field(ge=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Category(_Entry):
    id: _Id
    name: Annotated[str, Field(pattern=f"^{CATEGORY_NAME.pattern}$")]


class _Image(_Entry):
    id: _Id
    file_name: Annotated[str, Field(pattern=f"^{IMAGE_NAME}$")]
    width: _Side
    height: _Side


class _Annotation(_Entry):
    image_id: _Id
    category_id: _Id
    # In JSON a tuple is a list.
    bbox: Annotated[tuple[_Number, _Number, _Length, _Length], Field(strict=False)]
    iscrowd: Annotated[int, Field(ge=0, le=1)]


class _Instances(_Entry):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


@dataclass(slots=True)
class ListedImage:
    """An image as its annotation file has it: size in pixels, and objects in the file's order."""

    width: int
    height: int
    objects: list[VocObject] = field(default_factory=list)


@dataclass
class Instances:
    """Content of an annotation file.

    Attributes:
        images: images by file name; those without an object too.
        categories: names of the categories in the file's order, used or not.
        without_area: number of boxes without an area in the image, which are left out.
        cut: number of boxes that reached beyond the image by more than a pixel.
    """

    images: dict[str, ListedImage]
    categories: tuple[str, ...]
    without_area: int = 0
    cut: int = 0


def read_instances(content: bytes, place: str) -> Instances:
    """Read an annotation file.

    A crowd (``iscrowd``, one box round many objects) is difficult: it is neither searched
    for nor held against a search. Boxes are cut at the image's border; one that then has no
    area is left out.

    Args:
        content: the file's bytes.
        place: name of the file in error messages.

    Raises:
        ObjlocError: the file is no JSON of this form; an image or category occurs twice, or
            an annotation is of none.
    """
    tree = _parsed(content, place)
    categories = _by_id(((each.id, each.name) for each in tree.categories), place, "category")
    if len(set(categories.values())) < len(categories):
        raise ObjlocError(f"{place}: expected each category's name once; found one twice")
    names = _by_id(((each.id, each.file_name) for each in tree.images), place, "image")
    images = {each.file_name: ListedImage(each.width, each.height) for each in tree.images}
    if len(images) < len(names):
        raise ObjlocError(f"{place}: expected each image's file_name once; found one twice")
    found = Instances(images, tuple(categories.values()))
    for number, entry in enumerate(tree.annotations):
        where = f"{place}: annotations[{number}]"
        if entry.category_id not in categories:
            raise ObjlocError(f"{where}: expected a known category_id; found {entry.category_id}")
        if entry.image_id not in names:
            raise ObjlocError(f"{where}: expected a known image_id; found {entry.image_id}")
        _add(found, names[entry.image_id], categories[entry.category_id], entry)
    return found


def _parsed(content: bytes, place: str) -> _Instances:
    def needed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if key in _NEEDED}

    try:
        tree = json.loads(content, object_pairs_hook=needed)
        return _Instances.model_validate(tree)
    except ValidationError as error:
        raise ObjlocError(f"{place}: {first_complaint(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ObjlocError(f"{place}: expected COCO's JSON; found: {error}") from None


def _by_id(entries: Iterable[tuple[int, str]], place: str, what: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for key, name in entries:
        if key in found:
            raise ObjlocError(f"{place}: expected each {what} id once; found {key} twice")
        found[key] = name
    return found


def _add(found: Instances, name: str, category: str, entry: _Annotation) -> None:
    image = found.images[name]
    x, y, width, height = entry.bbox
    box: Coordinates = (
        max(x, 0.0),
        max(y, 0.0),
        min(x + width, float(image.width)),
        min(y + height, float(image.height)),
    )
    if min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE:
        found.without_area += 1
        return
    beyond = max(-x, -y, x + width - image.width, y + height - image.height)
    found.cut += beyond > BORDER_TOLERANCE
    image.objects.append(VocObject(category, box, difficult=bool(entry.iscrowd)))
