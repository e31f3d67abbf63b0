"""Read COCO's JSON files, of one or several tools and tasks."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from objloc.data.own.coco.entries import has_box
from objloc.data.own.coco.file import CocoFile, Errors, Image
from objloc.data.own.file_names import ImageIndex, Match, find_image
from objloc.data.own.findings import Findings
from objloc.data.own.layout import Layout, set_of
from objloc.data.own.written import WrittenImage
from objloc.errors import ObjlocError
from objloc.wording import abridged, counted

_SHOWN = 3


def read_coco(layout: Layout, findings: Findings) -> list[WrittenImage]:
    """Read every JSON file; a picture of several files has the boxes of all.

    Files without categories or boxes (captions, lists of images) are passed over. Boxes are
    ``[x, y, width, height]`` from the upper left, as written; an annotation with polygons
    alone has the box that encloses them. Crowds, and objects to be ignored, are difficult.
    Images come in the order of the files, each once.
    """
    index = ImageIndex(layout.folder, layout.images)
    files, damaged = [], False
    for path in layout.annotations:
        place, tree = layout.relative(path), layout.documents[path]
        if isinstance(tree, ObjlocError):
            findings.damage("corrupt", place, tree)
            damaged = True
        elif not _passed_over(tree, place, findings):
            files.append((path, CocoFile(place, tree, findings)))
    if not files and not damaged:
        message = (
            f"expected a JSON file with categories and annotations that have boxes; found "
            f"{counted(len(layout.annotations), 'file')} without"
        )
        findings.error("annotation", "", message)
    merged = _Merged(layout, findings)
    # Those without annotations last: they add the images that no other file has.
    for path, file in sorted(files, key=lambda each: not each[1].annotated):
        merged.add(file, path, index)
    _report_unused([file for _, file in files], findings)
    return merged.images()


def _passed_over(tree: dict[str, Any], place: str, findings: Findings) -> bool:
    """Whether a file has no categories or no boxes; if so this is reported."""
    images, entries = (
        found if isinstance(found := tree.get(key), list) else []
        for key in ("images", "annotations")
    )
    boxes = sum(has_box(each) for each in entries if isinstance(each, dict))
    without = [] if tree.get("categories") else ["categories"]
    # A list without entries declares images without objects; no list declares nothing.
    if not boxes and (entries or without or tree.get("annotations") is None):
        without.append("boxes")
    if not without:
        return False
    what = (
        f"passed over: the file has no {' and no '.join(without)} "
        f"({counted(len(images), 'image')}, {counted(len(entries), 'annotation')})"
    )
    (findings.warning if boxes else findings.note)("unused", place, what)
    return True


class _Merged:
    """Images of all files, each with the boxes of every file that has it."""

    def __init__(self, layout: Layout, findings: Findings) -> None:
        self._layout = layout
        self._findings = findings
        self._found: dict[Path, WrittenImage] = {}
        self._by: dict[Path, tuple[str, str | None]] = {}
        self._without_file: list[WrittenImage] = []

    def images(self) -> list[WrittenImage]:
        """The images, those without a file last."""
        return [*self._found.values(), *self._without_file]

    def add(self, file: CocoFile, path: Path, index: ImageIndex) -> None:
        """Add a file's images, and report those that can't be found or contradict."""
        stated = set_of(Path(file.place).with_suffix(""))
        errors, here = Errors(self._findings), set[Path]()
        others: dict[str, list[int]] = defaultdict(list)
        for image in file.images:
            if not image.names:
                continue
            where = f"{file.place}: image '{image.names[0]}'"
            match = self._match(image, path, index, where)
            if match.image is None:
                self._miss(image, where, match, errors)
                continue
            if match.image in here:
                errors.add("annotation", where, "expected each image once in a file", "it again")
                continue
            here.add(match.image)
            image_set = stated or set_of(Path(self._layout.relative(match.image)).parent)
            written = WrittenImage(where, match.image, tuple(image.objects), image.size, image_set)
            if match.image not in self._found:
                self._found[match.image], self._by[match.image] = written, (file.place, stated)
                continue
            other, other_set = self._by[match.image]
            if file.annotated and stated and other_set and stated != other_set:
                expected = "expected each image in one image set"
                found = f"it in {other} ({other_set}) and {file.place} ({stated})"
                errors.add("sets", where, expected, found)
            others[other].append(self._unite(match.image, written, file, stated))
        for other, equal in others.items():
            message = f"{counted(len(equal), 'image')} in {other} too: " + (
                f"the boxes of both count, {counted(sum(equal), 'equal one')} once"
                if file.annotated
                else "this file has no boxes"
            )
            self._findings.note("unused", file.place, message)
        errors.report()

    def _unite(self, path: Path, written: WrittenImage, file: CocoFile, stated: str | None) -> int:
        """Add the boxes that the image does not have yet; the number of those that it has."""
        known, more = self._found[path], written.objects or ()
        boxes = {(each.category, each.box) for each in known.objects or ()}
        new = tuple(each for each in more if (each.category, each.box) not in boxes)
        image_set = known.image_set
        if stated and file.annotated:
            self._by[path], image_set = (file.place, stated), stated
        self._found[path] = replace(
            known,
            objects=(*(known.objects or ()), *new),
            size=known.size or written.size,
            image_set=image_set,
        )
        return len(more) - len(new)

    def _match(self, image: Image, path: Path, index: ImageIndex, where: str) -> Match:
        matches = [find_image(index, name, path) for name in image.names]
        match = next((each for each in matches if each.image), matches[0])
        if match.image and match.note:
            self._findings.count("name", match.note, where)
        return match

    def _miss(self, image: Image, where: str, match: Match, errors: Errors) -> None:
        """Report an image that is not there; without objects its absence changes nothing."""
        fits = [self._layout.relative(each) for each in match.fits]
        found = f"{len(fits)} that fit: {abridged(fits, _SHOWN)}" if fits else "none"
        if not image.objects and not fits:
            message = "left out: images without annotations whose file is not there"
            self._findings.count("missing", message, where, "warning")
            return
        errors.add("missing", where, "expected one image file of this name", found)
        self._without_file.append(WrittenImage(where, None, tuple(image.objects), image.size))


def _report_unused(files: list[CocoFile], findings: Findings) -> None:
    """Report the names of categories that no annotation of any file uses."""
    declared: dict[str, bool] = {}
    for file in files:
        for category in file.categories:
            for name in category.names:
                declared[name] = declared.get(name, False) or category.used > 0
    unused = [f"'{name}'" for name, used in declared.items() if not used]
    if unused:
        message = f"left out: categories that no annotation uses: {abridged(unused, 10)}"
        findings.note("category", "", message)
