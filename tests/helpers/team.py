"""What a team keeps its runs in, on loopback: PostgreSQL, an S3 server, and MLflow's server."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from moto.server import ThreadedMotoServer

from tests.helpers.ports import free_port

BUCKET = "team"
_DEBIAN = Path("/usr/lib/postgresql")
_OTHERS = ("postgres", "nobody")
"""Users that PostgreSQL may run as where the tests run as root, as which it refuses to run."""


@contextmanager
def postgres() -> Iterator[str]:
    """A new PostgreSQL with a database; its address, with a password.

    Skips the test where there is no PostgreSQL, or nobody that it may run as.
    """
    user = _user_of_postgres()
    # Another user cannot enter pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="objloc-postgres-") as name:
        folder = Path(name)
        secret = folder / "secret"
        secret.write_text(secrets.token_hex())
        if user is not None:
            for path in (folder, secret):
                shutil.chown(path, user)
        data, port = folder / "data", free_port()

        def call(*command: str) -> None:
            done = subprocess.run(
                command, user=user, cwd=folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                capture_output=True, text=True, check=False, extra_groups=() if user else None,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr

        call(
            _program("initdb"), "-D", str(data), "-U", "mlflow", "-A", "scram-sha-256",
            "--pwfile", str(secret), "--no-sync",
        )  # fmt: skip
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = (_program("pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"))
        call(*control, "-o", options, "start")
        try:
            yield f"postgresql+psycopg2://mlflow:{secret.read_text()}@127.0.0.1:{port}/postgres"
        finally:
            call(*control, "-m", "fast", "stop")


def _user_of_postgres() -> str | None:
    if os.getuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    for name in _OTHERS:
        if name in known:
            return name
    pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def _program(name: str) -> str:
    """Path of one of PostgreSQL's programs, which Debian does not put on the path."""
    folders = sorted(_DEBIAN.glob("*/bin"))
    if found := shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *map(str, folders)])):
        return found
    pytest.skip(f"PostgreSQL is not installed: there is no {name}")


@contextmanager
def s3_server(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server with a bucket; the environment holds its address and credentials."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        patch.setenv(name, value)
    try:
        # The servers of a process share one memory.
        requests.post(f"http://{host}:{port}/moto-api/reset", timeout=300)
        s3_client().create_bucket(Bucket=BUCKET)
        yield os.environ["MLFLOW_S3_ENDPOINT_URL"]
    finally:
        server.stop()


def s3_client() -> Any:
    """A client of the S3 server of the environment."""
    return pytest.importorskip("boto3").client(
        "s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"]
    )


def keys() -> list[str]:
    """Names of all objects in the bucket."""
    pages = s3_client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


@contextmanager
def mlflow_server(
    log: Path,
    port: int,
    store: str,
    artifacts: str,
    *,
    options: Sequence[str] = ("--workers", "1"),
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """MLflow's own server; stopped, and waited for, at the end.

    Args:
        log: file that receives what it prints.
        port: port on the loopback device.
        store: address of its database.
        artifacts: folder or address where it keeps files.
        options: further options.
        environment: further variables of its environment.
    """
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store,
        "--artifacts-destination", artifacts, "--host", "127.0.0.1", "--port", str(port), *options,
    ]  # fmt: skip
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("MLFLOW_") or key == "MLFLOW_S3_ENDPOINT_URL"
    }
    with log.open("ab") as file:
        server = subprocess.Popen(
            command, env=kept | dict(environment or {}), stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        while True:
            assert server.poll() is None, log.read_text()
            try:
                if requests.get(f"http://127.0.0.1:{port}/health", timeout=300).ok:
                    break
            except requests.RequestException:
                time.sleep(0.2)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
