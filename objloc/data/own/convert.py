"""Write a user's own folder as a devkit in Pascal VOC's layout."""

import csv
import io
import json
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, assert_never
from xml.sax.saxutils import escape

from objloc.box import to_voc
from objloc.data.annotation import read_annotation
from objloc.data.own.coco import CocoFile
from objloc.data.own.layout import Layout, find_layout, set_of
from objloc.data.own.names import image_ids
from objloc.data.own.pictures import jpeg_of, read_picture
from objloc.data.sample import VocObject
from objloc.errors import ObjlocError
from objloc.progress import progress

DEVKIT = "OWN"
"""Name of the devkit's folder (Pascal's is VOC2007); its categories are free."""
NAMES_FILE = "files.csv"
"""Name of the table of image ids and their files."""
HINT = "objloc data check tells more"


@dataclass(frozen=True)
class _Entry:
    """An image to write: its file, its annotation as XML, and the set that names state."""

    image: Path
    place: str
    xml: bytes
    image_set: str | None


def write_own_devkit(source: Path, folder: Path) -> None:
    """Write ``folder/VOCdevkit/OWN`` from a user's folder.

    Image sets come from ``ImageSets/Main``, or from names of folders or JSON files
    (train, val or valid, test), if these state the set of every image.

    Args:
        source: folder of images with VOC's XML files, or COCO's JSON.
        folder: receives the devkit.

    Raises:
        ObjlocError: the layout is not known, an image or annotation is missing or not
            valid, or the package that converts COCO is not installed.
    """
    layout = find_layout(source)
    entries = list(_entries(layout))
    if not entries:
        raise ObjlocError(f"{source}: expected annotated images; found none ({HINT})")
    ids = image_ids(entry.image.relative_to(source) for entry in entries)
    devkit = folder / "VOCdevkit" / DEVKIT
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (devkit / part).mkdir(parents=True)
    with progress(source.name, len(entries), "images") as advance:
        for entry in entries:
            image_id = ids[entry.image.relative_to(source)]
            annotation = read_annotation(entry.xml, entry.place, official=False)
            picture = read_picture(entry.image, layout.relative(entry.image))
            jpeg = jpeg_of(picture, (annotation.width, annotation.height), entry.place)
            (devkit / "JPEGImages" / f"{image_id}.jpg").write_bytes(jpeg)
            (devkit / "Annotations" / f"{image_id}.xml").write_bytes(entry.xml)
            advance(1)
    _write_names(devkit, ids)
    for name, members in _image_sets(layout, entries, ids).items():
        text = "".join(f"{image_id}\n" for image_id in sorted(members))
        (devkit / "ImageSets" / "Main" / f"{name}.txt").write_text(text, encoding="utf-8")


def _entries(layout: Layout) -> Iterator[_Entry]:
    match layout.kind:
        case "voc":
            return _voc_entries(layout)
        case "coco":
            return _coco_entries(layout)
        case unknown:
            assert_never(unknown)


def _voc_entries(layout: Layout) -> Iterator[_Entry]:
    for pair in layout.pairs:
        if pair.image is None or pair.annotation is None:
            wanted = "an image" if pair.image is None else "an annotation"
            raise ObjlocError(
                f"{layout.relative(pair.place)}: expected {wanted} of the same name; found none "
                f"({HINT})"
            )
        place = layout.relative(pair.annotation)
        try:
            xml = pair.annotation.read_bytes()
        except OSError as error:
            raise ObjlocError(f"{place}: cannot be read: {error.strerror or error}") from None
        image_set = set_of(Path(layout.relative(pair.annotation)).parent)
        yield _Entry(pair.image, place, xml, image_set)


def _coco_entries(layout: Layout) -> Iterator[_Entry]:
    supervision = _supervision()
    seen: dict[Path, str] = {}
    for file in layout.coco:
        place = layout.relative(file.path)
        if file.problems:
            raise ObjlocError(f"{layout.folder}: {file.problems[0]} ({HINT})")
        image_set = set_of(Path(place).with_suffix(""))
        for path, size, objects in _converted(supervision, layout, file):
            if path in seen:
                raise ObjlocError(
                    f"{layout.relative(path)}: expected each image in one JSON file; found it in "
                    f"{seen[path]} and {place}"
                )
            seen[path] = place
            xml = annotation_xml(path.name, size, objects)
            yield _Entry(path, f"{place}: image '{path.name}'", xml.encode(), image_set)


def _supervision() -> ModuleType:
    try:
        with warnings.catch_warnings():
            # supervision recommends OpenCV, which is not needed here.
            warnings.simplefilter("ignore")
            import supervision  # noqa: PLC0415 - an extra, and the error names it
    except ModuleNotFoundError:
        raise ObjlocError(
            "COCO's JSON is converted by the package supervision; found none "
            "(install the extra `coco`)"
        ) from None
    return supervision


def _converted(
    supervision: ModuleType, layout: Layout, file: CocoFile
) -> Iterator[tuple[Path, tuple[int, int], list[VocObject]]]:
    """Convert the images of one JSON file and their objects with supervision.

    It receives boxes only: from outlines it would make a mask for each object, all of
    them in memory at once.
    """
    paths = find_images(layout, file)
    sizes: dict[str, tuple[int, int]] = {}
    tree: dict[str, list[dict[str, Any]]] = {
        "categories": [{"id": n, "name": name} for n, name in enumerate(file.categories)],
        "images": [],
        "annotations": [],
    }
    empty = 0
    for number, image in enumerate(file.images):
        path = paths[image.file_name]
        if path is None:
            raise ObjlocError(f"{image.place}: expected an image file; found none ({HINT})")
        sizes[str(path.resolve())] = image.size
        name = path.relative_to(layout.folder).as_posix()
        size = {"width": image.size[0], "height": image.size[1]}
        tree["images"].append({"id": number, "file_name": name, **size})
        for each in image.objects:
            if each.box[2] == 0 or each.box[3] == 0:
                empty += 1
                continue
            category = file.categories.index(each.category)
            tree["annotations"].append(
                {"id": len(tree["annotations"]), "image_id": number, "category_id": category,
                 "bbox": list(each.box), "iscrowd": int(each.crowd)}
            )  # fmt: skip
    if empty:
        print(f"note: {file.path.name}: left out {empty} boxes without an area", file=sys.stderr)
    dataset = _read_with(supervision, layout, tree)
    by_path = {str(path.resolve()): path for path in paths.values() if path is not None}
    for resolved, detections in dataset.annotations.items():
        crowds = detections.data.get("iscrowd", [0] * len(detections))
        objects = [
            VocObject(
                dataset.classes[int(category)],
                (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
                difficult=bool(crowd),
            )
            for box, category, crowd in zip(
                detections.xyxy, detections.class_id if len(detections) else (), crowds, strict=True
            )
        ]
        yield by_path[resolved], sizes[resolved], objects


def _read_with(supervision: ModuleType, layout: Layout, tree: Mapping[str, Any]) -> Any:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(tree, file)
        file.flush()
        try:
            with redirect_stderr(io.StringIO()):
                return supervision.DetectionDataset.from_coco(str(layout.folder), file.name)
        except (ValueError, KeyError, OSError) as error:
            reason = " ".join(str(error).split())
            raise ObjlocError(f"{layout.folder}: COCO's JSON: {reason}") from None


def find_images(layout: Layout, file: CocoFile) -> dict[str, Path | None]:
    """Find the images of a JSON file, by ``file_name``.

    A name is relative to the JSON's folder, to the whole folder, or to any folder of
    images below it, provided that only one file matches.
    """
    by_end: dict[str, list[Path]] = {}
    for path in layout.images:
        by_end.setdefault(path.name, []).append(path)
    known = set(layout.images)
    found: dict[str, Path | None] = {}
    for image in file.images:
        name = Path(image.file_name)
        if name.is_absolute():
            # The path is of the machine where the JSON was written.
            name = Path(name.name)
        direct = [base / name for base in (file.path.parent, layout.folder)]
        ends = [
            path
            for path in by_end.get(name.name, ())
            if path.parts[-len(name.parts) :] == name.parts
        ]
        # Several match: take the one whose folders name the same set as the JSON file.
        image_set = set_of(file.path.relative_to(layout.folder).with_suffix(""))
        same = [
            path for path in ends if set_of(path.relative_to(layout.folder).parent) == image_set
        ]
        candidates = [path for path in direct if path in known]
        if not candidates:
            candidates = ends if len(ends) == 1 else same if len(same) == 1 else []
        found[image.file_name] = candidates[0] if candidates else None
    return found


def annotation_xml(file_name: str, size: tuple[int, int], objects: Iterable[VocObject]) -> str:
    """Write an annotation in the devkit's format: one-based, inclusive pixels."""
    described = []
    for each in objects:
        corners = zip(("xmin", "ymin", "xmax", "ymax"), to_voc(each.box), strict=True)
        box = "".join(f"<{name}>{round(value, 3):.12g}</{name}>" for name, value in corners)
        described.append(
            f"<object><name>{escape(each.category)}</name><pose>{escape(each.pose)}</pose>"
            f"<truncated>{each.truncated:d}</truncated><difficult>{each.difficult:d}</difficult>"
            f"<bndbox>{box}</bndbox></object>\n"
        )
    return (
        f"<annotation><filename>{escape(file_name)}</filename>\n<size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>\n{''.join(described)}</annotation>\n"
    )


def _image_sets(
    layout: Layout, entries: Iterable[_Entry], ids: Mapping[Path, str]
) -> dict[str, list[str]]:
    """Image ids by set; empty if nothing states the sets."""
    entries = list(entries)
    if layout.lists:
        return _listed(layout, entries, ids)
    names = {entry.image_set for entry in entries}
    sets: dict[str, list[str]] = {}
    if None in names or len(names) < 2:
        return sets
    for entry in entries:
        image_id = ids[entry.image.relative_to(layout.folder)]
        sets.setdefault(str(entry.image_set), []).append(image_id)
    return sets


def _listed(
    layout: Layout, entries: Iterable[_Entry], ids: Mapping[Path, str]
) -> dict[str, list[str]]:
    """Read the sets of ``ImageSets/Main``; the lists of single categories add nothing."""
    by_place = {
        (entry.image.parent.parent, entry.image.stem): ids[entry.image.relative_to(layout.folder)]
        for entry in entries
    }
    sets: dict[str, list[str]] = {}
    for path in layout.lists:
        rows = [line.split() for line in _lines(path, layout.relative(path)) if line.split()]
        if not rows or len(rows[0]) > 1:
            continue
        for row in rows:
            key = (path.parent.parent.parent, row[0])
            if key not in by_place or len(row) > 1:
                raise ObjlocError(
                    f"{layout.relative(path)}: expected names of images; found '{' '.join(row)}'"
                )
            sets.setdefault(path.stem, []).append(by_place[key])
    return sets


def _lines(path: Path, place: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ObjlocError(f"{place}: cannot be read: {error}") from None


def _write_names(devkit: Path, ids: Mapping[Path, str]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("image_id", "file"))
    writer.writerows((image_id, path.as_posix()) for path, image_id in sorted(ids.items()))
    (devkit / NAMES_FILE).write_text(stream.getvalue(), encoding="utf-8")
