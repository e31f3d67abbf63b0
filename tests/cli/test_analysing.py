"""``objloc explain``, ``objloc report`` and ``objloc compare``."""

import json
import re
import shlex
import shutil
import webbrowser
from importlib import import_module
from pathlib import Path

import pytest

from objloc.diagnosis.explanation import ERROR_WORDS, MISS_WORDS
from objloc.files import file_hash
from objloc.tracking.run import create_run
from objloc.tracking.store import connect
from tests.helpers.analyses import make_evaluated_run
from tests.helpers.commands import Result, run_objloc, run_stage, write_params
from tests.helpers.imports import ROOT
from tests.helpers.workplaces import working_in


@pytest.fixture(scope="module")
def other_run(shards_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose agent triggers more readily. Read only."""
    folder = tmp_path_factory.mktemp("other") / "other"
    return make_evaluated_run(folder, shards_folder, bias=1.0, seed=3, image_sets="[test]")


COMMANDS = [
    line.partition(" # ")[0].strip()
    for body in re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / "docs" / "report.md").read_text("utf-8"), re.M | re.S
    )
    for line in body.splitlines()
]


def succeeded(result: Result) -> Result:
    assert result.status == 0, result.err
    return result


def test_explain_tells_every_reason_and_every_kind_of_error(evaluated_run: Path) -> None:
    told = succeeded(run_objloc("explain", evaluated_run, "--beam-width", "2")).out
    words = " ".join(told.replace("│", " ").split())
    for each in (*MISS_WORDS.values(), *ERROR_WORDS.values()):
        assert f"{each.title}: {each.text.split()[0]}" in words
    assert "explorer.html" not in told


def test_explain_lists_images_with_links_and_prints_json(evaluated_run: Path) -> None:
    arguments = ("explain", evaluated_run, "--image-set", "test", "--beam-width", "2")
    listed = succeeded(run_objloc(*arguments, "--images")).out
    explained = json.loads(succeeded(run_objloc(*arguments, "--json")).out)
    assert explained["image_set"] == "test"
    entries = [entry for each in explained["misses"].values() for entry in each["listed"]]
    assert entries
    page = evaluated_run / "explore" / "explorer.html"
    for entry in entries:
        place = f"{page}#image={entry['image_id']}&search={entry['category']}&step=end"
        assert place in listed


def test_explain_refuses_what_is_no_run(tmp_path: Path) -> None:
    assert "no such checkpoint" in run_objloc("explain", tmp_path).error


def test_report_is_computed_once_and_its_page_tells_the_commit(
    evaluated_run: Path, store_root: Path
) -> None:
    run = store_root / "run"
    run.mkdir()
    for name in ("train", "evaluate"):
        shutil.copytree(evaluated_run / name, run / name)
    (run / "shards").symlink_to((evaluated_run / "shards").resolve())
    sha256 = file_hash(run / "train" / "checkpoint.pt")
    create_run(connect(), {"model_sha256": sha256, "git_commit": "abcdef", "git_dirty": "true"})
    told = json.loads(succeeded(run_objloc("report", run, "--output", "page", "--json")).out)
    assert told["commit"] == "abcdef with changes"
    assert "abcdef with changes" in Path(told["page"]).read_text("utf-8")
    before = (run / "report" / "report.json").stat().st_mtime_ns
    succeeded(run_objloc("report", run, "--output", "page", "--no-open"))
    assert (run / "report" / "report.json").stat().st_mtime_ns == before
    succeeded(run_objloc("report", run, "--output", "page", "--no-open", "--rebuild"))
    assert (run / "report" / "report.json").stat().st_mtime_ns > before


def test_report_refuses_what_it_would_pass_over_or_replace(evaluated_run: Path) -> None:
    error = run_objloc("report", evaluated_run, "--params", "nothing.yaml").error
    assert error.startswith("nothing.yaml: ")
    error = run_objloc("report", evaluated_run, "--output", evaluated_run / "report").error
    assert error.startswith("--output: expected another folder than the pipeline's; found ")


def test_report_without_a_store_does_not_make_one(
    evaluated_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(evaluated_run, run, ignore=shutil.ignore_patterns("shards"))
    (run / "shards").symlink_to((evaluated_run / "shards").resolve())
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert json.loads(run_objloc("report", run, "--json").out)["commit"] is None
    assert not list(tmp_path.rglob("mlflow.db"))


def test_compare_holds_two_runs_against_each_other(evaluated_run: Path, other_run: Path) -> None:
    shards = ("--shards", evaluated_run / "shards")
    result = succeeded(run_objloc("compare", evaluated_run, other_run, *shards, "--json"))
    found = json.loads(result.out)
    assert found["image_set"] == "test"  # the other was not measured on val
    metrics = [
        json.loads((run / "evaluate" / "metrics.json").read_text())["test"]
        for run in (evaluated_run, other_run)
    ]
    for column in ("cat", "dog", "mean"):
        rates = [each["success_rate"]["greedy"][column] for each in metrics]
        assert [found["success"][column][key] for key in ("a", "b")] == pytest.approx(rates)
        aps = [each["ap"]["attended"]["voc2007"][column] for each in metrics]
        assert [found["ap"]["attended"][column][key] for key in ("a", "b")] == pytest.approx(aps)
    assert found["parameters"] == {"train.seed": [0, 3]}
    told = succeeded(run_objloc("compare", evaluated_run, other_run, *shards)).out
    assert found["verdict"] in told
    assert f"gained by B: {len(found['gained'])} searches" in told
    assert "train.seed: 0 A, 3 B" in told


def test_compare_measures_a_bare_model_as_the_stage_does(
    evaluated_run: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.pt"
    shutil.copy(evaluated_run / "train" / "checkpoint.pt", model)
    shards = ("--shards", evaluated_run / "shards")
    told = succeeded(run_objloc("compare", evaluated_run / "evaluate", model, *shards, "--json"))
    found = json.loads(told.out)
    assert found["image_set"] == "val"
    assert found["success"]["mean"]["difference"] == 0
    assert found["gained"] == found["lost"] == []
    assert list(tmp_path.iterdir()) == [model]


def test_compare_measures_a_bare_model_on_the_image_set_of_the_other(other_run: Path) -> None:
    model, shards = other_run / "train" / "checkpoint.pt", ("--shards", other_run / "shards")
    told = succeeded(run_objloc("compare", model, other_run, *shards, "--json"))
    assert json.loads(told.out)["image_set"] == "test"


def test_compare_refuses_what_it_would_measure_in_vain(
    evaluated_run: Path, other_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("objloc.evaluation.measure"), "measure_sets", None)
    model, shards = evaluated_run / "train" / "checkpoint.pt", evaluated_run / "shards"
    error = run_objloc(
        "compare", other_run, model, "--shards", shards, "--image-set", "val"
    ).error  # fmt: skip
    assert error == f"{other_run}: expected an evaluation of image set 'val'; found test"
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    path = tmp_path / "evaluate" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["val"]["images"] -= 1
    path.write_text(json.dumps(metrics))
    error = run_objloc("compare", tmp_path, model, "--shards", shards).error
    assert error.startswith(f"{tmp_path} and {model}: expected evaluations of as many images")


def test_compare_says_what_a_side_may_be(evaluated_run: Path, tmp_path: Path) -> None:
    # The alias and the folder of a training are what other commands take.
    for side, found in (("champion", "no such file"), (tmp_path, "another folder")):
        error = run_objloc("compare", evaluated_run, side).error
        assert error.startswith(f"{side}: expected a folder with metrics.json and episodes.csv")
        assert error.endswith(f"models:/NAME@ALIAS; found {found}")


def test_compare_without_the_images_leaves_average_precision_out(
    evaluated_run: Path, other_run: Path, tmp_path: Path
) -> None:
    none = ("--shards", tmp_path)
    told = succeeded(run_objloc("compare", evaluated_run, other_run, *none, "--json"))
    assert json.loads(told.out)["ap"] is None


def test_compare_refuses_other_data_by_name(evaluated_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "foreign"
    shutil.copytree(evaluated_run / "evaluate", run / "evaluate")
    path = run / "evaluate" / "metrics.json"
    metrics = json.loads(path.read_text())
    for part in metrics.values():
        part["data"] = {"name": "elsewhere", "hash": "f" * 64}
    path.write_text(json.dumps(metrics))
    error = run_objloc("compare", evaluated_run, run).error
    assert "expected evaluations on the same data" in error
    assert "elsewhere (ffffffffffff)" in error
    assert "image set 'train'" in run_objloc(
        "compare", evaluated_run, run, "--image-set", "train"
    ).error  # fmt: skip


@pytest.fixture(scope="module")
def project(
    evaluated_run: Path,
    other_run: Path,
    empty_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What the pipeline leaves, another run, and the model registered."""
    root = tmp_path_factory.mktemp("project")
    for name, run in (("data", evaluated_run), ("other", other_run)):
        shutil.copytree(run, root / name, ignore=shutil.ignore_patterns("shards"))
        (root / name / "shards").symlink_to((run / "shards").resolve())
    with working_in(root, empty_store):
        params = write_params(root)
        folders = [root / "data" / name for name in ("train", "evaluate", "register")]
        succeeded(run_stage("register", *folders, "--params", params))
    return root


@pytest.mark.parametrize("line", COMMANDS)
def test_a_documented_command_runs(
    project: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_ROOT", str(project))
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    program, *arguments = shlex.split(line)
    assert program == "objloc"
    assert succeeded(run_objloc(*arguments)).out
    page = (project / ".objloc" / "report" / "report.html").as_uri()
    told_as_page = arguments[0] == "report" and "--worst" not in arguments
    assert opened == ([page] if told_as_page else [])
