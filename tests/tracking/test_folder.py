import os
from pathlib import Path

from objloc.tracking.folder import complete_run
from objloc.tracking.store import connect
from tests.helpers.runs import make_run
from tests.helpers.tracked import history, start


def test_what_a_run_lacks_of_its_history_is_filled_in(store_root: Path) -> None:
    folder = make_run(store_root / "data") / "train"
    with start() as run:
        run.log_metrics({"loss": 0.75}, 10)
    for _ in range(2):
        complete_run(connect(), run.run_id, folder)
    assert history(run.run_id, "loss") == [(10, 0.75), (30, 0.25)]
    assert history(run.run_id, "score") == [(10, 0.1), (20, 0.4), (30, 0.3)]


def test_read_only_files_can_be_logged_twice(store_root: Path) -> None:
    # Files that DVC links from its cache are read-only.
    folder = make_run(store_root / "data") / "train"
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    with start() as run:
        pass
    for _ in range(2):
        complete_run(connect(), run.run_id, folder)
    assert (store_root / "mlruns/objloc" / run.run_id / "artifacts/train/params.yaml").is_file()
    assert os.environ["DVC_ROOT"] == str(store_root)
