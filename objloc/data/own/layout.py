"""Recognise the layout of a user's own folder: images, annotations and their pairs.

Two layouts are known. VOC: an XML file for each image, beside it or in another
folder, as in a devkit or not. COCO: one or more JSON files, which name the images.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from objloc.data.images import ENDINGS
from objloc.data.own.coco import CocoFile, read_coco
from objloc.errors import ObjlocError

Kind = Literal["voc", "coco"]

_SETS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Words in names of folders and files, and the image set that they state."""
_ARCHIVES = (".tar", ".gz", ".tgz", ".zip")


@dataclass(frozen=True)
class Pair:
    """An image and its annotation (layout VOC); one of the two may be missing.

    Attributes:
        place: path of the file that messages name.
        image: path of the image.
        annotation: path of the XML file.
    """

    place: Path
    image: Path | None
    annotation: Path | None


@dataclass(frozen=True)
class Layout:
    """A folder's files, in order of their names.

    Attributes:
        folder: the folder.
        kind: kind of layout.
        images: all image files.
        pairs: XML files with their images, and those without a partner (VOC).
        lists: ``ImageSets/Main/*.txt`` that name images, by their devkit folder (VOC).
        coco: the JSON files (COCO).
    """

    folder: Path
    kind: Kind
    images: tuple[Path, ...]
    pairs: tuple[Pair, ...] = ()
    lists: tuple[Path, ...] = ()
    coco: tuple[CocoFile, ...] = ()

    def relative(self, path: Path) -> str:
        """Path of a file within the folder, for messages."""
        return path.relative_to(self.folder).as_posix()


def find_layout(folder: Path) -> Layout:
    """Recognise a folder's layout.

    Hidden files are ignored. In a devkit only ``JPEGImages``, ``Annotations`` and
    ``ImageSets/Main`` count (its segmentations are images too).

    Raises:
        ObjlocError: there is no such folder; it has neither layout, or both.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise ObjlocError(f"{folder}: expected a folder of images; found {found}")
    devkits = sorted(
        {path.parent for path in _walk(folder, directories=True) if path.name == "JPEGImages"}
    )
    files = list(_devkit_files(devkits) if devkits else _walk(folder))
    images = tuple(path for path in files if path.suffix.lower() in ENDINGS)
    annotations = [path for path in files if path.suffix.lower() == ".xml"]
    read = (read_coco(path) for path in files if path.suffix.lower() == ".json")
    coco = tuple(each for each in read if each is not None)
    if annotations and coco:
        raise ObjlocError(
            f"{folder}: expected VOC's XML files or COCO's JSON; found both: "
            f"{annotations[0].relative_to(folder)} and {coco[0].path.relative_to(folder)}"
        )
    if coco:
        return Layout(folder, "coco", images, coco=coco)
    if not annotations:
        packed = any(path.suffix in _ARCHIVES for path in files)
        raise ObjlocError(
            f"{folder}: expected images with VOC's XML files or COCO's JSON; "
            f"found {len(images)} images and no annotation"
            + (" (unpack the archives first)" if packed else "")
        )
    lists = tuple(
        path
        for path in files
        if path.suffix == ".txt" and path.parts[-3:-1] == ("ImageSets", "Main")
    )
    return Layout(folder, "voc", images, tuple(_pairs(folder, images, annotations)), lists)


def set_of(path: Path) -> str | None:
    """Image set that the words of a relative path name; None if none or several."""
    words = [word for part in path.parts for word in re.split(r"[^a-z]+", part.lower())]
    found = {_SETS[word] for word in words if word in _SETS}
    return found.pop() if len(found) == 1 else None


def _walk(folder: Path, directories: bool = False) -> Iterator[Path]:
    """Files (or folders) at any depth that are not hidden, sorted by name."""
    for path in sorted(folder.rglob("*")):
        hidden = any(
            part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts
        )
        if not hidden and (path.is_dir() if directories else path.is_file()):
            yield path


def _devkit_files(devkits: Iterable[Path]) -> Iterator[Path]:
    for devkit in devkits:
        for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
            if (devkit / part).is_dir():
                yield from _walk(devkit / part)


def _pairs(folder: Path, images: Iterable[Path], annotations: Iterable[Path]) -> Iterator[Pair]:
    """Pair each annotation with the image of the same name, the nearest if there are several."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in images:
        by_stem[path.stem].append(path)
    taken: set[Path] = set()
    for annotation in annotations:
        free = [path for path in by_stem[annotation.stem] if path not in taken]
        near = sorted(free, key=lambda path: -_shared(folder, path, annotation))
        if near:
            taken.add(near[0])
        yield Pair(annotation, near[0] if near else None, annotation)
    for path in images:
        if path not in taken:
            yield Pair(path, path, None)


def _shared(folder: Path, image: Path, annotation: Path) -> int:
    """Number of folders that two paths share, counted twice; one more if in the same folder."""
    one, other = (path.parent.relative_to(folder).parts for path in (image, annotation))
    return 2 * len(set(one) & set(other)) + (one == other)
