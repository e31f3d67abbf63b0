"""An S3 server and an HTTP server on the loopback device, and an empty cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from objloc.data.remote.cache import CACHE
from tests.helpers.buckets import S3, s3_served
from tests.helpers.servers import Files, serving


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    with s3_served(tmp_path / "cache") as server:
        yield server


@pytest.fixture
def http(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """A server that serves the shards as /voc."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    content = {f"/voc/{path.name}": path.read_bytes() for path in written.iterdir()}
    with serving(Files(content)) as files:
        yield files
