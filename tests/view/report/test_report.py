"""The report of a small run: its files, its figures held against the evaluation's."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from objloc.errors import ObjlocError
from objloc.network.device import CPU
from objloc.params import Report
from objloc.view.report.build import copy_with_commit, read_report, write_report
from objloc.view.report.pictures import named_pairs
from objloc.view.report.render import page_of
from objloc.view.report.texts import FIGURES
from tests.helpers.evaluations import bytes_in

PARAMS = Report(beam_width=4, thumbnails=2)


def write(run: Path, output: Path, params: Report = PARAMS) -> dict[str, Any]:
    return write_report(
        run / "shards", run / "train", run / "evaluate", output, params, lambda _: None, CPU
    )


@pytest.fixture(scope="module")
def report(evaluated_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reported") / "report"
    write(evaluated_run, folder)
    return folder


class Page(HTMLParser):
    """What a page holds: text, identifiers, addresses, unclosed tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.open: list[str] = []
        self.alone: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(str(given["id"]))
        if tag == "a":
            self.links.append(str(given["href"]))
        if tag == "img":
            self.sources.append(str(given["src"]))
            assert given.get("alt")
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.alone.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_report_is_page_text_values_and_pictures(report: Path) -> None:
    names = set(bytes_in(report))
    assert {"report.html", "report.md", "report.json", *FIGURES} <= names
    shown = read_report(report)["thumbnails"]
    assert {each["file"] for part in shown.values() for each in part} == {
        name for name in names if name.startswith("thumbnails/")
    }
    for name in names:
        if name.endswith((".png", ".jpg")):
            with Image.open(report / name) as picture:
                picture.load()


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


def test_of_too_many_pictures_every_bin_has_its_first_and_the_rest_leads_to_the_explorer(
    evaluated_run: Path, report: Path, tmp_path: Path
) -> None:
    whole = read_report(report)["pictures"]
    few = write(evaluated_run, tmp_path / "few", PARAMS.model_copy(update={"pictures": 2}))
    assert few["pictures"] == whole[:2]
    links = Page((tmp_path / "few" / "report.html").read_text("utf-8")).links
    assert {each for each in links if each.startswith("#picture-")} == {"#picture-0", "#picture-1"}
    left = whole[-1]
    place = f"#image={left['image_id']}&search={left['category']}&step=end"
    assert f"../explore/explorer.html{place}" in links
    explanation = {
        "misses": {"one": {"listed": [_entry("a"), _entry("b")]}},
        "errors": {"triggered": {"kinds": {"two": {"listed": [_entry("c")]}}}},
    }
    assert named_pairs(explanation, 2) == [("a", "cat"), ("c", "cat")]
    assert named_pairs(explanation, 9) == [("a", "cat"), ("c", "cat"), ("b", "cat")]
    assert named_pairs(explanation, 0) == []


def _entry(image_id: str) -> dict[str, str]:
    return {"image_id": image_id, "category": "cat"}


def test_scores_are_the_evaluations_and_lie_below_the_ceiling(
    evaluated_run: Path, report: Path
) -> None:
    contents = read_report(report)
    metrics = json.loads((evaluated_run / "evaluate" / "metrics.json").read_text())["test"]
    success = contents["scores"]["success"]
    assert success["agent"] == metrics["success_rate"]["greedy"]
    assert contents["scores"]["ap_attended"]["agent"] == metrics["ap"]["attended"]["voc2007"]
    for score in contents["scores"].values():
        for column, own in score["agent"].items():
            assert own <= score["ceiling"][column] <= 1
    text = (report / "report.html").read_text("utf-8")
    for column in ("cat", "dog", "mean"):
        shown = f"{success['agent'][column]:.3f}".replace("0.", ".", 1)
        assert f"<b>{shown}</b>" in text
    assert contents["verdict"]["mean"]["text"] in Page(text).words
    assert contents["data"]["hash"] in text
    assert contents["model"] in text


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


def test_the_same_run_gives_the_same_bytes_and_another_seed_other_intervals(
    evaluated_run: Path, report: Path, tmp_path: Path
) -> None:
    write(evaluated_run, tmp_path / "again")
    assert bytes_in(tmp_path / "again") == bytes_in(report)
    other = write(evaluated_run, tmp_path / "again", PARAMS.model_copy(update={"seed": 1}))
    assert (
        other["scores"]["ap_attended"]["interval"]
        != (read_report(report)["scores"]["ap_attended"]["interval"])
    )


def test_a_copy_tells_the_commit_and_is_the_same_else(report: Path, tmp_path: Path) -> None:
    page = copy_with_commit(report, tmp_path / "copy", "abc123", "elsewhere/explorer.html")
    contents = read_report(report)
    assert "abc123" not in (report / "report.html").read_text("utf-8")
    assert page.read_text("utf-8") == page_of(
        contents, report, commit="abc123", explorer="elsewhere/explorer.html"
    )
    assert "abc123" in page.read_text("utf-8")
    assert "| commit | `abc123` |" in (tmp_path / "copy" / "report.md").read_text("utf-8")
    same = {name for name in bytes_in(report) if not name.startswith("report.")}
    assert all(bytes_in(tmp_path / "copy")[name] == bytes_in(report)[name] for name in same)


def test_a_model_without_its_run_folder_has_a_report_without_training(
    evaluated_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "train").mkdir()
    shutil.copy(evaluated_run / "train" / "checkpoint.pt", tmp_path / "train")
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    shutil.rmtree(tmp_path / "evaluate" / "plots")
    (tmp_path / "shards").symlink_to(evaluated_run / "shards")
    contents = write(tmp_path, tmp_path / "report")
    assert contents["parameters"]["agent.mdp.max_steps"] == 8
    assert contents["history"] is contents["command"] is None
    names = set(bytes_in(tmp_path / "report"))
    assert not names & {"training.png", "steps.png", "precision_recall.png"}
    assert "No run folder lay beside" in (tmp_path / "report" / "report.html").read_text("utf-8")


def test_what_does_not_belong_together_is_refused_and_nothing_is_written(
    evaluated_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    shutil.copytree(evaluated_run / "train", tmp_path / "train")
    (tmp_path / "shards").symlink_to(evaluated_run / "shards")
    with pytest.raises(ObjlocError, match="image set 'train'; found val, test"):
        write(tmp_path, tmp_path / "out", Report(image_set="train"))
    (tmp_path / "train" / "history.csv").write_text("update,loss\n1,many\n")
    with pytest.raises(ObjlocError, match=r"history\.csv: expected a table of numbers"):
        write(tmp_path, tmp_path / "out")
    path = tmp_path / "evaluate" / "metrics.json"
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "f'))
    with pytest.raises(ObjlocError, match="found one of another model"):
        write(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ObjlocError, match=r"expected a report; found no report\.json"):
        copy_with_commit(tmp_path / "train", tmp_path / "out", None)
    (tmp_path / "train" / "report.json").write_text("{}")
    with pytest.raises(ObjlocError, match="found another file"):
        read_report(tmp_path / "train")
