"""What is learned from which images: ``train``."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from objloc.params.section import Categories, Names, Section


class Train(Section):
    """What is learned from which images; the ``train`` stage."""

    agent: str = "scenes"
    """The entry of ``agents`` that is trained."""
    categories: Categories = "all"
    """``all`` stands for every category of the data (the 2018 system's ``*``)."""
    curriculum: Names = ()
    """Categories learned one after another, each phase warm-started from the
    best model of the one before; empty: all at once."""
    image_set: str = "train"
    """Learned from. Several sets are joined as in ``trainval_2007+train_2012``."""
    val_image_set: str = "val"
    """Chooses the best model, and the champion; likewise."""
    val_categories: Categories = "all"
    """Those of the categories trained that validation measures: where its images hold
    too few of the others."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of everything random in training; the same seed gives the same bytes."""
    init_from: str | None = None
    """Warm start: the path of a checkpoint, or ``models:/NAME/VERSION``."""
    init_sha256: str | None = None
    """SHA-256 of the checkpoint that ``init_from`` names; required with it."""
    keep: Literal["best", "last"] = "best"
    """Which weights are the model: the best on ``val_image_set``, or the last, where
    the two sets share images."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Training ends after so many minutes; a run that this cuts is marked as cut."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: a CUDA device if there is one."""

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

    @field_validator("init_sha256")
    @classmethod
    def _hexadecimal(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError("expected 64 hexadecimal digits, or null")
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
