"""Known pictures and boxes, passed to the scripts as a JSON file."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

PICTURES = "pictures"
"""Name of the folder of pictures."""
KNOWN = "known.json"
"""Name of the file of boxes, beside the pictures."""

Box = tuple[float, float, float, float]
"""``xmin, ymin, xmax, ymax`` in pixels, zero-based and half-open."""


@dataclass(frozen=True)
class Known:
    """An object: its category, box and flags.

    Attributes:
        category: name of the category.
        box: box before it is rotated.
        difficult: flag of Pascal VOC.
        truncated: flag of Pascal VOC.
        rotation: degrees clockwise about the box's centre.
    """

    category: str
    box: Box
    difficult: bool = False
    truncated: bool = False
    rotation: float = 0.0


@dataclass(frozen=True)
class Picture:
    """A picture: name of its file, size in pixels, objects."""

    file: str
    width: int
    height: int
    objects: tuple[Known, ...] = field(default=())


Writer = Callable[[Sequence[Picture], Path, Path], None]
"""Function that exports pictures, given their folder and the folder to write."""


def write_known(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write the file of boxes."""
    (folder / KNOWN).write_text(json.dumps([asdict(each) for each in pictures], indent=1))


def read_known(folder: Path) -> tuple[Picture, ...]:
    """Read the file of boxes."""
    return tuple(
        Picture(
            each["file"],
            each["width"],
            each["height"],
            tuple(Known(**{**one, "box": tuple(one["box"])}) for one in each["objects"]),
        )
        for each in json.loads((folder / KNOWN).read_text())
    )


def categories(pictures: Sequence[Picture]) -> list[str]:
    """Names of all categories, sorted."""
    return sorted({each.category for picture in pictures for each in picture.objects})


def copy_pictures(pictures: Sequence[Picture], source: Path, target: Path) -> None:
    """Copy pictures into a folder, as a user does where a tool exports annotations alone."""
    target.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        shutil.copy(source / picture.file, target / picture.file)


def run(writers: Mapping[str, Writer]) -> None:
    """Run the writer that the command line names: ``FORM INPUT OUTPUT``."""
    form, source, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    writers[form](read_known(source), source / PICTURES, output)
