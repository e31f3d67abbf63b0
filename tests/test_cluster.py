"""The launch files of ``examples/cluster``, as far as a machine without a cluster can tell."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from torch.distributed.run import get_args_parser

from tests.helpers.imports import ROOT

CLUSTER = ROOT / "examples" / "cluster"
TOLD = """#!/bin/bash
echo "srun $@" >> "$TOLD"
"""


def parsed(words: list[str]) -> tuple[Any, str, list[str]]:
    """What torchrun makes of its arguments: its options, the module, and the module's arguments."""
    options = get_args_parser().parse_args(words)
    assert options.module, "the stage is a module"
    assert (ROOT / Path(*options.training_script.split(".")).with_suffix(".py")).is_file()
    assert options.rdzv_backend == "c10d"
    return options, options.training_script, options.training_script_args


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs that only note how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "srun").write_text(TOLD)
    (folder / "scontrol").write_text("#!/bin/bash\nprintf 'one\\ntwo\\n'\n")
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder


def test_the_slurm_file_starts_the_stages_on_all_machines(programs: Path, tmp_path: Path) -> None:
    file, told = CLUSTER / "slurm.sh", tmp_path / "told"
    directives = [line for line in file.read_text().splitlines() if line.startswith("#SBATCH")]
    assert all("--" in line for line in directives)
    subprocess.run(
        ["bash", file, "--set", "train.categories=[cat]"],
        env=os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}", "TOLD": str(told), "SLURM_NNODES": "2",
            "SLURM_JOB_NODELIST": "one,two", "SLURM_JOB_ID": "7", "PROCESSES": "4",
        },
        cwd=tmp_path, check=True,
    )  # fmt: skip
    stages = []
    for line in told.read_text().splitlines():
        srun, torchrun, *words = shlex.split(line)
        assert (srun, torchrun) == ("srun", ".venv/bin/torchrun")
        options, module, arguments = parsed(words)
        assert (options.nnodes, options.nproc_per_node) == ("2", "4")
        assert (options.rdzv_endpoint, options.rdzv_id) == ("one:29500", "7")
        assert arguments[-2:] == ["--set", "train.categories=[cat]"]
        stages.append(module)
    assert stages == ["stages.encode", "stages.train", "stages.evaluate"]


def test_the_kubernetes_file_starts_training_in_pods_that_find_the_first() -> None:
    service, job = YAML(typ="safe").load_all((CLUSTER / "kubernetes.yaml").read_text())
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    program, *words = container["command"]
    options, module, arguments = parsed(words)
    assert (program, module) == ("torchrun", "stages.train")
    assert options.nnodes == str(spec["completions"]) == str(spec["parallelism"])
    assert spec["completionMode"] == "Indexed", "pods have numbers, and names by them"
    name = f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    assert options.rdzv_endpoint == f"{name}:29500"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert arguments[:2] == ["data/shards", "data/train"]
    (claim,) = pod["volumes"]
    (mount,) = container["volumeMounts"]
    assert claim["name"] == mount["name"]
    assert mount["mountPath"] == container["workingDir"] == container["env"][0]["value"]
