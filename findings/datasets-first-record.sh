#!/usr/bin/env bash
# datasets 5.2.0 takes only those fields of generated records that the first record has.
#
# Dataset.from_generator makes a table of the dictionaries that a function yields. A field that the
# first of them lacks is dropped from all others: if the first image happens to hold no object, and
# so has no "objects", all boxes are gone, and nothing is said. In another order of the same records
# it ends in a KeyError. The docstring of from_list tells that the first entry decides; that of
# from_generator does not.
#
# An image without objects and one with a box.
#
# Seen on 28 November 2026 (Python 3.11), columns; boxes of the image with the object:
#     empty image first: image; none
#     empty image last: KeyError('objects')
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datasets==5.2.0 numpy==2.4.6
cd "$folder"

export HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
venv/bin/python - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
from datasets import Dataset
from datasets.exceptions import DatasetGenerationError

EMPTY = {"image": "a.jpg"}
FULL = {"image": "b.jpg", "objects": [{"label": "cat", "bbox": [10, 20, 40, 40]}]}


def made_of(records):
    """Columns of the data set and boxes of the image with the object, or the error."""
    try:
        made = Dataset.from_generator(lambda: iter(records))
    except DatasetGenerationError as error:
        return repr(error.__cause__)
    assert made["image"][:] == [record["image"] for record in records]
    (row,) = (row for row in made if row["image"] == "b.jpg")
    boxes = [each["bbox"] for each in row.get("objects", [])] or "none"
    return f"{', '.join(made.column_names)}; {boxes}"


for word, records, expected in (
    ("first", [EMPTY, FULL], "image; none"),
    ("last", [FULL, EMPTY], "KeyError('objects')"),
):
    seen = made_of(records)
    print(f"empty image {word}: {seen}")
    assert seen == expected, f"the behaviour changed: expected {expected}"

for maker, told in ((Dataset.from_list, True), (Dataset.from_generator, False)):
    found = "first entry" in maker.__doc__
    assert found is told, f"the behaviour changed: {maker.__name__} has another docstring"
PYTHON
if [ -s log.txt ]; then
    cat log.txt >&2
    echo "the behaviour changed: expected no warning" >&2
    exit 1
fi
