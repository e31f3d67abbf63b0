import json
from pathlib import Path

import pytest
import torch

from benchmarks import field, field_tables
from benchmarks.field import ROWS, Length, collected, run_of, settings_of
from benchmarks.published import FieldRow, FieldRun, Spent, as_json
from benchmarks.running import Stage
from objloc.data.store import SampleStore
from objloc.evaluation.budget_curve import BudgetCurve, DetectionRules
from objloc.evaluation.metrics import BudgetPoint, SearchMetrics, StepsToTrigger
from objloc.files import write_json
from objloc.learning.training import Training
from objloc.network.q_network import build_network
from objloc.params import load_params
from objloc.search.budgeted import Searcher
from tests.helpers.imports import ROOT
from tests.helpers.metrics import make_metrics
from tests.helpers.stores import make_store

FIVE = ("cat", "cow", "dog", "horse", "sheep")


@pytest.mark.parametrize("row", ROWS)
def test_every_row_sets_parameters_that_there_are(row: str) -> None:
    params = load_params(ROOT / "params.yaml", settings_of(row, "a/mirror", 2, Length()))
    assert params.train.seed == 2
    assert params.train.agent == ROWS[row].agent
    assert params.dataset.mirror == "a/mirror"
    # Chosen on val, measured on test.
    assert params.train.image_set == "trainval"
    assert params.evaluate.image_sets == ("test",)
    assert params.evaluate.max_windows is not None
    assert params.evaluate.first_images is None


def test_agents_see_the_same_stored_features() -> None:
    encoders = {}
    for row in ("caicedo2015", "bellver2016", "treerl2016", "pretrained"):
        agent = load_params(ROOT / "params.yaml", settings_of(row, "m", 0, Length())).agent
        assert agent.encoder.reads_store
        encoders[row] = (agent.encoder.backbone, agent.encoder.image_size, agent.encoder.precision)
    assert len(set(encoders.values())) == 1


def test_a_shorter_run_has_the_shape_of_the_whole() -> None:
    def of(length: Length) -> tuple[int | None, int, int]:
        agent = load_params(ROOT / "params.yaml", settings_of("caicedo2015", "m", 0, length)).agent
        return (
            agent.schedule.max_updates,
            agent.exploration.epsilon_decay_steps,
            agent.learning.learning_rate_decay_updates,
        )

    whole, half = of(Length()), of(Length(updates=5000))
    assert half == (5000, whole[1] // 2, 5000)
    short = settings_of("treerl2016", "m", 0, Length(FIVE, 10, 7))
    params = load_params(ROOT / "params.yaml", short)
    assert params.train.categories == FIVE
    assert params.evaluate.first_images == 7


MINIATURE = (
    "encoder.kind=map", "encoder.precision=float32", "encoder.image_size=64",
    "encoder.widths=[4,8]", "encoder.neck_width=4", "encoder.cell_width=4", "encoder.pool=3",
    "head.hidden=[16]", "learning.images_per_batch=4", "learning.windows_per_image=4",
    "learning.batch_parts=1", "replay.size=400", "replay.init_size=20", "mdp.max_steps=6",
    "schedule.environments=4", "schedule.passes=2", "schedule.max_updates=6",
    "schedule.evaluations=1",
)  # fmt: skip
LOOKS = {"caicedo2015": 20, "bellver2016": 10, "treerl2016": 15}


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(8)


@pytest.mark.parametrize("name", LOOKS)
def test_a_miniature_of_each_agent_learns_and_searches(name: str, store: SampleStore) -> None:
    small = [f"agents.{name}.{each}" for each in MINIATURE]
    params = load_params(ROOT / "params.yaml", [*settings_of(name, "m", 0, Length()), *small])
    agent = params.agent
    network = build_network(agent, store.categories, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    training = Training(network, store, store.tasks(), agent, lambda _: {"score": 0.0}, generator)
    # A fifth of the searches are for what is not there.
    image, category = training.state_dict()["queue"].unbind(dim=1)
    assert int(store.presence()[image, category].sum()) == 16
    assert len(image) == 20
    (*_, status) = training.run()
    assert status.updates == 6
    assert torch.isfinite(torch.tensor(status.loss))
    searcher = Searcher(network.eval(), agent.mdp, params.evaluate.search)
    rules = DetectionRules.of(params.evaluate, searcher.trigger_range)
    *_, point = BudgetCurve.of(store, searcher, rules, LOOKS[name]).summary().curve
    apart = 1 if name == "treerl2016" else len(store.categories)
    assert point.windows == LOOKS[name] * apart
    assert 0 < point.recall_50 <= 1
    assert point.ap_attended is not None


def search_of(*budgets: int) -> SearchMetrics:
    points = [
        BudgetPoint.model_validate(
            {"budget": looks, "windows": 2.0 * looks, "recall_0.5": 0.5, "recall_0.6": 0.4,
             "recall_0.7": 0.3, "ap_triggered": 0.25, "ap_attended": looks / 1000}
        )
        for looks in budgets
    ]  # fmt: skip
    steps = StepsToTrigger(median=4.0, mean=5.5)
    return SearchMetrics(curve=tuple(points), triggers_per_image=2.0, steps_to_trigger=steps)


SPENT = Spent(minutes={"train": 3.0, "evaluate": 1.0}, processor_minutes={"train": 2.0})


def one_run(*budgets: int) -> FieldRun:
    test = make_metrics(0.5).model_copy(update={"search": search_of(*budgets)})
    run = run_of(test, 600, SPENT, ["dataset.mirror=/a", "train.seed=0", "evaluate.first_images=3"])
    assert run.settings == ("train.seed=0", "evaluate.first_images=3"), "results name no path"
    return run.model_copy(update={"model": run.model.model_copy(update={"categories": FIVE})})


def test_results_are_kept_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "field.json"
    assert collected(path) == {}
    found = {"caicedo2015": FieldRow(seeds={"0": one_run(14, 200)})}
    write_json(path, as_json(found))
    assert collected(path) == found
    assert "/a" not in path.read_text()


def test_the_tables_show_what_was_measured_and_what_was_not() -> None:
    found = {
        "caicedo2015": FieldRow(seeds={"0": one_run(31, 200)}),
        "treerl2016": FieldRow(seeds={"0": one_run(31, 63), "1": one_run(31, 63)}),
    }
    lines = field_tables.field_table(found).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert "| 400 | 25.0 | 20.0 | 50.0 | 40.0 | 30.0 | 4.0 | 5.5 | 600 | 3.0 | 1.0 |" in lines[2]
    assert lines[2].startswith("| Caicedo & Lazebnik (2015) |")
    assert field_tables.NOT_YET in lines[3]
    assert "| 6.3 ± 0.0 |" in lines[5]
    looks = field_tables.looks_table(found).splitlines()
    assert len(looks) == 2 + 4
    assert "| 31 a category | 62 |" in looks[2]
    assert "| 31 | 62 |" in looks[4]
    papers = field_tables.papers_table(found)
    # The paper's triggered figures of these five: 53.0, 39.1, 52.2, 58.0 and 42.2.
    assert "| 43.9 | 48.9 | 25.0 |" in papers
    assert "recall at IoU .5, 31 looks | 68.1 |  | 50.0 ± 0.0 |" in papers
    assert (
        "categories: cat, cow, dog, horse, sheep; measured on the first 3 images"
        in field_tables.protocol(found)
    )


def test_nothing_measured_is_said() -> None:
    assert field_tables.protocol({}) == "Nothing has been measured yet."
    assert field_tables.looks_table({}) == field_tables.NOT_YET
    assert field_tables.field_table({}).count(field_tables.NOT_YET) == len(ROWS)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    found = {"pretrained": FieldRow(seeds={"0": one_run(14, 31, 300)})}
    field_tables.draw(found, tmp_path / "field.png")
    assert (tmp_path / "field.png").stat().st_size > 10_000


def test_minutes_of_an_interrupted_row_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that was run before an interruption is not run again, and its minutes stay."""

    def pretend(stages: list[Stage], _settings: list[str]) -> dict[str, float]:
        ((name, _, out),) = stages
        if out.exists():
            return {}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.touch()
        if name == "evaluate":
            raise KeyboardInterrupt
        return {name: 2.5}

    monkeypatch.setattr(field, "run_stages", pretend)
    with pytest.raises(KeyboardInterrupt):
        field.run_row("treerl2016", "m", 0, Length(), tmp_path)
    kept = json.loads((tmp_path / "treerl2016-seed0.minutes.json").read_text())
    assert kept["minutes"] == {"train": 2.5}
    assert kept["processor_minutes"]["train"] >= 0
