"""Write a user's own folder as a devkit in Pascal VOC's layout."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from objloc import params
from objloc.box import to_voc
from objloc.data.own.names import image_ids
from objloc.data.own.pictures import jpeg_of
from objloc.data.own.reader import FolderReader
from objloc.data.sample import Coordinates, VocObject
from objloc.data.voc.annotation import CORNERS
from objloc.errors import ObjlocError
from objloc.progress import progress

DEVKIT = "OWN"
"""Name of the devkit's folder (Pascal's is VOC2007); its categories are free."""
NAMES_FILE = "files.csv"
"""Name of the table of image ids and their files."""
HINT = "objloc data check tells more"


def write_own_devkit(source: Path, folder: Path, section: params.Dataset) -> None:
    """Write ``folder/VOCdevkit/OWN`` from a user's folder.

    Image sets come from ``ImageSets/Main`` or YOLO's ``data.yaml``, or from names of folders
    or files (train, val or valid, test), if these state the set of every image. What is
    changed or left out is printed.

    Args:
        source: folder of images with annotations in any known layout.
        folder: receives the devkit.
        section: the parameters ``dataset``.

    Raises:
        ObjlocError: the layout is not known, or an image or annotation is missing or not
            valid.
    """
    reader = FolderReader(source, section)
    reader.findings.raise_first(str(source), HINT)
    images = {each.image: each for each in reader.images if each.image}
    if not images:
        raise ObjlocError(f"{source}: expected annotated images; found none ({HINT})")
    ids = image_ids(path.relative_to(source) for path in images)
    devkit = folder / "VOCdevkit" / DEVKIT
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (devkit / part).mkdir(parents=True)
    with progress(source.name, len(images), "images") as advance:
        for path, image in images.items():
            image_id = ids[path.relative_to(source)]
            picture = reader.picture(image)
            placed = reader.place(image, picture) if picture else []
            reader.findings.raise_first(str(source), HINT)
            if picture is None:
                raise ObjlocError(f"{image.place}: expected an image; found none")
            size = reader.size_of(image, picture)
            objects = [each.kept for each in placed if each.kept]
            jpeg = jpeg_of(picture, size, image.place)
            (devkit / "JPEGImages" / f"{image_id}.jpg").write_bytes(jpeg)
            xml = annotation_xml(path.name, size, objects)
            (devkit / "Annotations" / f"{image_id}.xml").write_text(xml, encoding="utf-8")
            advance(1)
    for finding in reader.findings:
        where = f"{finding.place}: " if finding.place else ""
        print(f"{finding.severity}: {where}{finding.message}", file=sys.stderr)
    _write_names(devkit, ids)
    for name, members in reader.sets.items():
        lines = sorted(ids[path.relative_to(source)] for path in members if path in images)
        text = "".join(f"{image_id}\n" for image_id in lines)
        (devkit / "ImageSets" / "Main" / f"{name}.txt").write_text(text, encoding="utf-8")


def annotation_xml(file_name: str, size: tuple[int, int], objects: Iterable[VocObject]) -> str:
    """Write an annotation in the devkit's format: one-based, inclusive pixels."""
    described = []
    for each in objects:
        parts = "".join(
            f"<part><name>{escape(part.name)}</name>{_bndbox(part.box)}</part>"
            for part in each.parts
        )
        described.append(
            f"<object><name>{escape(each.category)}</name><pose>{escape(each.pose)}</pose>"
            f"<truncated>{each.truncated:d}</truncated><occluded>{each.occluded:d}</occluded>"
            f"<difficult>{each.difficult:d}</difficult>{_bndbox(each.box)}{parts}</object>\n"
        )
    return (
        f"<annotation><filename>{escape(file_name)}</filename>\n<size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>\n{''.join(described)}</annotation>\n"
    )


def _bndbox(box: Coordinates) -> str:
    corners = zip(CORNERS, to_voc(box), strict=True)
    inner = "".join(f"<{name}>{round(value, 3):.12g}</{name}>" for name, value in corners)
    return f"<bndbox>{inner}</bndbox>"


def _write_names(devkit: Path, ids: Mapping[Path, str]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("image_id", "file"))
    writer.writerows((image_id, path.as_posix()) for path, image_id in sorted(ids.items()))
    (devkit / NAMES_FILE).write_text(stream.getvalue(), encoding="utf-8")
