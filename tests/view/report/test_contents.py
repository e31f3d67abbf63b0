import json
from pathlib import Path

from objloc.view.report.build import read_report


def test_scores_are_the_evaluations_and_lie_below_the_ceiling(
    evaluated_run: Path, report: Path
) -> None:
    contents = read_report(report)
    metrics = json.loads((evaluated_run / "evaluate" / "metrics.json").read_text())["test"]
    success = contents["scores"]["success"]
    assert success["agent"] == metrics["success_rate"]["greedy"]
    assert contents["scores"]["ap_attended"]["agent"] == metrics["ap"]["attended"]["voc2007"]
    for score in contents["scores"].values():
        for column, own in score["agent"].items():
            assert own <= score["ceiling"][column] <= 1
