#!/usr/bin/env bash
# datasets 5.2.0 takes only those fields of records that the first record has.
#
# Dataset.from_list makes a table of a list of dictionaries, and from_generator does so of those
# that a function yields. A field that the first of them lacks is dropped from all others: if the
# first image happens to hold no object, and so has no "objects", all boxes are gone. In another
# order of the same list they are kept. Nothing is said. The fields of objects within one record are
# gathered as one expects, so only the outermost ones are lost.
#
# An image without objects and one with a box.
#
# Seen on 28 November 2026 (Python 3.11), columns; boxes of the image with the object:
#     from_list, empty image first: image; none
#     from_list, empty image last: image, objects; [[10, 20, 40, 40]]
#     from_generator, empty image first: image; none
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datasets==5.2.0 numpy==2.4.6
cd "$folder"

export HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
venv/bin/python -W ignore - <<'PYTHON'
from datasets import Dataset

EMPTY = {"image": "a.jpg"}
FULL = {"image": "b.jpg", "objects": [{"label": "cat", "bbox": [10, 20, 40, 40]}]}


def from_generator(records):
    return Dataset.from_generator(lambda: iter(records))


for maker, word, records, columns in (
    (Dataset.from_list, "first", [EMPTY, FULL], ["image"]),
    (Dataset.from_list, "last", [FULL, EMPTY], ["image", "objects"]),
    (from_generator, "first", [EMPTY, FULL], ["image"]),
):
    made = maker(records)
    (row,) = (row for row in made if row["image"] == "b.jpg")
    boxes = [each["bbox"] for each in row.get("objects", [])] or "none"
    seen = made.column_names
    print(f"{maker.__name__}, empty image {word}: {', '.join(seen)}; {boxes}")
    assert len(made) == 2, f"expected 2 records, found {len(made)}"
    assert seen == columns, f"the behaviour changed: expected {columns}"
PYTHON
