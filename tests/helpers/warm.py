"""A ``python`` for miniature projects that has loaded already what every stage loads.

A miniature stage computes for a second and imports PyTorch and MLflow for four. Run as a
program, this module imports them once and forks for each command. The code of the stage and
of ``objloc`` is imported by the fork, from the folder that the command runs in.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

LOADED = (
    "alembic", "jinja2", "lxml.etree", "matplotlib.figure", "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store", "PIL.ImageDraw", "pydantic", "rich.progress",
    "ruamel.yaml", "torch._dynamo", "typer", "webdataset",
)  # fmt: skip

CLIENT = """#!{python} -SE
import json, os, signal, socket, sys
if sys.argv[1:2] not in (["-c"], ["-m"]):
    os.execv("{python}", ["{python}", *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect("{address}")
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(said).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(said)
    child = int.from_bytes(server.recv(8), "big")
    if child:
        signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))
    sys.exit(int(server.recv(8) or 1))
"""
"""The ``python`` that is found on the path: it passes a command on and waits for its status.

A SIGTERM is passed on too, as by torchrun: the command may have something to say before it ends.
"""


@contextmanager
def warm_python() -> Iterator[Path]:
    """Folder, to be put first on ``PATH``, of a ``python`` that is quick to start."""
    with tempfile.TemporaryDirectory() as name:
        folder, address = Path(name), Path(name, "socket")
        script = folder / "python"
        script.write_text(CLIENT.format(python=sys.executable, address=address))
        script.chmod(0o755)
        with subprocess.Popen(
            [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server:
            assert server.stdout
            assert server.stdout.readline() == b"ready\n"
            yield folder
            # Leaving the block ends standard input, and with it the server.


def serve(address: str) -> None:
    """Answer at a socket's path until standard input ends."""
    for name in LOADED:
        import_module(name)
    # Pages that are not written to are not copied by a fork.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if os.fork() == 0:
                answer(connection)
            connection.close()


def answer(connection: socket.socket) -> NoReturn:
    """Run a command in a child, send its exit status, and end this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as file:
        arguments, folder, environment = json.loads(file.read(int.from_bytes(length, "big")))
    child = os.fork()
    if child:
        with suppress(BrokenPipeError):  # who asked was killed
            connection.send(child.to_bytes(8, "big"))
        _, status = os.waitpid(child, 0)
        with suppress(BrokenPipeError):
            connection.send(str(os.waitstatus_to_exitcode(status) & 255).encode())
        os._exit(0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    status = run(*arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # An ordinary end would look at every object, and so copy every page.
    os._exit(status)


def run(option: str, command: str, *arguments: str) -> int:
    """Run ``python OPTION COMMAND ARGUMENTS`` here; its exit status."""
    sys.argv, sys.path[0] = [option, *arguments], ""
    try:
        if option == "-m":
            runpy.run_module(command, run_name="__main__", alter_sys=True)
        else:
            exec(command, {"__name__": "__main__"})  # noqa: S102
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
