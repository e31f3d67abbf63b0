"""Requests to ``objloc app``, as its page sends them."""

import json
import re
import uuid
from random import Random
from typing import Any

from benchmarks.reliability.traffic.case import BusyError, Case, WrongError, expect
from benchmarks.reliability.traffic.client import ask, begun, events, status_of_slow
from benchmarks.reliability.traffic.pictures import bad_files, good_files
from objloc.search.localiser import Localiser
from objloc.view.app import markup

API = "/gradio_api"
BORDER = "a-border-between-parts"
FORM = f"multipart/form-data; boundary={BORDER}"


class Visitor:
    """One visitor's session.

    Args:
        address: of the app.
    """

    def __init__(self, address: str) -> None:
        self._address, self._session = address, uuid.uuid4().hex

    def upload(self, file: bytes, name: str = "photo.img") -> tuple[int, Any]:
        """Status and answer, paths on the server."""
        return ask(self._address, f"{API}/upload", form(file, name), FORM)

    def call(self, function: int, *values: Any, steps: int | None = None) -> dict[str, Any]:
        """Call a function of the page, and wait for the end or for some of its steps."""
        asked = {"data": values, "fn_index": function, "session_hash": self._session}
        status, told = ask(self._address, f"{API}/queue/join", json.dumps(asked).encode())
        expect(status == 200, told)
        seen = 0
        for event in events(self._address, f"{API}/queue/data?session_hash={self._session}"):
            seen += event["msg"] == "process_generating"
            if event["msg"] == "process_completed" or seen == steps:
                return event
        raise WrongError("the events ended without an answer")


def form(file: bytes, name: str) -> bytes:
    """An upload of one file."""
    head = f'--{BORDER}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + file + f"\r\n--{BORDER}--\r\n".encode()


def functions(address: str) -> tuple[int, int]:
    """Numbers of the page's functions that take a file and that search."""
    config = ask(address, "/config")[1]
    named = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
    listed = config["dependencies"]
    (take,) = (each["id"] for each in listed if each["inputs"] == [named["ob-file"]])
    (search,) = (each["id"] for each in listed if [named["ob-start"], "click"] in each["targets"])
    return take, search


def app_cases(address: str, agent: Localiser, megabytes: int, seconds: int) -> list[Case]:
    """All kinds of visits.

    Args: as of ``service_cases``; the limit of size is a file's.
    """
    take, search = functions(address)
    good = list(good_files())
    names = list(agent.categories)
    return [
        *_right(address, agent, good, take, search),
        *_unusable(address, good, names, take, search),
        *_disturbing(address, good, names, take, search, megabytes, seconds),
    ]


def _right(address: str, agent: Localiser, good: list[bytes], take: int, search: int) -> list[Case]:
    budgets = (20, 60)
    names = (list(agent.categories), list(agent.categories[:1]))
    answers = {
        (number, budget, len(asked)): _shown(agent, file, asked, budget)
        for number, file in enumerate(good)
        for budget in budgets
        for asked in names
    }

    def visit(random: Random) -> None:
        number = random.randrange(len(good))
        visitor = Visitor(address)
        chosen = _take(visitor, good[number], take)["output"]["data"][1]
        for _ in range(2):
            budget, asked = random.choice(budgets), random.choice(names)
            event = visitor.call(search, chosen, asked, budget, "at once")
            expect(event["success"], event)
            found = event["output"]["data"]
            _expect_a_turn(found[2])
            expect(found == answers[number, budget, len(asked)], found)

    return [Case("a photograph, searched twice", True, 20, visit)]


def _unusable(
    address: str, good: list[bytes], names: list[str], take: int, search: int
) -> list[Case]:
    def told(what: str, file: bytes, words: str) -> Case:
        def send(_: Random) -> None:
            visitor = Visitor(address)
            event = _take(visitor, file, take)
            chosen, *_, sentence = event["output"]["data"][1:]
            expect('role="alert"' in sentence, sentence)
            expect(re.search(words, sentence) is not None, sentence)
            sentence = visitor.call(search, chosen, names, 20, "at once")["output"]["data"][-1]
            expect("There is no photograph yet" in sentence, sentence)

        return Case(what, False, 1, send)

    def failed(what: str, function: int, *values: Any) -> Case:
        def send(_: Random) -> None:
            event = Visitor(address).call(function, *values)
            expect(event["msg"] == "process_completed" and not event["success"], event)

        return Case(what, False, 1, send)

    def malformed(_: Random) -> None:
        expect(ask(address, f"{API}/upload", b"no form", FORM)[0] == 400, "an upload without form")

    return [
        *(told(what, file, words) for what, (file, words) in bad_files(good).items()),
        failed("a file of the machine's own", take, _file("/etc/hostname")),
        failed("the same for a search", search, "/etc/hostname", names, 20, "at once"),
        failed("an address for a file", take, _file("http://127.0.0.1:9/photo.jpg")),
        failed("a file for categories", search, None, [_file("/etc/hostname")], 20, "at once"),
        failed("an unknown category", search, None, ["unicorn"], 20, "at once"),
        failed("a budget above the limit", search, None, names, 100_000, "at once"),
        Case("an upload that is no form", False, 1, malformed),
    ]


def _disturbing(
    address: str,
    good: list[bytes],
    names: list[str],
    take: int,
    search: int,
    megabytes: int,
    seconds: int,
) -> list[Case]:
    path, body = f"{API}/upload", form(good[0], "photo.jpg")
    large = bytes(megabytes * 2**20 + 1)

    def too_large(random: Random) -> None:
        status, found = Visitor(address).upload(large * random.choice([1, 2]))
        expect(status == 413, (status, found))

    def slow(_: Random) -> None:
        with begun(address, path, len(body), FORM) as upload:
            status = status_of_slow(upload, body[: 10 * seconds])
            expect(status == 408, status)

    def dropped(random: Random) -> None:
        with begun(address, path, len(body), FORM) as upload:
            upload.sendall(body[: random.randrange(len(body))])

    def gone(_: Random) -> None:
        visitor = Visitor(address)
        chosen = _take(visitor, good[0], take)["output"]["data"][1]
        event = visitor.call(search, chosen, names, 60, "normal", steps=3)
        if event["msg"] == "process_completed":
            _expect_a_turn(event["output"]["data"][2])
        expect(event["msg"] == "process_generating", event)

    return [
        Case("a file above the limit of size", False, 1, too_large),
        Case("a slow upload", False, 1, slow),
        Case("a dropped upload", False, 1, dropped),
        Case("a visitor who leaves in a search", False, 1, gone),
    ]


def _take(visitor: Visitor, file: bytes, take: int) -> dict[str, Any]:
    status, paths = visitor.upload(file)
    expect(status == 200, paths)
    event = visitor.call(take, _file(paths[0]))
    expect(event["success"], event)
    return event


def _expect_a_turn(sentence: str) -> None:
    """Have a visit made again if a busy machine was too slow for its limits of time.

    Raises:
        BusyError: it was.
    """
    if "busy: others" in sentence or "the limit; it takes longer" in sentence:
        raise BusyError


def _file(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "photo.img"}


def _shown(agent: Localiser, file: bytes, asked: list[str], budget: int) -> list[str]:
    """What the page shows at the end of a search."""
    result = agent(file, asked, budget)
    summary = markup.said(markup.summary(result))
    return [markup.ended(result), markup.table(result), summary]
