#!/usr/bin/env bash
# DVC 3.67.1 does not notice a parameter that changes from true to 1, or from false to 0.
#
# A stage is run again if a parameter differs from the one in dvc.lock, and the two are compared as
# Python compares them: True == 1 and False == 0. Some settings take both kinds with different
# meanings: "early_stopping: true" (the default patience) and 1 (of one epoch), "cache: false" and
# 0. After such a change "dvc repro" keeps the old outs and "dvc status" calls them up to date; the
# parameter 1 is committed beside the model of true. It holds within lists as well.
#
# One stage that copies its parameters; what the out holds after each value.
#
# Seen on 28 November 2026 (Python 3.11), parameter: status before; out after "dvc repro":
#     true: changed; true
#     1: up to date; true
#     2: changed; 2
#     [0]: changed; [0]
#     [false]: up to date; [0]
#     "1": changed; "1"
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q dvc==3.67.1
cd "$folder"

export PATH="$folder/venv/bin:$PATH" DVC_NO_ANALYTICS=1 DVC_SITE_CACHE_DIR="$folder/site"
mkdir project && cd project
dvc init --quiet --no-scm
cat > dvc.yaml <<'YAML'
stages:
  train:
    cmd: cat params.yaml > model
    params: [patience]
    outs: [model]
YAML

step() { # value, expected status before, expected content of the out
    echo "patience: $1" > params.yaml
    status="up to date"
    if [ "$(dvc status --json)" != "{}" ]; then status=changed; fi
    dvc repro --quiet
    out=$(sed 's/^patience: //' model)
    echo "$1: $status; $out"
    if [ "$status; $out" != "$2; $3" ]; then
        echo "the behaviour changed: expected $2; $3" >&2
        exit 1
    fi
}
step true changed true
step 1 "up to date" true
step 2 changed 2
step "[0]" changed "[0]"
step "[false]" "up to date" "[0]"
step '"1"' changed '"1"'
