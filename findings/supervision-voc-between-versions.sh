#!/usr/bin/env bash
# supervision changed how it writes Pascal VOC: a box of 0.27.0 grows when 0.31.2 reads it.
#
# 0.27.0 adds 1 to all four corners when it writes and subtracts 1 from all four when it reads. The
# devkit counts from 1 and includes the last pixel, so of a half-open box only the minima move;
# 0.31.2 does that, in both directions. Each version reads its own files right and those of the
# other a pixel wrong to the right and below, and a file does not say which version wrote it.
# Besides, 0.27.0 adds the 1 to the boxes of the data set itself: a second export is shifted.
#
# The box drawn: x 10 to 50, y 20 to 60, upper limits excluded.
#
# Seen on 27 November 2026 (Python 3.11):
#     0.27.0 writes: 11 21 51 61, and once more: 12 22 52 62
#     0.31.2 writes: 11 21 50 60, and once more: 11 21 50 60
#     0.27.0 reads the file of 0.31.2: 10 20 49 59
#     0.31.2 reads the file of 0.27.0: 10 20 51 61
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q supervision==0.27.0 numpy==2.4.6 pillow==12.3.0
python3 -m venv "$folder/later"
"$folder/later/bin/pip" install -q supervision==0.31.2 numpy==2.4.6 pillow==12.3.0
cd "$folder"

cat > box.py <<'PYTHON'
import re
import sys
from pathlib import Path

import numpy as np
import supervision
from PIL import Image

action, folder, expected = sys.argv[1:]
Path("images").mkdir(exist_ok=True)
Image.new("RGB", (100, 80)).save("images/a.png")
if action == "reads":
    dataset = supervision.DetectionDataset.from_pascal_voc("images", f"{folder}/0")
    ((_, _, found),) = dataset
    seen = " ".join(f"{corner:.0f}" for corner in found.xyxy[0])
else:
    box = supervision.Detections(
        xyxy=np.array([[10, 20, 50, 60]], float), class_id=np.array([0])
    )
    dataset = supervision.DetectionDataset(["cat"], ["images/a.png"], {"images/a.png": box})
    texts = []
    for number in range(2):
        dataset.as_pascal_voc(annotations_directory_path=f"{folder}/{number}")
        texts.append(Path(folder, str(number), "a.xml").read_text())
    seen, again = (" ".join(re.findall(r"<[xy]m..>([^<]*)<", text)) for text in texts)
    seen += f", and once more: {again}"
word = "writes:" if action == "writes" else f"reads the file of {folder}:"
print(f"{supervision.__version__} {word} {seen}")
assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
PYTHON
old() { venv/bin/python -W ignore box.py "$@"; }
new() { later/bin/python -W ignore box.py "$@"; }
old writes 0.27.0 "11 21 51 61, and once more: 12 22 52 62"
new writes 0.31.2 "11 21 50 60, and once more: 11 21 50 60"
old reads 0.31.2 "10 20 49 59"
new reads 0.27.0 "10 20 51 61"
