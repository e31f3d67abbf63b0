"""``dvc.yaml`` and ``params.yaml``: that nothing goes stale, and nothing is done twice."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from mlflow import MlflowClient
from pydantic import BaseModel

from objloc import params
from objloc.data.datasets import local_mirror
from tests.helpers.imports import ROOT, closure
from tests.helpers.projects import Project, edit, yaml_in

STAGES = (
    "download", "shard", "encode", "train", "evaluate", "register", "report", "animate", "explore",
    "layers",
)  # fmt: skip
AFTER_TRAINING = "train evaluate register report animate explore layers"

WITHOUT_EFFECT = {
    "objloc/__init__.py": "the version is not written anywhere",
    "objloc/params": "params.yaml states every value (tested below), no default decides",
    "objloc/tracking": "it writes to MLflow only, and a model it fetches is known by its hash",
    "objloc/learning/progress_bar.py": "it is shown while waiting",
    "objloc/progress.py": "it is shown while waiting",
    "objloc/data/summary.py": "it is printed",
    "stages/_command.py": "it reads the command line and tells mistakes",
}
"""What stages import but do not depend on, and why an edit cannot change their outs."""

EXCEPT = {"register": ("objloc/tracking",)}
"""Of those, what a stage does depend on: registering is writing to MLflow."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a whole ``dvc repro``."""
    project = Project(tmp_path_factory.mktemp("pipeline"))
    project.dvc("repro")
    return project


def is_blank(file: Path) -> bool:
    """Whether a module holds nothing but its docstring."""
    body = ast.parse((ROOT / file).read_text("utf-8")).body
    return all(isinstance(node, ast.Expr) for node in body)


def files_at(path: str) -> set[Path]:
    """A module, or those of a package."""
    if (ROOT / path).is_dir():
        return {file.relative_to(ROOT) for file in (ROOT / path).rglob("*.py")}
    return {Path(path)}


def without_effect(stage: str) -> frozenset[Path]:
    paths = WITHOUT_EFFECT.keys() - EXCEPT.get(stage, ())
    return frozenset(file for path in paths for file in files_at(path))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_modules_it_imports(stage: str) -> None:
    listed = yaml_in(ROOT / "dvc.yaml")["stages"][stage]["deps"]
    code = [path for path in listed if path.startswith(("objloc", "stages"))]
    assert all((ROOT / path).exists() for path in code)
    depends = {file for path in code for file in files_at(path) if not is_blank(file)}
    excepted = without_effect(stage)
    needs = closure(Path("stages", f"{stage}.py"), excepted) - excepted
    assert depends == {file for file in needs if not is_blank(file)}


def test_every_exception_is_one() -> None:
    imported = {file for stage in STAGES for file in closure(Path("stages", f"{stage}.py"))}
    for path in WITHOUT_EFFECT:
        assert files_at(path) & imported, path


def test_the_stages_are_those_of_the_folder_and_have_their_parameters() -> None:
    stages = yaml_in(ROOT / "dvc.yaml")["stages"]
    commands = {path.stem for path in (ROOT / "stages").glob("[a-z]*.py")}
    assert set(stages) == commands == set(STAGES)
    sections = {
        "download": ["dataset"], "train": ["train", "agents.${train.agent}"],
        "encode": [
            "encode.batch", "train.image_set", "train.val_image_set", "evaluate.image_sets",
            "agents.${train.agent}.encoder", "agents.${train.agent}.learning.flip",
        ],
    }  # fmt: skip
    for name, stage in stages.items():
        assert stage["cmd"].startswith(f"python -m stages.{name} data/")
        assert stage["params"] == sections.get(name, [name])


def missing(model: type[BaseModel], tree: dict[str, Any], where: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in tree:
            yield where + key
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from missing(field.annotation, tree[key], f"{where}{key}.")


def test_params_yaml_states_every_value() -> None:
    params.load_params(ROOT / "params.yaml")
    tree = yaml_in(ROOT / "params.yaml")
    assert list(missing(params.Params, tree)) == []
    assert {"scenes", "dqn2018"} <= set(tree["agents"])
    for name, agent in tree["agents"].items():
        assert list(missing(params.Agent, agent, f"agents.{name}.")) == []
    del tree["train"]["seed"], tree["agents"]["scenes"]["mdp"]["max_steps"]
    assert list(missing(params.Params, tree)) == ["train.seed"]
    assert list(missing(params.Agent, tree["agents"]["scenes"])) == ["mdp.max_steps"]


def test_a_relative_mirror_is_the_main_repositorys_in_a_temporary_copy_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "main" / ".dvc" / "tmp" / "exps" / "tmpabc"
    copy.mkdir(parents=True)
    (copy / "dvc.yaml").touch()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))
    found = local_mirror("../shared/voc")
    assert found is not None
    assert found.resolve() == tmp_path / "shared" / "voc"


def test_the_pipeline_runs_to_its_end_and_not_again(project: Project) -> None:
    assert set(project.outs()) == set(STAGES)
    before = (project.folder / "dvc.lock").read_bytes()
    told = project.dvc("repro")
    assert "Running stage" not in told
    assert "up to date" in told
    assert (project.folder / "dvc.lock").read_bytes() == before


def test_whatever_a_stage_writes_is_an_out_and_git_sees_only_what_dvc_does_not_cache(
    project: Project,
) -> None:
    stages = yaml_in(project.folder / "dvc.yaml")["stages"]
    listed = [
        next(iter(out.items())) if isinstance(out, dict) else (out, {})
        for stage in stages.values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]
    cached = {Path(path) for path, options in listed if options.get("cache", True)}
    outs = {Path(path) for path, _ in listed}
    written = {
        path.relative_to(project.folder)
        for path in (project.folder / "data").rglob("*")
        if path.is_file() and path.name not in ("manifest.json", ".gitignore")
    }
    assert all(outs & {file, *file.parents} for file in written)
    assert all(any(out in (file, *file.parents) for file in written) for out in outs)
    told = project.run("git", "ls-files", "--others", "--cached", "--exclude-standard", "data")
    seen = {Path(line) for line in told.splitlines()} & written
    assert seen == {file for file in written if not cached & {file, *file.parents}}


def test_every_stage_runs_in_a_fresh_clone_even_if_git_holds_what_it_would_write() -> None:
    for name, stage in yaml_in(ROOT / "dvc.yaml")["stages"].items():
        assert any(isinstance(out, str) for out in stage["outs"]), f"{name}: no out is cached"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc.*")
@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"dataset": {"scenes_seed": 7}}, " ".join(STAGES)),
        ({"dataset": {"mirror": "elsewhere"}}, " ".join(STAGES)),
        ({"shard": {"seed": 7}}, f"shard encode {AFTER_TRAINING}"),
        ({"train": {"seed": 7}}, AFTER_TRAINING),
        ({"train": {"categories": ["cat"]}}, AFTER_TRAINING),
        ({"train": {"init_sha256": "0" * 64}}, AFTER_TRAINING),
        ({"train": {"agent": "dqn2018"}}, f"encode {AFTER_TRAINING}"),
        ({"train": {"image_set": "val"}}, f"encode {AFTER_TRAINING}"),
        ({"encode": {"memory_mb": 7}}, ""),
        ({"agents": {"scenes": {"learning": {"discount": 0.7}}}}, AFTER_TRAINING),
        ({"agents": {"dqn2018": {"learning": {"discount": 0.7}}}}, ""),
        ({"evaluate": {"episodes": 7}}, "evaluate register report"),
        ({"register": {"model_name": "other"}}, "register"),
        ({"report": {"thumbnails": 7}}, "report"),
        ({"animate": {"samples": 7}}, "animate"),
        ({"explore": {"images": 7}}, "explore"),
        ({"layers": {"layer": 2}}, "layers"),
    ],
    ids=str,
)
def test_a_parameter_reruns_the_stages_it_concerns(
    project: Project, changes: dict[str, Any], stages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    before = (project.folder / "params.yaml").read_bytes()
    rerun: set[str] = set()
    try:
        edit(project.folder, changes)
        with Repo() as repo:
            changed, graph = repo.status(), repo.index.graph
            waiting = [stage for stage in graph if stage.addressing in changed]
            while waiting:
                stage = waiting.pop()
                rerun.add(stage.addressing)
                # The arrows of this graph point at what a stage needs.
                waiting += graph.predecessors(stage)
    finally:
        (project.folder / "params.yaml").write_bytes(before)
    assert rerun == set(stages.split())


def test_training_again_makes_the_same_bytes(project: Project) -> None:
    before = project.outs()
    told = project.dvc("repro", "--force", "--no-run-cache", "--single-item", "train")
    assert "Running stage 'train'" in told
    assert project.outs() == before
    checkpoints = [path for path in before["train"] if path.endswith(".pt")]
    assert len(checkpoints) == 2


@pytest.mark.slow
def test_every_stage_again_makes_the_same_bytes(project: Project) -> None:
    before = project.outs()
    told = project.dvc("repro", "--force", "--no-run-cache")
    assert told.count("Running stage") == len(STAGES)
    assert project.outs() == before


def test_metrics_and_plots_are_shown(project: Project) -> None:
    metrics = json.loads(project.dvc("metrics", "show", "--json"))[""]["data"]
    summary = metrics["data/evaluate/summary.json"]["data"]
    assert set(summary) == {"val", "test"}
    assert {"success", "fixed_box", "gain"} <= set(summary["val"])
    plots = json.loads(project.dvc("plots", "show", "--json"))
    assert not plots.get("errors"), plots["errors"]
    shown = " ".join(plots["data"])
    for name in ("Loss", "Success against IoU (test)", "contact_sheet.png", "training.png"):
        assert name in shown


def test_an_experiment_is_kept_and_its_run_is_in_the_main_store(project: Project) -> None:
    project.commit("results")
    told = project.dvc(
        "exp", "run", "--temp", "-S", "train.categories=[cat]", "--name", "cats", "train"
    )
    assert "cats" in told
    table = json.loads(project.dvc("exp", "show", "--json"))
    names = {
        experiment["name"]: experiment["revs"][0]["data"]["params"]["params.yaml"]["data"]
        for baseline in table
        for experiment in baseline["experiments"] or []
    }
    assert names["cats"]["train"]["categories"] == ["cat"]
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    (run,) = client.search_runs(experiments, "tags.dvc_exp_name = 'cats'")
    assert run.data.tags["categories"] == "cat"


def test_later_stages_write_into_the_run_of_the_training(project: Project) -> None:
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    first = client.search_runs(experiments, order_by=["attributes.start_time"])[0]
    kept = {each.path for each in client.list_artifacts(first.info.run_id)}
    assert {"animate", "evaluate", "log", "train"} <= kept
    assert "val.success_rate.greedy.mean" in first.data.metrics
