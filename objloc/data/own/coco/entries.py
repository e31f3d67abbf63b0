"""Values in the entries of COCO's JSON, in all the forms that tools write."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

from objloc.data.sample import Coordinates, coordinates
from objloc.data.voc.annotation import MAX_NUMBER

_T = TypeVar("_T")
_Key = int | str
_INTEGER = re.compile(r"\+?(-?\d{1,30})(?:\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_TRUE = frozenset(("1", "true", "yes", "t", "y"))
_FALSE = frozenset(("", "0", "false", "no", "f", "n", "none", "null", "unspecified"))


class ById(Generic[_T]):
    """Entries by their id.

    An id that is not there as written, such as ``'7'``, ``'7.0'`` or ``'007'`` for 7, finds
    the entry whose id is alike, if there is only one.

    Attributes:
        alike: number of entries found in this way.
    """

    def __init__(self) -> None:
        self.alike = 0
        self._exact: dict[_Key, _T] = {}
        self._by_number: dict[_Key, list[_T]] = defaultdict(list)

    def add(self, written: Any, entry: _T) -> _T | None:
        """Add an entry, unless one of exactly this id is there, which is returned instead.

        Raises:
            ValueError: ``written`` is no id.
        """
        key = _key(written)
        if key is None:
            raise ValueError(f"expected an id; found {short(written)}")
        if (other := self._exact.setdefault(key, entry)) is not entry:
            return other
        self._by_number[_number_key(key)].append(entry)
        return None

    def find(self, written: Any) -> _T | None:
        """The entry that an id means; None if none, or several alike."""
        key = _key(written)
        if key is None:
            return None
        if key in self._exact:
            return self._exact[key]
        alike = self._by_number.get(_number_key(key), ())
        if len(alike) != 1:
            return None
        self.alike += 1
        return alike[0]

    def __iter__(self) -> Iterator[_T]:
        return iter(self._exact.values())


def _key(written: Any) -> _Key | None:
    """An id as written: an integer (1.0 is 1) or text; None for anything else."""
    match written:
        case bool():
            return None
        case float():
            return int(written) if written.is_integer() else None
        case int() | str():
            return written
    return None


def _number_key(key: _Key) -> _Key:
    if isinstance(key, int):
        return key
    number = _INTEGER.fullmatch(key.strip())
    return int(number.group(1)) if number else key.strip()


def number_of(written: Any) -> float | None:
    """A number within ``MAX_NUMBER``, also one in text; None for anything else."""
    try:
        match written:
            case bool():
                return None
            case int() | float():
                number = float(written)
            case str() if _NUMBER.fullmatch(written.strip()):
                number = float(written)
            case _:
                return None
    except OverflowError:
        return None
    return number if abs(number) <= MAX_NUMBER else None


def size_of(entry: dict[str, Any]) -> tuple[tuple[int, int] | None, str]:
    """Declared width and height of an image, None if not usable; and a note, empty if plain."""
    written = [entry.get(side) for side in ("width", "height")]
    sides = [number_of(side) for side in written]
    if not all(side and side > 0 and side.is_integer() for side in sides):
        return None, "no usable width and height: the image file's own size counts"
    width, height = (int(side) for side in sides if side)
    plain = all(isinstance(side, int) for side in written)
    return (width, height), "" if plain else "width and height are text or floating-point numbers"


def flag_of(entry: dict[str, Any], name: str) -> bool | None:
    """A flag of an annotation or of its ``attributes``; None if its value is not known."""
    attributes = entry.get("attributes")
    inner = attributes.get(name) if isinstance(attributes, dict) else None
    written = entry.get(name, inner)
    if written is None:
        return False
    if isinstance(written, str):
        word = written.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    number = float(written) if isinstance(written, bool) else number_of(written)
    return None if number is None else number != 0


@dataclass(frozen=True)
class WrittenBox:
    """A box ``[x, y, width, height]``, its numbers as the file has them, and a note on them."""

    numbers: Coordinates
    text: str
    note: str = ""


def box_of(entry: dict[str, Any]) -> WrittenBox | None:
    """Box of an annotation, or the one round its polygons if it has none; None if bad."""
    written = entry.get("bbox")
    if not _has_bbox(entry):
        return _enclosing(entry.get("segmentation"))
    if not isinstance(written, list) or len(written) != 4:
        return None
    numbers = [each for each in map(number_of, written) if each is not None]
    if len(numbers) != 4:
        return None
    if not any(numbers) and (enclosing := _enclosing(entry.get("segmentation"))):
        return enclosing
    text = any(isinstance(each, str) for each in written)
    note = "numbers in bbox that are text" if text else ""
    return WrittenBox(coordinates(numbers), json.dumps(written), note)


def has_box(entry: dict[str, Any]) -> bool:
    """Whether an annotation has a box, good or bad, or polygons."""
    return _has_bbox(entry) or _enclosing(entry.get("segmentation")) is not None


def without_box(entry: dict[str, Any]) -> str:
    """Description of what an annotation has instead of a good box."""
    if _has_bbox(entry):
        return short(entry["bbox"])
    return "a mask and no bbox" if isinstance(entry.get("segmentation"), dict) else "none"


def _has_bbox(entry: dict[str, Any]) -> bool:
    return entry.get("bbox") not in (None, [], "")


def _enclosing(polygons: Any) -> WrittenBox | None:
    """Box round polygons: lists of ``x, y, x, y, …``, one such list, or pairs."""
    if not isinstance(polygons, list):
        return None
    flat = not any(isinstance(each, list) for each in polygons)
    parts = [polygons] if flat else [each if isinstance(each, list) else [] for each in polygons]
    written = list(chain.from_iterable(parts))
    numbers = [each for each in map(number_of, written) if each is not None]
    odd = any(len(part) % 2 for part in parts)
    if odd or len(numbers) < 6 or len(numbers) != len(written):
        return None
    columns, rows = numbers[::2], numbers[1::2]
    x, y = min(columns), min(rows)
    box = (x, y, max(columns) - x, max(rows) - y)
    text = json.dumps([round(each, 6) for each in box])
    return WrittenBox(box, text, "annotations without bbox: the box round their polygons is taken")


def text_of(written: Any) -> str:
    """A name without surrounding spaces, also a number; empty for anything else."""
    named = isinstance(written, str | int) and not isinstance(written, bool)
    return str(written).strip() if named else ""


def short(value: Any) -> str:
    """A value as JSON, cut to 60 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
