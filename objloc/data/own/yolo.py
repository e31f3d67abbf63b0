"""Read YOLO's labels, the names of the categories and the image sets."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from typing import Any

from objloc.data.own.file_names import ImageIndex, find_image
from objloc.data.own.findings import Findings
from objloc.data.own.layout import Layout, set_of
from objloc.data.own.written import WrittenImage, WrittenObject, enclosing
from objloc.data.voc.annotation import finite
from objloc.errors import ObjlocError
from objloc.files import require_at_most
from objloc.wording import abridged

_MAX_LABELS = 2**24
_SHOWN = 5
_IMAGE_FOLDERS = ("images", "image", "jpegimages")
"""Names of folders of images, in lower case, whose labels lie in ``labels`` instead."""


@dataclass(frozen=True)
class _Rules:
    """Names by class number, and whether keypoints follow the boxes."""

    names: Mapping[int, str]
    keypoints: bool


def read_yolo(layout: Layout, findings: Findings) -> list[WrittenImage]:
    """Read every image with its label file.

    Boxes are a centre and a size as fractions of the image's sides. Of an outline or an
    oriented box the enclosing upright box is taken. An image without a label file holds
    nothing. Image sets come from ``train``, ``val`` and ``test`` of the YAML file or
    ``obj.data``, or else from names of lists or folders.
    """
    rules = _rules(layout, findings)
    stated, resolved = _image_sets(layout, ImageIndex(layout.folder, layout.images), findings)
    labels = _labels(layout)
    found = []
    for image in layout.images:
        place, label = layout.relative(image), labels.get(image)
        image_set = set_of(Path(place).parent)
        if image in stated or image_set in resolved:
            # A folder does not put an image into a set that leaves it out.
            image_set = stated.get(image)
        objects: tuple[WrittenObject, ...] | None = ()
        if label is None:
            findings.count("empty", "images without a label file hold no objects", place)
        else:
            place = layout.relative(label)
            objects = _objects(label, place, rules, findings)
        found.append(WrittenImage(place, image, objects, image_set=image_set))
    for label in sorted(set(layout.annotations) - set(labels.values())):
        place = layout.relative(label)
        findings.error("missing", place, "expected an image of the same name; found none")
        found.append(WrittenImage(place, None, _objects(label, place, rules, findings)))
    return found


def _rules(layout: Layout, findings: Findings) -> _Rules | None:
    """Names of the categories; None if the files of names can't be used, which is reported."""
    lists: dict[Path, dict[int, str]] = {}
    keypoints = False
    for path, tree in layout.documents.items():
        place = layout.relative(path)
        try:
            if isinstance(tree, ObjlocError):
                raise tree
            if isinstance(tree, list) or isinstance(tree.get("names"), list | dict):
                lists[path] = _names(tree, place)
            keypoints |= isinstance(tree, dict) and bool(tree.get("kpt_shape"))
        except ObjlocError as error:
            findings.damage("category", place, error)
            return None
    if not lists:
        findings.error("category", "", "expected the names of the categories; found none")
        return None
    (first, names), *others = lists.items()
    for path, other in others:
        if other != names:
            one, two = (", ".join(each.values()) for each in (names, other))
            findings.error(
                "category",
                layout.relative(path),
                f"expected the names of {layout.relative(first)}: {one}; found {two}",
            )
            return None
    return _Rules(names, keypoints)


def _names(tree: Any, place: str) -> dict[int, str]:
    """Names by class number, from lines or from YAML's list or mapping."""
    entries = tree if isinstance(tree, list) else tree["names"]
    pairs = entries.items() if isinstance(entries, dict) else enumerate(entries)
    names = {}
    for key, name in pairs:
        number = str(key).strip()
        if not re.fullmatch("[0-9]{1,9}", number) or not isinstance(name, str):
            raise ObjlocError(f"{place}: names: expected a name by number; found {key}: {name}")
        names[int(number)] = name.strip()
    count = tree.get("nc") if isinstance(tree, dict) else None
    if count and str(count).strip() != str(len(names)):
        raise ObjlocError(f"{place}: nc: expected the number of names, {len(names)}; found {count}")
    return names


def _labels(layout: Layout) -> dict[Path, Path]:
    """Label files by image: beside it or in ``labels`` instead of ``images``; or else by name."""
    by_place = {(path.parent, path.stem): path for path in layout.annotations}
    found: dict[Path, Path] = {}
    for image in layout.images:
        folders = _label_folders(layout.folder, image.parent)
        near = (by_place.get((folder, image.stem)) for folder in folders)
        if label := next(filter(None, near), None):
            found[image] = label
    free: dict[str, list[Path]] = defaultdict(list)
    for path in set(layout.annotations) - set(found.values()):
        free[path.stem].append(path)
    for image in layout.images:
        if image not in found and (label := _nearest(image, free[image.stem])):
            found[image] = label
            free[image.stem].remove(label)
    return found


def _label_folders(root: Path, folder: Path) -> Iterator[Path]:
    yield folder
    parts = folder.relative_to(root).parts
    for number in reversed(range(len(parts))):
        if parts[number].lower() in _IMAGE_FOLDERS:
            yield root.joinpath(*parts[:number], "labels", *parts[number + 1 :])


def _nearest(image: Path, labels: Sequence[Path]) -> Path | None:
    """The label file that shares most folders with an image; None if several share as many."""
    shared = {path: len({*path.parent.parts} & {*image.parent.parts}) for path in labels}
    most = [path for path in labels if shared[path] == max(shared.values())]
    return most[0] if len(most) == 1 else None


def _objects(
    path: Path, place: str, rules: _Rules | None, findings: Findings
) -> tuple[WrittenObject, ...] | None:
    """Objects of a label file; None if it can't be read, or the names can't."""
    if rules is None:
        return None
    try:
        require_at_most(path.stat().st_size, place, _MAX_LABELS)
        text = path.read_text("utf-8-sig")
    except OSError as error:
        findings.error("corrupt", place, f"cannot be read: {error.strerror or error}")
        return None
    except ObjlocError as error:
        findings.damage("corrupt", place, error)
        return None
    except UnicodeDecodeError as error:
        findings.error("corrupt", place, f"expected rows of numbers; found: {error}")
        return None
    objects = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            row = f"{place}: line {number}"
            try:
                objects.append(_object(line.split(), rules, row, findings))
            except ObjlocError as error:
                findings.damage("annotation", row, error)
    return tuple(objects)


def _object(columns: list[str], rules: _Rules, place: str, findings: Findings) -> WrittenObject:
    """The object of a row: class number, and a box or an outline."""
    numbers = [_number(text, place) for text in columns[1:]]
    category = _category(columns[0], rules, place)
    box, count = numbers[:4], len(columns)
    if count == 6 and not rules.keypoints:
        raise ObjlocError(
            f"{place}: expected class, centre and size; found a sixth column: a confidence? "
            "(detections are no ground truth)"
        )
    if rules.keypoints and count > 5:
        findings.count("annotation", "left out: keypoints", place)
    elif count >= 7 and count % 2:
        corners = enclosing(zip(numbers[::2], numbers[1::2], strict=True))
        box = [
            (corners[0] + corners[2]) / 2,
            (corners[1] + corners[3]) / 2,
            corners[2] - corners[0],
            corners[3] - corners[1],
        ]
        message = "outlines and oriented boxes: the enclosing upright box is taken"
        findings.count("annotation", message, place)
    elif count != 5:
        raise ObjlocError(
            f"{place}: expected five columns (class, centre, size) or an outline's pairs; "
            f"found {count}"
        )
    x, y, width, height = box
    return WrittenObject(place, category, (x, y, width, height), f"({', '.join(columns[1:])})")


def _category(text: str, rules: _Rules, place: str) -> str:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    name = rules.names.get(int(number)) if number.is_integer() else None
    if not name:
        numbers = f"{min(rules.names)} to {max(rules.names)}" if rules.names else "of none"
        hint = " (numbers begin at 0)" if number == len(rules.names) else ""
        raise ObjlocError(
            f"{place}: expected the number of a named class, {numbers}; found {text}{hint}"
        )
    return name


def _number(text: str, place: str) -> float:
    number = finite(text)
    if number is None:
        raise ObjlocError(f"{place}: expected numbers; found '{text}'")
    return number


def _image_sets(
    layout: Layout, index: ImageIndex, findings: Findings
) -> tuple[dict[Path, str | None], set[str]]:
    """Find the stated image sets.

    Returns:
        Image set by image, None if several sets hold it, which is reported; and the sets
        that are stated.
    """
    members: dict[str, set[Path]] = {}
    for path, key, name, value in _stated(layout):
        images = _images(layout, index, path, value, findings)
        if images is None:
            message = f"{key}: expected a folder of images or a list; found no '{value}'"
            report = findings.note if name == "test" else findings.warning
            report("sets", layout.relative(path), message)
        else:
            members.setdefault(name, set()).update(images)
    if not members:
        for path in layout.lists:
            if by_name := set_of(Path(path.stem)):
                members.setdefault(by_name, set()).update(_listed(layout, index, path, findings))
    stated: dict[Path, str | None] = {}
    shared = set()
    for name, images in members.items():
        shared |= images & stated.keys()
        stated.update((image, name) for image in images)
    if shared:
        names = ", ".join(members)
        message = f"{len(shared)} images are in several of the sets {names}: they count in none"
        findings.warning("sets", "", message)
        stated.update((image, None) for image in shared)
    return stated, set(members)


def _stated(layout: Layout) -> Iterator[tuple[Path, str, str, str]]:
    """File, key, set and path of every part of an image set."""
    for path, tree in layout.documents.items():
        for key, value in tree.items() if isinstance(tree, dict) else ():
            name = set_of(Path(key)) if key.isalpha() else None
            for each in value if isinstance(value, list) else [value]:
                if name and each and isinstance(each, str):
                    yield path, key, name, each


def _images(
    layout: Layout, index: ImageIndex, file: Path, value: str, findings: Findings
) -> set[Path] | None:
    """Images in a folder or list that a file names; None if there is no such thing.

    A path may be of another machine, or lead out of the folder, as Roboflow's do: then
    its longest tail that only one folder or list has decides.
    """
    tree = layout.documents[file]
    above = str(tree.get("path") or ".") if isinstance(tree, dict) else "."
    is_list = value.lower().endswith(".txt")
    folders = {parent for image in layout.images for parent in image.parents}
    places = {
        path.relative_to(layout.folder)
        for path in (layout.lists if is_list else folders)
        if path.is_relative_to(layout.folder)
    }
    base = file.parent.relative_to(layout.folder)
    plain, above = (re.sub(r"^[A-Za-z]:", "", each.replace("\\", "/")) for each in (value, above))
    direct = [Path(normpath(base / each)) for each in (f"{above}/{plain}", plain)]
    place = next((each for each in direct if each in places), None) or _by_tail(plain, places)
    if place is None:
        return None
    if is_list:
        return set(_listed(layout, index, layout.folder / place, findings))
    return {image for image in layout.images if image.is_relative_to(layout.folder / place)}


def _by_tail(name: str, places: set[Path]) -> Path | None:
    """The one path that shares the longest tail with a name, if the tail states its set."""
    parts = tuple(part for part in name.split("/") if part not in ("", ".", ".."))
    for length in range(len(parts), 0, -1):
        found = [each for each in places if each.parts[-length:] == parts[-length:]]
        if found:
            states = set_of(Path(*parts)) == set_of(Path(*parts[-length:]))
            return found[0] if len(found) == 1 and states else None
    return None


def _listed(layout: Layout, index: ImageIndex, path: Path, findings: Findings) -> Iterator[Path]:
    """Images of a list; those that are not there are reported."""
    place = layout.relative(path)
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        findings.error("corrupt", place, f"expected a list of images; found: {error}")
        return
    lost = []
    for line in filter(None, lines):
        image = find_image(index, line, path).image
        if image is None:
            lost.append(line)
        else:
            yield image
    if lost:
        message = f"lists {len(lost)} images that are not there: {abridged(lost, _SHOWN)}"
        findings.error("missing", place, message)
