"""``objloc results``, and the commands and programs of docs/metrics.md."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import run_objloc
from tests.helpers.docs_shell import commands_of
from tests.helpers.imports import ROOT

PAGE = ROOT / "docs" / "metrics.md"
COMMANDS = commands_of(PAGE)


@pytest.fixture(scope="module")
def project(evaluated_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of a run, with the results that the page's first command writes."""
    root = tmp_path_factory.mktemp("project")
    (root / "data").mkdir()
    shutil.copytree(evaluated_run / "evaluate", root / "data" / "evaluate")
    (root / "data" / "shards").symlink_to((evaluated_run / "shards").resolve())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert COMMANDS[0] == "objloc results"
        assert run_objloc("results").status == 0
    return root


def test_every_evaluated_image_set_is_written(project: Path) -> None:
    written = sorted(str(p.relative_to(project)) for p in project.rglob("*.json"))
    expected = [
        f".objloc/results/{name}_{image_set}{rest}.json"
        for image_set in ("val", "test")
        for name, rest in (
            ("instances", ""),
            ("detections", "_attended_results"),
            ("detections", "_triggered_results"),
        )
    ]
    assert set(expected) < set(written)
    assert len(list((project / ".objloc/results").rglob("comp3_det_*.txt"))) == 8


def test_one_image_set_with_difficult_objects_to_ignore(project: Path, tmp_path: Path) -> None:
    options = ("--image-set", "test", "--difficult", "ignore", "--output", tmp_path / "out")
    told = run_objloc("results", project / "data", *options, "--json")
    assert told.status == 0, told.err
    found = json.loads(told.out)
    assert {Path(each).name for each in found["files"]} >= {"instances_test.json"}
    assert not list(tmp_path.rglob("*val*"))
    assert set(found["calibration"]) == {"triggered", "attended"}
    fitted = found["calibration"]["attended"]
    assert fitted["slope"] > 0
    assert 0 < fitted["right"] < fitted["detections"]
    truth = json.loads((tmp_path / "out" / "instances_test.json").read_text())
    assert {each["iscrowd"] for each in truth["annotations"]} == {0}
    assert {each["ignore"] for each in truth["annotations"]} == {0, 1}


def test_the_fit_is_told(project: Path, tmp_path: Path) -> None:
    options = ("--calibrate-on", "test", "--output", tmp_path)
    told = run_objloc("results", project / "data", *options).out
    assert "attended: probability 1 / (1 + exp(" in told
    assert told.count("right, fitted on test\n") == 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--image-set", "train"), "expected an evaluation of image set 'train'; found val, test"),
        (("--calibrate-on", "train"), "expected an evaluation of image set 'train'"),
        (("--shards", "nowhere"), "expected the index of a folder of shards"),
    ],
)
def test_a_mistake_writes_nothing(
    project: Path, tmp_path: Path, options: tuple[str, str], complaint: str
) -> None:
    output = tmp_path / "out"
    told = run_objloc("results", project / "data", *options, "--output", output)
    assert complaint in told.error
    assert not output.exists()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert "run the evaluate stage first" in run_objloc("results", tmp_path).error


@pytest.mark.parametrize("line", COMMANDS)
def test_a_documented_command_runs(
    project: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    program, *arguments = shlex.split(line)
    assert program == "objloc"
    told = run_objloc(*arguments)
    assert told.status == 0, told.err


@pytest.mark.parametrize("library", ["supervision", "torchmetrics"])
def test_three_lines_suffice(project: Path, library: str) -> None:
    (program,) = (
        block.partition("```")[0]
        for block in PAGE.read_text("utf-8").split("```python\n")[1:]
        if f"to_{library}" in block
    )
    assert len(list(filter(None, program.splitlines()))) == 3
    pytest.importorskip(library)
    if library == "torchmetrics":
        pytest.importorskip("torchvision")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout.removeprefix("tensor(").rstrip(")\n")) < 1
