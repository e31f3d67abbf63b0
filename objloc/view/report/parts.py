"""What the page is put together from: cards, tables, figures, bins."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from objloc.view.report.texts import ALARMS, FIGURES, OVERLOOKED, best_blind, link, shown_on
from objloc.wording import fraction, span

MEAN = ' class="mean"'
WIDE = (
    "by_windows.png",
    "training.png",
    "precision_recall.png",
    ALARMS,
    OVERLOOKED,
)
"""Figures that a phone shows in part, to be moved sideways."""


def card(title: str, score: Mapping[str, Any], note: str) -> str:
    """A mean score and a strip on which floor, agent, interval and ceiling are marked."""
    own, reach = score["agent"]["mean"], score["interval"]["mean"]
    floor = best_blind(score["baselines"], "mean") or 0.0
    ceiling = score["ceiling"]["mean"] or 0.0
    marks = [_mark("way", floor, ceiling)] if ceiling > floor else []
    if reach:
        marks.append(_mark("reach", *reach))
    marks += [_mark("floor", floor), _mark("top", ceiling)]
    if own is not None:
        marks.append(_mark("own", own))
    described = f"floor {fraction(floor)}, agent {fraction(own)}, ceiling {fraction(ceiling)}"
    return (
        f'<div class="card"><span>{title}</span><b>{fraction(own)}</b>'
        f'<div class="track" role="img" aria-label="{described}">{"".join(marks)}</div>'
        f"<span>{span(reach)} (95 %)</span><span>floor {fraction(floor)} · "
        f"ceiling {fraction(ceiling)}</span><span>{escape(note)}</span></div>"
    )


def _mark(name: str, low: float, high: float | None = None) -> str:
    width = "" if high is None else f";width:{100 * (high - low):.2f}%"
    return f'<i class="{name}" style="left:{100 * low:.2f}%{width}"></i>'


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A table of cells that are HTML already; the row called ``mean`` stands apart."""
    head = "".join(f'<th scope="col">{each}</th>' for each in headings)
    body = "".join(
        f"<tr{MEAN if row[0] == 'mean' else ''}>"
        + "".join(f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="note">{escape(caption)}</p>'
    )


def figure(contents: Mapping[str, Any], folder: Path, name: str) -> str:
    """A figure with what it shows and how to read it; nothing if there is no picture."""
    if not (folder / name).is_file():
        return ""
    caption = FIGURES[name]
    size = ' class="wide"' if name in WIDE else ""
    return (
        f'<figure id="{Path(name).stem}"{size}><div class="scroll" tabindex="0">'
        f'<img src="{data_uri(folder / name)}" alt="{escape(caption.title)}"></div>'
        f"<figcaption><b>{escape(caption.title)}.</b> {escape(shown_on(contents, name))} "
        f"{escape(caption.how)}</figcaption></figure>"
    )


def data_uri(path: Path) -> str:
    """A picture's bytes as an address that needs no file."""
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def bin_of(
    title: str,
    text: str,
    cost: str,
    entries: Sequence[tuple[dict[str, Any], str]],
    links: Callable[[dict[str, Any]], str],
) -> str:
    """A kind of failure that opens to the images it is of.

    Args:
        title: its name.
        text: what it means.
        cost: HTML, what it costs.
        entries: ``image_id`` and ``category``, and a word on each.
        links: where an entry leads.
    """
    listed = "".join(
        f'<li><a href="{escape(links(entry))}">{escape(entry["image_id"])} '
        f"{escape(entry['category'])} {note}</a></li>"
        for entry, note in entries
    )
    images = f'<ul class="images">{listed}</ul>' if listed else '<p class="note">None.</p>'
    return (
        f'<details><summary><span>{escape(title)}<span class="text">{escape(text)}</span></span>'
        f'<span class="cost">{cost}</span></summary>{images}</details>'
    )


def pictured(contents: Mapping[str, Any], explorer: str) -> Callable[[dict[str, Any]], str]:
    """Where an entry of a bin leads: to its picture in the page, else to the explorer."""
    places = {
        (each["image_id"], each["category"]): f"#picture-{number}"
        for number, each in enumerate(contents.get("pictures", []))
    }
    return lambda entry: places.get((entry["image_id"], entry["category"])) or link(explorer, entry)


def overlays(contents: Mapping[str, Any], folder: Path, explorer: str) -> str:
    """The pictures behind the bins; each is seen while the page's address names it."""
    shown = []
    for number, each in enumerate(contents.get("pictures", [])):
        image_id, category = escape(each["image_id"]), escape(each["category"])
        shown.append(
            f'<figure class="picture" id="picture-{number}">'
            f'<img src="{data_uri(folder / each["file"])}" '
            f'alt="{image_id}, search for {category}: windows and truth">'
            f"<figcaption><b>{image_id}, search for {category}</b> {escape(each['said'])}. "
            "Amber: windows, the last one strong; blue: truth. "
            f'<a href="{escape(link(explorer, each))}">Open in the explorer</a> (if its page holds '
            'the image) · <a class="close" href="#closed">Close</a></figcaption></figure>'
        )
    return f'<div id="closed">{"".join(shown)}</div>'
