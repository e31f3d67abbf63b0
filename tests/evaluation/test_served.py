import ast
import base64
import importlib.util
import io
import re
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pandas as pd
import pytest
import torch
from mlflow.pyfunc.model import PythonModelContext
from PIL import Image

import objloc
from objloc.agent.checkpoint import load_checkpoint
from objloc.agent.policy import GreedyPolicy
from objloc.errors import ObjlocError
from objloc.evaluation.rollout import rollout
from objloc.evaluation.served import ServedAgent, example
from objloc.tracking.registry import REQUIREMENTS
from objloc.voc.sample import Sample
from objloc.voc.store import SampleStore
from tests.runs import make_run
from tests.stores import make_samples


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


Ask = Callable[[pd.DataFrame], pd.DataFrame]


def served(folder: Path, trigger: float = 0.0, seed: int = 0) -> Ask:
    """An agent as MLflow loads it."""
    path = make_run(folder, trigger=trigger, seed=seed) / "train" / "checkpoint.pt"
    context = PythonModelContext({"checkpoint": str(path)}, {})  # type: ignore[no-untyped-call]
    agent = ServedAgent()
    agent.load_context(context)
    return lambda table: agent.predict(context, table)


def test_the_answer_is_that_of_a_rollout(tmp_path: Path) -> None:
    ask = served(tmp_path, trigger=0.21, seed=2)
    samples = make_samples(8)
    answer = ask(pd.DataFrame({"image": [encoded(sample.jpeg) for sample in samples]}))
    checkpoint = load_checkpoint(tmp_path / "train" / "checkpoint.pt")
    store = SampleStore.from_samples([_as_png(sample) for sample in samples], ("cat", "dog"), 32)
    tasks = torch.cartesian_prod(torch.arange(8), torch.arange(2))
    episodes = rollout(
        store, GreedyPolicy(checkpoint.network()), checkpoint.agent.mdp, tasks, torch.Generator()
    )
    expected = [
        (int(image), ("cat", "dog")[int(category)], int(steps), box[0] + 1, box[1] + 1, *box[2:])
        for (image, category), steps, box, found in zip(
            tasks, episodes.steps, episodes.final_boxes.tolist(), episodes.terminated, strict=True
        )
        if found
    ]
    steps = episodes.steps[episodes.terminated]
    assert 0 < len(expected) < 16, "some are found, some are not"
    assert steps.max() > 1, "the windows have moved"
    triggers = episodes.q_values[episodes.terminated, steps - 1, -1]
    # One search at a time sums in another order than sixteen together.
    assert answer["score"].tolist() == pytest.approx(triggers.tolist(), rel=1e-5)
    columns = ["image", "category", "steps", "xmin", "ymin", "xmax", "ymax"]
    assert [tuple(row) for row in answer[columns].itertuples(index=False)] == expected


def _as_png(sample: Sample) -> Sample:
    stream = io.BytesIO()
    Image.open(io.BytesIO(sample.jpeg)).save(stream, "PNG")
    return Sample(sample.image_id, stream.getvalue(), sample.width, sample.height, ())


def test_a_photograph_on_its_side_is_searched_upright(tmp_path: Path) -> None:
    ask = served(tmp_path, trigger=1000.0)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (70, 50), "white").save(stream, "JPEG", exif=exif)
    address = f"data:image/jpeg;base64,{encoded(stream.getvalue())}"
    answer = ask(pd.DataFrame({"image": [address], "categories": ["cat"]}))
    assert answer[["xmin", "ymin", "xmax", "ymax"]].values.tolist() == [[1, 1, 50, 70]]


def test_an_answer_without_boxes_keeps_its_columns(tmp_path: Path) -> None:
    answer = served(tmp_path, trigger=-1000.0)(example().assign(categories=["cat", " cat ,"]))
    assert list(answer) == ["image", "category", "score", "steps", "xmin", "ymin", "xmax", "ymax"]
    assert len(answer) == 0
    assert answer["score"].dtype == "float64"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"image": "no base64!"}, "image 1: expected base64 of an image file"),
        ({"image": encoded(b"text")}, "image 1: expected an image"),
        ({"image": None}, "image 1: expected base64"),
        ({"categories": "cat,sheep"}, "image 1: categories: expected some of cat, dog; .* 'sheep'"),
    ],
)
def test_bad_input_is_refused_by_row(tmp_path: Path, row: dict[str, str], told: str) -> None:
    ask = served(tmp_path)
    table = pd.DataFrame([{"image": example()["image"][0], "categories": "cat", **given}
                          for given in ({}, row)])  # fmt: skip
    with pytest.raises(ObjlocError, match=told):
        ask(table)


def test_a_model_asks_for_all_packages_that_its_code_imports() -> None:
    found, waiting = set(), ["objloc.evaluation.served"]
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
        packages[name][0].lower() for name in found - sys.stdlib_module_names - {"objloc"}
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
