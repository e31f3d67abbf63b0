"""The page: one HTML file that holds its style, script, photographs and searches."""

import base64
import io
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from objloc.data.shard_index import read_index
from objloc.files import write_files
from objloc.network.checkpoint import Checkpoint
from objloc.params import Explore
from objloc.view.explorer.record import record
from objloc.view.explorer.selection import choose

PAGE = "explorer.html"
TRAJECTORIES = "trajectories.json"
SCRIPTS = (
    "mdp.js", "model.js", "glyphs.js", "stage.js", "panel.js", "chart.js", "turn.js", "gallery.js",
    "app.js", "controls.js",
)  # fmt: skip
"""In the order in which they follow each other in the page."""


def write_explorer(
    shards: Path, checkpoint: Checkpoint, model_hash: str, output: Path, params: Explore
) -> list[Path]:
    """Search, then write the page and its trajectories.

    Args:
        shards: folder of shards.
        checkpoint: the agent.
        model_hash: SHA-256 of its file.
        output: folder to write to.
        params: which images and how large.

    Returns:
        The page and the trajectories' file.

    Raises:
        ObjlocError: see ``choose``; or the folder can't be written.
    """
    index = read_index(shards)
    shown = choose(shards, checkpoint, params)
    data = {"name": index.data, "hash": index.data_hash}
    known = record(shown, checkpoint, model_hash, params.image_set, data)
    photographs = {
        each.sample.image_id: jpeg(each.searches[0].photograph, params.max_side, params.quality)
        for each in shown
    }
    return write_files(
        output,
        {
            PAGE: page(known, photographs).encode(),
            TRAJECTORIES: (_compact(known) + "\n").encode(),
        },
    )


def jpeg(photograph: Image.Image, max_side: int, quality: int) -> bytes:
    """A photograph as JPEG, scaled down to a longest side in pixels.

    Encoded again even if it is small enough: this removes what the camera wrote about
    orientation, time and place. Boxes count in the pixels as they lie in the file.
    """
    scaled = photograph.copy()
    scaled.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    scaled.save(stream, "JPEG", quality=quality, optimize=True, progressive=True)
    return stream.getvalue()


def page(known: dict[str, Any], photographs: dict[str, bytes]) -> str:
    """The HTML.

    Args:
        known: see ``record``.
        photographs: JPEG files by image id.
    """
    here = files("objloc.view.explorer")
    encoded = {name: base64.b64encode(data).decode() for name, data in photographs.items()}
    parts = {
        "style": (here / "style.css").read_text("utf-8"),
        "script": "\n".join((here / name).read_text("utf-8") for name in SCRIPTS),
        "data": _inline(known),
        "photographs": _inline(encoded),
    }
    skeleton = (here / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], skeleton)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def _inline(value: Any) -> str:
    """JSON that can't end the element that it stands in."""
    return _compact(value).replace("<", "\\u003c")
