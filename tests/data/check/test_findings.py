import json

from objloc.data.check.findings import Report
from objloc.data.own.conventions import Convention
from objloc.data.own.findings import Finding

NOTE = Finding("note", "orientation", "a.jpg", "a camera's orientation")
ERROR = Finding("error", "missing", "b.xml", "expected an image; found none")


def report(*findings: Finding) -> Report:
    convention = Convention("voc", fits=True, words="corners", evidence="3 of 3")
    return Report("pets", "voc", 2, 1, 3, {}, {"cat": {"all": 1}}, convention, findings)


def test_errors_alone_fail_a_folder() -> None:
    assert report().passed
    assert report(NOTE).passed
    assert not report(ERROR, NOTE).passed


def test_findings_are_chosen_by_severity() -> None:
    found = report(ERROR, NOTE, NOTE)
    assert found.of("error") == (ERROR,)
    assert found.of("warning") == ()
    assert found.of("note") == (NOTE, NOTE)


def test_json_holds_the_whole_report() -> None:
    tree = json.loads(json.dumps(report(ERROR).as_json()))
    assert tree["passed"] is False
    assert tree["findings"] == [
        {
            "severity": "error", "kind": "missing", "place": "b.xml",
            "message": "expected an image; found none",
        }
    ]  # fmt: skip
    assert tree["convention"]["name"] == "voc"
    assert tree["categories"] == {"cat": {"all": 1}}
