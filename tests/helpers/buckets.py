"""An S3 server on the loopback device, and what the cache holds of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import s3fs
from moto.server import ThreadedMotoServer

from objloc.data.remote.cache import CACHE, cache_folder

BUCKET = "data"


@dataclass
class S3:
    """A server with a bucket.

    Attributes:
        url: the bucket's.
        client: of boto3.
        endpoint: the server's address.
        environment: what this process's environment can be changed by.
    """

    url: str
    client: Any
    endpoint: str
    environment: pytest.MonkeyPatch
    _server: ThreadedMotoServer
    _running: bool = True

    def put_folder(self, folder: Path, name: str) -> str:
        """Copy a folder's files into the bucket; its URL."""
        for path in folder.iterdir():
            self.client.put_object(Bucket=BUCKET, Key=f"{name}/{path.name}", Body=path.read_bytes())
        return f"{self.url}/{name}"

    def remove(self, name: str) -> None:
        """Remove all objects whose names begin so."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=name).get("Contents", [])
        for each in found:
            self.client.delete_object(Bucket=BUCKET, Key=each["Key"])

    def refuse_strangers(self) -> None:
        """Ask for credentials that the server knows from now on; it knows none."""
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data=b"0", timeout=300)

    def stop(self) -> None:
        """Stop the server, if it runs: asked twice it waits for ever."""
        if self._running:
            self._running = False
            self._server.stop()


@contextmanager
def s3_served(cache: Path) -> Iterator[S3]:
    """Serve an empty bucket while the block runs, and name it in the environment.

    Args:
        cache: folder of fetched files.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    requests.post(f"{endpoint}/moto-api/reset", timeout=300)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv(CACHE, str(cache))
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        s3fs.S3FileSystem.clear_instance_cache()
        served = S3(f"s3://{BUCKET}", client, endpoint, patch, server)
        try:
            yield served
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            served.stop()


def cached_shards() -> list[str]:
    """Names of the shards in the cache; nothing else is there but folders, locks and indices."""
    names = [path.name for path in cache_folder().iterdir() if path.is_file()]
    assert all(name.endswith((".tar", ".lock", ".json")) for name in names), names
    return sorted(name for name in names if name.endswith(".tar"))
