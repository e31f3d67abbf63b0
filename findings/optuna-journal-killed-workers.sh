#!/usr/bin/env bash
# Optuna 4.9.0: in a journal file the trial of a killed worker runs for ever.
#
# JournalStorage is what Optuna advises for workers on a shared file system, and a study behaves
# the same on it as on a database until a worker is killed. On RDBStorage with a heartbeat the next
# worker notices the stale trial, marks it as failed and repeats its values. JournalStorage has no
# heartbeat, takes no option for one and says nothing: the trial stays RUNNING, its values are
# never repeated, and whoever waits until no trial runs waits for ever.
#
# A worker is killed in its first trial; four seconds later another runs one trial.
#
# Seen on 28 November 2026 (Python 3.11), states of the trials and whether the values came again:
#     RDBStorage: FAIL, COMPLETE, the same values
#     JournalStorage: RUNNING, COMPLETE, other values
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q optuna==4.9.0
cd "$folder"

cat > worker.py <<'PYTHON'
import os
import signal
import sys
import warnings

import optuna
from optuna.storages import JournalStorage, RDBStorage, RetryFailedTrialCallback
from optuna.storages.journal import JournalFileBackend

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def study(kind):
    storage = (
        JournalStorage(JournalFileBackend("journal.log"))
        if kind == "JournalStorage"
        else RDBStorage(
            "sqlite:///study.db",
            heartbeat_interval=1,
            grace_period=2,
            failed_trial_callback=RetryFailedTrialCallback(),
        )
    )
    return optuna.create_study(study_name="one", storage=storage, load_if_exists=True)


def objective(trial):
    value = trial.suggest_float("x", 0, 1)
    if sys.argv[2:] == ["killed"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


if __name__ == "__main__":
    study(sys.argv[1]).optimize(objective, n_trials=1)
PYTHON

for kind in RDBStorage JournalStorage; do
    { venv/bin/python worker.py $kind killed || true; } 2> /dev/null
done
sleep 4
for kind in RDBStorage JournalStorage; do
    venv/bin/python worker.py $kind
done

venv/bin/python - <<'PYTHON'
from worker import study

for kind, expected in (
    ("RDBStorage", ["FAIL", "COMPLETE", "the same values"]),
    ("JournalStorage", ["RUNNING", "COMPLETE", "other values"]),
):
    trials = study(kind).trials
    again = "the same values" if trials[0].params == trials[1].params else "other values"
    seen = [each.state.name for each in trials] + [again]
    print(f"{kind}: {', '.join(seen)}")
    assert seen == expected, f"the behaviour changed: expected {expected}"
PYTHON
