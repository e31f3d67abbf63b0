"""The report as one page that needs nothing beside it: ``report.html``."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from objloc.evaluation.baselines import BASELINES
from objloc.view.report.parts import bin_of, card, data_uri, figure, overlays, pictured, table
from objloc.view.report.stylesheet import STYLE
from objloc.view.report.texts import (
    ALARMS,
    EXPLORER,
    OVERLOOKED,
    best_blind,
    facts,
    link,
    lost,
)
from objloc.wording import counted, fraction, span

_SECTIONS = (
    ("scores", "Scores"),
    ("curves", "Curves"),
    ("misses", "Why it missed"),
    ("errors", "Errors"),
    ("worst", "Worst detections"),
    ("images", "Best and worst searches"),
    ("training", "Training"),
    ("made", "How it was made"),
)
_NO_COMMIT = (
    "Not told here, so that the same inputs give the same page: <code>objloc report</code> and "
    "the page kept by MLflow tell it."
)


def page_of(
    contents: Mapping[str, Any],
    folder: Path,
    *,
    commit: str | None = None,
    explorer: str = EXPLORER,
) -> str:
    """The page; pictures are carried inside.

    Args:
        contents: of ``report.json``.
        folder: holds the report's pictures.
        commit: of the run; what a stage writes leaves it out.
        explorer: address of the explorer's page.
    """
    title = f"{contents['data']['name']}, {contents['image_set']}: report"
    parts = {
        "scores": _scores(contents, folder),
        "curves": "".join(
            figure(contents, folder, name)
            for name in (
                "success_by_iou.png",
                "precision_recall.png",
                "by_windows.png",
                "steps.png",
            )
        ),
        "misses": _misses(contents, folder, explorer),
        "errors": _errors(contents, folder, explorer),
        "worst": figure(contents, folder, ALARMS) + figure(contents, folder, OVERLOOKED),
        "images": _images(contents, folder, explorer),
        "training": figure(contents, folder, "training.png") or "<p>No run folder lay beside.</p>",
        "made": _made(contents, commit),
    }
    sections = "".join(
        f'<section id="{key}"><h2>{name}</h2>{parts[key]}</section>' for key, name in _SECTIONS
    )
    menu = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name in _SECTIONS)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><header>{_head(contents)}</header>\n"
        f'<nav aria-label="Sections"><ul>{menu}</ul></nav>\n<main>{sections}</main>\n'
        f"{overlays(contents, folder, explorer)}\n"
        "<footer>Every figure is defined in docs/metrics.md; how to read this page: "
        "docs/report.md.</footer></body></html>\n"
    )


def _head(contents: Mapping[str, Any]) -> str:
    mean = contents["verdict"]["mean"]
    mark = {True: "yes", False: "no", None: ""}[mean["better"]]
    names = ", ".join(contents["categories"])
    scores = contents["scores"]
    length = contents["steps"]
    cards = [
        card(
            "Success rate", scores["success"], f"a trigger with IoU > {contents['iou_threshold']:g}"
        ),
        card("AP, triggered windows", scores["ap_triggered"], "VOC2007, mean over categories"),
        card("AP, attended windows", scores["ap_attended"], "VOC2007, mean over categories"),
        f'<div class="card"><span>Steps of a search</span><b>{length["median"]:g}</b>'
        f"<span>median; {length['mean']:.1f} in the mean, {contents['max_steps']} at most"
        "</span></div>",
    ]
    return (
        f"<h1>How well it finds: {escape(contents['data']['name'])}, "
        f"{escape(contents['image_set'])}</h1>"
        f'<p class="muted">{escape(facts(contents))}, {contents["searches"]} searches for '
        f"{escape(names)}</p>"
        f'<div class="verdict {mark}"><p>{escape(mean["text"])}</p></div>'
        f'<div class="cards">{"".join(cards)}</div>'
    )


def _scores(contents: Mapping[str, Any], folder: Path) -> str:
    success = contents["scores"]["success"]
    rows = []
    for column in [*contents["categories"], "mean"]:
        verdict = contents["verdict"][column]["better"]
        rows.append(
            [
                escape(column),
                str(contents["images_by_category"].get(column, contents["images"])),
                f"<b>{fraction(success['agent'][column])}</b>",
                span(success["interval"][column]),
                *(fraction(success["baselines"][name][column]) for name in BASELINES),
                fraction(success["gain"][column], "+.3f"),
                fraction(success["ceiling"][column]),
                {True: "better", False: "worse", None: "not better"}[verdict],
            ]
        )
    headings = [
        "category", "images", "agent", "95 % interval",
        *(BASELINES[name].title for name in BASELINES), "gain", "oracle, at least", "than blind",
    ]  # fmt: skip
    success_table = table(
        headings, rows,
        "Success rate: share of the images that hold the category in which the greedy search "
        f"ends in a trigger with IoU > {contents['iou_threshold']:g}. {facts(contents)}. Gain: "
        "over the best of the three that look at nothing. Oracle: a beam search of "
        f"{contents['beam_width']} windows that sees the truth, with the same moves and steps; "
        "more may be reachable. The last column asks whether the interval of the gain holds 0.",
    )  # fmt: skip
    precision = []
    for column in [*contents["categories"], "mean"]:
        row = [escape(column)]
        for kind in ("ap_triggered", "ap_attended"):
            score = contents["scores"][kind]
            row += [
                f"<b>{fraction(score['agent'][column])}</b>",
                span(score["interval"][column]),
                fraction(best_blind(score["baselines"], column)),
                fraction(score["ceiling"][column]),
            ]
        precision.append(row)
    each = ["95 % interval", "best blind", "ceiling"]
    second = table(
        ["category", "triggered", *each, "attended", *each], precision,
        f"Average precision (VOC2007, IoU ≥ 0.5), every category searched in every image. "
        f"{facts(contents)}. Ceiling: every object claimed that the oracle reaches, nothing else; "
        "of triggered windows one for each search.",
    )  # fmt: skip
    return (
        success_table
        + figure(contents, folder, "between.png")
        + "<h3>Average precision</h3>"
        + second
    )


def _misses(contents: Mapping[str, Any], folder: Path, explorer: str) -> str:
    explained, links = contents["explanation"], pictured(contents, explorer)
    again = explained["differing_searches"]
    note = (
        f'<p class="note">{again} searches ended otherwise here than when they were evaluated: '
        "another kind of machine. The reasons are those of the searches as they run here.</p>"
        if again
        else ""
    )
    bins = "".join(
        bin_of(
            each["title"],
            each["text"],
            f"{lost(each['cost'])} <small>success, {counted(each['searches'], 'search', 'es')}, "
            f"{counted(each['objects'], 'object')}</small>",
            [(entry, fraction(entry["nearest_iou"], ".2f")) for entry in each["listed"]],
            links,
        )
        for each in explained["misses"].values()
    )
    return (
        f"<p>{explained['failed_searches']} of {explained['searches']} searches failed. Each "
        "missed object has exactly one reason: the first of these that applies. Behind an image "
        "stands the best IoU that its search came to; a link shows the search.</p>"
        f"{note}{figure(contents, folder, 'misses.png')}<h3>Images by reason</h3>{bins}"
    )


def _errors(contents: Mapping[str, Any], folder: Path, explorer: str) -> str:
    parts, links = [], pictured(contents, explorer)
    for name, errors in contents["explanation"]["errors"].items():
        bins = "".join(
            bin_of(
                each["title"],
                each["text"],
                f"{lost(each['cost']['voc2007'])} <small>AP, "
                f"{counted(each['number'], 'object' if kind == 'missed' else 'detection')}</small>",
                [
                    (entry, fraction(entry["score"], ".2f") if "score" in entry else "")
                    for entry in each["listed"]
                ],
                links,
            )
            for kind, each in errors["kinds"].items()
        )
        parts.append(f"<h3>Images by error of {name} windows</h3>{bins}")
    return (
        "<p>What is wrong with the detections of every category in every image, as TIDE (Bolya et "
        "al. 2020) tells it apart, and the average precision that each kind costs. Of each the "
        "surest are listed, with their scores.</p>"
        f"{figure(contents, folder, 'errors.png')}{''.join(parts)}"
    )


def _images(contents: Mapping[str, Any], folder: Path, explorer: str) -> str:
    parts = [
        '<p><span class="key" style="background:#ffb000"></span>windows, the last one strong '
        '<span class="key" style="background:#5ecdfa;margin-left:.8em"></span>truth (dashed: '
        "difficult). Best: right triggers of the highest IoU. Worst: failed searches of the "
        "lowest, the surest first. Each image once.</p>"
    ]
    for name, shown in contents["thumbnails"].items():
        items = "".join(_shot(each, folder, explorer) for each in shown)
        parts.append(
            f'<h3>{name.capitalize()}</h3><ul class="shots">{items or "<li>none</li>"}</ul>'
        )
    return "".join(parts)


def _shot(each: dict[str, Any], folder: Path, explorer: str) -> str:
    image_id, category = escape(each["image_id"]), escape(each["category"])
    ending = "triggered" if each["terminated"] else "no trigger"
    return (
        f'<li><a href="{escape(link(explorer, each))}">'
        f'<img src="{data_uri(folder / each["file"])}" alt="{image_id}, search for {category}">'
        f"{category}, IoU {fraction(each['iou'], '.2f')}"
        f"<small>{image_id}, {each['steps']} steps, {ending}</small></a></li>"
    )


def _made(contents: Mapping[str, Any], commit: str | None) -> str:
    data = contents["data"]
    rows = [
        ("Data", f"{escape(data['name'])}, image set {escape(contents['image_set'])}"),
        ("Data hash", f'<span class="hash">{data["hash"]}</span>'),
        ("Model (SHA-256)", f'<span class="hash">{contents["model"]}</span>'),
        ("Command", f"<code>{escape(contents['command'] or 'unknown')}</code>"),
        ("Commit", f'<span class="hash">{escape(commit)}</span>' if commit else _NO_COMMIT),
        ("Made with", escape((contents["environment"] or "unknown").replace("\n", ", "))),
    ]
    facts_table = "".join(f'<tr><th scope="row">{a}</th><td>{b}</td></tr>' for a, b in rows)
    values = "".join(
        f"<tr><th scope='row'><code>{escape(key)}</code></th><td>{escape(str(value))}</td></tr>"
        for key, value in contents["parameters"].items()
    )
    return (
        f'<table class="facts"><tbody>{facts_table}</tbody></table><h3>Parameters</h3>'
        f"<details><summary><span>All {len(contents['parameters'])} of them</span></summary>"
        f'<table class="facts"><tbody>{values}</tbody></table></details>'
    )
