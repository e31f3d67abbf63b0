import pytest

from objloc.wording import abridged, counted, fraction, listed, number, span


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (None, ".3f", "-"),
        (0.5124, ".3f", ".512"),
        (-0.5, ".3f", "-.500"),
        (0.125, "+.3f", "+.125"),
        (0.0, ".2f", ".00"),
        (1.0, ".3f", "1.000"),
        (0.9996, ".3f", "1.000"),
        (10.0, ".1f", "10.0"),
        (-20.05, ".2f", "-20.05"),
    ],
)
def test_a_fraction_has_no_zero_before_its_point(
    value: float | None, form: str, expected: str
) -> None:
    assert fraction(value, form) == expected


def test_a_number_or_interval_that_is_missing_is_a_dash() -> None:
    assert number(0.5) == "0.500"
    assert number(-1.0, "+.1f") == "-1.0"
    assert number(None) == span(None) == "-"
    assert span((0.25, 1.0)) == ".250 to 1.000"
    assert span([0.25, 1.0], number) == "0.250 to 1.000"


def test_nouns_agree_with_their_number() -> None:
    assert [counted(count, "object") for count in range(3)] == [
        "0 objects",
        "1 object",
        "2 objects",
    ]
    assert counted(2, "search", "es") == "2 searches"


def test_names_are_listed_in_their_order_and_repeats_are_counted() -> None:
    assert listed(["cat"], "and") == "cat"
    assert listed(["cat", "cat"], "and") == "cat (2)"
    assert listed(["cat", "dog", "cat", "bird"], "or") == "cat (2), dog or bird"


def test_a_long_list_is_cut_and_says_so() -> None:
    assert abridged(["a", "b"], 2) == "a, b"
    assert abridged(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert abridged([], 2) == ""
