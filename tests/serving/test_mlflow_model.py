import ast
import base64
import importlib.util
import io
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModelContext
from PIL import Image

import objloc
from objloc.search.localiser import Localiser
from objloc.serving import mlflow_model as served
from objloc.serving.mlflow_model import ServedAgent
from objloc.tracking.registry import REQUIREMENTS
from objloc.tracking.signature import SIGNATURE, example
from tests.helpers.runs import make_run
from tests.helpers.stores import make_samples


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


Answer = list[dict[str, Any]]
Ask = Callable[..., Answer]


def agent_in(folder: Path, trigger: float = 0.0, seed: int = 0) -> Ask:
    """An agent as MLflow loads it."""
    path = make_run(folder, trigger=trigger, seed=seed) / "train" / "checkpoint.pt"
    context = PythonModelContext({"checkpoint": str(path)}, {})  # type: ignore[no-untyped-call]
    agent = ServedAgent()
    agent.load_context(context)
    return lambda table, **params: agent.predict(context, table, params)


def test_the_answer_is_the_localisers(tmp_path: Path) -> None:
    ask = agent_in(tmp_path, trigger=0.21, seed=2)
    localiser = Localiser.load(tmp_path / "train" / "checkpoint.pt")
    jpegs = [sample.jpeg for sample in make_samples(4)]
    table = pd.DataFrame({"image": [encoded(jpeg) for jpeg in jpegs]})
    for budget in (0, 30):
        expected = [
            localiser(jpeg, max_windows=budget or None).as_json() | {"image": row}
            for row, jpeg in enumerate(jpegs)
        ]
        answer = ask(table, max_windows=budget)
        assert answer == expected
        assert any(each["boxes"] for each in answer)
        # With a budget all ways lead to a trigger.
        assert budget or any(each["without_box"] for each in answer)
        assert any(each["seen"] for each in answer) == bool(budget)
    assert all(5 < each["windows"] <= 30 for each in answer)


def test_the_answer_is_as_the_signature_says(tmp_path: Path) -> None:
    ask = agent_in(tmp_path, trigger=0.21, seed=2)
    table = pd.DataFrame({"image": [*map(encoded, (s.jpeg for s in make_samples(3))), "?"]})
    answer = ask(table)
    assert answer[3].keys() == {"image", "error"}
    columns = {spec["name"]: spec for spec in SIGNATURE.outputs.to_dict()}
    assert answer[0].keys() == columns.keys() - {"error"}
    for name in ("boxes", "without_box"):
        listed = [each for row in answer[:3] for each in row[name]]
        assert listed
        assert listed[0].keys() == columns[name]["items"]["properties"].keys()
        step = columns[name]["items"]["properties"]["trajectory"]["items"]["properties"]
        assert listed[0]["trajectory"][0].keys() == step.keys()
    (row,) = ask(table[:1], max_windows=9)
    assert row["seen"][0].keys() == columns["seen"]["items"]["properties"].keys()


def test_a_photograph_on_its_side_is_searched_upright(tmp_path: Path) -> None:
    ask = agent_in(tmp_path, trigger=1000.0)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (70, 50), "white").save(stream, "JPEG", exif=exif)
    address = f"data:image/jpeg;base64,{encoded(stream.getvalue())}"
    (answer,) = ask(pd.DataFrame({"image": [address], "categories": ["cat"]}))
    assert (answer["width"], answer["height"]) == (50, 70)
    assert [box["voc"] for box in answer["boxes"]] == [[1, 1, 50, 70]]
    assert [box["xyxy"] for box in answer["boxes"]] == [[0, 0, 50, 70]]


@pytest.mark.parametrize("asked", [None, "", " , ", float("nan"), pd.NA])
def test_without_categories_all_are_searched(tmp_path: Path, asked: object) -> None:
    ask = agent_in(tmp_path, trigger=1000.0)
    table = pd.DataFrame({"image": [example()["image"][0]], "categories": [asked]}, dtype=object)
    (answer,) = ask(table)
    assert answer["searched"] == ["cat", "dog"]


@pytest.mark.parametrize("asked", ["cat", " cat ,", ["cat"], ("cat",), np.array(["cat"])])
def test_categories_are_a_list_or_text_with_commas(tmp_path: Path, asked: object) -> None:
    ask = agent_in(tmp_path, trigger=1000.0)
    image = example()["image"][0]
    both = [{"image": image, "categories": asked}, {"image": image}]
    first, second = ask(pd.DataFrame(both))
    assert first["searched"] == ["cat"]
    assert {box["category"] for box in first["boxes"]} == {"cat"}
    assert second["searched"] == ["cat", "dog"]


def test_base64_may_be_wrapped_into_lines(tmp_path: Path) -> None:
    ask = agent_in(tmp_path, trigger=0.21, seed=2)
    jpeg = make_samples(1)[0].jpeg
    lines = base64.encodebytes(jpeg).decode()
    images = [encoded(jpeg), lines, lines.replace("\n", "\r\n"), f"data:image/jpeg;base64,{lines}"]
    answers = [answer | {"image": 0} for answer in ask(pd.DataFrame({"image": images}))]
    assert answers == answers[:1] * 4
    assert answers[0]["windows"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"image": "no base64!"}, "image 1: expected base64 of an image file"),
        ({"image": ""}, "image 1: expected base64 of an image file: none given"),
        ({"image": None}, "image 1: expected base64 of an image file: none given"),
        ({"image": float("nan")}, "image 1: expected base64 of an image file: none given"),
        ({"image": b"bytes"}, "image 1: expected base64 of an image file, as text; found bytes$"),
        ({"image": 3}, "image 1: expected base64 of an image file, as text; found int$"),
        ({"image": encoded(b"text")}, r"image 1: expected an image \("),
        ({"categories": "cat,sheep"}, "image 1: categories: expected some of cat, dog; .* 'sheep'"),
        ({"categories": ["sheep"]}, "image 1: categories: expected some of cat, dog; .* 'sheep'"),
        ({"categories": []}, "image 1: categories: expected some of cat, dog; found none"),
        ({"categories": 3}, "image 1: categories: expected text or a list of text; found 3"),
        ({"categories": True}, "image 1: categories: expected text or a list of text; found True"),
        ({"categories": ["cat", 3]}, r"image 1: categories: .* list of text; found \['cat', 3\]"),
        ({"categories": {"cat": 1}}, "image 1: categories: .* list of text; found {'cat': 1}"),
    ],
)
def test_a_bad_row_is_refused_in_one_sentence_and_the_others_are_answered(
    tmp_path: Path, row: dict[str, object], told: str
) -> None:
    ask = agent_in(tmp_path)
    good = {"image": example()["image"][0], "categories": "cat"}
    answer = ask(pd.DataFrame([good, good | row, good]))
    assert answer[1].keys() == {"image", "error"}
    assert re.match(told, answer[1]["error"])
    assert "\n" not in answer[1]["error"]
    assert answer[0]["windows"] == answer[2]["windows"] > 0


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The model as MLflow saves and loads it, with its checks of a request."""
    folder = tmp_path_factory.mktemp("registered")
    checkpoint = make_run(folder) / "train" / "checkpoint.pt"
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=served.__file__,
        artifacts={"checkpoint": str(checkpoint)},
        signature=SIGNATURE,
        input_example=example(),
        pip_requirements=[],
    )
    predict: Ask = mlflow.pyfunc.load_model(str(folder / "model")).predict
    return predict


def test_the_registered_model_takes_and_refuses_categories(registered: Ask) -> None:
    image = example()["image"][0]
    for asked, searched in ((["cat"], ["cat"]), ("dog", ["dog"]), (None, ["cat", "dog"])):
        (answer,) = registered([{"image": image, "categories": asked}])
        assert answer["searched"] == searched
    (answer,) = registered([{"image": image, "categories": 3}])
    assert answer["error"] == "image 0: categories: expected text or a list of text; found 3"


@pytest.mark.parametrize(
    ("more", "params", "named"),
    [
        ({"category": "cat"}, {}, "category"),
        ({"max_windows": 9}, {}, "max_windows"),
        ({}, {"max_window": 9}, "max_window"),
        ({}, {"categories": "cat"}, "categories"),
        ({"category": "cat"}, {"max_window": 9}, "category"),
        ({"category": "cat"}, {"max_window": 9}, "max_window"),
        ({}, {"max_windows": "9"}, "max_windows"),
        ({}, {"max_windows": 9.0}, "max_windows"),
        ({}, {"max_windows": True}, "max_windows"),
    ],
)
def test_what_a_request_names_beyond_the_signature_is_refused(
    registered: Ask, more: dict[str, object], params: dict[str, object], named: str
) -> None:
    good = [{"image": example()["image"][0]}]
    with pytest.raises(MlflowException, match=f"'{named}'"):
        registered([good[0] | more], params=params)
    (answer,) = registered(good, params={"max_windows": 9})
    assert answer["windows"] == 9, "the next request is another"


def test_a_minimum_score_is_the_localisers(tmp_path: Path) -> None:
    ask = agent_in(tmp_path, trigger=0.3, seed=2)
    localiser = Localiser.load(tmp_path / "train" / "checkpoint.pt")
    jpeg = make_samples(1)[0].jpeg
    table = pd.DataFrame({"image": [encoded(jpeg)]})
    for least in (None, -100.0, 100.0):
        expected = localiser(jpeg, min_score=least).as_json() | {"image": 0}
        assert ask(table, min_score=least) == [expected]
    assert expected["boxes"] == []


@pytest.mark.parametrize(("budget", "told"), [(-1, "at least 1"), (2**40, "at most 10000")])
def test_a_budget_out_of_range_is_an_error(tmp_path: Path, budget: int, told: str) -> None:
    (answer,) = agent_in(tmp_path)(example()[:1], max_windows=budget)
    assert answer.keys() == {"image", "error"}
    assert told in answer["error"]


def test_an_upload_above_the_limit_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = agent_in(tmp_path)
    monkeypatch.setattr(served, "MAX_TEXT", 2 * 2**20)
    (answer,) = ask(pd.DataFrame({"image": ["A" * (3 * 2**20)]}))
    assert answer["error"] == "image 0: expected at most 2 MiB of base64; found 3 MiB"


def test_requests_side_by_side_get_the_answers_of_requests_in_turn(tmp_path: Path) -> None:
    ask = agent_in(tmp_path, trigger=0.21, seed=2)
    tables = [pd.DataFrame({"image": [encoded(sample.jpeg)]}) for sample in make_samples(12)]
    in_turn = [ask(table) for table in tables]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, tables)) == in_turn
    assert in_turn[0] != in_turn[1]


def test_a_model_asks_for_all_packages_that_its_code_imports() -> None:
    found, waiting = set(), ["objloc.serving.mlflow_model"]
    seen = set(waiting)
    while waiting:
        spec = importlib.util.find_spec(waiting.pop())
        assert spec is not None
        assert spec.origin is not None
        for name in _imports(Path(spec.origin)):
            if not name.startswith("objloc"):
                found.add(name.partition(".")[0])
            elif name not in seen:
                seen.add(name)
                waiting.append(name)
    packages = packages_distributions()
    third_party = {
        min(packages[name]).lower() for name in found - sys.stdlib_module_names - {"objloc"}
    }
    third_party = {
        re.sub("^mlflow-skinny$|^mlflow-tracing$", "mlflow", each) for each in third_party
    }
    assert third_party == set(REQUIREMENTS)
    assert Path(objloc.__file__).name == "__init__.py"


def _imports(path: Path) -> set[str]:
    """Modules that a module imports when it is loaded; what functions import is left out."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names
