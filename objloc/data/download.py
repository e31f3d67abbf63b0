"""One file over HTTP, resumed, retried and checked."""

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
"""Bytes taken at a time; of an unfinished one nothing is kept when a connection breaks."""


@dataclass(frozen=True)
class Patience:
    """How long to try.

    All addresses are tried in a round; the wait before the next round doubles,
    give or take a half by chance, so that many clients don't come back at once.
    A round that brought new bytes starts the count again.

    Attributes:
        rounds: without progress before giving up.
        first_wait, longest_wait: seconds between rounds.
        connect_timeout, read_timeout: seconds without an answer.
    """

    rounds: int = 4
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect_timeout: float = 10.0
    read_timeout: float = 20.0

    def wait(self, attempt: int) -> float:
        """Seconds before a round; the second of all has number 1."""
        usual = min(self.first_wait * 2.0 ** (attempt - 1), self.longest_wait)
        return usual * (0.5 + secrets.randbelow(1000) / 1000)


@dataclass(frozen=True)
class Download:
    """What is wanted.

    Attributes:
        name: of the file.
        size: in bytes.
        md5: hexadecimal.
        urls: addresses, best first.
        folder: where it is put; partial files wait here too.
        patience: how long to try.
    """

    name: str
    size: int
    md5: str
    urls: Sequence[str]
    folder: Path
    patience: Patience

    @property
    def target(self) -> Path:
        """The whole file, its checksum in the name: another version is another file."""
        return self.folder / f"{self.md5[:8]}-{self.name}"

    @property
    def part(self) -> Path:
        """What has come so far."""
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def note(self) -> Path:
        """From where the part came, and how the server marks that version."""
        return self.target.with_name(f"{self.target.name}.part.json")

    def discard(self) -> None:
        """Forget what has come so far."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


class _AgainError(Exception):
    """This address may answer better later."""


class _RefusedError(Exception):
    """This address has not what is wanted."""


class _ChecksumError(Exception):
    """The bytes are as many as wanted, but others."""


def download(wanted: Download) -> Path:
    """Fetch a file, going on where an earlier attempt stopped.

    Several processes may want the same file: the others wait for the first.

    Returns:
        The file, of the size and checksum wanted.

    Raises:
        ObjlocError: no address gave it; the message lists what was tried.
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
    """Rounds over the addresses until the file is there."""
    open_urls = list(dict.fromkeys(wanted.urls))
    failures = dict.fromkeys(open_urls, "not tried")
    suspects: set[str] = set()
    attempt = 0
    while open_urls and attempt < wanted.patience.rounds:
        if attempt:
            wait = wanted.patience.wait(attempt)
            _say(f"{wanted.name}: trying again in {wait:.1f} s")
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
                # Two halves of different versions may have met: once more, from the start.
                if had == 0 or url in suspects:
                    open_urls.remove(url)
                suspects.add(url)
            except _AgainError as error:
                reason = str(error)
            except _RefusedError as error:
                reason = str(error)
                open_urls.remove(url)
            if reason != failures[url]:
                _say(f"{wanted.name}: {url}: {reason}")
            failures[url] = reason
            if _size(wanted.part) > had:
                attempt = 0
    tried = "; ".join(f"{url} ({reason})" for url, reason in failures.items())
    raise ObjlocError(
        f"{wanted.name}: expected {wanted.size} bytes with md5 {wanted.md5}; tried {tried}; "
        f"without internet, name a folder or address that holds the archives: "
        f"dataset.mirror=FOLDER"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _verify(wanted: Download) -> None:
    """Give the part its final name if its checksum is right."""
    found = file_hash(wanted.part, "md5")
    if found == wanted.md5:
        wanted.part.replace(wanted.target)
        wanted.note.unlink(missing_ok=True)
        return
    wanted.discard()
    raise _ChecksumError(f"wrong checksum: expected md5 {wanted.md5}, found {found}")


def _fetch(url: str, wanted: Download) -> None:
    """Bring the part to its full size from one address."""
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
        raise _AgainError(reason_of(error)) from None
    if (size := _size(wanted.part)) < wanted.size:
        raise _AgainError(f"connection closed after {size} of {wanted.size} bytes")


def _headers(url: str, wanted: Download, had: int) -> dict[str, str]:
    """Ask for the rest, if the server's file is still the one that was begun."""
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
    """The offset of an answer's first byte: 0 where the server gives the whole file."""
    status = response.status_code
    if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
        raise _AgainError(f"HTTP {status}")
    if status == requests.codes.requested_range_not_satisfiable:
        wanted.discard()
        raise _AgainError(f"HTTP {status}: no bytes from {had} on")
    if status == requests.codes.partial_content:
        found = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "")
        )
        if not found or int(found[1]) != had or found[3] not in ("*", str(wanted.size)):
            wanted.discard()
            raise _AgainError(
                f"expected bytes {had} to {wanted.size}, "
                f"found {response.headers.get('Content-Range', 'no Content-Range')}"
            )
        return had
    if status != requests.codes.ok:
        raise _RefusedError(f"HTTP {status}")
    length = response.headers.get("Content-Length", str(wanted.size))
    if (
        length != str(wanted.size)
        or response.headers.get("Content-Encoding", "identity") != "identity"
    ):
        raise _RefusedError(f"wrong size: expected {wanted.size} bytes, found {length}")
    return 0


def _copy(
    response: requests.Response,
    wanted: Download,
    start: int,
    write: Callable[[bytes], int],
    advance: Callable[[int], None],
) -> None:
    """Write an answer's body, and no more of it than expected."""
    expected = wanted.size - start
    for chunk in response.iter_content(CHUNK):
        if len(chunk) > expected:
            wanted.discard()
            raise _RefusedError("wrong size: found more bytes than expected")
        expected -= len(chunk)
        write(chunk)
        advance(len(chunk))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
