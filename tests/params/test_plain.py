import pytest
from ruamel.yaml import YAML

from objloc.errors import ObjlocError
from objloc.params.plain import MAX_VALUES, plain


def read(text: str) -> object:
    return plain(YAML(typ="safe", pure=True).load(text), "p.yaml")


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
