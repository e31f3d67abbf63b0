"""Download a dataset's archive to a file: resume, retry, verify."""

import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock

from objloc.data.fetch import reason_of
from objloc.errors import ObjlocError
from objloc.files import file_hash, write_json
from objloc.progress import progress

CHUNK = 2**14
"""Bytes per read; an unfinished read is lost when the connection breaks."""


@dataclass(frozen=True)
class Patience:
    """Limits on retries.

    Each round tries all addresses. The wait before the next round doubles, and is
    changed by up to a half at random, so that many clients don't return at once.
    A round after which there are more bytes than ever resets the count.

    Attributes:
        rounds: maximum number of rounds without progress.
        first_wait, max_wait: seconds between rounds.
        connect_timeout, read_timeout: maximum seconds without an answer.
    """

    rounds: int = 4
    first_wait: float = 1.0
    max_wait: float = 30.0
    connect_timeout: float = 10.0
    read_timeout: float = 20.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait before a round; ``attempt`` is 1 before the second round."""
        usual = min(self.first_wait * 2.0 ** (attempt - 1), self.max_wait)
        return usual * (0.5 + secrets.randbelow(1000) / 1000)


@dataclass(frozen=True)
class Download:
    """A file to download.

    Attributes:
        name: name of the file.
        size: expected number of bytes.
        md5: expected checksum, hexadecimal.
        urls: addresses, best first.
        folder: folder of the file and of its partial download.
        patience: limits on retries.
    """

    name: str
    size: int
    md5: str
    urls: Sequence[str]
    folder: Path
    patience: Patience

    @property
    def target(self) -> Path:
        """The whole file; its name holds the checksum, so that versions are separate files."""
        return self.folder / f"{self.md5[:8]}-{self.name}"

    @property
    def part(self) -> Path:
        """The partial download."""
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def note(self) -> Path:
        """Record of the partial download: its address and the server's marks of that version."""
        return self.target.with_name(f"{self.target.name}.part.json")

    def discard(self) -> None:
        """Delete the partial download."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


class _TransientError(Exception):
    """The address may succeed later."""


class _PermanentError(Exception):
    """The address does not have the file."""


class _ChecksumError(Exception):
    """The file has the expected size but another checksum."""


def download(wanted: Download) -> Path:
    """Fetch a file, resuming an earlier attempt.

    If several processes want the same file, the others wait for the first.

    Returns:
        Path of the file, whose size and checksum are as expected.

    Raises:
        ObjlocError: no address delivered the file; the message lists the attempts.
    """
    try:
        wanted.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(wanted.target.with_name(f"{wanted.target.name}.lock")):
            if wanted.target.is_file() and file_hash(wanted.target, "md5") == wanted.md5:
                return wanted.target
            _try_all(wanted)
            return wanted.target
    except OSError as error:
        raise ObjlocError(
            f"{wanted.folder}: cannot be written: {error.strerror or error}"
        ) from None


def _try_all(wanted: Download) -> None:
    """Try the addresses in rounds until the file is complete."""
    open_urls = list(dict.fromkeys(wanted.urls))
    failures = dict.fromkeys(open_urls, "not tried")
    suspects: set[str] = set()
    attempt, most = 0, _size(wanted.part)
    while open_urls and attempt < wanted.patience.rounds:
        if attempt:
            wait = wanted.patience.wait(attempt)
            _log(f"{wanted.name}: trying again in {wait:.1f} s")
            time.sleep(wait)
        attempt += 1
        for url in tuple(open_urls):
            had = _size(wanted.part)
            try:
                _fetch(url, wanted)
                _verify(wanted)
                return
            except _ChecksumError as error:
                reason = str(error)
                # The part may consist of two versions: try once more from the start.
                if had == 0 or url in suspects:
                    open_urls.remove(url)
                suspects.add(url)
                most = 0
            except _TransientError as error:
                reason = str(error)
            except _PermanentError as error:
                reason = str(error)
                open_urls.remove(url)
            if reason != failures[url]:
                _log(f"{wanted.name}: {url}: {reason}")
            failures[url] = reason
            # More than ever: a page that comes again and again is no progress.
            if _size(wanted.part) > most:
                most, attempt = _size(wanted.part), 0
    tried = "; ".join(f"{url} ({reason})" for url, reason in failures.items())
    raise ObjlocError(
        f"{wanted.name}: expected {wanted.size} bytes with md5 {wanted.md5}; tried {tried}; "
        f"without internet, name a folder or address that holds the archives: "
        f"dataset.mirror=FOLDER"
    )


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _verify(wanted: Download) -> None:
    """Give the partial download its final name if its checksum is right."""
    found = file_hash(wanted.part, "md5")
    if found == wanted.md5:
        wanted.part.replace(wanted.target)
        wanted.note.unlink(missing_ok=True)
        return
    wanted.discard()
    raise _ChecksumError(f"wrong checksum: expected md5 {wanted.md5}, found {found}")


def _fetch(url: str, wanted: Download) -> None:
    """Complete the partial download from one address."""
    had = _size(wanted.part)
    if had > wanted.size:
        wanted.discard()
        had = 0
    if had == wanted.size:
        return
    patience = wanted.patience
    try:
        with requests.get(
            url,
            headers=_headers(url, wanted, had),
            stream=True,
            timeout=(patience.connect_timeout, patience.read_timeout),
        ) as response:
            start = _start(response, wanted, had)
            validators = {name: response.headers.get(name) for name in ("ETag", "Last-Modified")}
            if start == 0:
                wanted.part.unlink(missing_ok=True)
            write_json(wanted.note, {"url": url, **validators})
            with (
                wanted.part.open("ab") as file,
                progress(wanted.name, wanted.size, "bytes", start) as advance,
            ):
                _copy(response, wanted, start, file.write, advance)
    except requests.RequestException as error:
        raise _TransientError(reason_of(error)) from None
    if (size := _size(wanted.part)) < wanted.size:
        raise _TransientError(f"connection closed after {size} of {wanted.size} bytes")


def _headers(url: str, wanted: Download, had: int) -> dict[str, str]:
    """Headers that ask for the rest, if the server still has the version that was begun."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "objloc"}
    if had:
        headers["Range"] = f"bytes={had}-"
        try:
            note = json.loads(wanted.note.read_bytes())
        except (OSError, ValueError):
            note = {}
        etag = note.get("ETag") or ""
        # A weak tag doesn't promise the same bytes.
        validator = note.get("Last-Modified") if etag.startswith("W/") else etag
        if note.get("url") == url and (validator := validator or note.get("Last-Modified")):
            headers["If-Range"] = validator
    return headers


def _start(response: requests.Response, wanted: Download, had: int) -> int:
    """Offset of the response's first byte; 0 if the server sends the whole file."""
    status = response.status_code
    if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
        raise _TransientError(f"HTTP {status}")
    if status == requests.codes.requested_range_not_satisfiable:
        wanted.discard()
        raise _TransientError(f"HTTP {status}: no bytes from {had} on")
    if status == requests.codes.partial_content:
        found = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "")
        )
        if not found or int(found[1]) != had or found[3] not in ("*", str(wanted.size)):
            wanted.discard()
            raise _TransientError(
                f"expected bytes {had} to {wanted.size}, "
                f"found {response.headers.get('Content-Range', 'no Content-Range')}"
            )
        return had
    if status != requests.codes.ok:
        raise _PermanentError(f"HTTP {status}")
    length = response.headers.get("Content-Length", str(wanted.size))
    if (
        length != str(wanted.size)
        or response.headers.get("Content-Encoding", "identity") != "identity"
    ):
        raise _PermanentError(f"wrong size: expected {wanted.size} bytes, found {length}")
    return 0


def _copy(
    response: requests.Response,
    wanted: Download,
    start: int,
    write: Callable[[bytes], int],
    advance: Callable[[int], None],
) -> None:
    """Write the response's body, but no more bytes than expected."""
    expected = wanted.size - start
    for chunk in response.iter_content(CHUNK):
        if len(chunk) > expected:
            wanted.discard()
            raise _PermanentError("wrong size: found more bytes than expected")
        expected -= len(chunk)
        write(chunk)
        advance(len(chunk))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
