#!/usr/bin/env bash
# litdata 0.2.76 packs the original file of a picture that was changed in place.
#
# optimize packs samples into chunks. If a sample holds what Image.open made of a JPEG file, the
# writer copies that file's bytes, whatever was done to the picture since. Pillow has methods that
# change a picture itself: thumbnail above all, the usual way to shrink one, or drawing, by which
# faces are hidden. The chunks then hold the large pictures beside boxes that were scaled down, or
# the faces. Nothing is said. Methods that return a new picture (resize, copy) are safe.
#
# A white picture of 400 x 300 pixels, shrunk to a quarter of its sides or painted black.
#
# Seen on 28 November 2026 (Python 3.11):
#     thumbnail, 100 x 75: packed is the original file
#     painted black, 400 x 300: packed is the original file
#     resize, 100 x 75: packed is the picture given
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q litdata==0.2.76 torch==2.13.0 torchvision==0.28.0 \
    pillow==12.3.0 numpy==2.4.6
cd "$folder"

cat > pack.py <<'PYTHON'
from pathlib import Path

import litdata
from PIL import Image, ImageDraw


def changed(action):
    picture = Image.open("photo.jpg")
    if action == "thumbnail":
        picture.thumbnail((100, 100))
    elif action == "painted black":
        ImageDraw.Draw(picture).rectangle((0, 0, 400, 300), fill="black")
    else:
        picture = picture.resize((100, 75))
    return picture


def sample(action):
    return {"picture": changed(action)}


def packed(action):
    """What the chunk of that one sample holds."""
    litdata.optimize(
        fn=sample, inputs=[action], output_dir=action, chunk_bytes="1MB", num_workers=1,
        verbose=False,
    )
    (chunk,) = Path(action).glob("*.bin")
    content = chunk.read_bytes()
    if Path("photo.jpg").read_bytes() in content:
        return "the original file"
    return "the picture given" if changed(action).tobytes() in content else "neither"


if __name__ == "__main__":
    Image.new("RGB", (400, 300), "white").save("photo.jpg")
    for action, size, expected in (
        ("thumbnail", (100, 75), "the original file"),
        ("painted black", (400, 300), "the original file"),
        ("resize", (100, 75), "the picture given"),
    ):
        assert changed(action).size == size
        seen = packed(action)
        print(f"{action}, {size[0]} x {size[1]}: packed is {seen}")
        assert seen == expected, f"the behaviour changed: expected {expected}"
PYTHON
venv/bin/python -W ignore pack.py > out.txt 2> log.txt || { cat out.txt log.txt >&2; exit 1; }
grep packed out.txt
