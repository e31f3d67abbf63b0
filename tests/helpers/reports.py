"""Reports of a small run, and what their pages hold."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from objloc.network.device import CPU
from objloc.params import Report
from objloc.view.report.build import write_report

PARAMS = Report(beam_width=4, thumbnails=2)


def make_report(run: Path, output: Path, params: Report = PARAMS) -> dict[str, Any]:
    """Write the report of an evaluated run and return its values."""
    return write_report(
        run / "shards", run / "train", run / "evaluate", output, params, lambda _: None, CPU
    )


class Page(HTMLParser):
    """What a page holds: text, identifiers, addresses, tags, unclosed tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.alternatives: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.alone: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(given)
        if given.get("id"):
            self.ids.add(str(given["id"]))
        if tag == "a":
            self.links.append(str(given["href"]))
        if tag == "img":
            self.sources.append(str(given["src"]))
            assert given.get("alt")
            self.alternatives.append(str(given["alt"]))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.alone.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)
