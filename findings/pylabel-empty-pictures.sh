#!/usr/bin/env bash
# pylabel 0.1.55 gives an empty picture of a COCO file the objects of its neighbour.
#
# ExportToCoco goes through a table in which a picture without objects has a row of its own. The
# annotation that it writes for such a row is the one before it, with its image id and annotation
# id. Reading a COCO file and writing it again thus doubles boxes: the pictures stay, the objects
# become more. (With pandas 3 the reader fails, hence the older pandas here.)
#
# Three pictures; the first and the third have one object each, the second has none.
#
# Seen on 27 November 2026 (Python 3.11), pairs of image id and annotation id:
#     read: (1, 1), (3, 2)
#     written: (1, 0), (1, 0), (3, 2)
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pylabel==0.1.55 pandas==2.3.3 numpy==2.4.6 pillow==12.3.0
cd "$folder"

venv/bin/python -W ignore - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import json
from pathlib import Path

from PIL import Image
from pylabel import importer

dataset = {
    "images": [
        {"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in (1, 2, 3)
    ],
    "categories": [{"id": 1, "name": "cat", "supercategory": ""}],
    "annotations": [
        {"id": number, "image_id": image, "category_id": 1, "bbox": [10 * image, 20, 40, 40],
         "area": 1600, "iscrowd": 0}
        for number, image in ((1, 1), (2, 3))
    ],
}
for image in dataset["images"]:
    Image.new("RGB", (100, 80)).save(image["file_name"])
Path("in.json").write_text(json.dumps(dataset))
importer.ImportCoco("in.json").export.ExportToCoco(output_path="out.json")
written = json.loads(Path("out.json").read_text())
for word, content in (("read", dataset), ("written", written)):
    pairs = [(a["image_id"], a["id"]) for a in content["annotations"]]
    print(f"{word}: {str(pairs)[1:-1]}")
assert len(written["images"]) == 3, f"expected 3 pictures, found {len(written['images'])}"
assert [image for image, _ in pairs] == [1, 1, 3], f"the behaviour changed: found {pairs}"
PYTHON
