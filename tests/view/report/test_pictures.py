from pathlib import Path

from objloc.view.report.build import read_report
from objloc.view.report.pictures import named_pairs
from tests.helpers.reports import PARAMS, Page, make_report


def test_of_too_many_pictures_every_bin_has_its_first_and_the_rest_leads_to_the_explorer(
    evaluated_run: Path, report: Path, tmp_path: Path
) -> None:
    whole = read_report(report)["pictures"]
    few = make_report(evaluated_run, tmp_path / "few", PARAMS.model_copy(update={"pictures": 2}))
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
