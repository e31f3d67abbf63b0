from pathlib import Path

from objloc.files import file_hash
from objloc.tracking.restore import log_to_run_of
from objloc.tracking.run import find_run
from tests.helpers.runs import make_run
from tests.helpers.tracked import history, start, stored


def test_later_stages_write_into_the_run_that_made_the_model(store_root: Path) -> None:
    folder = make_run(store_root / "data")
    model = folder / "train" / "checkpoint.pt"
    with start() as run:
        run.set_result(folder / "train")
    figures = {"val": {"success_rate": {"mean": 0.5}, "data": {"name": "scenes"}, "none": None}}
    for _ in range(2):
        found = log_to_run_of(
            model, metrics=figures, artifacts=[folder / "evaluate"], folder="measured"
        )
        assert found == run.run_id == find_run(model_sha256=file_hash(model))
    assert history(run.run_id, "val.success_rate.mean") == [(0, 0.5)]
    kept = {
        str(path.relative_to(store_root / "mlruns/objloc" / run.run_id / "artifacts"))
        for path in (store_root / "mlruns").rglob("*")
        if path.is_file()
    }
    assert kept == {
        "train/params.yaml", "train/command.txt", "train/history.csv", "train/metrics.json",
        "train/plots/curve.png", "measured/evaluate/metrics.json",
        "measured/evaluate/plots/curve.png",
    }  # fmt: skip


def test_a_model_without_a_run_gets_one_from_the_files_beside_it(store_root: Path) -> None:
    model = make_run(store_root / "data") / "train" / "checkpoint.pt"
    (model.parent / "diary.txt").write_text("nobody's business")
    run_id = log_to_run_of(model, data="scenes", data_hash="ab", categories=("cat", "dog"))
    assert run_id is not None
    assert run_id == log_to_run_of(model)
    found = stored(run_id)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "scenes cat, dog"
    assert found.data.tags["restored"] == "true"
    assert found.data.tags["data_hash"] == "ab"
    assert found.data.params == {"train.seed": "0", "train.categories": '["cat", "dog"]'}
    assert history(run_id, "loss") == [(10, 0.5), (30, 0.25)]
    assert history(run_id, "score") == [(10, 0.1), (20, 0.4), (30, 0.3)]
    assert found.data.metrics["best.score"] == 0.4
    assert not list((store_root / "mlruns").rglob("diary.txt"))
    assert not list((store_root / "mlruns").rglob("*.pt"))
