"""Fetch a user's picture by its URL into memory, within limits of size and time."""

import re
import time

import requests

from objloc.errors import ObjlocError

MAX_BYTES = 32 * 2**20
"""Maximum size of a download in bytes."""
PATIENCE = 30.0
"""Maximum seconds for a download, however slowly the server sends."""
_SILENCE = (5.0, 10.0)
"""Seconds without a connection, or without a byte, after which the download is given up."""
_CHUNK = 64 * 2**10


def fetch(url: str, max_bytes: int = MAX_BYTES, patience: float = PATIENCE) -> bytes:
    """Download a file into memory.

    Args:
        url: http or https.
        max_bytes: maximum size.
        patience: maximum seconds.

    Raises:
        ObjlocError: the file is not available, too large or too slow.
    """
    deadline = time.monotonic() + patience
    silence = (min(_SILENCE[0], patience), min(_SILENCE[1], patience))
    content = bytearray()
    try:
        with requests.get(
            url, headers={"User-Agent": "objloc"}, stream=True, timeout=silence
        ) as response:
            if response.status_code != requests.codes.ok:
                raise ObjlocError(f"{url}: expected a picture; found HTTP {response.status_code}")
            for chunk in response.iter_content(_CHUNK):
                content += chunk
                if len(content) > max_bytes:
                    raise ObjlocError(f"{url}: expected at most {_size(max_bytes)}; found more")
                if time.monotonic() > deadline:
                    raise ObjlocError(f"{url}: expected an answer within {patience:g} s; gave up")
    except (requests.RequestException, UnicodeError) as error:
        raise ObjlocError(f"{url}: cannot be fetched: {reason_of(error)}") from None
    return bytes(content)


def _size(number: int) -> str:
    return f"{number // 2**20} MiB" if number >= 2**20 else f"{number} bytes"


def reason_of(error: Exception) -> str:
    """Say in a few words why a request failed: the original runs over several lines."""
    text = str(error)
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return "no answer in time"
    if isinstance(error, requests.TooManyRedirects):
        return "too many redirects"
    if "refused" in text:
        return "connection refused"
    if re.search(r"resol|Name or service|nodename|getaddrinfo", text):
        return "no such host"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let us through"
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection"
    # Requests' errors about malformed addresses are of this kind too.
    if isinstance(error, ValueError):
        return "not a usable address"
    return "connection broken"
