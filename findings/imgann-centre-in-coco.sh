#!/usr/bin/env bash
# ImgAnn 0.8.1 reads the first two numbers of a COCO box as its centre.
#
# In COCO a box is the left upper corner, width and height. Convertor.coco2voc and its fellows take
# the first two for the centre unless told center=False, and voc2coco writes such files under the
# name of COCO. Any ordinary COCO file is so converted with all boxes moved by half their size; one
# near the border comes out with corners beyond the picture, and no message. (scikit-learn is needed
# but not declared.)
#
# A picture of 100 x 80 pixels and the box [10, 20, 40, 30].
#
# Seen on 27 November 2026 (Python 3.11), xmin ymin xmax ymax:
#     coco2voc: -10 5 30 35
#     coco2voc, center=False: 10 20 50 50
#     and back by voc2coco: [30, 35, 40, 30]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ImgAnn==0.8.1 scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1 \
    pillow==12.3.0
cd "$folder"

venv/bin/python - <<'PYTHON'
import json
from pathlib import Path
from xml.etree import ElementTree

from imgann import Convertor
from PIL import Image

for folder in ("images", "centre", "corner", "back"):
    Path(folder).mkdir()
Image.new("RGB", (100, 80)).save("images/a.jpg")
dataset = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
    "categories": [{"id": 1, "name": "cat", "supercategory": ""}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 40, 30], "area": 1200,
         "iscrowd": 0}
    ],
}
Path("in.json").write_text(json.dumps(dataset))


def corners(folder):
    box = ElementTree.parse(f"{folder}/a.xml").find("object/bndbox")
    return [int(box.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax")]


Convertor.coco2voc("images", "in.json", "centre")
Convertor.coco2voc("images", "in.json", "corner", center=False)
Convertor.voc2coco("images", "corner", "back/out.json")
(back,) = json.loads(Path("back/out.json").read_text())["annotations"]
print("coco2voc:", *corners("centre"))
print("coco2voc, center=False:", *corners("corner"))
print("and back by voc2coco:", back["bbox"])
assert corners("corner") == [10, 20, 50, 50], f"expected 10 20 50 50, found {corners('corner')}"
assert corners("centre") == [-10, 5, 30, 35], f"the behaviour changed: {corners('centre')}"
assert [float(n) for n in back["bbox"]] == [30, 35, 40, 30], f"the behaviour changed: {back}"
PYTHON
