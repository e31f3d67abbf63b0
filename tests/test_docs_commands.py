"""Run every command and program of docs/cli.md, docs/python.md and docs/serving.md."""

import contextlib
import importlib.util
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from objloc.tracking.signature import example
from tests.helpers.commands import run_objloc, run_stage, write_params
from tests.helpers.imports import ROOT
from tests.helpers.ports import free_port
from tests.helpers.runs import make_run
from tests.helpers.servers import Files, serving
from tests.helpers.stores import make_samples
from tests.helpers.workplaces import working_in

PAGES = ("cli", "python", "serving")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVERS = (
    "objloc serve --port 5001",
    "mlflow models serve -m models:/objloc@champion --env-manager local -p 5001",
)
NEEDS = {"objloc export": "onnxruntime", "to_supervision": "supervision"}


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    return [body for kind, body in BLOCK.findall(text) if kind == language]


COMMANDS = [
    line.partition(" # ")[0].strip()
    for page in PAGES
    for body in blocks(page, "sh")
    for line in body.splitlines()
]


def needed(text: str) -> None:
    """Skip where an optional package is not installed."""
    for words, package in NEEDS.items():
        if words in text and importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def environment() -> dict[str, str]:
    """Environment of a user who activated the virtual one; one thread gives the same sums."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MLFLOW_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, shards_folder: Path, empty_store: Path
) -> Path:
    """The outputs of `make run` that commands read, and a photograph."""
    root = tmp_path_factory.mktemp("project")
    make_run(root / "data", trigger=1000.0)
    make_run(root / "other", seed=1)
    (root / "data" / "shards").symlink_to(shards_folder)
    jpeg = make_samples(1)[0].jpeg
    (root / "photos").mkdir()
    for path in (root / "photo.jpg", root / "photos" / "one.jpg"):
        path.write_bytes(jpeg)
    with working_in(root, empty_store):
        params = write_params(root)
        data = root / "data"
        done = run_stage(
            "register", data / "train", data / "evaluate", data / "register", "--params", params
        )
        assert done.status == 0, done.err
    return root


@pytest.fixture
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.setenv("HOME", str(project / "home"))
    return project


@pytest.fixture(scope="module", params=SERVERS, ids=["objloc", "mlflow"])
def service(project: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a documented command, on a free port of its own."""
    port = free_port()
    with (project / "service.log").open("w") as log:
        process = subprocess.Popen(
            shlex.split(request.param.replace("5001", str(port))),
            cwd=project, env=environment() | {"DVC_ROOT": str(project)},
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None, (project / "service.log").read_text()
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{address}/ping", timeout=300)
                break
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def ask(address: str, body: Any) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    response = requests.post(f"{address}/invocations", data, headers=headers, timeout=300)
    return response.status_code, response.json()


def test_pages_have_commands_and_programs() -> None:
    assert len(COMMANDS) > 10
    assert set(SERVERS) < set(COMMANDS)
    assert all(line.startswith("objloc ") for line in COMMANDS if line not in SERVERS)
    assert blocks("python", "python")
    assert blocks("serving", "python")


@pytest.mark.parametrize("line", [line for line in COMMANDS if line not in SERVERS])
def test_a_documented_command_runs(
    inside: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed(line)
    arguments = shlex.split(line)[1:]
    if arguments == ["--install-completion"]:
        # The shell from which the tests are run must not matter.
        monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
        arguments.append("bash")
        (inside / "home").mkdir(exist_ok=True)
    content = (inside / "photo.jpg").read_bytes()
    with serving(Files({"/photo.jpg": content})) as files:
        done = run_objloc(*(a.replace("http://localhost:8000", files.url) for a in arguments))
    assert done.status == 0, done.err
    assert done.out


def test_the_documented_files_are_written(inside: Path) -> None:
    assert run_objloc("predict", "photo.jpg", "--output", "three").status == 0
    assert sorted(path.name for path in (inside / "three").iterdir()) == [
        "photo.jpg", "photo.json", "photo.xml",
    ]  # fmt: skip
    page = (ROOT / "docs" / "serving.md").read_text("utf-8")
    answer = json.loads((inside / "three" / "photo.json").read_text())
    names = {*answer, *answer["boxes"][0], *answer["boxes"][0]["trajectory"][0]}
    names |= set(answer["without_box"][0])
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_the_programs_of_the_python_page_run(inside: Path, warm: Path) -> None:
    program = "\n".join(blocks("python", "python"))
    needed(program)
    checks = "assert result.labels == ['cat']\nassert annotation.startswith('<annotation>')\n"
    run_program(program + checks, inside, warm)
    assert (inside / "found.png").is_file()


def test_the_programs_of_the_serving_page_run(inside: Path, service: str, warm: Path) -> None:
    program = "\n".join(blocks("serving", "python")).replace("http://localhost:5001", service)
    checks = "ours, theirs = answers[0]['boxes'], answer['predictions'][0]['boxes']\n"
    checks += "assert {box['category'] for box in ours} == {'cat'}\n"
    checks += "assert ours == theirs\n"
    output = run_program(program + checks, inside, warm)
    assert output.startswith("cat ")


def run_program(program: str, folder: Path, tools: Path) -> str:
    done = subprocess.run(
        [tools / "python", "-c", program],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_service_survives_bad_requests_and_answers_several_at_once(service: str) -> None:
    image = str(example()["image"][0])
    good = {"dataframe_records": [{"image": image}]}
    status, expected = ask(service, good)
    assert (status, expected["predictions"][0]["boxes"][0]["category"]) == (200, "cat")
    for body, message in (
        (
            {"dataframe_records": [{"image": "dGV4dA=="}]},
            "image 0: expected an image (",
        ),
        ({"dataframe_records": [{"image": "?"}]}, "image 0: expected base64 of an image file"),
        ({"dataframe_records": [{"image": image, "categories": "zebra"}]}, "image 0: categories:"),
        (
            {"dataframe_records": [{"image": image, "categories": 3}]},
            "image 0: categories: expected text or a list of text; found 3",
        ),
        (
            good | {"params": {"max_windows": -1}},
            "image 0: max_windows: expected an integer of at least 1; found -1",
        ),
    ):
        status, answer = ask(service, body)
        assert status == 200
        assert answer["predictions"][0]["error"].startswith(message)
    status, answer = ask(service, {"dataframe_records": [{"image": image, "categories": ["cat"]}]})
    assert (status, answer["predictions"][0]["searched"]) == (200, ["cat"])
    for bad in (b"{", {"x": 1}, {"dataframe_records": [{"photo": image}]},
                {"dataframe_records": [{"image": image, "category": "cat"}]},
                good | {"params": {"max_window": 9}},
                good | {"params": {"max_windows": "many"}}):  # fmt: skip
        status, answer = ask(service, bad)
        assert status == 400
        assert answer["message"]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: ask(service, good), range(8)))
    assert answers == [(200, expected)] * 8
