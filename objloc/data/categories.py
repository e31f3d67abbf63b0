"""The categories that a parameter asks for, among those that there are."""

from collections.abc import Iterable
from typing import Literal

from objloc.errors import ObjlocError


def resolve_categories(
    asked: Literal["all"] | tuple[str, ...], known: Iterable[str], key: str
) -> tuple[str, ...]:
    """The categories meant by a parameter, in the order asked.

    Raises:
        ObjlocError: a category that the data does not know; names ``key``.
    """
    known = tuple(known)
    if asked == "all":
        return known
    for category in asked:
        if category not in known:
            raise ObjlocError(
                f"{key}: unknown category '{category}'; allowed: all, {', '.join(known)}"
            )
    return asked
