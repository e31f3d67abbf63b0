"""The stage end to end, and what it leaves in MLflow."""

from pathlib import Path

from mlflow import MlflowClient

from objloc.files import file_hash
from tests.helpers.commands import run_stage, write_params
from tests.helpers.evaluations import PARAMS, succeed


def test_the_report_is_written_and_kept_with_the_run_of_the_model(
    evaluated_run: Path, store_root: Path, tmp_path: Path
) -> None:
    file = write_params(tmp_path, f"{PARAMS}report: {{beam_width: 2, thumbnails: 1}}\n")
    arguments = [evaluated_run / name for name in ("shards", "train", "evaluate")]
    told = succeed(run_stage("report", *arguments, store_root / "out", "--params", file))
    assert "the best fixed box" in told.out
    assert (store_root / "out" / "report.html").is_file()
    client = MlflowClient(f"sqlite:///{store_root / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    sha256 = file_hash(evaluated_run / "train" / "checkpoint.pt")
    (run,) = client.search_runs(experiments, f"tags.model_sha256 = '{sha256}'")
    kept = {each.path for each in client.list_artifacts(run.info.run_id, "report")}
    assert {"report/report.html", "report/report.md", "report/misses.png"} <= kept
    assert run.data.metrics["test.oracle.success"] > 0
    costs = [value for key, value in run.data.metrics.items() if key.startswith("test.miss_cost.")]
    assert 0 < sum(costs) <= 1


def test_a_mistake_is_told_in_one_line(evaluated_run: Path, tmp_path: Path) -> None:
    file = write_params(tmp_path, f"{PARAMS}report: {{image_set: train}}\n")
    arguments = [evaluated_run / name for name in ("shards", "train", "evaluate")]
    result = run_stage("report", *arguments, tmp_path / "out", "--params", file)
    assert result.error == (
        f"{evaluated_run / 'evaluate'}: expected an evaluation of image set 'train'; "
        "found val, test"
    )
    assert not (tmp_path / "out").exists()
