#!/usr/bin/env bash
# Pillow 12.3.0 cuts windows of one size into pictures of different sizes.
#
# Image.crop takes limits in floating point and rounds each to the nearest whole number, a half to
# the nearest even one. A window on half pixels, as the halving or centring of odd sizes gives, so
# gains half a pixel on each side or loses one: moved along by one pixel, a window of 11 pixels
# is 12, 10, 12, 10 ... wide, and one of a single pixel is 2 or 0 wide, a picture without pixels.
# The middle stays, so one does not see it in the pictures; a stack of them does not fit together.
# resize(size, box=...) of the same window takes fractions of pixels as they are.
#
# A picture of 40 x 10 pixels and windows that begin at 10.5, 11.5, ... or at whole pixels.
#
# Seen on 28 November 2026 (Python 3.11), widths:
#     11 pixels from 10, 11, 12, 13: 11 11 11 11
#     11 pixels from 10.5, 11.5, 12.5, 13.5: 12 10 12 10
#     1 pixel from 10.5, 11.5, 12.5, 13.5: 2 0 2 0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==12.3.0
cd "$folder"

venv/bin/python - <<'PYTHON'
from PIL import Image

picture = Image.new("RGB", (40, 10))
for width, begin, expected in (
    (11, 10, [11, 11, 11, 11]),
    (11, 10.5, [12, 10, 12, 10]),
    (1, 10.5, [2, 0, 2, 0]),
):
    lefts = [begin + moved for moved in range(4)]
    seen = [picture.crop((left, 0, left + width, 10)).width for left in lefts]
    pixels = "pixel" if width == 1 else "pixels"
    print(f"{width} {pixels} from {', '.join(map(str, lefts))}: {' '.join(map(str, seen))}")
    assert seen == expected, f"the behaviour changed: expected {expected}"
PYTHON
