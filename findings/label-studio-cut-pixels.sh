#!/usr/bin/env bash
# label-studio-converter 0.0.59 moves boxes on whole pixels by one in Pascal VOC.
#
# Label Studio keeps boxes in per cent. The export to Pascal VOC turns them into pixels in floating
# point and cuts off the fraction, so 29 % of 100 pixels, 28.999999999999996, becomes 28. The
# picture need not be large: with one of 100 pixels every per cent is a whole pixel, and three of
# the first 79 places are lost. The export to COCO of the same tasks is right. (label-studio-sdk
# 2.1.2, which carries the same converter, does so too.)
#
# 79 tasks: a box of 20 x 20 pixels that begins at x = 1, 2, ... 79.
#
# Seen on 27 November 2026 (Python 3.11), minimum and maximum of x:
#     drawn 29 to 49: VOC 28 to 48, COCO 29.0 to 49.0
#     drawn 57 to 77: VOC 56 to 76, COCO 57.0 to 77.0
#     drawn 58 to 78: VOC 57 to 77, COCO 58.0 to 78.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q label-studio-converter==0.0.59
cd "$folder"

venv/bin/python - <<'PYTHON'
import json
import logging
from pathlib import Path
from xml.etree import ElementTree

from label_studio_converter import Converter

logging.disable(logging.CRITICAL)
CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels></View>"""


def task(x):
    value = {"x": x, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["cat"]}
    box = {
        "id": str(x), "type": "rectanglelabels", "from_name": "label", "to_name": "image",
        "original_width": 100, "original_height": 100, "value": value,
    }
    annotation = {"id": x, "completed_by": 1, "result": [box]}
    return {"id": x, "data": {"image": f"{x}.png"}, "annotations": [annotation]}


Path("tasks.json").write_text(json.dumps([task(x) for x in range(1, 80)]))
converter = Converter(CONFIG, ".")
converter.convert_to_voc("tasks.json", "voc", is_dir=False)
converter.convert_to_coco("tasks.json", "coco", is_dir=False)
result = json.loads(Path("coco/result.json").read_text())
coco = {image["id"]: Path(image["file_name"]).stem for image in result["images"]}
coco = {int(coco[a["image_id"]]): a["bbox"] for a in result["annotations"]}

moved = []
for x in range(1, 80):
    box = ElementTree.parse(f"voc/Annotations/{x}.xml").find("object/bndbox")
    low, high = int(box.findtext("xmin")), int(box.findtext("xmax"))
    assert abs(coco[x][0] - x) < 1e-6, f"expected {x} in COCO, found {coco[x][0]}"
    if (low, high) != (x, x + 20):
        moved.append(x)
        right = coco[x][0] + coco[x][2]
        print(f"drawn {x} to {x + 20}: VOC {low} to {high}, COCO {coco[x][0]:.1f} to {right:.1f}")
assert moved == [29, 57, 58], f"the behaviour changed: expected 29, 57, 58 moved, found {moved}"
PYTHON
