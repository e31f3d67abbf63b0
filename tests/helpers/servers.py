"""An HTTP server on the loopback device that misbehaves as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Files:
    """What a server serves, and how.

    Attributes:
        content: bytes by path.
        ranges: whether ``Range`` is honoured.
        etag, modified: validators sent; None: not sent.
        failures: statuses of the first answers.
        cuts: numbers of bytes after which the first answers' connections close.
        stalls: numbers of bytes after which the first answers stop, their connections open.
        redirects: path to go to, by path.
        content_range: sent instead of the true one.
        headers: sent with files; an empty one is left out.
        log: one line for each request: path, ``Range``, ``If-Range``.
        silent: released whenever an answer has stopped.
        ended: set when the server shuts down.
    """

    content: dict[str, bytes]
    ranges: bool = True
    etag: str | None = '"one"'
    modified: str | None = None
    failures: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    stalls: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    content_range: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    log: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    silent: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    files: Files


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:  # the base class calls it so
        files = self.server.files
        wanted, condition = self.headers["Range"], self.headers["If-Range"]
        files.log.append((self.path, wanted, condition))
        if files.failures:
            self._answer(files.failures.pop(0), b"", {})
        elif self.path in files.redirects:
            self._answer(302, b"", {"Location": files.redirects[self.path]})
        elif self.path not in files.content:
            self._answer(404, b"", {})
        else:
            self._send_file(files.content[self.path], wanted, condition)

    def _send_file(self, content: bytes, wanted: str | None, condition: str | None) -> None:
        files = self.server.files
        headers = dict(files.headers)
        if files.etag:
            headers["ETag"] = files.etag
        if files.modified:
            headers["Last-Modified"] = files.modified
        same = condition in (None, files.etag, files.modified)
        if not (wanted and files.ranges and same):
            self._answer(200, content, headers)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        known = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers["Content-Range"] = files.content_range or known
        self._answer(206, content[start:], headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        files = self.server.files
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if body and files.cuts:
            self.wfile.write(body[: files.cuts.pop(0)])
            self.close_connection = True
            return
        if body and files.stalls:
            self.wfile.write(body[: files.stalls.pop(0)])
            files.silent.release()
            files.ended.wait()
            self.close_connection = True
            return
        # A client that has seen enough hangs up.
        with suppress(ConnectionError):
            self.wfile.write(body)
        if not headers.get("Content-Length", "x"):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(files: Files) -> Iterator[Files]:
    """Serve while the block runs; ``files.url`` is the address, without a slash at the end."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.files = files
    files.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield files
    finally:
        files.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def unused_address() -> str:
    """An address on which nothing listens."""
    with serving(Files({})) as files:
        return files.url
