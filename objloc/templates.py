"""Render HTML and Markdown from jinja templates in the folder ``templates`` of a package.

Values of a template are text, never markup. HTML is escaped by jinja's autoescape,
Markdown by ``escape_markdown``. Values of type ``Markup``, such as results of the filters
for Markdown, are not escaped.
"""

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from objloc.wording import counted, fraction, number, span

_HTML = "html.jinja"
_LINE_BREAK = re.compile(r"\s*[\r\n]\s*")
_MARKS = re.compile(r"[\\`*\[\]|]|_(?![^\W_])|(?<![^\W_])_")
"""Characters that are markup in Markdown; an underscore between letters or digits is not."""
_ENTITY = re.compile(r"&(?=#?\w+;)")


def render(package: str, name: str, **values: Any) -> str:
    """Fill a template.

    Args:
        package: package whose folder ``templates`` holds the template, such as
            ``objloc.serving``.
        name: file name of the template; its ending, ``.html.jinja`` or ``.md.jinja``,
            determines how values are escaped.
        values: values of the template's variables.

    Raises:
        jinja2.UndefinedError: the template uses a variable that has no value.
    """
    return _environment(package, name.endswith(_HTML)).get_template(name).render(values)


@cache
def _environment(package: str, html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        autoescape=select_autoescape((_HTML,)),
        finalize=None if html else escape_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # A name in a line of code is to be read, not to be served.
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    for each in (counted, fraction, number, span):
        environment.filters[each.__name__] = each
    if not html:
        environment.filters |= {"code": code, "code_block": code_block}
    return environment


def escape_markdown(value: object) -> str:
    """A value as one line of Markdown that is read as plain text; ``Markup`` as it is."""
    if isinstance(value, Markup):
        return value
    text = _ENTITY.sub("&amp;", _LINE_BREAK.sub(" ", str(value)))
    return _MARKS.sub(r"\\\g<0>", text).replace("<", "&lt;")


def code(value: object) -> Markup:
    """A value as a span of code, which may stand in the cell of a table."""
    text = _LINE_BREAK.sub(" ", str(value)).replace("|", r"\|")
    fence = _fence(text, 1)
    pad = " " if "`" in text else ""
    return Markup(f"{fence}{pad}{text}{pad}{fence}")  # noqa: S704 - code is not read as markup


def code_block(value: object, language: str = "") -> Markup:
    """A value as a block of code."""
    text = str(value)
    fence = _fence(text, 3)
    return Markup(f"{fence}{language}\n{text}\n{fence}")  # noqa: S704 - as above


def _fence(text: str, shortest: int) -> str:
    """Backticks, one more than the longest run of them in the text."""
    return "`" * max(shortest, *(len(run) + 1 for run in re.findall("`+", text)), 0)
