"""The report's page and text."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from objloc.view.report.build import read_report
from objloc.view.report.render import markdown_of, page_of
from objloc.view.report.texts import FIGURES
from tests.helpers.reports import Page

NAME = """<script>alert('1')</script>&lt;"|`*[x](y)_"""
"""A category or an image that somebody named to be taken for markup."""


def test_the_page_needs_nothing_beside_it(report: Path) -> None:
    text = (report / "report.html").read_text("utf-8")
    page = Page(text)
    assert not page.open
    assert not page.alone
    pictures = [*report.glob("thumbnails/*"), *report.glob("pictures/*")]
    assert len(page.sources) == len(FIGURES) + len(pictures)
    assert all(each.startswith("data:image/") for each in page.sources)
    inside = {each.removeprefix("#") for each in page.links if each.startswith("#")}
    assert inside <= page.ids
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "<script" not in text
    # The command is told as it was, not taken for a tag.
    assert "python -m stages.train data/shards <data/train>" in page.words


def test_the_page_shows_the_scores_with_the_model_and_the_data(report: Path) -> None:
    contents = read_report(report)
    success = contents["scores"]["success"]
    text = (report / "report.html").read_text("utf-8")
    for column in ("cat", "dog", "mean"):
        shown = f"{success['agent'][column]:.3f}".replace("0.", ".", 1)
        assert f"<b>{shown}</b>" in text
    assert contents["verdict"]["mean"]["text"] in Page(text).words
    assert contents["data"]["hash"] in text
    assert contents["model"] in text


def test_every_bin_leads_to_pictures_and_from_them_to_the_explorer(report: Path) -> None:
    contents = read_report(report)
    assert contents["pictures"]
    links = Page((report / "report.html").read_text("utf-8")).links
    text = (report / "report.md").read_text("utf-8")
    bins = [*contents["explanation"]["misses"].values()]
    for errors in contents["explanation"]["errors"].values():
        bins += errors["kinds"].values()
    entries = [entry for each in bins for entry in each["listed"]]
    assert len(entries) > 10
    for entry in entries:
        place = f"#image={entry['image_id']}&search={entry['category']}&step=end"
        assert f"../explore/explorer.html{place}" in links
    places = {(each["image_id"], each["category"]): each for each in contents["pictures"]}
    # So few searches that none is left out.
    assert set(places) == {(each["image_id"], each["category"]) for each in entries}
    assert {f"#picture-{number}" for number in range(len(places))} <= set(links)
    first = next(each["listed"][0] for each in bins if each["listed"])
    file = places[first["image_id"], first["category"]]["file"]
    assert f"[{first['image_id']} {first['category']}]({file})" in text


def test_every_figure_tells_set_number_threshold_and_how_to_read_it(report: Path) -> None:
    name = read_report(report)["data"]["name"]
    for text in (
        " ".join(Page((report / "report.html").read_text("utf-8")).words),
        (report / "report.md").read_text("utf-8"),
    ):
        for caption in FIGURES.values():
            assert caption.how in text
        told = text.count(f"{name}, test: 6 images; success from IoU > 0.5.")
        assert told == len(FIGURES) - 1  # the training's is of other images


@pytest.mark.parametrize(("number", "words"), [(1, "1 search ended"), (2, "2 searches ended")])
def test_searches_that_end_otherwise_are_not_laid_to_the_machine_alone(
    report: Path, number: int, words: str
) -> None:
    contents = read_report(report)
    contents["explanation"]["differing_searches"] = number
    note = f"{words} otherwise here than when evaluated: the last bits of values depend on which"
    assert any(each.startswith(note) for each in Page(page_of(contents, report)).words)


def renamed(contents: dict[str, Any], old: str) -> dict[str, Any]:
    """The values of a report with another name, wherever a name is a whole key or value."""
    changed: dict[str, Any] = json.loads(
        json.dumps(contents).replace(json.dumps(old), json.dumps(NAME))
    )
    assert changed != contents
    return changed


@pytest.fixture(params=["cat", "000019"], ids=["category", "image"])
def wicked(request: pytest.FixtureRequest, report: Path) -> dict[str, Any]:
    """A report with a category or an image whose name would be markup."""
    return renamed(read_report(report), request.param)


def test_a_name_is_no_markup_in_the_page(report: Path, wicked: dict[str, Any]) -> None:
    harmless = Page(page_of(read_report(report), report))
    text = page_of(wicked, report)
    page = Page(text)
    assert "<script" not in text
    assert page.tags == harmless.tags
    assert page.attributes == harmless.attributes
    assert not page.open
    assert not page.alone
    assert any(NAME in words for words in page.words)
    assert any(NAME in words for words in page.alternatives)
    assert len(page.links) == len(harmless.links)


def test_a_name_is_no_markup_in_the_text(report: Path, wicked: dict[str, Any]) -> None:
    harmless = markdown_of(read_report(report), report)
    text = markdown_of(wicked, report)
    assert "<script" not in text
    assert r"""&lt;script>alert('1')&lt;/script>&amp;lt;"\|\`\*\[x\](y)\_""" in text

    def outline(markdown: str) -> list[tuple[bool, int]]:
        # Whether each line is a heading, and its cells.
        return [
            (line.startswith("#"), len(re.findall(r"(?<!\\)\|", line)))
            for line in markdown.splitlines()
        ]

    assert outline(text) == outline(harmless)


def test_values_of_parameters_stand_in_code_whatever_they_hold(report: Path) -> None:
    contents = read_report(report) | {"command": "a | b\n`c` <d>", "parameters": {"x": "`"}}
    text = markdown_of(contents, report)
    assert r"| command | `` a \| b `c` <d> `` |" in text
    assert "| `x` | `` ` `` |" in text
    assert "<code>a | b\n`c` &lt;d&gt;</code>" in page_of(contents, report)


def test_of_many_images_the_text_names_the_first(report: Path) -> None:
    contents = read_report(report)
    kind = contents["explanation"]["misses"]["beside"]
    kind["listed"] = [
        {"image_id": f"image{number}", "category": "cat", "nearest_iou": 0.25}
        for number in range(14)
    ]
    text = markdown_of(contents, report)
    assert "image=image11&search=cat&step=end) and 2 more |" in text
    assert "image12" not in text
    assert "image13 cat .25</a>" in page_of(contents, report)
