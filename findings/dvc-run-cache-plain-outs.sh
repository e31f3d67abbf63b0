#!/usr/bin/env bash
# DVC 3.67.1 never restores a stage from the run cache if one of its outs is not cached.
#
# The run cache remembers what a command made of its inputs, so that going back to earlier
# parameters costs nothing. A metric with "cache: false" is kept in it all the same. A plain out
# with "cache: false", say a small table that is to be in Git, is not, and it takes its whole stage
# with it: the neighbour out that is cached is made anew too. Nothing is said; hours of training are
# run again.
#
# Three stages copy a number: into a cached out; into a cached out and a metric without cache; into
# a cached out and a plain out without cache. The number is 1, 2 and 1 again.
#
# Seen on 27 November 2026 (Python 3.11), stages whose command ran:
#     1: cached metric plain
#     2: cached metric plain
#     1: plain
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
  cached:
    cmd: echo cached >> ../ran; cat number > cached.txt
    deps: [number]
    outs: [cached.txt]
  metric:
    cmd: echo metric >> ../ran; cat number | tee beside-metric.txt > metric.json
    deps: [number]
    outs: [beside-metric.txt]
    metrics:
      - metric.json:
          cache: false
  plain:
    cmd: echo plain >> ../ran; cat number | tee beside-plain.txt > plain.txt
    deps: [number]
    outs:
      - beside-plain.txt
      - plain.txt:
          cache: false
YAML

all="cached metric plain"
step() { # number, stages that are expected to run
    echo "$1" > number
    : > ../ran
    dvc repro --quiet
    ran=$(sort ../ran | paste -s -d " ")
    echo "$1: $ran"
    if [ "$ran" != "$2" ]; then
        echo "the behaviour changed: expected to run: $2" >&2
        exit 1
    fi
}
step 1 "$all"
step 2 "$all"
step 1 "plain"
