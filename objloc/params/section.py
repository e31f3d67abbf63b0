"""The base class of all sections of parameters, and types that they share.

One frozen model a section; a function receives its own section only.
"""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(ge=1)]
Starts = Annotated[
    tuple[tuple[PositiveInt, Annotated[float, Field(gt=0, le=1)]], ...], Field(min_length=1)
]
"""Grids ``(n, fraction)`` of n x n windows, each that fraction of the image's sides."""


def _hexadecimal(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("expected 64 hexadecimal digits, or null")
    return value


Sha256 = Annotated[str, AfterValidator(_hexadecimal)]
"""A SHA-256 in hexadecimal digits."""


def _listed(value: Any) -> Any:
    """Take a string as a list of one: ``-S train.categories=cat`` arrives as a string.

    A whole number is the name of its digits, as ``0`` and ``1`` of ``[0, 1]``. YAML has read it
    as a number by then: a name such as ``01`` needs quotes.
    """
    if isinstance(value, str | int) and value != "all":
        value = [value]
    if not isinstance(value, list):
        return value
    names = [str(each) if type(each) is int else each for each in value]
    for name in names:
        if not isinstance(name, str):
            raise ValueError(
                f"expected names, with quotes where YAML reads something else; found {name!r}"
            )
    return tuple(names)


def _all_or_listed(value: Any) -> Any:
    """Take a list of the word ``all`` alone as the word, and a string as ``_listed`` does."""
    listed = _listed(value)
    return "all" if listed == ("all",) else listed


Categories = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_all_or_listed)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


SUCCESS_IOU = 0.5
"""IoU above which a trigger is a success, where nothing else is asked for."""


class Section(BaseModel):
    """A section: frozen, finite, without unknown keys, without silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Grown(Section):
    """A part of a file that has grown: its newer keys are written where they are used.

    A default is the meaning of a file without the key. So an agent that does not use a newer
    key keeps the bytes of its checkpoints, and an evaluation those of its figures.
    """

    NEWER: ClassVar[frozenset[str]] = frozenset()
    """Keys that are left out where they have their defaults."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        for key in self.NEWER:
            if getattr(self, key) == fields[key].default:
                written.pop(key, None)
        return written
