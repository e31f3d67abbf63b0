"""The two sheets of a run's worst detections."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from objloc.errors import ObjlocError
from objloc.view.report.worst import write_worst
from tests.helpers.commands import run_objloc


def test_both_sheets_are_made_from_detections_and_shards_alone(
    evaluated_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(evaluated_run / "evaluate", run / "evaluate")
    (run / "shards").symlink_to(evaluated_run / "shards")
    told = run_objloc("report", run, "--worst", "--output", tmp_path / "out", "--json")
    assert told.status == 0, told.err
    sheets = [Path(each) for each in json.loads(told.out)["sheets"]]
    assert {each.name for each in sheets} == {"false_alarms.jpg", "missed_objects.jpg"}
    for each in sheets:
        with Image.open(each) as picture:
            # No sheet is one flat colour: there are photographs on it.
            assert len(set(picture.convert("L").tobytes())) > 100
    # Where nothing is claimed there is no false alarm to show.
    for path in (run / "evaluate" / "detections" / "triggered").iterdir():
        path.write_text("")
    again = write_worst(run / "shards", run / "evaluate", tmp_path / "none", "test")
    assert [each.name for each in again] == ["missed_objects.jpg"]


def test_an_evaluation_of_other_data_is_refused(evaluated_run: Path, tmp_path: Path) -> None:
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    path = tmp_path / "evaluate" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["test"]["data"]["hash"] = "f" * 64
    path.write_text(json.dumps(metrics))
    with pytest.raises(ObjlocError, match="expected an evaluation on the data in"):
        write_worst(evaluated_run / "shards", tmp_path / "evaluate", tmp_path / "out", "test")
    assert not (tmp_path / "out").exists()
