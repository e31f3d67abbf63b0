"""Read the lists of images in ``ImageSets/Main`` of a devkit."""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_SETS = ("trainval", "train", "val", "test")
_FLAGGED = re.compile(r"(.*\S)\s+(?:-1|0|1)")


@dataclass(frozen=True)
class ImageList(Generic[Key]):
    """A list of images.

    Attributes:
        images: images in the order of their lines.
        of_category: whether it is a category's list, where -1, 0 or 1 follows each name.
        unknown: lines that name no image; in a category's list such lines don't count.
    """

    images: tuple[Key, ...]
    of_category: bool
    unknown: tuple[str, ...]


def read_list(text: str, find: Callable[[str], Key | None]) -> ImageList[Key]:
    """Read a list.

    A line is the name of an image, with any spaces, or a name and -1, 0 or 1.

    Args:
        text: content of the file.
        find: finds the image of a name; None if there is none.
    """
    rows = [(row, find(row)) for line in text.splitlines() if (row := line.strip())]
    unknown = tuple(row for row, image in rows if image is None)
    flagged = [match for row in unknown if (match := _FLAGGED.fullmatch(row))]
    if rows and len(flagged) == len(rows):
        images = (find(match[1]) for match in flagged)
        return ImageList(tuple(image for image in images if image is not None), True, ())
    return ImageList(tuple(image for _, image in rows if image is not None), False, unknown)


def image_sets(lists: Mapping[str, ImageList[Key]]) -> dict[str, tuple[Key, ...]]:
    """Image sets by name, from all lists of a devkit.

    A category's list adds nothing to a set that has a list of its own. A set without one
    consists of the images that the lists of its categories name.

    Args:
        lists: lists by file name without its extension.
    """
    sets = {name: each.images for name, each in lists.items() if not each.of_category}
    for name, each in sorted(lists.items()):
        if each.of_category and not any(name.endswith(f"_{other}") for other in lists_of(lists)):
            ending = name.rsplit("_", 1)[-1]
            members = dict.fromkeys(sets.get(set_name := ending if ending in _SETS else name, ()))
            sets[set_name] = tuple(members | dict.fromkeys(each.images))
    return sets


def lists_of(lists: Mapping[str, ImageList[Key]]) -> tuple[str, ...]:
    """Names of the lists that are not of a category."""
    return tuple(name for name, each in lists.items() if not each.of_category)
