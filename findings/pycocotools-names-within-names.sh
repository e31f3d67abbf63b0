#!/usr/bin/env bash
# pycocotools 2.0.11 finds "dog" when asked for "hot dog".
#
# getCatIds(catNms="hot dog") is meant to take one name as well as a list. But a string counts as a
# list there, and "in" then asks whether a category's name is a part of the word. COCO itself has
# dog in hot dog, bear in teddy bear and car in carrot: whoever picks out the objects of one
# category gets those of another as well, and no image at all unless it holds both. A list of one
# name does what is meant. The name of a supercategory (supNms) is taken in the same two ways.
#
# Five images of one object each.
#
# Seen on 28 November 2026 (Python 3.11), categories found; number of objects and of images:
#     "dog": dog; 1 object, 1 image
#     "hot dog": dog, hot dog; 2 objects, 0 images
#     ["hot dog"]: hot dog; 1 object, 1 image
#     "carrot": car, carrot; 2 objects, 0 images
#     ["carrot"]: carrot; 1 object, 1 image
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pycocotools==2.0.11 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import contextlib
import io
import json

from pycocotools.coco import COCO

NAMES = ["person", "car", "dog", "carrot", "hot dog"]
coco = COCO()
coco.dataset = {
    "images": [{"id": number} for number in range(1, 6)],
    "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES, 1)],
    "annotations": [
        {"id": number, "image_id": number, "category_id": number, "bbox": [0, 0, 9, 9],
         "area": 81, "iscrowd": 0}
        for number in range(1, 6)
    ],
}
with contextlib.redirect_stdout(io.StringIO()):
    coco.createIndex()

for asked, expected, objects, images in (
    ("dog", ["dog"], 1, 1),
    ("hot dog", ["dog", "hot dog"], 2, 0),
    (["hot dog"], ["hot dog"], 1, 1),
    ("carrot", ["car", "carrot"], 2, 0),
    (["carrot"], ["carrot"], 1, 1),
):
    ids = coco.getCatIds(catNms=asked)
    found = [category["name"] for category in coco.loadCats(ids)]
    numbers = len(coco.getAnnIds(catIds=ids)), len(coco.getImgIds(catIds=ids))
    words = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in zip(numbers, ("object", "image"))]
    print(f"{json.dumps(asked)}: {', '.join(found)}; {', '.join(words)}")
    assert found == expected, f"the behaviour changed: expected {expected}"
    assert numbers == (objects, images), f"the behaviour changed: expected {objects}, {images}"
PYTHON
