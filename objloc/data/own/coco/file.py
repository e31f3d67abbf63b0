"""Read one of COCO's JSON files, and report what is wrong in it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from objloc.data.own.coco.entries import (
    ById,
    box_of,
    flag_of,
    short,
    size_of,
    text_of,
    without_box,
)
from objloc.data.own.findings import Findings
from objloc.data.own.written import WrittenObject
from objloc.wording import abridged, counted

_SHOWN = 3
_DIFFICULT = ("iscrowd", "ignore", "difficult")


@dataclass
class Category:
    """An entry of ``categories``: its id as written, and the names that entries of this id have."""

    written: str
    names: list[str]
    used: int = 0


@dataclass
class Image:
    """An entry of ``images`` and its objects."""

    written: str
    names: tuple[str, ...]
    size: tuple[int, int] | None
    objects: list[WrittenObject] = field(default_factory=list)


class CocoFile:
    """A JSON file that has been read; what is wrong in it has been reported.

    Args:
        place: path within the folder.
        tree: content.
        findings: receives the report.
    """

    def __init__(self, place: str, tree: dict[str, Any], findings: Findings) -> None:
        self.place = place
        self.annotated = bool(tree.get("annotations"))
        self.images: ById[Image] = ById()
        self.categories: ById[Category] = ById()
        self._findings = findings
        self.errors = Errors(findings)
        self._read_categories(tree["categories"])
        self._read_images(tree.get("images"))
        for entry, row in self._entries(tree.get("annotations") or [], "annotations"):
            self._read_annotation(entry, f"{place}: annotation {entry.get('id', row)}")
        self._check_categories()
        alike = self.images.alike + self.categories.alike
        if alike:
            message = "ids are written in two forms, such as 7 and '7': they meet"
            findings.note("annotation", place, f"{message} ({counted(alike, 'time')})")
        self.errors.report()

    def _read_categories(self, entries: Any) -> None:
        for entry, row in self._entries(entries, "categories"):
            name = text_of(entry.get("name"))
            category = Category(short(entry.get("id")), [name] if name else [])
            try:
                same = self.categories.add(entry.get("id"), category)
            except ValueError as error:
                self._count("category", f"left out: a category without an id ({error})", row)
                continue
            if same is not None and name and name not in same.names:
                same.names.append(name)

    def _read_images(self, entries: Any) -> None:
        for entry, row in self._entries(entries, "images"):
            # Some tools add the whole path of the file.
            paths = [entry.get(key) for key in ("file_name", "path")]
            names = tuple(each for each in paths if isinstance(each, str) and each.strip())
            size, note = size_of(entry)
            image = Image(short(entry.get("id")), names, size)
            where = f"{self.place}: {row}"
            try:
                same = self.images.add(entry.get("id"), image)
            except ValueError:
                self.errors.add("annotation", where, "expected an id", short(entry))
                continue
            if same is not None:
                self.errors.add(
                    "annotation", where, "expected each id once", f"{image.written} again"
                )
            elif not image.names:
                self.errors.add("annotation", where, "expected a file_name", short(entry))
            elif note:
                self._count("size", note, f"image '{image.names[0]}'")

    def _read_annotation(self, entry: dict[str, Any], where: str) -> None:
        image = self.images.find(entry.get("image_id"))
        category = self.categories.find(entry.get("category_id"))
        box = box_of(entry)
        if category is None:
            found = short(entry.get("category_id"))
            self.errors.add("annotation", where, "expected a known category_id", found)
        elif len(category.names) != 1:
            found = " and ".join(f"'{name}'" for name in category.names) or "none"
            expected = f"expected category {category.written} to have one name"
            self.errors.add("annotation", where, expected, found)
        elif image is None:
            found = short(entry.get("image_id"))
            expected = "expected an image_id of the file's images"
            self.errors.add("annotation", where, expected, found)
        elif box is None:
            expected = "expected bbox to be four numbers"
            self.errors.add("annotation", where, expected, without_box(entry))
        else:
            category.used += 1
            if box.note:
                self._findings.count("annotation", box.note, where)
            flags = {name: self._flag(entry, name, where) for name in _DIFFICULT}
            for name in _DIFFICULT[1:]:
                if flags[name]:
                    self._findings.count("annotation", f"'{name}' is read as difficult", where)
            image.objects.append(
                WrittenObject(
                    where,
                    category.names[0],
                    box.numbers,
                    box.text,
                    any(flags.values()),
                    self._flag(entry, "truncated", where),
                    self._flag(entry, "occluded", where),
                )
            )

    def _flag(self, entry: dict[str, Any], name: str, where: str) -> bool:
        flag = flag_of(entry, name)
        if flag is None:
            message = f"'{name}' that is neither true nor false is read as false"
            self._findings.count("annotation", message, where)
        return bool(flag)

    def _check_categories(self) -> None:
        """Report used categories of one name, and unused ones of another's name."""
        by_name: dict[str, list[Category]] = defaultdict(list)
        for category in self.categories:
            for name in category.names:
                by_name[name].append(category)
        for name, same in by_name.items():
            used = [each for each in same if each.used]
            if len(used) > 1:
                ids = [f"{each.written} ({counted(each.used, 'time')})" for each in used]
                where = f"{self.place}: category '{name}'"
                expected = "expected one id for each used name"
                self.errors.add("category", where, expected, " and ".join(ids))
            elif used:
                for each in same:
                    if not each.used:
                        message = "left out: unused categories that have a used one's name"
                        self._count("category", message, f"'{name}' of id {each.written}")

    def _count(self, kind: str, message: str, where: str) -> None:
        self._findings.count(kind, message, f"{self.place}: {where}")

    def _entries(self, entries: Any, key: str) -> Iterator[tuple[dict[str, Any], str]]:
        """Entries of a list that are objects, and their names in messages."""
        if not isinstance(entries, list):
            self.errors.add("annotation", f"{self.place}: {key}", "expected a list", short(entries))
            return
        for number, entry in enumerate(entries):
            row = f"{key}[{number}]"
            if isinstance(entry, dict):
                yield entry, row
            else:
                where = f"{self.place}: {row}"
                self.errors.add("annotation", where, "expected an object", short(entry))


class Errors:
    """Errors of one file; of those alike the first is quoted and the others are counted."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._found: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def add(self, kind: str, where: str, expected: str, found: str) -> None:
        """Add an error at a place."""
        self._found.setdefault((kind, expected), []).append((where, found))

    def report(self) -> None:
        """Report all; none remains."""
        for (kind, expected), cases in self._found.items():
            (where, found), *others = cases
            message = f"{expected}; found {found}"
            if others:
                names = [
                    each.partition(": ")[2] + ("" if value == found else f" {value}")
                    for each, value in others
                ]
                message += f" (and {len(others)} more: {abridged(names, _SHOWN)})"
            self._findings.error(kind, where, message)
        self._found.clear()
