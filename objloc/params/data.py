"""The data, and how they are split and packed: ``dataset`` and ``shard``."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from objloc.params.section import Fraction, PositiveInt, Section

Boxes = Literal[
    "auto", "voc", "labelimg", "zero_exclusive", "zero_inclusive", "one_exclusive",
    "corner_size", "centre_size", "fraction_corners", "fraction_corner_size",
    "fraction_centre_size",
]  # fmt: skip
"""The forms of boxes (``objloc.data.own.conventions``)."""


class Dataset(Section):
    """The photographs; the ``download`` stage."""

    name: Literal[
        "scenes", "voc2007", "voc2012", "voc2007+2012", "coco2017", "folder", "shards"
    ] = "scenes"
    """``scenes`` is drawn by the program, ``folder`` is read from ``path``, and ``shards`` are
    those that others packed at the URL ``path``; the rest are archives of Pascal VOC and COCO."""
    path: str | None = None
    """``folder``: a folder of images with annotations in the layout of VOC, COCO, YOLO, CVAT or
    labelme. A relative path starts at the repository root. ``shards``: the ``s3://``, ``gs://``
    or ``http(s)://`` URL of a folder of shards; each is fetched when it is first read."""
    data_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """``shards``: the hash that their index must have, so that a change at the URL is noticed;
    null: they are what they were when the stage last ran."""
    boxes: Boxes = "auto"
    """``folder``: how boxes are written. ``auto``: as the layout has it; in VOC's XML as boxes at
    the border or marks of the tool that wrote the files reveal, otherwise as VOC has it. Corners:
    ``voc`` from one, far end inclusive; ``labelimg`` from zero, far end exclusive, 0 written as
    1; ``zero_exclusive``, ``zero_inclusive``, ``one_exclusive`` from zero or one, far end
    exclusive or inclusive. ``corner_size`` (as COCO) and ``centre_size``, in pixels from zero.
    ``fraction_corners``, ``fraction_corner_size``, ``fraction_centre_size`` (as YOLO): fractions
    of the image's sides."""
    unannotated: Literal["auto", "refuse", "empty", "leave_out"] = "auto"
    """``folder``: what becomes of an image without an annotation. ``empty``: it holds no object.
    ``auto``: beside VOC's XML files it is refused, unless an image set lists it or Label Studio
    wrote them; it holds no object in YOLO's layout, and is left out elsewhere."""
    outside: Literal["refuse", "clip"] = "refuse"
    """``folder``: what becomes of a box that reaches beyond its image by more than a pixel.
    ``clip`` cuts it at the border, and leaves it out if nothing remains."""
    mirror: str | None = None
    """Folder, ``file://`` or http(s) URL with the archives. A relative path starts at the
    repository root. Null: the official addresses."""
    scenes_images: dict[Literal["train", "val", "test"], Annotated[int, Field(ge=1)]] = {  # noqa: RUF012  # pydantic copies it
        "train": 1000,
        "val": 200,
        "test": 300,
    }
    """Number of images drawn for each image set (``scenes`` only)."""
    scenes_seed: Annotated[int, Field(ge=0)] = 0
    """Seed for drawing the scenes."""

    @field_validator("mirror")
    @classmethod
    def _not_empty(cls, mirror: str | None) -> str | None:
        if mirror is not None and not mirror.strip():
            raise ValueError("expected a folder or URL, or null")
        return mirror


class Shard(Section):
    """How samples are split and packed; the ``shard`` stage."""

    split: Literal["devkit", "seeded", "by_year"] = "devkit"
    """``devkit``: the devkit's own image sets. ``seeded``: train, val and test are drawn
    from all images of the devkit. ``by_year``: the sets of each year, with names such as
    ``train_2007``; a year without a test set is split as with ``seeded``."""
    fractions: dict[Literal["train", "val", "test"], Fraction] = {  # noqa: RUF012  # pydantic copies it
        "train": 0.65,
        "val": 0.15,
        "test": 0.20,
    }
    """Fraction of each set in the seeded split; they sum to 1."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed for the split."""
    samples_per_shard: PositiveInt = 500
    """Maximum number of images in a tar file."""
    mb_per_shard: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """A tar file of this many megabytes is closed, and the next image begins another."""

    @model_validator(mode="after")
    def _fractions_sum_to_one(self) -> "Shard":
        if set(self.fractions) != {"train", "val", "test"}:
            raise ValueError("fractions: expected the keys train, val and test")
        if abs(sum(self.fractions.values()) - 1) > 1e-6:
            raise ValueError(
                f"fractions: expected a sum of 1, found {sum(self.fractions.values())}"
            )
        return self
