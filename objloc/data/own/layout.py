"""Recognise the layout of a user's own folder: its images, and which files annotate them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from objloc.data.images import ENDINGS
from objloc.data.own.findings import Finding
from objloc.data.own.kinds import (
    FOREIGN,
    damaged_json_kind,
    foreign_kind,
    json_kind,
    load_json,
    load_names_yaml,
    text_kind,
    xml_kind,
)
from objloc.errors import ObjlocError
from objloc.wording import abridged

Kind = Literal["voc", "coco", "yolo", "cvat", "labelme"]

_WORDS: dict[Kind, str] = {
    "voc": "VOC's XML files",
    "coco": "COCO's JSON",
    "cvat": "CVAT's XML",
    "labelme": "labelme's JSON files",
    "yolo": "YOLO's labels",
}
"""Kinds in words; the first three are complete data sets, so that two of them contradict."""
_COMPLETE: tuple[Kind, ...] = ("voc", "coco", "cvat")
_SETS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Words in names of folders and files, and the image set that they state."""
_ARCHIVES = (".tar", ".gz", ".tgz", ".zip", ".7z", ".rar")
_SHOWN = 5


@dataclass(frozen=True)
class Layout:
    """A folder's files, in order of their names.

    Attributes:
        folder: the folder.
        kind: kind of its annotations.
        images: all image files.
        annotations: the annotation files of this kind (of YOLO: the label files).
        lists: ``ImageSets/Main/**/*.txt`` (VOC); lists of image paths (YOLO).
        documents: parsed content of JSON files; of YOLO's files of names: the tree of
            YAML, the keys of ``obj.data``, the lines of other files. An error where a
            file looks like this kind and can't be parsed.
        notes: files that were recognised and passed over.
    """

    folder: Path
    kind: Kind
    images: tuple[Path, ...]
    annotations: tuple[Path, ...]
    lists: tuple[Path, ...] = ()
    documents: Mapping[Path, Any] = field(default_factory=dict)
    notes: tuple[Finding, ...] = ()

    def relative(self, path: Path) -> str:
        """Path of a file within the folder, for messages."""
        return path.relative_to(self.folder).as_posix()


@dataclass(frozen=True)
class _Recognised:
    """Files by what they are: a kind, a key of ``FOREIGN``, or the words of another class."""

    folder: Path
    files: defaultdict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    documents: dict[Path, Any] = field(default_factory=dict)

    def quoted(self, what: str) -> str:
        """Names of these files, abridged."""
        names = [path.relative_to(self.folder).as_posix() for path in self.files[what]]
        return abridged(names, _SHOWN)


def set_of(path: Path) -> str | None:
    """Image set that the words of a relative path name; None if none or several."""
    words = [word for part in path.parts for word in re.split(r"[^a-z]+", part.lower())]
    found = {_SETS[word] for word in words if word in _SETS}
    return found.pop() if len(found) == 1 else None


def find_layout(folder: Path) -> Layout:
    """Recognise a folder's layout.

    Hidden files are ignored. In a devkit with XML files only ``JPEGImages``,
    ``Annotations`` and ``ImageSets/Main`` count (its segmentations are images too); in
    one without only the images of ``JPEGImages``.

    Raises:
        ObjlocError: there is no such folder; it has no annotations that are read, or of
            two kinds that contradict.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise ObjlocError(f"{folder}: expected a folder of images; found {found}")
    everything = list(_walk(folder))
    files, passed_over = _of_devkits(folder, everything)
    images = tuple(path for path in files if path.suffix.lower() in ENDINGS)
    recognised = _recognised(folder, files, images)
    kind = _chosen(recognised)
    if kind is None:
        raise ObjlocError(_why_not(recognised, everything, len(images)))
    of_kind = recognised.files
    lists = of_kind["paths"] if kind == "yolo" else [p for p in files if _is_set_list(folder, p)]
    relevant = {*of_kind[kind], *(of_kind["names"] if kind == "yolo" else ())}
    return Layout(
        folder,
        kind,
        images,
        tuple(sorted(of_kind[kind])),
        tuple(lists) if kind in ("voc", "yolo") else (),
        {path: tree for path, tree in recognised.documents.items() if path in relevant},
        (*passed_over, *_passed_over(recognised, kind)),
    )


def _walk(folder: Path) -> Iterator[Path]:
    """Files at any depth that are not hidden, sorted by name."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        if not hidden and path.is_file():
            yield path


def _of_devkits(folder: Path, files: Sequence[Path]) -> tuple[list[Path], list[Finding]]:
    """Leave out what is not part of a devkit, if there is one."""
    folders = {path.parent for path in files}
    devkits = {
        above.parent
        for each in folders
        for above in (each, *each.parents)
        if above.name == "JPEGImages" and above != folder and above.is_relative_to(folder)
    }

    def below(*names: str) -> set[Path]:
        roots = [devkit / name for devkit in devkits for name in names]
        return {each for each in folders if any(map(each.is_relative_to, roots))}

    parts, images = below("Annotations", "JPEGImages"), below("JPEGImages")
    if any(path.suffix.lower() == ".xml" and path.parent in parts for path in files):
        parts |= below("ImageSets/Main")
        kept = [path for path in files if path.parent in parts]
        why = "no part of a devkit with boxes"
    else:
        others = below(".") - images
        kept = [p for p in files if p.parent not in others or p.suffix.lower() not in ENDINGS]
        why = "images of a devkit outside JPEGImages"
    dropped = sorted(
        {
            _entry(folder, devkits, path)
            for path in set(files) - set(kept)
            if path.suffix.lower() in (*ENDINGS, ".xml", ".json") or _is_label(path)
        }
    )
    note = Finding("note", "layout", "", f"passed over, {why}: {abridged(dropped, _SHOWN)}")
    return kept, [note] if dropped else []


def _entry(folder: Path, devkits: Iterable[Path], path: Path) -> str:
    """Name of what lies directly in a devkit, or else in the folder, and holds a file."""
    above = max((each for each in devkits if path.is_relative_to(each)), default=folder)
    return (above / path.relative_to(above).parts[0]).relative_to(folder).as_posix()


def _is_label(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and text_kind(path) == "rows"


def _is_set_list(folder: Path, path: Path) -> bool:
    parts = path.relative_to(folder).parts[:-1]
    inside = any(pair == ("ImageSets", "Main") for pair in pairwise(parts))
    return inside and path.suffix.lower() == ".txt"


def _recognised(folder: Path, files: Iterable[Path], images: Iterable[Path]) -> _Recognised:
    found = _Recognised(folder)
    stems = {path.stem for path in images}
    for path in files:
        place = path.relative_to(folder).as_posix()
        match path.suffix.lower():
            case ".xml":
                found.files[f"{xml_kind(path)} XML"].append(path)
            case ".json":
                _recognise_json(found, path, place)
            case ".yaml" | ".yml":
                if (tree := load_names_yaml(path, place)) is not None:
                    found.files["names"].append(path)
                    found.documents[path] = tree
            case ".txt" | ".names" | ".data" | ".labels" if not _is_set_list(folder, path):
                _recognise_text(found, path, place, stems)
            case _:
                if (kind := foreign_kind(path)) is not None:
                    found.files[kind].append(path)
    _sort_xml(found, stems)
    if not found.files["names"]:
        found.files["labels"] = found.files.pop("yolo", [])
    return found


def _recognise_json(found: _Recognised, path: Path, place: str) -> None:
    kind: str | None
    try:
        found.documents[path] = load_json(path, place)
        kind = json_kind(found.documents[path])
    except ObjlocError as error:
        found.documents[path] = error
        kind = damaged_json_kind(path)
    found.files[kind or "other JSON"].append(path)


def _recognise_text(found: _Recognised, path: Path, place: str, stems: set[str]) -> None:
    """Recognise YOLO's texts: labels, lists of paths, names of categories."""
    names = path.name.lower() in ("classes.txt", "_darknet.labels") or path.suffix == ".names"
    if names or path.name == "obj.data":
        try:
            lines = [line.strip() for line in path.read_text("utf-8-sig").split("\n")]
        except (OSError, UnicodeDecodeError) as error:
            found.documents[path] = ObjlocError(f"{place}: cannot be read as text: {error}")
        else:
            while lines and not lines[-1]:
                lines.pop()
            pairs = (line.partition("=") for line in lines if "=" in line)
            keys = {key.strip(): value.strip() for key, _, value in pairs}
            found.documents[path] = lines if names else keys
        found.files["names"].append(path)
    elif path.suffix.lower() == ".txt":
        kind = text_kind(path)
        expected = path.stem in stems or "labels" in path.relative_to(found.folder).parts[:-1]
        if kind == "rows" or (kind != "paths" and expected):
            found.files["yolo"].append(path)
        elif kind == "paths":
            found.files["paths"].append(path)


def _sort_xml(found: _Recognised, stems: set[str]) -> None:
    """Give each XML file to a kind.

    A damaged one belongs to the kind of the others, or else to VOC, so that its reader
    reports it; one of another root is VOC's only if it stands for an image.
    """
    files = found.files
    files["voc"], files["cvat"] = files.pop("voc XML", []), files.pop("cvat XML", [])
    files["CVAT for video"] = files.pop("CVAT for video XML", [])
    files["voc" if files["voc"] or not files["cvat"] else "cvat"] += files.pop("damaged XML", [])
    beside = [path for path in files["other XML"] if path.stem in stems]
    if files["voc"] or not any(files[kind] for kind in ("coco", "cvat", "labelme")):
        files["voc"] += beside
        files["other XML"] = [path for path in files["other XML"] if path not in beside]


def _chosen(found: _Recognised) -> Kind | None:
    """Kind that is read; None if there is none."""
    if found.files["voc"]:
        boxless = [p for p in found.files["coco"] if not _has_boxes(found.documents[p])]
        found.files["COCO's JSON without boxes"] = boxless
        found.files["coco"] = [path for path in found.files["coco"] if path not in boxless]
    complete = [kind for kind in _COMPLETE if found.files[kind]]
    if len(complete) > 1:
        one, other = complete[:2]
        first, second = (found.files[kind][0].relative_to(found.folder) for kind in (one, other))
        raise ObjlocError(
            f"{found.folder}: expected {_WORDS[one]} or {_WORDS[other]}; found both: "
            f"{first} and {second}"
        )
    return next((kind for kind in _WORDS if found.files[kind]), None)


def _has_boxes(tree: Any) -> bool:
    entries = tree.get("annotations") if isinstance(tree, dict) else [{"bbox": "damaged"}]
    return isinstance(entries, list) and any(
        isinstance(each, dict) and "bbox" in each for each in entries
    )


def _passed_over(found: _Recognised, chosen: Kind) -> Iterator[Finding]:
    words = {
        **{kind: what for kind, what in _WORDS.items() if kind != chosen},
        "labels": _WORDS["yolo"],
        "COCO's JSON without boxes": "COCO's JSON without boxes",
        "other JSON": "JSON that holds no boxes",
        "other XML": "XML that is no annotation",
        **{kind: kind for kind in FOREIGN},
    }
    for what, word in words.items():
        if found.files[what]:
            message = f"passed over {word}: {found.quoted(what)}"
            yield Finding("note", "layout", "", message)


def _why_not(found: _Recognised, everything: Iterable[Path], images: int) -> str:
    """Message for a folder without annotations that are read."""
    expected = "expected images with VOC's XML files, COCO's JSON, YOLO's labels, CVAT's XML or "
    start = f"{found.folder}: {expected}labelme's JSON; found"
    everything = list(everything)
    for kind, remedy in FOREIGN.items():
        if found.files[kind]:
            return f"{start} {kind}, {found.quoted(kind)} ({remedy})"
    rows = [path for path in found.files["labels"] if text_kind(path) == "rows"]
    if rows:
        first = rows[0].relative_to(found.folder)
        return (
            f"{found.folder}: expected data.yaml or classes.txt with the names of YOLO's "
            f"categories; found only labels, {first} first"
        )
    hint = ""
    if found.files["names"]:
        hint = f" (names of categories in {found.quoted('names')}, but no label file)"
    elif any(path.parent.name.startswith("Segmentation") for path in everything):
        hint = " (segmentations are not read: export boxes)"
    elif any(path.suffix.lower() in _ARCHIVES for path in everything):
        hint = " (unpack the archives first)"
    elif found.files["other XML"] or found.files["other JSON"]:
        what = "other XML" if found.files["other XML"] else "other JSON"
        hint = f" ({found.quoted(what)}: of a form that is not known)"
    return f"{start} {images} images and no annotation{hint}"
