import pytest

from objloc.data.own.findings import Finding, Findings
from objloc.errors import ObjlocError


def test_events_are_counted_and_their_first_places_named() -> None:
    findings = Findings([Finding("note", "layout", "x", "passed over")])
    for number in range(5):
        findings.count("box", "cut at the border", f"{number}.xml", "warning")
    findings.count("size", "no size", "a.xml")
    assert list(findings) == [
        Finding("note", "layout", "x", "passed over"),
        Finding(
            "warning", "box", "", "cut at the border (5 times): 0.xml, 1.xml, 2.xml and 2 more"
        ),
        Finding("note", "size", "", "no size: a.xml"),
    ]


def test_what_a_terminal_would_obey_or_cannot_print_becomes_spaces() -> None:
    findings = Findings()
    findings.error("box", "a\x1b[2J.xml", "found 'x\ud800\n'")
    assert list(findings) == [Finding("error", "box", "a [2J.xml", "found 'x  '")]


def test_the_first_error_is_raised_with_the_number_of_the_others() -> None:
    findings = Findings()
    findings.warning("box", "a.xml", "small")
    findings.raise_first("folder", "hint")
    findings.damage("corrupt", "b.xml", ObjlocError("b.xml: expected XML; found: x"))
    findings.error("missing", "", "expected images")
    with pytest.raises(ObjlocError, match=r"^b.xml: expected XML; found: x \(hint; 1 more error\)"):
        findings.raise_first("folder", "hint")
