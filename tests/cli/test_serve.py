import re
import signal
import subprocess
import sys
from pathlib import Path

from benchmarks.reliability.traffic.client import ask
from objloc.network.checkpoint import save_checkpoint
from tests.cli.test_app import INTERRUPTIBLE
from tests.helpers.commands import run_objloc
from tests.helpers.imports import ROOT
from tests.helpers.subjects import make_checkpoint


def test_a_model_that_is_not_there_is_told_before_anything_is_served() -> None:
    assert "nowhere.pt: no such checkpoint" in run_objloc("serve", "--model", "nowhere.pt").error


def test_it_serves_this_machine_within_its_limits_until_it_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, make_checkpoint())
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "serve", "--model", str(path), "--port=0",
         "--max-megabytes=1"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            line = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert address, line
            assert ask(address[0], "/ping") == (200, "\n")
            status, told = ask(address[0], "/invocations", bytes(2**20 + 1))
            assert status == 413
            assert "at most 1 MiB" in told["message"]
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
        finally:
            process.kill()
    assert process.returncode == 130
    assert errors.strip() == "interrupted"
