"""Speed of packing shards beside ``tar``, and of reading them from S3 beside local ones.

``python -m benchmarks.scale_shards ARCHIVES`` packs the images of VOC2007's archives in a folder,
with one thread and with as many as there are cores, each time beside a copy of the same files by
``tar --create | tar --extract``; then reads all shards from a folder, from an S3 server on
loopback (moto's, in a process of its own) into an empty cache, and from the cache. Turns
alternate; ratios are of the same turn, by the clock and by the time of processors, which other
programs hardly change. It writes ``benchmarks/results/scale_shards.json``.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, Archives, Machine, archives_of_2007, write_run
from objloc.data import workers
from objloc.data.remote.cache import CACHE, Stated, cache_folder, folder_at
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.data.shards import write_shards
from objloc.data.voc.devkit import open_devkit
from objloc.files import write_json
from objloc.params import Shard

NAME = "scale_shards"
BUCKET = "data"
_ROWS = {
    "packing shards, one thread": ("one thread", "tar"),
    "packing shards, a thread for each core": ("all threads", "tar"),
    "reading from S3, nothing in the cache": ("cold", "local"),
    "reading from S3, all in the cache": ("cached", "local"),
}
"""What is timed and beside what, by label."""


def shards_table(result: Mapping[str, Any]) -> str:
    """Table of speeds relative to what they were timed beside."""
    rows = []
    for label, (timed, beside) in _ROWS.items():
        cells = []
        for clock in ("wall", "processor"):
            pairs = zip(result[timed], result[beside], strict=True)
            ratios = [100 * other[clock] / own[clock] for own, other in pairs]
            reach = f"({min(ratios):.0f} to {max(ratios):.0f})"
            cells.append(f"**{statistics.median(ratios):.0f} %** {reach}")
        other = "copying by tar" if beside == "tar" else "reading from a folder"
        rows.append([label, other, *cells])
    return table(("work", "beside", "speed", "by processor time"), rows)


def _timed(work: Callable[[], None]) -> dict[str, float]:
    """Seconds that work takes, and seconds of processors in it and in what it started."""
    began, before = time.perf_counter(), sum(os.times()[:4])
    work()
    return {
        "wall": round(time.perf_counter() - began, 3),
        "processor": round(sum(os.times()[:4]) - before, 2),
    }


def _packing(files: Path, folder: Path, turns: int) -> dict[str, list[dict[str, float]]]:
    """Seconds of packing and copying a folder of files."""
    seconds: dict[str, list[dict[str, float]]] = {"tar": [], "one thread": [], "all threads": []}
    every = workers.workers

    def copy() -> None:
        shutil.rmtree(folder / "copy", ignore_errors=True)
        (folder / "copy").mkdir()
        subprocess.run(
            ["sh", "-c", 'tar -C "$0" -cf - . | tar -C "$1" -xf -', files, folder / "copy"],
            check=True,
        )

    def pack() -> None:
        write_shards(open_devkit(files), folder / "shards", Shard())

    for _ in range(turns):
        seconds["tar"].append(_timed(copy))
        for name, number in (("one thread", lambda: 1), ("all threads", every)):
            workers.workers = number
            seconds[name].append(_timed(pack))
    return seconds


@contextmanager
def _s3() -> Iterator[str]:
    """An S3 server with an empty bucket; the bucket's URL."""
    import boto3
    from botocore.exceptions import EndpointConnectionError

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = boto3.client("s3")
        for _ in range(120):
            try:
                client.create_bucket(Bucket=BUCKET)
                break
            except EndpointConnectionError:
                time.sleep(0.5)
        yield f"s3://{BUCKET}"
    finally:
        server.terminate()
        server.wait()


def _reading(shards: Path, turns: int) -> dict[str, list[dict[str, float]]]:
    """Seconds of reading all shards of a folder, locally and from S3."""
    import boto3

    seconds: dict[str, list[dict[str, float]]] = {"local": [], "cold": [], "cached": []}

    def read(folder: Path) -> None:
        for _ in read_samples(folder, "+".join(read_index(folder).image_sets)):
            pass

    with _s3() as bucket:
        client = boto3.client("s3")
        for path in shards.iterdir():
            client.put_object(Bucket=BUCKET, Key=f"shards/{path.name}", Body=path.read_bytes())
        stated = Stated.shards(None)
        for _ in range(turns):
            seconds["local"].append(_timed(lambda: read(shards)))
            shutil.rmtree(cache_folder(), ignore_errors=True)
            seconds["cold"].append(_timed(lambda: read(folder_at(f"{bucket}/shards", stated))))
            seconds["cached"].append(_timed(lambda: read(folder_at(f"{bucket}/shards", stated))))
    return seconds


def main(
    archives: Archives,
    turns: Annotated[int, typer.Option(help="Turns of each kind of work.")] = 3,
    machine: Machine = "",
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ[CACHE] = str(folder / "cache")
        for archive in archives_of_2007(archives):
            with tarfile.open(archive) as tar:
                tar.extractall(folder / "files", filter="data")
        seconds = _packing(folder / "files", folder, turns)
        seconds |= _reading(folder / "shards", turns)
    result = {"cores": os.cpu_count(), **seconds}
    write_json(output, result)
    write_run(output, "python -m benchmarks.scale_shards ARCHIVES", machine)
    print(shards_table(result))


if __name__ == "__main__":
    typer.run(main)
