"""A small pipeline whose stages run by hand, and are killed or run out of space on purpose."""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from objloc.partial import SUFFIX
from tests.helpers.imports import ROOT
from tests.helpers.projects import TINY, edit

STAGES: dict[str, tuple[str, ...]] = {
    "download": ("manifest.json", "data/devkit"),
    "shard": ("data/devkit", "data/shards"),
    "encode": ("data/shards", "data/features", "--set", "train.agent=stored"),
    "train": ("data/shards", "data/train"),
    "evaluate": ("data/shards", "data/train/checkpoint.pt", "data/evaluate"),
    "publish": ("data/train", "data/evaluate", "results"),
    "register": ("data/train", "data/evaluate", "data/register"),
    "report": ("data/shards", "data/train", "data/evaluate", "data/report"),
    "animate": ("data/shards", "data/train/checkpoint.pt", "data/animate"),
    "explore": ("data/shards", "data/train/checkpoint.pt", "data/explore"),
    "layers": ("data/shards", "data/train/checkpoint.pt", "data/layers"),
}
"""Arguments of each stage, in the pipeline's order."""
_AGENT = "  stored: {extends: pretrained, encoder: {backbone: efficientnet-lite0, image_size: 64}}"

_RUN = """
import os, resource, runpy, signal, sys
project, place, kill_at, file_size, stage, *arguments = sys.argv[1:]
sys.path.insert(0, project)
events = 0

def watch(event, details):
    global events
    if event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"):
        return
    if event == "open" and not (isinstance(details[2], int) and details[2] & os.O_ACCMODE):
        return
    if isinstance(details[0], (str, os.PathLike)) and os.path.abspath(details[0]).startswith(place):
        events += 1
        if events == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)

if file_size != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_size), resource.RLIM_INFINITY))
sys.addaudithook(watch)
sys.argv = [stage, *arguments]
try:
    runpy.run_module("stages." + stage, run_name="__main__")
finally:
    print("events:", events, file=sys.stderr, flush=True)
"""
"""Runs a stage; counts the moments at which it changes files below ``place``."""


@dataclass(frozen=True)
class Run:
    """Exit status, standard error, and the number of moments at which files were changed."""

    status: int
    err: str
    events: int


class Pipeline:
    """Stages run by hand in a folder.

    Args:
        root: an empty folder.
        empty_store: an MLflow database without a run.
        tools: folder of a quick ``python``.

    Attributes:
        events: by stage, number of the moments at which a whole run changes files.
    """

    def __init__(self, root: Path, empty_store: Path, tools: Path) -> None:
        self.events: dict[str, int] = {}
        self.root, self._python = root, tools / "python"
        shutil.copy(empty_store, root / "mlflow.db")
        shutil.copy(ROOT / "params.yaml", root)
        shutil.copy(ROOT / "data" / "manifest.json", root)
        edit(root, TINY)
        text = (root / "params.yaml").read_text()
        (root / "params.yaml").write_text(text.replace("agents:\n", f"agents:\n{_AGENT}\n"))
        drop = ("DVC_", "MLFLOW_")
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
        self._environment |= {"DVC_ROOT": str(root), "OMP_NUM_THREADS": "1"}

    def run(self, stage: str, *, kill_at: int = 0, file_size: int = 0) -> Run:
        """Run a stage.

        Args:
            stage: its name.
            kill_at: number of the moment at which it kills itself; 0: none.
            file_size: maximum size in bytes of a file that it may write; 0: no limit.
        """
        done = subprocess.run(
            [
                *(self._python, "-c", _RUN, ROOT, self.root, str(kill_at), str(file_size)),
                *(stage, *STAGES[stage]),
            ],
            cwd=self.root,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stderr.splitlines()
        counted = [line for line in lines if line.startswith("events: ")]
        err = "\n".join(line for line in lines if line not in counted)
        return Run(done.returncode, err, int(counted[-1].split()[1]) if counted else 0)

    def output(self, stage: str) -> Path:
        """The folder that a stage writes."""
        return self.root / [each for each in STAGES[stage] if not re.search("^--|=", each)][-1]

    def files(self, stage: str) -> dict[str, str]:
        """Hashes of a stage's output by path."""
        folder = self.output(stage)
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }

    def leftovers(self) -> list[str]:
        """Hidden files and folders at outputs, and what is partial in the program's own folder."""
        own = self.root / ".objloc"
        found = [each for each in self.root.glob(".*") if each != own]
        found += [*(self.root / "data").rglob(".*"), *own.rglob(f"*{SUFFIX}*")]
        return [str(path.relative_to(self.root)) for path in found]
