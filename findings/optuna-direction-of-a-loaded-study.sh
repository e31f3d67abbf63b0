#!/usr/bin/env bash
# Optuna 4.9.0 minimises where direction="maximize" is asked for, if the study exists.
#
# create_study(..., load_if_exists=True) is how several workers, or a search that goes on, share a
# study: the first call makes it and the others join. A direction that differs from that of the
# stored study is neither refused nor remarked on: sampling goes on towards the worst values, and
# best_value and best_params are those of the worst trial. One need only have forgotten the
# direction (the default is to minimise) in the script that came first.
#
# The study is made without a direction; the second script asks for the largest accuracy.
#
# Seen on 28 November 2026 (Python 3.11):
#     direction asked for: MAXIMIZE, direction of the study: MINIMIZE
#     best of 0.2, 0.9, 0.5: 0.2
#     warnings: 0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q optuna==4.9.0
cd "$folder"

venv/bin/python - <<'PYTHON'
import logging
import warnings

import optuna

words = []
logger = logging.getLogger("optuna")
logger.handlers = [type("Listener", (logging.Handler,), {
    "emit": lambda self, record: words.append((record.levelno, record.getMessage()))})()]
storage = "sqlite:///study.db"
accuracies = iter((0.2, 0.9, 0.5))

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    optuna.create_study(study_name="search", storage=storage)
    study = optuna.create_study(
        study_name="search", storage=storage, direction="maximize", load_if_exists=True
    )
    study.optimize(lambda trial: next(accuracies), n_trials=3)

said = [word for level, word in words if level >= logging.WARNING or "direction" in word.lower()]
said += [str(warning.message) for warning in caught if "direction" in str(warning.message)]
print(f"direction asked for: MAXIMIZE, direction of the study: {study.direction.name}")
print(f"best of 0.2, 0.9, 0.5: {study.best_value}")
print(f"warnings: {len(said)}")
assert study.direction.name == "MINIMIZE", "the behaviour changed: the direction asked for counts"
assert study.best_value == 0.2, f"the behaviour changed: the best is {study.best_value}"
assert not said, f"the behaviour changed: {said}"
PYTHON
