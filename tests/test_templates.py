import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from objloc.templates import code, code_block, escape_markdown, render


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", "cat"),
        ("2008_000123", "2008_000123"),
        ("IoU > 0.5, 95 % (x)", "IoU > 0.5, 95 % (x)"),
        ("a&b=c&d", "a&b=c&d"),
        ("<b>", "&lt;b>"),
        ("&lt; &#60;", "&amp;lt; &amp;#60;"),
        ("a|b", r"a\|b"),
        ("*a* `b` [c](d)", r"\*a\* \`b\` \[c\](d)"),
        ("_a_ __b__ c_d _", r"\_a\_ \_\_b\_\_ c_d \_"),
        ("back\\slash", r"back\\slash"),
        ("a\n# b\r\n\n- c", "a # b - c"),
        (0.5, "0.5"),
        (Markup("<b>"), "<b>"),
    ],
)
def test_markdown_is_escaped_to_one_line_of_plain_text(text: object, expected: str) -> None:
    assert escape_markdown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <b> *c*", "`a <b> *c*`"),
        ("a|b\nc", r"`a\|b c`"),
        ("a `b`", "`` a `b` ``"),
        ("``", "``` `` ```"),
        (None, "`None`"),
    ],
)
def test_code_ends_where_it_should(text: object, expected: str) -> None:
    assert code(text) == expected


def test_a_block_of_code_has_a_longer_fence_than_any_inside() -> None:
    assert code_block("a\nb", "sh") == "```sh\na\nb\n```"
    assert code_block("```\na") == "````\n```\na\n````"


def test_html_is_escaped_by_the_ending_of_the_template() -> None:
    shown = render("objloc.view.app", "note.html.jinja", note="<b>'\"")
    assert shown == '<p class="ob-note">&lt;b&gt;&#39;&#34;</p>\n'


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'note' is undefined"):
        render("objloc.view.app", "note.html.jinja")
