"""Read VOC's XML files and the image sets of ``ImageSets/Main``."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from lxml import etree

from objloc.data.own.findings import Findings
from objloc.data.own.layout import Layout, set_of
from objloc.data.own.writers import writer_of
from objloc.data.own.written import WrittenImage, WrittenObject
from objloc.data.sample import Part
from objloc.data.voc.annotation import (
    CORNERS,
    parse_annotation,
    read_category,
    read_corners,
    read_flag,
    read_part,
    text_of,
    whole_pixels,
)
from objloc.data.voc.lists import ImageList, image_sets, lists_of, read_list
from objloc.errors import ObjlocError
from objloc.files import read_at_most
from objloc.wording import abridged

MAX_XML = 2**20
_SHOWN = 5

Sets = dict[str, tuple[Path, ...]]
"""Paths of images by image set."""


def read_voc(layout: Layout, findings: Findings) -> tuple[list[WrittenImage], Sets]:
    """Read every XML file, and the lists of images.

    An image without an XML file has ``objects=None``; if a list names it, it holds nothing.
    """
    pairs = list(_pairs(layout))
    sets = _image_sets(layout, findings)
    listed = {image for images in sets.values() for image in images}
    found = []
    for image, annotation in pairs:
        if annotation is None and image is not None:
            place = layout.relative(image)
            objects = () if image in listed else None
            if image in listed:
                findings.count("missing", "listed images without an annotation are empty", place)
            found.append(WrittenImage(place, image, objects, image_set=_set(layout, image)))
        elif annotation is not None:
            if image is None:
                place = layout.relative(annotation)
                findings.error("missing", place, "expected an image of the same name; found none")
            found.append(_read(layout, image, annotation, findings))
    return found, sets


def _set(layout: Layout, path: Path) -> str | None:
    return set_of(path.relative_to(layout.folder).parent)


def _read(layout: Layout, image: Path | None, path: Path, findings: Findings) -> WrittenImage:
    """Read one XML file."""
    place, image_set = layout.relative(path), _set(layout, path)
    try:
        root = _root(path, place)
    except ObjlocError as error:
        findings.damage("corrupt", place, error)
        return WrittenImage(place, image, None, image_set=image_set)
    objects = (
        _object(element, f"{place}: object {number}", findings)
        for number, element in enumerate(root.findall("object"), start=1)
    )
    size = _declared(root)
    if size is None:
        findings.count("size", "no size is declared: the picture's own counts", place)
    return WrittenImage(
        place,
        image,
        tuple(each for each in objects if each is not None),
        size,
        image_set,
        writer_of(root),
    )


def _root(path: Path, place: str) -> etree._Element:
    content = read_at_most(path, place, MAX_XML)
    if not content:
        raise ObjlocError(f"{place}: expected an annotation; found an empty file")
    return parse_annotation(content, place)


def _declared(root: etree._Element) -> tuple[int, int] | None:
    width, height = (whole_pixels(text_of(root, f"size/{side}")) for side in ("width", "height"))
    return (width, height) if width and height else None


def _object(element: etree._Element, place: str, findings: Findings) -> WrittenObject | None:
    try:
        category = read_category(element, place)
        box = read_corners(element, place)
        difficult = read_flag(element, "difficult", place)
    except ObjlocError as error:
        findings.damage("annotation", place, error)
        return None
    return WrittenObject(
        place=place,
        category=category,
        box=box,
        text=f"({', '.join(text_of(element, f'bndbox/{name}') for name in CORNERS)})",
        difficult=difficult,
        truncated=_unused_flag(element, "truncated", place, findings),
        occluded=_unused_flag(element, "occluded", place, findings),
        pose=text_of(element, "pose") or "Unspecified",
        parts=tuple(_parts(element, place, findings)),
    )


def _unused_flag(element: etree._Element, name: str, place: str, findings: Findings) -> bool:
    """A flag that neither learning nor scoring uses: any text is accepted."""
    try:
        return read_flag(element, name, place)
    except ObjlocError:
        findings.count("annotation", f"<{name}> that is neither 0 nor 1 is read as 0", place)
        return False


def _parts(element: etree._Element, place: str, findings: Findings) -> Iterator[Part]:
    for part in element.findall("part"):
        found = read_part(part)
        if found is None:
            findings.count("annotation", "left out: parts without a name or a box", place)
        else:
            yield Part(*found)


def _pairs(layout: Layout) -> Iterator[tuple[Path | None, Path | None]]:
    """Pair each annotation with the image of the same name, the nearest if there are several."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in layout.images:
        by_stem[path.stem].append(path)
    taken: set[Path] = set()
    for annotation in layout.annotations:
        free = [path for path in by_stem[annotation.stem] if path not in taken]
        near = max(free, key=lambda path: _shared(layout.folder, path, annotation), default=None)
        if near is not None:
            taken.add(near)
        yield near, annotation
    for path in layout.images:
        if path not in taken:
            yield path, None


def _shared(folder: Path, image: Path, annotation: Path) -> int:
    """Number of folders that two paths share, counted twice; one more if in the same folder."""
    one, other = (path.parent.relative_to(folder).parts for path in (image, annotation))
    return 2 * len(set(one) & set(other)) + (one == other)


def _image_sets(layout: Layout, findings: Findings) -> Sets:
    """Read the lists of each devkit, and unite sets of the same name."""
    sets: dict[str, dict[Path, None]] = {}
    by_devkit: dict[Path, list[Path]] = defaultdict(list)
    for path in layout.lists:
        main = next(each for each in path.parents if each.name == "Main")
        by_devkit[main].append(path)
    for main, paths in by_devkit.items():
        devkit = main.parent.parent
        names = _Names(devkit / "JPEGImages", layout.images)
        lists = {
            path.relative_to(main).with_suffix("").as_posix(): found
            for path in paths
            if (found := _list(layout, path, names, findings)) is not None
        }
        with_list = lists_of(lists)
        for name, images in image_sets(lists).items():
            if name not in with_list:
                message = f"image set '{name}' is made of the lists of its categories"
                findings.note("sets", layout.relative(main), message)
            if images:
                sets.setdefault(_plain(name, layout.relative(main), findings), {}).update(
                    dict.fromkeys(images)
                )
    return {name: tuple(images) for name, images in sorted(sets.items())}


def _plain(name: str, place: str, findings: Findings) -> str:
    """Name of an image set as the shards' files allow it."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip("_.-")[:100] or "set"
    if plain != name:
        findings.note("sets", place, f"image set '{name}' becomes '{plain}'")
    return plain


def _list(
    layout: Layout, path: Path, names: "_Names", findings: Findings
) -> ImageList[Path] | None:
    place = layout.relative(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        findings.error("corrupt", place, f"expected a text of names of images; found: {error}")
        return None
    found = read_list(text, names.find)
    if not text.strip():
        findings.note("empty", place, "an empty list")
    if found.unknown:
        message = (
            f"expected names of images, one a line; found {len(found.unknown)} lines that name "
            f"none: {abridged(found.unknown, _SHOWN)}"
        )
        findings.error("missing", place, message)
    twice = [one.name for one, count in Counter(found.images).items() if count > 1]
    if twice and not found.of_category:
        findings.error("sets", place, f"lists twice: {abridged(twice, _SHOWN)}")
    return found


class _Names:
    """Names by which a devkit's lists may call its images."""

    def __init__(self, folder: Path, images: Iterable[Path]) -> None:
        own = [path for path in images if folder in path.parents]
        self._exact: dict[PurePosixPath, Path] = {}
        by_name: dict[str, list[Path]] = defaultdict(list)
        for path in own:
            inner = PurePosixPath(path.relative_to(folder).as_posix())
            self._exact[inner] = path
            self._exact.setdefault(inner.with_name(inner.stem), path)
            by_name[path.name].append(path)
            by_name[path.stem].append(path)
        self._unique: Mapping[str, Path] = {
            name: paths[0] for name, paths in by_name.items() if len(set(paths)) == 1
        }

    def find(self, name: str) -> Path | None:
        """Find an image by its path within ``JPEGImages``, or by its name alone if it is unique.

        The extension may be missing.
        """
        path = PurePosixPath(name.replace("\\", "/"))
        if path in self._exact:
            return self._exact[path]
        parts = path.parts
        if "JPEGImages" in parts:
            inner = PurePosixPath(*parts[parts.index("JPEGImages") + 1 :])
            if inner in self._exact:
                return self._exact[inner]
        return self._unique.get(path.name)
