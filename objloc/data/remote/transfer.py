"""Copying one file by URL.

fsspec knows how each kind of server is asked; credentials come from the environment, as the
packages of the servers have it.
"""

import asyncio
import errno
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from objloc.errors import ObjlocError

_EXTRAS = {"s3": "s3", "gs": "gcs", "http": "http", "https": "http"}
"""Kinds of URLs, and the extra of this package that each needs."""
_URL = re.compile(r"(?P<kind>[a-z0-9]+)://(?P<host>[^/@?#:]+(:\d+)?)(/[^?#]*)?")
_SILENCE = 60.0
"""Seconds without a byte after which an http server is given up."""
_REFUSED = (401, 403)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def copy_from_url(
    place: str, path: Path, most: int, advance: Callable[[int], None] = lambda _: None
) -> None:
    """Copy a file by URL to a path.

    Raises:
        ObjlocError: it cannot be fetched, or has more than ``most`` bytes.
        OSError: the path cannot be written.
    """
    from fsspec.callbacks import Callback  # noqa: PLC0415  # only for URLs

    class Watch(Callback):  # type: ignore[misc]  # it has no types
        """Count the bytes, and end a copy that brings more than there should be."""

        def relative_update(self, inc: int = 1) -> None:
            super().relative_update(inc)
            if self.value > most:
                raise ObjlocError(f"{place}: expected at most {most} bytes; found more")
            advance(inc)

    files = _file_system(place)
    try:
        files.get_file(place, str(path), callback=Watch())
    except (ObjlocError, KeyboardInterrupt):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            raise
        raise ObjlocError(f"{place}: cannot be fetched: {_reason(error)}") from None


def _file_system(place: str) -> Any:
    """File system of a URL, fsspec's.

    Raises:
        ObjlocError: the URL is of an unknown kind, has credentials in it, or its package is
            missing.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415  # only for URLs

    match = _URL.fullmatch(place)
    if match is None or match["kind"] not in _EXTRAS:
        kinds = ", ".join(f"{kind}://" for kind in _EXTRAS)
        raise ObjlocError(
            f"{_without_secrets(place)}: expected {kinds} and a path, without credentials or a "
            f"query; found another address"
        )
    options: dict[str, Any] = {}
    extra = _EXTRAS[match["kind"]]
    try:
        if extra == "http":
            import aiohttp  # noqa: PLC0415  # an extra

            # By default a download may take five minutes in all, however large it is.
            patience = aiohttp.ClientTimeout(total=None, connect=_SILENCE, sock_read=_SILENCE)
            options["client_kwargs"] = {"timeout": patience, "trust_env": True}
        files = url_to_fs(place, **options)[0]
    except ImportError:
        raise ObjlocError(
            f"{place}: expected the packages for {match['kind']}:// addresses; found them not "
            f"installed (pip install 'objloc[{extra}]')"
        ) from None
    return files


def _without_secrets(place: str) -> str:
    """A refused address without what may be a password or a signature: errors get into logs."""
    return re.sub(r"[?#].*", "?...", re.sub(r"//[^/]*@", "//...@", place))


def _reason(error: Exception) -> str:
    """Say in a few words why a file could not be fetched."""
    text = " ".join(str(error).split()) or type(error).__name__
    status = error.status if hasattr(error, "status") else getattr(error, "code", None)
    if isinstance(error, FileNotFoundError):
        return "no such bucket, folder or file"
    if isinstance(error, PermissionError) or status in _REFUSED:
        return f"access refused: {text} (credentials are taken from the environment)"
    if "credentials" in text.lower():
        return f"{text} (they are taken from the environment)"
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return "no answer in time"
    return text
