"""What benchmarks share: stages that run once, and where their figures come from."""

import json
from pathlib import Path

import pytest
import typer

from benchmarks import running
from benchmarks.running import run_stages


def test_a_stage_whose_output_is_there_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert run_stages([("no_such_stage", [], tmp_path / "out")], []) == {}


def test_a_run_record_has_what_is_found_and_names_what_was_measured_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, found = tmp_path / "some.json", []
    for commit, kept in (("aaa", True), ("bbb", False), ("ccc", True), ("ccc", True)):
        monkeypatch.setattr(running, "commit_of", lambda _, each=commit: each)
        running.write_run(output, "make some", kept=kept, seed="0,1")
        found.append(json.loads((tmp_path / "some.run.json").read_text("utf-8")))
    assert [each["commit"] for each in found] == [
        "aaa",
        "bbb",
        *["ccc; before: bbb"] * 2,
    ]
    running.write_run(output, "make more", "another", kept=True, seed="2", minutes=1)
    told = json.loads((tmp_path / "some.run.json").read_text("utf-8"))
    assert told["command"] == "make more\nmake some"
    assert told["seed"] == "2; before: 0,1"
    assert told["machine"] == f"another; before: {found[0]['machine']}"
    assert told["minutes"].startswith("1; before: ")
    assert found[0]["machine"] == running.machine_in_words() != ""
    assert 0 <= found[0]["minutes"] < 24 * 60
    assert (found[0]["command"], found[0]["seed"]) == ("make some", "0,1")
    running.write_run(output, "make some", "a machine", minutes=3.5, commit="ddd")
    told = json.loads((tmp_path / "some.run.json").read_text("utf-8"))
    assert (told["machine"], told["minutes"], told["commit"]) == ("a machine", 3.5, "ddd")


def test_archives_are_those_of_2007_and_a_folder_without_them_is_refused(tmp_path: Path) -> None:
    for name in ("VOCtest_06-Nov-2007.tar", "VOCtrainval_11-May-2012.tar"):
        (tmp_path / name).touch()
    assert [path.name for path in running.archives_of_2007(tmp_path)] == ["VOCtest_06-Nov-2007.tar"]
    with pytest.raises(typer.BadParameter, match="expected VOC"):
        running.archives_of_2007(tmp_path / "none")
