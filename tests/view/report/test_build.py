import shutil
from pathlib import Path

import pytest
from PIL import Image

from objloc.errors import ObjlocError
from objloc.params import Report
from objloc.view.report.build import copy_with_commit, read_report
from objloc.view.report.render import page_of
from objloc.view.report.texts import FIGURES
from tests.helpers.evaluations import bytes_in
from tests.helpers.reports import PARAMS, make_report


def test_a_report_is_page_text_values_and_pictures(report: Path) -> None:
    names = set(bytes_in(report))
    assert {"report.html", "report.md", "report.json", *FIGURES} <= names
    shown = read_report(report)["thumbnails"]
    assert {each["file"] for part in shown.values() for each in part} == {
        name for name in names if name.startswith("thumbnails/")
    }
    for name in names:
        if name.endswith((".png", ".jpg")):
            with Image.open(report / name) as picture:
                picture.load()


def test_the_same_run_gives_the_same_bytes_and_another_seed_other_intervals(
    evaluated_run: Path, report: Path, tmp_path: Path
) -> None:
    make_report(evaluated_run, tmp_path / "again")
    assert bytes_in(tmp_path / "again") == bytes_in(report)
    other = make_report(evaluated_run, tmp_path / "again", PARAMS.model_copy(update={"seed": 1}))
    assert (
        other["scores"]["ap_attended"]["interval"]
        != (read_report(report)["scores"]["ap_attended"]["interval"])
    )


def test_a_copy_tells_the_commit_and_is_the_same_else(report: Path, tmp_path: Path) -> None:
    page = copy_with_commit(report, tmp_path / "copy", "abc123", "elsewhere/explorer.html")
    contents = read_report(report)
    assert "abc123" not in (report / "report.html").read_text("utf-8")
    assert page.read_text("utf-8") == page_of(
        contents, report, commit="abc123", explorer="elsewhere/explorer.html"
    )
    assert "abc123" in page.read_text("utf-8")
    assert "| commit | `abc123` |" in (tmp_path / "copy" / "report.md").read_text("utf-8")
    same = {name for name in bytes_in(report) if not name.startswith("report.")}
    assert all(bytes_in(tmp_path / "copy")[name] == bytes_in(report)[name] for name in same)


def test_a_model_without_its_run_folder_has_a_report_without_training(
    evaluated_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "train").mkdir()
    shutil.copy(evaluated_run / "train" / "checkpoint.pt", tmp_path / "train")
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    shutil.rmtree(tmp_path / "evaluate" / "plots")
    (tmp_path / "shards").symlink_to(evaluated_run / "shards")
    contents = make_report(tmp_path, tmp_path / "report")
    assert contents["parameters"]["agent.mdp.max_steps"] == 8
    assert contents["history"] is contents["command"] is None
    names = set(bytes_in(tmp_path / "report"))
    assert not names & {"training.png", "steps.png", "precision_recall.png"}
    assert "No run folder lay beside" in (tmp_path / "report" / "report.html").read_text("utf-8")


def test_what_does_not_belong_together_is_refused_and_nothing_is_written(
    evaluated_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    shutil.copytree(evaluated_run / "train", tmp_path / "train")
    (tmp_path / "shards").symlink_to(evaluated_run / "shards")
    with pytest.raises(ObjlocError, match="image set 'train'; found val, test"):
        make_report(tmp_path, tmp_path / "out", Report(image_set="train"))
    (tmp_path / "train" / "history.csv").write_text("update,loss\n1,many\n")
    with pytest.raises(ObjlocError, match=r"history\.csv: expected a table of numbers"):
        make_report(tmp_path, tmp_path / "out")
    path = tmp_path / "evaluate" / "metrics.json"
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "f'))
    with pytest.raises(ObjlocError, match="found one of another model"):
        make_report(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ObjlocError, match=r"expected a report; found no report\.json"):
        copy_with_commit(tmp_path / "train", tmp_path / "out", None)
    (tmp_path / "train" / "report.json").write_text("{}")
    with pytest.raises(ObjlocError, match="found another file"):
        read_report(tmp_path / "train")
