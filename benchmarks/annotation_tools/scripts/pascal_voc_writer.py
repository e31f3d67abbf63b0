"""Export by pascal-voc-writer: an XML file beside each picture."""

from collections.abc import Sequence
from pathlib import Path

from pascal_voc_writer import Writer

from benchmarks.annotation_tools.scripts.known import Picture, copy_pictures, run


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write VOC's XML."""
    copy_pictures(pictures, source, output)
    for picture in pictures:
        path = output / picture.file
        writer = Writer(str(path), picture.width, picture.height)
        for each in picture.objects:
            writer.addObject(
                each.category, *each.box, truncated=int(each.truncated),
                difficult=int(each.difficult),
            )  # fmt: skip
        writer.save(str(path.with_suffix(".xml")))


if __name__ == "__main__":
    run({"voc": voc})
