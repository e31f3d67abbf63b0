"""Mutations of a valid file, drawn at random: of its bytes, its tokens or its tree."""

import copy
import re
from collections.abc import Callable
from random import Random
from typing import Any

_TOKEN = re.compile(rb"[A-Za-z_]+|-?[0-9][0-9.eE+-]*|[<>{}\[\]\"':,;/=&*!#|-]")
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*")
_NUMBERS: tuple[bytes, ...] = (
    b"0", b"-1", b"-0.0", b"1e-320", b"1e308", b"-1e308", b"1e999", b"NaN", b"nan", b"Infinity",
    b"-inf", b".nan", b".inf", b"2147483648", b"18446744073709551616", b"9" * 400, b"9" * 5000,
    b"0x10", b"1_000", b"1.5.2", b"\xd9\xa3",
)  # fmt: skip
_SNIPPETS: tuple[bytes, ...] = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\x1b[2J", b"\xe2\x80\xae",
    b"\xef\xbb\xbf", b"\n", b"\r", b"\t", b" ", b"null", b"true", b"[]", b"{}", b"[[]]", b'""',
    b"&amp;", b"&#0;", b"&e;", b"<!--", b"]]>", b"<?x?>", b"<!DOCTYPE a>", b"../", b"/", b"%00",
    b"&a ", b"*a", b"<<: *a", b"!!binary YQ==", b"!!set {a}", b"!!python/name:os.system ",
    b"2020-01-01", b"2020-01-01T00:00:00Z", b"? [a]\n: b", b"[" * 2000, b"{a: " * 500,
)  # fmt: skip
_INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**64, 10**400, 0.5, -0.0, 1e-320, 1e308, -1e308,
    float("nan"), float("inf"), "", " ", "7", "nan", "-1e999", "a\u0000b", "\ud800", "\u202e",
    "../a", "/", "x" * 5000, [], {}, [[]], [None], {"": None}, [1, 2, 3, 4],
)  # fmt: skip


def mutated(content: bytes, chance: Random) -> bytes:
    """The content after one mutation, or a few."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        content = chance.choice(_MUTATIONS)(content, chance)
    return content


def mutated_tree(tree: Any, chance: Random) -> Any:
    """A copy of a tree of dictionaries and lists after one change of a node, or a few."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 1, 2, 4))):
        places = list(_places(tree))
        if not places:
            return chance.choice(_VALUES)
        node, key = chance.choice(places)
        other, other_key = chance.choice(places)
        match chance.randrange(6):
            case 0 | 1:
                node[key] = chance.choice(_VALUES)
            case 2:
                del node[key]
            case 3:
                node[key] = copy.deepcopy(other[other_key])
            case 4:
                node[key] = [node[key]] * chance.choice((1, 2, 30))
            case _ if isinstance(node, dict):
                node[chance.choice(("", "id", "name", "extends", "\ud800"))] = node.pop(key)
            case _:
                node.insert(key, copy.deepcopy(node[key]))
    return tree


def _places(node: Any) -> Any:
    """Every container of the tree with each of its keys."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _span(content: bytes, chance: Random) -> slice:
    start = chance.randrange(len(content) + 1)
    return slice(start, start + chance.choice((1, 2, 4, 16, 64, 400)))


def _flip(content: bytes, chance: Random) -> bytes:
    changed = bytearray(content)
    if changed:
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _replace(content: bytes, chance: Random) -> bytes:
    span = _span(content, chance)
    return content[: span.start] + chance.randbytes(len(content[span])) + content[span.stop :]


def _integer(content: bytes, chance: Random) -> bytes:
    """Overwrite a few bytes by an integer at the end of its range."""
    size = chance.choice((1, 2, 4))
    number = chance.choice(_INTEGERS) & (256**size - 1)
    place = chance.randrange(min(len(content) + 1, chance.choice((64, 10**6))))
    order = chance.choice(("little", "big"))
    written: bytes = number.to_bytes(size, "little" if order == "little" else "big")
    return content[:place] + written + content[place + size :]


def _cut(content: bytes, chance: Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _remove(content: bytes, chance: Random) -> bytes:
    span = _span(content, chance)
    return content[: span.start] + content[span.stop :]


def _repeat(content: bytes, chance: Random) -> bytes:
    span = _span(content, chance)
    times = chance.choice((1, 1, 2, 50))
    return content[: span.stop] + content[span] * times + content[span.stop :]


def _move(content: bytes, chance: Random) -> bytes:
    span = _span(content, chance)
    rest = content[: span.start] + content[span.stop :]
    place = chance.randrange(len(rest) + 1)
    return rest[:place] + content[span] + rest[place:]


def _insert(content: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.choice(_SNIPPETS) + content[place:]


def _swap_tokens(content: bytes, chance: Random) -> bytes:
    found = list(_TOKEN.finditer(content))
    if len(found) < 2:
        return content
    one, other = sorted(chance.sample(found, 2), key=lambda each: each.start())
    return b"".join(
        (
            content[: one.start()], other[0], content[one.end() : other.start()],
            one[0], content[other.end() :],
        )
    )  # fmt: skip


def _replace_token(content: bytes, chance: Random) -> bytes:
    return _substituted(content, _TOKEN, _SNIPPETS, chance)


def _replace_number(content: bytes, chance: Random) -> bytes:
    return _substituted(content, _NUMBER, _NUMBERS, chance)


def _substituted(
    content: bytes, pattern: re.Pattern[bytes], values: tuple[bytes, ...], chance: Random
) -> bytes:
    found = list(pattern.finditer(content))
    if not found:
        return content
    one = chance.choice(found)
    return content[: one.start()] + chance.choice(values) + content[one.end() :]


_MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flip, _replace, _integer, _cut, _remove, _repeat, _move, _insert, _swap_tokens,
    _replace_token, _replace_number, _replace_number,
)  # fmt: skip
