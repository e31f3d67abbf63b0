"""Read COCO's JSON files; list what is wrong instead of raising."""

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from objloc.errors import ObjlocError

MAX_BYTES = 2**30
_HEAD = 4096


@dataclass(frozen=True)
class CocoObject:
    """An annotation; its box is ``[x, y, width, height]``, as written, from the upper left."""

    place: str
    category: str
    box: tuple[float, float, float, float]
    crowd: bool


@dataclass(frozen=True)
class CocoImage:
    """An entry of ``images`` with its annotations; ``size`` is the declared width and height."""

    place: str
    file_name: str
    size: tuple[int, int]
    objects: tuple[CocoObject, ...]


@dataclass(frozen=True)
class CocoFile:
    """A JSON file.

    Attributes:
        path: path of the file.
        images: valid images.
        categories: declared categories.
        problems: descriptions of invalid entries, one line each.
    """

    path: Path
    images: tuple[CocoImage, ...] = ()
    categories: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())


def read_coco(path: Path) -> CocoFile | None:
    """Read a JSON file; None if it is not COCO's.

    A file too damaged to be parsed counts as COCO's if its beginning looks like it.
    """
    try:
        tree = _load(path)
    except ObjlocError as error:
        return CocoFile(path, problems=(str(error),)) if _speaks_of_coco(path) else None
    if not isinstance(tree, dict) or not {"images", "annotations"} <= tree.keys():
        return None
    reader = _Reader(path.name)
    categories = reader.categories(tree.get("categories"))
    objects = reader.objects(tree["annotations"], categories)
    images = reader.images(tree["images"], objects)
    return CocoFile(path, images, tuple(categories.values()), tuple(reader.problems))


def _speaks_of_coco(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return any(f'"{key}"'.encode() in head for key in ("images", "annotations", "categories"))


def _load(path: Path) -> Any:
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise ObjlocError(f"{path.name}: expected at most 1 GiB; found {size} bytes")
        if not size:
            raise ObjlocError(f"{path.name}: expected JSON; found an empty file")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ObjlocError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ObjlocError(f"{path.name}: expected JSON; found: {error}") from None


class _Reader:
    """Reader of one file that collects the problems."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.problems: list[str] = []

    def categories(self, entries: Any) -> dict[Any, str]:
        found: dict[Any, str] = {}
        for entry, place in self._entries(entries, "categories"):
            name = entry.get("name")
            if not isinstance(name, str) or not name.strip() or not _is_key(entry.get("id")):
                self._report(place, f"expected an id and a name; found {_short(entry)}")
            elif entry["id"] in found or name.strip() in found.values():
                self._report(place, f"expected each id and name once; found '{name}' again")
            else:
                found[entry["id"]] = name.strip()
        return found

    def objects(self, entries: Any, categories: dict[Any, str]) -> dict[Any, list[CocoObject]]:
        found: dict[Any, list[CocoObject]] = defaultdict(list)
        for entry, row in self._entries(entries, "annotations"):
            place = f"{self._name}: annotation {entry['id']}" if "id" in entry else row
            box = entry.get("bbox")
            category = entry.get("category_id")
            if not _is_key(category) or category not in categories:
                self._report(place, f"expected a known category_id; found {_short(category)}")
            elif not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
                self._report(place, f"expected bbox to be four numbers; found {_short(box)}")
            elif not _is_key(entry.get("image_id")):
                self._report(place, f"expected an image_id; found {_short(entry.get('image_id'))}")
            else:
                x, y, width, height = (float(each) for each in box)
                crowd = entry.get("iscrowd") in (1, True)
                one = CocoObject(place, categories[category], (x, y, width, height), crowd)
                found[entry["image_id"]].append(one)
        return found

    def images(self, entries: Any, objects: dict[Any, list[CocoObject]]) -> tuple[CocoImage, ...]:
        found: dict[Any, CocoImage] = {}
        for entry, place in self._entries(entries, "images"):
            name, key = entry.get("file_name"), entry.get("id")
            size = (entry.get("width"), entry.get("height"))
            if not isinstance(name, str) or not name or not _is_key(key):
                self._report(place, f"expected an id and a file_name; found {_short(entry)}")
            elif key in found:
                self._report(place, f"expected each id once; found {_short(key)} again")
            elif not all(isinstance(side, int) and side > 0 for side in size):
                self._report(place, f"'{name}': expected width and height in pixels; found {size}")
                objects.pop(key, None)
            else:
                width, height = (int(side) for side in size if isinstance(side, int))
                own = tuple(objects.pop(key, ()))
                found[key] = CocoImage(f"{self._name}: image '{name}'", name, (width, height), own)
        for key, orphans in objects.items():
            self._report(
                orphans[0].place,
                f"expected an image_id of the file's images; found {_short(key)} "
                f"({len(orphans)} annotations)",
            )
        return tuple(found.values())

    def _entries(self, entries: Any, key: str) -> list[tuple[dict[str, Any], str]]:
        if not isinstance(entries, list):
            self._report(f"{self._name}: {key}", f"expected a list; found {_short(entries)}")
            return []
        good = []
        for number, entry in enumerate(entries):
            place = f"{self._name}: {key}[{number}]"
            if isinstance(entry, dict):
                good.append((entry, place))
            else:
                self._report(place, f"expected an object; found {_short(entry)}")
        return good

    def _report(self, place: str, what: str) -> None:
        self.problems.append(f"{place}: {what}")


def _is_key(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
