"""Export by ImgAnn, which converts: it is given VOC's XML with the known boxes."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgann import Convertor

from benchmarks.annotation_tools.scripts.known import Picture, copy_pictures, run
from benchmarks.annotation_tools.scripts.plain import voc_object, voc_xml


@contextmanager
def _annotations(pictures: Sequence[Picture]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        for picture in pictures:
            flags = "<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
            objects = [voc_object(each, flags) for each in picture.objects]
            path = Path(folder, picture.file).with_suffix(".xml")
            path.write_text(voc_xml(picture, objects, "<folder>images</folder>"))
        yield folder


def coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON."""
    copy_pictures(pictures, source, output / "images")
    with _annotations(pictures) as folder:
        Convertor.voc2coco(str(output / "images"), folder, str(output / "annotations.json"))


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write YOLO's labels."""
    copy_pictures(pictures, source, output / "images")
    with _annotations(pictures) as folder:
        Convertor.voc2yolo(str(output / "images"), folder, str(output / "labels"))


if __name__ == "__main__":
    run({"coco": coco, "yolo": yolo})
