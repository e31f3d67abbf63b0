"""The report as one page that needs nothing beside it, and as Markdown."""

import base64
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from objloc.evaluation.baselines import BASELINES
from objloc.templates import render
from objloc.view.report.texts import (
    EXPLORER,
    FIGURES,
    best_blind,
    facts,
    link,
    lost,
    shown_on,
)

_ROOM = "objloc.view.report"


def page_of(
    contents: Mapping[str, Any],
    folder: Path,
    *,
    commit: str | None = None,
    explorer: str = EXPLORER,
) -> str:
    """Text of ``report.html``, which carries its pictures inside.

    Args:
        contents: the values of ``report.json``.
        folder: holds the report's pictures.
        commit: the run's commit; None in files that a stage writes.
        explorer: address of the explorer's page.
    """
    places = {
        _key(each): f"#picture-{number}" for number, each in enumerate(contents.get("pictures", []))
    }
    return render(
        _ROOM,
        "page.html.jinja",
        style=files(_ROOM).joinpath("style.css").read_text("utf-8"),
        data_uri=lambda file: _data_uri(folder / file),
        **_shared(contents, folder, commit, explorer, places),
    )


def markdown_of(
    contents: Mapping[str, Any],
    folder: Path,
    *,
    commit: str | None = None,
    explorer: str = EXPLORER,
) -> str:
    """Text of ``report.md``, whose pictures lie beside it; see ``page_of`` for the arguments."""
    places = {_key(each): quote(each["file"]) for each in contents.get("pictures", [])}
    return render(_ROOM, "report.md.jinja", **_shared(contents, folder, commit, explorer, places))


def _shared(
    contents: Mapping[str, Any],
    folder: Path,
    commit: str | None,
    explorer: str,
    places: Mapping[tuple[str, str], str],
) -> dict[str, Any]:
    """Variables of both templates.

    Args:
        contents: see ``page_of``.
        folder: see ``page_of``.
        commit: see ``page_of``.
        explorer: see ``page_of``.
        places: addresses of pictures, by image and category; other searches are linked to
            the explorer.
    """
    return {
        "report": contents,
        "pictures": contents.get("pictures", []),
        "columns": [*contents["categories"], "mean"],
        "baselines": list(BASELINES),
        "titles": [each.title for each in BASELINES.values()],
        "threshold": format(contents["iou_threshold"], "g"),
        "captions": FIGURES,
        "facts": facts(contents),
        "shown_on": partial(shown_on, contents),
        "exists": lambda file: (folder / file).is_file(),
        "best_blind": best_blind,
        "lost": lost,
        "link": partial(link, explorer),
        "place_of": lambda entry: places.get(_key(entry)) or link(explorer, entry),
        "commit": commit,
    }


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return entry["image_id"], entry["category"]


def _data_uri(path: Path) -> str:
    """A picture's bytes as an address that needs no file."""
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
