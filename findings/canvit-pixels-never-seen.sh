#!/usr/bin/env bash
# canvit-pytorch 0.2.1: the first glimpse of an image never reads three quarters of its pixels.
#
# CanViT, a foundation model for active vision, looks at a 512-pixel image through glimpses of 128
# pixels, and four of its six policies begin with the whole image. sample_at_viewpoint takes that
# glimpse by F.grid_sample without smoothing: each of its pixels is the mean of the 2 x 2 image
# pixels at the middle of 4 x 4, and the other twelve are read by none. Stripes two pixels wide are
# seen as uniformly black or white, depending on where they begin. What shrinks an image before a
# network elsewhere (Pillow, torchvision) averages all pixels: such an image is grey.
#
# No weights are needed: black and white stripes, half of the image each. The border is left out of
# the smoothed one.
#
# Seen on 28 November 2026 (Python 3.12, CPU), lowest and highest value of the glimpse:
#     image, mean 0.5: 0.0 to 1.0
#     whole image in a glimpse: 0.0 to 0.0
#     stripes that begin two pixels further: 1.0 to 1.0
#     the same size by interpolate(antialias=True): 0.5 to 0.5
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.12 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q canvit-pytorch==0.2.1 canvit-core==0.2.1 torch==2.13.0 \
    torchvision==0.28.0
cd "$folder"

venv/bin/python - <<'PYTHON'
import torch
from canvit_pytorch import Viewpoint, sample_at_viewpoint
from torch.nn.functional import interpolate

columns = torch.arange(512)


def stripes(begin):
    """A 512-pixel image with two white columns in every four."""
    white = ((columns - begin) % 4 < 2).float()
    return white.expand(1, 3, 512, 512).contiguous()


def glimpse(image):
    whole = Viewpoint.full_scene(batch_size=1, device=None)
    return sample_at_viewpoint(spatial=image, viewpoint=whole, glimpse_size_px=128)


image = stripes(3)
shrunk = interpolate(image, (128, 128), mode="bilinear", antialias=True)[..., 1:-1]
for word, values, expected in (
    (f"image, mean {float(image.mean())}", image, (0.0, 1.0)),
    ("whole image in a glimpse", glimpse(image), (0.0, 0.0)),
    ("stripes that begin two pixels further", glimpse(stripes(1)), (1.0, 1.0)),
    ("the same size by interpolate(antialias=True)", shrunk, (0.5, 0.5)),
):
    seen = tuple(round(float(each), 6) for each in (values.min(), values.max()))
    print(f"{word}: {seen[0]} to {seen[1]}")
    assert seen == expected, f"the behaviour changed: expected {expected}"
PYTHON
