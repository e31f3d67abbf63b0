"""Arguments of the environments, checked."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator

from objloc.errors import ObjlocError, first_complaint
from objloc.params import SUCCESS_IOU, Categories, Mdp, Section

Kind = Literal["dict", "box"]


class UnknownArgumentError(ObjlocError, TypeError):
    """An argument that the environments do not have.

    It is also what Python raises for one: torchrl tries ``frameskip`` and leaves it out if
    a TypeError names it.
    """


class Settings(Section):
    """Images to search, the decision process, and the form of its observations."""

    shards: str | None = None
    """Folder that the ``shard`` stage wrote; None: scenes are drawn in memory."""
    image_set: str = "train"
    """Image set of the shards; for scenes, part of their seed."""
    categories: Categories = "all"
    """``all``, one name, or several."""
    mdp: Mdp = Mdp()
    """The decision process."""
    observation: Kind = "dict"
    """Kind of the observation space."""
    window_size: Annotated[int, Field(ge=1)] = 64
    """Side in pixels of the observed window."""
    image_size: Annotated[int, Field(ge=1)] = 128
    """Side in pixels that images are squashed to first."""
    action_history: Annotated[int, Field(ge=0)] = 10
    """Number of past actions in the observation."""
    success_iou: Annotated[float, Field(ge=0, lt=1)] = SUCCESS_IOU
    """IoU threshold of ``is_success``."""
    scenes: Annotated[int, Field(ge=1)] = 60
    """Number of scenes drawn."""

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Self:
        """Check keyword arguments.

        Lists, paths and NumPy's numbers are allowed; ``mdp`` may be None, an ``Mdp``, or a
        mapping of some of its keys.

        Raises:
            UnknownArgumentError: an unknown argument.
            ObjlocError: a value that is not allowed.
        """
        for name in arguments:
            if name not in cls.model_fields:
                raise UnknownArgumentError(
                    f"objloc.gym: got an unexpected keyword argument '{name}'; "
                    f"expected some of {', '.join(cls.model_fields)}"
                )
        given = dict(arguments)
        if given.get("mdp", ...) is None:
            del given["mdp"]
        try:
            return cls.model_validate_json(json.dumps(given, default=_plain))
        except ValidationError as error:
            raise ObjlocError(first_complaint(error)) from None

    @field_validator("categories")
    @classmethod
    def _distinct(cls, value: Literal["all"] | tuple[str, ...]) -> Literal["all"] | tuple[str, ...]:
        if value != "all" and (not value or "all" in value or len(set(value)) < len(value)):
            raise ValueError("expected all, one name, or several distinct names")
        return value


def _plain(value: object) -> object:
    """A value that JSON has no form for, in one that it has."""
    if isinstance(value, Mdp):
        return value.model_dump()
    if isinstance(value, Mapping):
        return dict(value)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
