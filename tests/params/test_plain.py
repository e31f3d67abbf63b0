from typing import Literal

import pytest

from objloc.errors import ObjlocError
from objloc.params.plain import MAX_VALUES, parse_yaml, plain


def read(text: str) -> object:
    return plain(parse_yaml(text), "p.yaml")


@pytest.mark.parametrize("form", ["safe", "base"])
@pytest.mark.parametrize(
    "text", ["a: [", "? [a]\n: [\n", "a: " + "[" * 500, "? {a: [b]}\n: c", "a: \x00"]
)
def test_what_is_no_yaml_is_refused_in_one_line(text: str, form: Literal["safe", "base"]) -> None:
    with pytest.raises(ValueError, match=r"\w") as error:
        parse_yaml(text, form)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["a: " + "9" * 5000, "a: 2020-99-01"])
def test_what_python_refuses_is_no_yaml(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_yaml(text)


def test_plain_values_stay_and_keys_become_texts() -> None:
    assert read("{a: [1, .5, true, null, x], 7: {b: no}}") == {
        "a": [1, 0.5, True, None, "x"],
        "7": {"b": "no"},
    }


def test_an_alias_is_a_copy() -> None:
    tree = read("{a: &a [1], b: *a}")
    assert isinstance(tree, dict)
    tree["a"].append(2)
    assert tree["b"] == [1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {b: [1, 2020-01-01]}", r"p\.yaml: a\.b\.1: expected a text, .*; found a date"),
        ("a: !!binary YQ==", r"p\.yaml: a: .*; found a bytes"),
        ("a: !!set {b}", r"p\.yaml: a: .*; found a set"),
        ("a:\n  ? [b]\n  : 1", r"p\.yaml: a\.key: .*; found a tuple"),
    ],
)
def test_what_json_does_not_have_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(ObjlocError, match=expected):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {b: *a}",
        "\n".join(
            [
                "a0: &a0 [x, x, x, x]",
                *(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(20)),
            ]
        ),
    ],
    ids=["list in itself", "mapping in itself", "aliases of aliases"],
)
def test_values_without_end_are_refused(text: str) -> None:
    with pytest.raises(ObjlocError, match=f"expected at most {MAX_VALUES:,} values; found more"):
        read(text)
