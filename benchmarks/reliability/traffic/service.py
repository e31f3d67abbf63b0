"""Requests to ``objloc serve``."""

import base64
import json
import re
import time
from random import Random
from typing import Any

from benchmarks.reliability.traffic.case import BusyError, Case, expect
from benchmarks.reliability.traffic.client import ask, begun, parts, status_of_slow
from benchmarks.reliability.traffic.pictures import bad_files, good_files
from objloc.search.localiser import MAX_BUDGET, Localiser

PATH, JSON = "/invocations", "application/json"


def service_cases(address: str, agent: Localiser, megabytes: int, seconds: int) -> list[Case]:
    """All kinds of requests.

    Args:
        address: of the service.
        agent: the model that it serves, for the right answers.
        megabytes: its limit of a request's size.
        seconds: its limit of time.
    """
    good = list(good_files())
    rows = [{"image": base64.b64encode(each).decode()} for each in good]
    return [
        *_right(address, agent, good, rows),
        *_unusable(address, good, rows, seconds),
        *_unreadable(address, rows, megabytes),
        *_disturbing(address, rows, seconds),
    ]


def _right(
    address: str, agent: Localiser, good: list[bytes], rows: list[dict[str, str]]
) -> list[Case]:
    budgets = (0, 20, 60)
    names = (list(agent.categories), list(agent.categories[:1]))
    answers = {
        (number, budget, len(asked)): _plain(
            agent(file, asked, budget or None).as_json() | {"image": 0}
        )
        for number, file in enumerate(good)
        for budget in budgets
        for asked in names
    }

    def one(random: Random) -> None:
        number, budget, asked = (
            random.randrange(len(good)),
            random.choice(budgets),
            random.choice(names),
        )
        row = rows[number] | {"categories": asked}
        form: dict[str, Any] = random.choice(
            [
                {"dataframe_records": [row]},
                {"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}},
                {"instances": [row]},
            ]
        )
        status, found = _ask(address, form | {"params": {"max_windows": budget}})
        right = {"predictions": [answers[number, budget, len(asked)]]}
        expect(status == 200, found)
        _expect_in_time(found["predictions"])
        expect(found == right, found)

    def several(random: Random) -> None:
        chosen = random.sample(range(len(good)), 4)
        asked = [rows[number] for number in chosen]
        asked.insert(2, {"image": "no base64!"})
        status, found = _ask(address, {"dataframe_records": asked})
        expect(status == 200 and len(found["predictions"]) == 5, found)
        expect("base64" in found["predictions"].pop(2)["error"], found)
        _expect_in_time(found["predictions"])
        for number, answer in zip(chosen, found["predictions"], strict=True):
            expect(answer | {"image": 0} == answers[number, 0, len(agent.categories)], answer)

    return [Case("an image", True, 40, one), Case("four images and a bad one", True, 4, several)]


def _unusable(
    address: str, good: list[bytes], rows: list[dict[str, str]], seconds: int
) -> list[Case]:
    def told(what: str, weight: int, row: dict[str, Any], words: str, budget: int = 0) -> Case:
        def send(_: Random) -> None:
            form = {"dataframe_records": [row], "params": {"max_windows": budget}}
            status, found = _ask(address, form)
            expect(status == 200, found)
            (answer,) = found["predictions"]
            if "within" not in words:
                _expect_in_time([answer])
            expect(answer.keys() == {"image", "error"}, answer)
            expect(re.search(words, answer["error"]) is not None, answer)

        return Case(what, False, weight, send)

    files = [
        told(what, 2, {"image": base64.b64encode(file).decode()}, words)
        for what, (file, words) in bad_files(good).items()
    ]
    return [
        *files,
        told("no base64", 2, {"image": "no base64!"}, "base64"),
        told("an unknown category", 2, rows[0] | {"categories": ["unicorn"]}, "'unicorn'"),
        told("a budget above the limit", 2, rows[0], "at most", MAX_BUDGET + 1),
        told(
            "a search above the limit of time", 1, rows[3], f"within {seconds} seconds", MAX_BUDGET
        ),
    ]


def _unreadable(address: str, rows: list[dict[str, str]], megabytes: int) -> list[Case]:
    row = rows[0]
    large = b" " * (megabytes * 2**20 + 1)
    records = _bytes({"dataframe_records": [row]})

    def refused(
        what: str, status: int, body: Any, path: str = PATH, kind: str = JSON, sized: bool = True
    ) -> Case:
        def send(_: Random) -> None:
            found = ask(address, path, body if sized else parts(body), kind)
            expect(found[0] == status and found[1].keys() == {"error_code", "message"}, found)
            expect("\n" not in found[1]["message"] and len(found[1]["message"]) < 500, found)

        return Case(what, False, 2, send)

    return [
        refused("no JSON", 400, b"{"),
        refused("no UTF-8", 400, b'{"dataframe_records": "\xff"}'),
        refused("JSON of 90,000 levels", 400, b"[" * 90_000),
        refused("JSON of 200,000 values", 400, b"[" + b"{}," * 200_000),
        refused("no form of MLflow's", 400, _bytes({"pictures": [row]})),
        refused("an unknown column", 400, _bytes({"dataframe_records": [row | {"budget": 9}]})),
        refused("no image column", 400, _bytes({"dataframe_records": [{"category": "cat"}]})),
        refused("another content type", 415, records, kind="text/csv"),
        refused("another path", 404, records, path="/predict"),
        refused("a request above the limit of size", 413, large),
        refused("the same, of a size not stated", 413, large, sized=False),
    ]


def _disturbing(address: str, rows: list[dict[str, str]], seconds: int) -> list[Case]:
    body = _bytes({"dataframe_records": [rows[0]]})

    def slow(_: Random) -> None:
        with begun(address, PATH, len(body), JSON) as upload:
            status = status_of_slow(upload, body[: 10 * seconds])
            expect(status == 408, status)

    def dropped(random: Random) -> None:
        with begun(address, PATH, len(body), JSON) as upload:
            upload.sendall(body[: random.randrange(len(body))])

    def gone(random: Random) -> None:
        with begun(address, PATH, len(body), JSON) as upload:
            upload.sendall(body)
            time.sleep(random.random() / 2)

    return [
        Case("a slow upload", False, 1, slow),
        Case("a dropped upload", False, 2, dropped),
        Case("a client that does not wait", False, 2, gone),
    ]


def _ask(address: str, form: dict[str, Any]) -> tuple[int, Any]:
    return ask(address, PATH, _bytes(form))


def _expect_in_time(answers: list[dict[str, Any]]) -> None:
    """Have a request sent again if a busy machine was too slow for its limit of time.

    Raises:
        BusyError: it was.
    """
    if any("the limit; it takes longer" in each.get("error", "") for each in answers):
        raise BusyError


def _bytes(form: dict[str, Any]) -> bytes:
    return json.dumps(form).encode()


def _plain(answer: dict[str, Any]) -> Any:
    """An answer as JSON gives it back."""
    return json.loads(json.dumps(answer))
