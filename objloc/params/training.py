"""Parameters of training: ``train``."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from objloc.params.section import Categories, Grown, Names, Sha256


class Train(Grown):
    """Agent, categories and images of training; the ``train`` stage."""

    NEWER: ClassVar[frozenset[str]] = frozenset({"compile"})

    agent: str = "scenes"
    """Name of the entry of ``agents`` that is trained."""
    categories: Categories = "all"
    """Categories to learn; ``all``: every category of the data (the 2018 system's ``*``)."""
    curriculum: Names = ()
    """Categories learned one after another. Each phase starts from the best model of the
    phase before. Empty: all at once."""
    image_set: str = "train"
    """Image set to train on. Several sets are joined by ``+``, as in
    ``trainval_2007+train_2012``."""
    val_image_set: str = "val"
    """Image set that chooses the best model and the champion; several are joined by ``+``."""
    val_categories: Categories = "all"
    """The trained categories that validation measures, in case its images hold too few
    objects of the others."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed for all randomness in training; the same seed gives the same bytes."""
    init_from: str | None = None
    """Warm start: the path of a checkpoint, or ``models:/NAME/VERSION``."""
    init_sha256: Sha256 | None = None
    """SHA-256 of the checkpoint that ``init_from`` names; required with ``init_from``."""
    keep: Literal["best", "last"] = "best"
    """Weights that become the model: the best on ``val_image_set``, or the last. Choose the
    last if the two image sets share images."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Time limit of training in minutes; a run that reaches it is marked as cut."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to train on. ``auto``: a CUDA device if there is one, else the CPU."""
    deterministic: bool = False
    """Whether the same seed gives the same bytes on the same GPU too; training then takes
    some 1.5 times as long. On the CPU it always does."""
    compile: Literal["auto", "off"] = "auto"
    """Whether the network is compiled for the GPU that trains it. ``auto``: if the schedule is
    long enough to gain back the minute or so that it takes, and ``deterministic`` is false. On
    the CPU nothing is compiled."""

    @field_validator("init_from")
    @classmethod
    def _no_moving_alias(cls, value: str | None) -> str | None:
        if (
            value is not None
            and value.startswith("models:")
            and not re.fullmatch(r"models:/[^/@]+/[0-9]+", value)
            and "@" not in value
        ):
            raise ValueError("expected a path or models:/NAME/VERSION with a version number")
        return value

    @model_validator(mode="after")
    def _curriculum_within_categories(self) -> "Train":
        if self.categories == ():
            raise ValueError("categories: expected at least one category, or all")
        for name, listed in (("categories", self.categories), ("curriculum", self.curriculum)):
            if len(set(listed)) != len(listed) and listed != "all":
                raise ValueError(f"{name}: a category is named twice in {list(listed)}")
        if self.categories != "all":
            for category in self.curriculum:
                if category not in self.categories:
                    raise ValueError(
                        f"curriculum: '{category}' is not among categories {list(self.categories)}"
                    )
        return self
