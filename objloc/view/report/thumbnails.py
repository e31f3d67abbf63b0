"""Small pictures of searches: photograph, ground truth, earlier windows and last window."""

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from objloc.data.sample import Coordinates, coordinates
from objloc.diagnosis.analysis import Analysis
from objloc.view.canvas import AGENT, TRUTH, outline

_SIDE = 320
"""Longer side of a thumbnail, in pixels."""


def thumbnail(
    jpeg: bytes,
    size: tuple[float, float],
    truth: Sequence[tuple[Coordinates, bool]],
    windows: Sequence[Coordinates],
    side: int = _SIDE,
    quality: int = 85,
) -> bytes:
    """Draw a search, earlier windows faint and the last one strong.

    Args:
        jpeg: file of the photograph.
        size: its width and height in pixels as annotated.
        truth: boxes of the category's objects in pixels, and whether each is difficult;
            difficult ones are dashed.
        windows: the search's windows, in pixels and in their order; may be empty.
        side: longer side of the picture, in pixels.
        quality: quality of the JPEG file, 95 at most.

    Returns:
        Bytes of a JPEG file.
    """
    with Image.open(io.BytesIO(jpeg), formats=["JPEG", "PNG"]) as file:
        image = file.convert("RGB")
    scale = side / max(size)
    image = image.resize(
        (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))), Image.Resampling.LANCZOS
    )

    def draw(box: Coordinates, **style: Any) -> None:
        xmin, ymin, xmax, ymax = (scale * corner for corner in box)
        outline(image, (xmin, ymin, xmax, ymax), **style)

    for box in windows[:-1]:
        draw(box, colour=AGENT, width=1, opacity=0.25)
    for box, difficult in truth:
        draw(box, colour=TRUTH, width=3, dashed=difficult)
    for box in windows[-1:]:
        draw(box, colour=AGENT, width=3)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def thumbnails(analysis: Analysis, rows: Sequence[int]) -> list[tuple[dict[str, Any], bytes]]:
    """Draw some searches.

    Args:
        analysis: holds the searches and their photographs.
        rows: row numbers of ``analysis.searches``.

    Returns:
        For each search its entry in ``report.json`` and the bytes of its file.
    """
    searches, store = analysis.searches, analysis.store
    pictures = []
    for row in rows:
        image, category = int(searches.image[row]), int(searches.category[row])
        steps = int(searches.steps[row])
        windows = [coordinates(box) for box in searches.boxes[row, : steps + 1].tolist()]
        width, height = store.sizes[image].tolist()
        picture = thumbnail(
            store.jpegs[image], (width, height), store.ground_truth(image, category), windows
        )
        image_id, name = store.image_ids[image], store.categories[category]
        entry = {
            "image_id": image_id,
            "category": name,
            "iou": round(float(searches.final_iou[row]), 4),
            "steps": steps,
            "terminated": bool(searches.terminated[row]),
            "file": f"thumbnails/{image_id}_{name}.jpg",
        }
        pictures.append((entry, picture))
    return pictures
