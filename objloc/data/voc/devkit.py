"""Read a devkit in Pascal VOC's layout, from archives or folders, as samples."""

import io
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from objloc.checksums import SUMS_FILE
from objloc.data.sample import Sample
from objloc.data.source import AGAIN, Source, read_source, sums_of
from objloc.data.voc.annotation import read_annotation
from objloc.data.voc.archives import DevkitFile, Scratch, archives_in, list_archive, list_folder
from objloc.data.voc.lists import ImageList, image_sets, read_list
from objloc.errors import ObjlocError

MAX_PIXELS = 50_000_000
"""Maximum number of pixels; a larger image is refused before it is decoded."""

# WebDataset ends a sample's name at the first dot.
_IMAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_IMAGE_SET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OFFICIAL_YEAR = re.compile(r"VOC20(07|08|09|10|11|12)")


@dataclass(frozen=True)
class Devkit:
    """Annotated images and their image sets.

    Attributes:
        name: name of the data.
        image_sets: image ids in order, by name of the set, from
            ``ImageSets/Main/<name>.txt``, united over archives and years.
        image_ids: ids in any image set; all ids if the devkit has no image sets.
            (VOC2012 has images outside its ``Main`` sets; only some of their
            objects are annotated.)
        images, annotations: files by image id.
        scratch: owner of the decompressed archives, which live as long as the devkit.
    """

    name: str
    image_sets: Mapping[str, tuple[str, ...]]
    image_ids: tuple[str, ...]
    images: Mapping[str, DevkitFile]
    annotations: Mapping[str, DevkitFile]
    scratch: Scratch

    def read(self, image_id: str) -> Sample:
        """Read one annotated image and check the image and its annotation.

        Raises:
            ObjlocError: there is no such image; the annotation is malformed or the
                image damaged; their sizes differ.
        """
        if image_id not in self.annotations:
            raise ObjlocError(
                f"{self.name}: expected an image id of the devkit; found '{image_id}'"
            )
        source = self.annotations[image_id]
        annotation = read_annotation(
            source.read(), source.place, official=bool(_OFFICIAL_YEAR.fullmatch(source.year))
        )
        image = self.images[image_id]
        jpeg = image.read()
        check_jpeg(jpeg, image.place, (annotation.width, annotation.height), source.place)
        return Sample(image_id, jpeg, annotation.width, annotation.height, annotation.objects)


def open_devkit(path: Path) -> Devkit:
    """List a devkit's images and image sets.

    Args:
        path: a tar archive, plain or gzipped; a folder of such archives; or a
            folder: ``VOC<year>``, ``VOCdevkit``, or a folder that holds ``VOCdevkit``.

    Raises:
        ObjlocError: the path is no devkit; an archive is missing, cut short or not the one
            that ``source.json`` names; an image has no annotation or the reverse; an image
            occurs twice; an image set is empty.
    """
    source = read_source(path) if path.is_dir() else None
    scratch = Scratch()
    files: dict[str, dict[str, DevkitFile]] = {"Annotations": {}, "JPEGImages": {}}
    lists: dict[str, list[DevkitFile]] = {}
    for file in _files(path, source, scratch):
        if file.part == "ImageSets/Main":
            lists.setdefault(file.stem, []).append(file)
            continue
        if not _IMAGE_ID.fullmatch(file.stem):
            raise ObjlocError(
                f"{file.place}: expected an image id of letters, digits, _ and -; "
                f"found '{file.stem}'"
            )
        if other := files[file.part].get(file.stem):
            raise ObjlocError(f"{file.place}: expected each image once; found also {other.place}")
        files[file.part][file.stem] = file
    annotations, images = files["Annotations"], files["JPEGImages"]
    _check_pairs(path, annotations, images)
    image_sets = _read_lists(lists, annotations)
    listed = sorted({each for image_ids in image_sets.values() for each in image_ids})
    ids = tuple(listed or sorted(images))
    return Devkit(_name(path, source), image_sets, ids, images, annotations, scratch)


def _files(path: Path, source: Source | None, scratch: Scratch) -> Iterator[DevkitFile]:
    """All files of a devkit, in archives or folders."""
    if path.is_file():
        yield from list_archive(path, scratch)
        return
    if not path.is_dir():
        raise ObjlocError(f"{path}: expected a devkit, an archive or a folder; found nothing there")
    if folders := _year_folders(path):
        sums = sums_of(path, source) if source else None
        for folder in folders:
            for file in list_folder(folder):
                yield file if sums is None else _with_checksum(file, path, sums)
        return
    archives = archives_in(path)
    if not archives:
        raise ObjlocError(
            f"{path}: expected a devkit: VOCdevkit/VOC<year>/{{Annotations,ImageSets,JPEGImages}}, "
            f"or tar archives of it; found neither"
        )
    for archive in archives:
        yield from list_archive(archive, scratch)


def _with_checksum(file: DevkitFile, path: Path, sums: Mapping[str, str]) -> DevkitFile:
    name = file.path.relative_to(path).as_posix()
    if name not in sums:
        raise ObjlocError(
            f"{file.place}: expected only files that {SUMS_FILE} lists; found another ({AGAIN})"
        )
    return replace(file, sha256=sums[name])


def _year_folders(path: Path) -> list[Path]:
    """Folders that hold images: the path itself, or folders one or two levels below."""
    for candidates in ([path], path.glob("*"), path.glob("VOCdevkit/*")):
        found = [
            folder
            for folder in sorted(candidates)
            if any((folder / part).is_dir() for part in ("Annotations", "JPEGImages"))
        ]
        if found:
            return found
    return []


def _name(path: Path, source: Source | None) -> str:
    """Name of the data: from ``source.json``, or from its file, folder or years."""
    if not path.is_dir():
        return path.name.split(".")[0]
    if source:
        return source.name
    name = path.resolve().name
    return "+".join(folder.name for folder in _year_folders(path)) if name == "VOCdevkit" else name


def _check_pairs(
    path: Path, annotations: Mapping[str, DevkitFile], images: Mapping[str, DevkitFile]
) -> None:
    """Refuse an image without annotation, an annotation without image, and an empty devkit."""
    for image_id in sorted(images.keys() - annotations.keys()):
        place = images[image_id].place
        raise ObjlocError(f"{place}: expected an annotation Annotations/{image_id}.xml; found none")
    for image_id in sorted(annotations.keys() - images.keys()):
        place = annotations[image_id].place
        raise ObjlocError(f"{place}: expected an image JPEGImages/{image_id}.jpg; found none")
    if not images:
        raise ObjlocError(f"{path}: expected images in JPEGImages; found none")


def _read_lists(
    lists: Mapping[str, list[DevkitFile]], annotations: Mapping[str, DevkitFile]
) -> dict[str, tuple[str, ...]]:
    """Read the image sets, each united over archives and years, ids in order."""
    read = {
        name: [_read_list(each, annotations) for each in files] for name, files in lists.items()
    }
    united = {
        name: ImageList(
            tuple(image_id for each in found for image_id in each.images),
            all(each.of_category for each in found),
            (),
        )
        for name, found in read.items()
    }
    sets: dict[str, tuple[str, ...]] = {}
    for name, image_ids in sorted(image_sets(united).items()):
        place = lists.get(name, next(iter(lists.values())))[0].place
        if image_ids and not _IMAGE_SET.fullmatch(name):
            raise ObjlocError(
                f"{place}: expected an image set of letters, digits, _, . and -; found '{name}'"
            )
        if image_ids:
            sets[name] = tuple(sorted(set(image_ids)))
        elif not any(name.endswith(f"_{other}") for other in lists):
            # Otherwise it is the list of a category that is not in the set.
            raise ObjlocError(f"{place}: empty image set; expected at least one image id")
    return sets


def _read_list(file: DevkitFile, annotations: Mapping[str, DevkitFile]) -> ImageList[str]:
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ObjlocError(
            f"{file.place}: expected a text of image ids; found other bytes"
        ) from None
    found = read_list(text, lambda name: name if name in annotations else None)
    if found.unknown:
        raise ObjlocError(
            f"{file.place}: expected images of the devkit, one id a line; "
            f"found '{found.unknown[0]}', which has neither image nor annotation"
        )
    if not found.of_category:
        twice = [image_id for image_id, count in Counter(found.images).items() if count > 1]
        if twice:
            raise ObjlocError(f"{file.place}: expected each image once; found '{twice[0]}' twice")
    return found


def check_jpeg(jpeg: bytes, place: str, annotated: tuple[int, int], stated_in: str) -> None:
    """Refuse an image that is damaged, or has another size than its annotation states.

    Args:
        jpeg: its file.
        place: its name in errors.
        annotated: width and height in pixels.
        stated_in: name in errors of what states them.

    Raises:
        ObjlocError: it is damaged, no JPEG or too large; or the sizes differ.
    """
    width, height = _jpeg_size(jpeg, place)
    if (width, height) != annotated:
        raise ObjlocError(
            f"{stated_in}: expected the image's size, {width} x {height}; "
            f"found {annotated[0]} x {annotated[1]}"
        )


def _jpeg_size(jpeg: bytes, place: str) -> tuple[int, int]:
    """Width and height of a JPEG, decoded to its end."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            size = image.size
            # Pillow's own limit, if lower, only warns: warnings are not this thread's alone.
            if size[0] * size[1] > min(MAX_PIXELS, Image.MAX_IMAGE_PIXELS or MAX_PIXELS):
                raise Image.DecompressionBombError
            # Decoding at an eighth of the size still goes through the whole file,
            # so half an image is detected (verify() would pass it).
            image.draft("L", (1, 1))
            image.load()
            return size
    except UnidentifiedImageError:
        raise ObjlocError(f"{place}: expected a JPEG image; found something else") from None
    except Image.DecompressionBombError:
        raise ObjlocError(
            f"{place}: expected at most {MAX_PIXELS // 10**6} megapixels; found more"
        ) from None
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        reason = " ".join(str(error).split())
        raise ObjlocError(f"{place}: expected a whole JPEG image; found: {reason}") from None
