import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from objloc.network.checkpoint import save_checkpoint
from tests.helpers.commands import run_objloc
from tests.helpers.imports import ROOT
from tests.helpers.ports import free_port
from tests.helpers.subjects import make_checkpoint


def test_without_gradio_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, make_checkpoint())
    told = run_objloc("app", "--model", str(path), "--no-open")
    assert (
        told.error == "app: expected the package gradio; not installed (pip install 'objloc[app]')"
    )


def test_a_model_that_is_not_there_is_told_before_anything_is_served() -> None:
    assert "nowhere.pt: no such checkpoint" in run_objloc("app", "--model", "nowhere.pt").error


# A shell that puts a program in the background has it ignore interrupts, and its
# children too: where the tests run so, this one would wait for ever.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from objloc.cli import main; main()"
)


def test_it_serves_until_it_is_interrupted_and_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="the extra app is not installed")
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, make_checkpoint())
    place = tmp_path / "temporary"
    place.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "app",
         "--model", str(path), "--no-open", "--port", str(free_port())],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            line = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert address, line
            answer = build_opener(ProxyHandler({})).open(address[0], timeout=300)
            assert "objloc" in answer.read().decode()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
        finally:
            process.kill()
    assert process.returncode == 130
    assert errors.strip().endswith("interrupted")
    assert "Traceback" not in errors
    assert not list(place.glob("objloc-app-*"))
