#!/usr/bin/env bash
# webdataset 1.0.2 merges pictures whose names have dots into one sample.
#
# The key of a sample is the name up to the first dot. Names such as cam1.0001.jpg, which cameras
# and exports write, have all the key "cam1"; the number becomes part of the extension, so the two
# files of each picture do not even collide. As long as they lie side by side in the tar, the
# pictures of a whole camera are one sample, and nothing is said.
#
# A tar of two pictures with their labels: four files.
#
# Seen on 27 November 2026 (Python 3.11):
#     cam1_0001, cam1_0002: 2 samples: jpg json, jpg json
#     cam1.0001, cam1.0002: 1 sample: 0001.jpg 0001.json 0002.jpg 0002.json
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import io
import tarfile

import webdataset


def samples(names):
    """Fields of each sample of a tar with a picture and a label of each name."""
    with tarfile.open("shard.tar", "w") as tar:
        for name in names:
            for ending in ("jpg", "json"):
                member = tarfile.TarInfo(f"{name}.{ending}")
                member.size = 2
                tar.addfile(member, io.BytesIO(b"{}"))
    dataset = webdataset.WebDataset("shard.tar", shardshuffle=False)
    return [" ".join(key for key in sample if not key.startswith("__")) for sample in dataset]


for names, expected in (
    (["cam1_0001", "cam1_0002"], ["jpg json", "jpg json"]),
    (["cam1.0001", "cam1.0002"], ["0001.jpg 0001.json 0002.jpg 0002.json"]),
):
    seen = samples(names)
    word = "sample" if len(seen) == 1 else "samples"
    print(f"{', '.join(names)}: {len(seen)} {word}: {', '.join(seen)}")
    assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
PYTHON
