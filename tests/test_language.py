"""Docstrings are in plain English, as far as patterns can tell."""

import ast
import re
from pathlib import Path

import pytest

from tests.helpers.imports import ROOT

RULES = {
    "begin with a noun or an imperative verb": r"\A\s*(?:Of|What)\b",
    "an entry says what it is, not only whose": r"^\s*\w+(?:, \w+)*: of\b",
    "'again', not 'anew'": r"\banew\b",
    "repeat the words, not 'likewise'": r"\blikewise\b",
    "give the number, not 'so many'": r"\bso\s+many\b",
    "'report', 'log' or 'state', not 'tell'": r"\b(?:told|tells)\b",
    "name the place, not 'see above'": r"\bsee\s+above\b",
    "'minimum' and 'maximum', not 'least' and 'greatest'":
        r"\A\s*Least\b|\b(?!at\b)\w+\W+least\b|\bgreatest\b",
    "'fraction', not 'share'": r"\bshares?\s+of\b",
    "'ground truth', not 'the truth'": r"\bthe\s+truth\b",
}  # fmt: skip
"""Rules, and the pattern (in any letter case) of a docstring that breaks each."""

FILES = [
    path.relative_to(ROOT)
    for room in ("objloc", "stages")
    for path in sorted((ROOT / room).rglob("*.py"))
]


def docstrings(code: str) -> list[str]:
    """Docstrings of modules, classes and functions, and those below assignments."""
    return [
        line.value.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for line in node.body
        if isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    ]


def broken_rules(docstring: str) -> list[str]:
    return [
        rule
        for rule, pattern in RULES.items()
        if re.search(pattern, docstring, re.IGNORECASE | re.MULTILINE)
    ]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_docstrings_keep_the_rules(file: Path) -> None:
    broken = [
        f"{rule}: {text.strip()}"
        for text in docstrings((ROOT / file).read_text("utf-8"))
        for rule in broken_rules(text)
    ]
    assert not broken


@pytest.mark.parametrize(
    ("docstring", "number"),
    [
        ("Of the draw.", 1),
        ("What shards hold.", 1),
        ("Seed of the draw.", 0),
        ("Draw.\n\n    Args:\n        seed: of the draw.\n    ", 1),
        ("Draw.\n\n    Args:\n        low, high: of the range.\n    ", 1),
        ("Draw.\n\n    Args:\n        seed: seed of the draw.\n    ", 0),
        ("Least side.", 1),
        ("Sides, the\n    least first, the greatest last.", 1),
        ("Images of at\n    least one object.", 0),
        ("Share of the images, read anew and told so\n    many times; likewise the rest.", 5),
        ("Fraction of the ground truth, not the truth.", 1),
        ("Image sets that share images.", 0),
    ],
)
def test_the_patterns_find_what_they_should(docstring: str, number: int) -> None:
    assert len(broken_rules(docstring)) == number


def test_docstrings_of_assignments_count() -> None:
    code = '"""A."""\nB = 1\n"""C."""\nclass D:\n    """E."""\n    f: int\n    """G."""\n'
    assert docstrings(code) == ["A.", "C.", "E.", "G."]
