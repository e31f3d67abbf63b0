"""The report as Markdown, its pictures beside it: ``report.md``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from objloc.evaluation.baselines import BASELINES
from objloc.view.report.texts import (
    ALARMS,
    EXPLORER,
    FIGURES,
    OVERLOOKED,
    facts,
    link,
    shown_on,
)
from objloc.wording import fraction, span

_LISTED = 12
"""Images named of each bin; the page and the values have all."""


def markdown_of(
    contents: Mapping[str, Any],
    folder: Path,
    *,
    commit: str | None = None,
    explorer: str = EXPLORER,
) -> str:
    """The text; see ``objloc.view.report.page.page_of`` for the arguments."""
    parts = [
        f"# {contents['data']['name']}, {contents['image_set']}: report",
        contents["verdict"]["mean"]["text"],
        f"{facts(contents)}, {contents['searches']} searches.",
        "## Scores",
        _scores(contents),
        _figure(contents, folder, "between.png"),
        "## Curves",
        *(
            _figure(contents, folder, name)
            for name in (
                "success_by_iou.png",
                "precision_recall.png",
                "by_windows.png",
                "steps.png",
            )
        ),
        "## Why it missed",
        _figure(contents, folder, "misses.png"),
        _misses(contents, explorer),
        "## Errors",
        _figure(contents, folder, "errors.png"),
        _errors(contents, explorer),
        "## Worst detections",
        _figure(contents, folder, ALARMS),
        _figure(contents, folder, OVERLOOKED),
        "## Best and worst searches",
        *(_shots(name, shown, explorer) for name, shown in contents["thumbnails"].items()),
        "## Training",
        _figure(contents, folder, "training.png") or "No run folder lay beside.",
        "## How it was made",
        _made(contents, commit),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scores(contents: Mapping[str, Any]) -> str:
    success = contents["scores"]["success"]
    rows = [
        [
            column,
            str(contents["images_by_category"].get(column, contents["images"])),
            f"**{fraction(success['agent'][column])}**",
            span(success["interval"][column]),
            *(fraction(success["baselines"][name][column]) for name in BASELINES),
            fraction(success["gain"][column], "+.3f"),
            fraction(success["ceiling"][column]),
            fraction(contents["scores"]["ap_triggered"]["agent"][column]),
            fraction(contents["scores"]["ap_attended"]["agent"][column]),
        ]
        for column in [*contents["categories"], "mean"]
    ]
    headings = [
        "category", "images", "agent", "95 % interval",
        *(BASELINES[name].title for name in BASELINES), "gain", "oracle, at least",
        "AP triggered", "AP attended",
    ]  # fmt: skip
    return _table(headings, rows) + (
        f"\n\nSuccess: a trigger with IoU > {contents['iou_threshold']:g} in one greedy search of "
        "each image that holds the category. AP: VOC2007, IoU ≥ 0.5, every category in every "
        f"image. Oracle: a beam search of {contents['beam_width']} windows that sees the truth; "
        "more may be reachable."
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---", *["--:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def _figure(contents: Mapping[str, Any], folder: Path, name: str) -> str:
    if not (folder / name).is_file():
        return ""
    caption = FIGURES[name]
    return (
        f"![{caption.title}]({name})\n\n*{caption.title}. {shown_on(contents, name)}* {caption.how}"
    )


def _misses(contents: Mapping[str, Any], explorer: str) -> str:
    pictures = _pictures(contents)
    rows = [
        [
            f"{each['title']}: {each['text']}",
            fraction(each["cost"]),
            str(each["searches"]),
            str(each["objects"]),
            _listed(each["listed"], pictures, explorer),
        ]
        for each in contents["explanation"]["misses"].values()
    ]
    return _table(["reason", "success it costs", "searches", "objects", "images"], rows)


def _errors(contents: Mapping[str, Any], explorer: str) -> str:
    pictures = _pictures(contents)
    rows = [
        [
            f"{name}: {each['title']}",
            fraction(each["cost"]["voc2007"]),
            str(each["number"]),
            _listed(each["listed"], pictures, explorer),
        ]
        for name, errors in contents["explanation"]["errors"].items()
        for each in errors["kinds"].values()
    ]
    return _table(["error", "AP it costs", "number", "images"], rows)


def _pictures(contents: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Files of the pictures, by image and category."""
    return {
        (each["image_id"], each["category"]): each["file"] for each in contents.get("pictures", [])
    }


def _listed(
    entries: Sequence[dict[str, Any]], pictures: Mapping[tuple[str, str], str], explorer: str
) -> str:
    named = []
    for each in entries[:_LISTED]:
        file = pictures.get((each["image_id"], each["category"]))
        named.append(f"[{each['image_id']} {each['category']}]({file or link(explorer, each)})")
    more = len(entries) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _shots(name: str, shown: Sequence[dict[str, Any]], explorer: str) -> str:
    lines = [
        f"[![{each['image_id']}, {each['category']}]({each['file']})]({link(explorer, each)})"
        for each in shown
    ]
    return f"### {name.capitalize()}\n\n" + (" ".join(lines) or "None.")


def _made(contents: Mapping[str, Any], commit: str | None) -> str:
    rows = [
        ["data", f"{contents['data']['name']}, image set {contents['image_set']}"],
        ["data hash", f"`{contents['data']['hash']}`"],
        ["model", f"`{contents['model']}`"],
        ["command", f"`{contents['command'] or 'unknown'}`"],
        ["commit", f"`{commit}`" if commit else "told by `objloc report`"],
        ["made with", (contents["environment"] or "unknown").replace("\n", ", ")],
        *([f"`{key}`", f"`{value}`"] for key, value in contents["parameters"].items()),
    ]
    return _table(["what", "value"], rows)
