"""A small copy of the whole project, for DVC to run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.helpers.imports import ROOT

TINY: dict[str, Any] = {
    "dataset": {"scenes_images": {"train": 12, "val": 6, "test": 6}},
    "train": {"categories": ["cat", "person"]},
    "agents": {
        "scenes": {
            "mdp": {"max_steps": 5},
            "encoder": {"image_size": 32, "widths": [4, 8], "pool": 2, "cell_width": 4},
            "head": {"hidden": [8]},
            "learning": {
                "image_size": 24,
                "images_per_batch": 4,
                "windows_per_image": 2,
                "updates_per_step": 1,
            },
            "replay": {"size": 200, "init_size": 20},
            "schedule": {"environments": 8, "passes": 1, "evaluations": 2},
        }
    },
    "evaluate": {"episodes": 2},
    "animate": {"samples": 1, "height": 100},
    "explore": {"images": 3, "max_side": 100},
}


def yaml_in(path: Path) -> dict[str, Any]:
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    return tree


def merge(tree: dict[str, Any], changes: dict[str, Any], base: dict[str, Any]) -> None:
    """Change values of keys that are there, or in what the tree extends."""
    for key, value in changes.items():
        assert key in tree or key in base, key
        if isinstance(value, dict):
            merge(tree.setdefault(key, {}), value, extended(tree, key) or base.get(key, {}))
        else:
            tree[key] = value


def extended(tree: dict[str, Any], key: str) -> dict[str, Any]:
    """What the value of a key extends, as an agent does another."""
    value = tree[key]
    name = value.get("extends") if isinstance(value, dict) else None
    return tree[name] if name else {}


def edit(folder: Path, changes: dict[str, Any]) -> None:
    tree = yaml_in(folder / "params.yaml")
    merge(tree, changes, {})
    YAML().dump(tree, folder / "params.yaml")


class Project:
    """A copy of the project under git, with parameters so small that it runs in seconds.

    Args:
        folder: where; the project is below it.
        tools: folder whose programs come first on the path.
    """

    def __init__(self, folder: Path, tools: Path | None = None) -> None:
        self.folder = folder / "project"
        drop = ("DVC_", "MLFLOW_", "PYTHONPATH", "GIT_")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(drop)} | {
            # `python` of dvc.yaml is the one that runs the tests.
            "PATH": os.pathsep.join(
                [
                    *([str(tools)] if tools else []),
                    str(Path(sys.executable).parent),
                    os.environ["PATH"],
                ]
            ),
            "DVC_SITE_CACHE_DIR": str(folder / "site"),
            "OMP_NUM_THREADS": "1",
            **{
                f"GIT_{role}_{part}": value
                for role in ("AUTHOR", "COMMITTER")
                for part, value in (("NAME", "Test"), ("EMAIL", "test@localhost"))
            },
        }
        for name in ("objloc", "stages"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.folder / name, ignore=ignore)
        for name in (
            "dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", ".dvc/config",
            ".dvc/.gitignore", "data/manifest.json",
        ):  # fmt: skip
            (self.folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        edit(self.folder, TINY)
        self.run("git", "init", "--quiet")
        self.commit("tiny")

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def commit(self, message: str) -> None:
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "--message", message)

    def outs(self) -> dict[str, dict[str, str]]:
        """By stage, the hash of each out as ``dvc.lock`` has it."""
        lock = yaml_in(self.folder / "dvc.lock")["stages"]
        return {
            name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in lock.items()
        }
