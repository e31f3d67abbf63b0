#!/usr/bin/env bash
# SQLAlchemy 2.1.9, MLflow 3.17.2: postgresql:// asks for another driver than it did.
#
# Up to SQLAlchemy 2.0 an address postgresql://… meant the driver psycopg2; since 2.1 it means
# psycopg (version 3). MLflow 3.17.2 takes either SQLAlchemy, so a store of runs that has worked
# for years, with psycopg2-binary installed as guides to MLflow say, ends in an import error after
# a new installation, before any server is asked. postgresql+psycopg2://… works with both.
#
# No server is needed: an address is enough to choose the driver.
#
# Seen on 28 November 2026 (Python 3.11):
#     SQLAlchemy 2.0.44, postgresql://: psycopg2
#     SQLAlchemy 2.1.9, postgresql://: No module named 'psycopg'
#     SQLAlchemy 2.1.9, postgresql+psycopg2://: psycopg2
#     MLflow 3.17.2 with SQLAlchemy 2.1.9, postgresql://: No module named 'psycopg'
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/driver.py" <<'PYTHON'
import sys

import sqlalchemy


def driver(address):
    try:
        return sqlalchemy.create_engine(f"{address}user:word@localhost/runs").driver
    except ModuleNotFoundError as error:
        return str(error)


for address, expected in zip(sys.argv[1::2], sys.argv[2::2]):
    seen = driver(address)
    print(f"SQLAlchemy {sqlalchemy.__version__}, {address}: {seen}")
    assert seen == expected, f"the behaviour changed: expected {expected}"
PYTHON

python3 -m venv "$folder/before"
"$folder/before/bin/pip" install -q sqlalchemy==2.0.44 psycopg2-binary==2.9.13
"$folder/before/bin/python" "$folder/driver.py" postgresql:// psycopg2

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q mlflow==3.17.2 sqlalchemy==2.1.9 psycopg2-binary==2.9.13
"$folder/venv/bin/python" "$folder/driver.py" \
    postgresql:// "No module named 'psycopg'" postgresql+psycopg2:// psycopg2

cd "$folder"
venv/bin/python - <<'PYTHON'
import mlflow

mlflow.set_tracking_uri("postgresql://user:word@localhost/runs")
try:
    mlflow.search_experiments()
except ModuleNotFoundError as error:
    print(f"MLflow {mlflow.__version__} with SQLAlchemy 2.1.9, postgresql://: {error}")
    assert error.name == "psycopg", f"the behaviour changed: expected psycopg, found {error.name}"
else:
    raise AssertionError("the behaviour changed: MLflow opened a store without its driver")
PYTHON
