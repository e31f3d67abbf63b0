"""``dvc.yaml`` and ``params.yaml``: that nothing goes stale, and nothing is done twice."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides
from mlflow import MlflowClient
from pydantic import BaseModel
from ruamel.yaml import YAML

from benchmarks.parameters import SHIPPED
from objloc import params
from objloc.data.datasets import local_mirror
from tests.helpers.imports import ROOT, closure, files_at, is_blank, read_beside
from tests.helpers.projects import Project, edit, yaml_in

STAGES = (
    "download", "shard", "encode", "train", "evaluate", "publish", "register", "report", "animate",
    "explore", "layers",
)  # fmt: skip
COSTLY = ("download", "shard", "encode", "train")
"""Their deps are exact to the module: a rerun may cost hours."""
FEW = 3
"""A stage after training that needs more modules of a room depends on the whole room."""
AFTER_TRAINING = "train evaluate publish register report animate explore layers"

WITHOUT_EFFECT = {
    "objloc/__init__.py": "the version is not written anywhere",
    "objloc/params": "params.yaml states every value (tested below), no default decides, and "
    "tests/test_params.py holds what an agent that extends another is",
    "objloc/tracking": "it writes to MLflow only, and a model it fetches is known by its hash",
    "objloc/ranks": "a stage of dvc.yaml is one process, and one process divides nothing",
    "objloc/view/training_progress.py": "it is shown while waiting",
    "objloc/progress.py": "it is shown while waiting",
    "objloc/view/shard_summary.py": "it is printed",
    "stages/_command.py": "it reads the command line and reports mistakes",
}
"""What stages import but do not depend on, and why an edit cannot change their outs."""

EXCEPT = {"register": ("objloc/tracking",)}
"""Of those, what a stage does depend on: registering is writing to MLflow."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, warm: Path, empty_store: Path) -> Project:
    """The project after a whole ``dvc repro``."""
    project = Project(tmp_path_factory.mktemp("pipeline"), warm)
    shutil.copy(empty_store, project.folder / "mlflow.db")
    project.dvc("repro")
    return project


def without_effect(stage: str) -> frozenset[Path]:
    paths = WITHOUT_EFFECT.keys() - EXCEPT.get(stage, ())
    return frozenset(file for path in paths for file in files_at(path))


def code_of(stage: str) -> list[str]:
    """The code among a stage's deps, each path existing."""
    listed = yaml_in(ROOT / "dvc.yaml")["stages"][stage]["deps"]
    code = [path for path in listed if path.startswith(("objloc", "stages"))]
    assert all((ROOT / path).exists() for path in code)
    return code


def needs_of(stage: str) -> set[Path]:
    """The modules that a stage imports and that have an effect, and the files these read."""
    excepted = without_effect(stage)
    modules = closure(Path("stages", f"{stage}.py"), excepted) - excepted
    return {file for file in modules if not is_blank(file)} | {
        file for module in modules for file in read_beside(module)
    }


@pytest.mark.parametrize("stage", COSTLY)
def test_a_costly_stage_depends_on_exactly_the_modules_it_imports(stage: str) -> None:
    depends = {file for path in code_of(stage) for file in files_at(path) if not is_blank(file)}
    assert depends == needs_of(stage)


@pytest.mark.parametrize("stage", sorted({*STAGES} - {*COSTLY}))
def test_a_stage_after_training_depends_on_the_rooms_it_imports_from(stage: str) -> None:
    code, needs = code_of(stage), needs_of(stage)
    for file in needs:
        assert sum(Path(path) in (file, *file.parents) for path in code) == 1, file
    for path in code:
        used = {file for file in needs if Path(path) in (file, *file.parents)}
        assert used, f"{path}: nothing of it is needed"
        if (ROOT / path).is_dir():
            assert path.count("/") == 1, f"{path}: expected a whole room"
            modules = {file for file in files_at(path) if not is_blank(file)}
            assert len(used) > FEW or used >= modules, f"{path}: list {sorted(used)} instead"


def test_every_exception_is_one() -> None:
    imported = {file for stage in STAGES for file in closure(Path("stages", f"{stage}.py"))}
    for path in WITHOUT_EFFECT:
        assert files_at(path) & imported, path


def test_the_stages_are_those_of_the_folder_and_have_their_parameters() -> None:
    stages = yaml_in(ROOT / "dvc.yaml")["stages"]
    commands = {path.stem for path in (ROOT / "stages").glob("[a-z]*.py")}
    assert set(stages) == commands == set(STAGES)
    # A change of a base that is not watched would go unnoticed.
    agents = yaml_in(ROOT / "params.yaml")["agents"]
    bases = {agent.get("extends", "scenes") for agent in agents.values()}
    watched = [f"agents.{name}" for name in ("${train.agent}", *bases)]
    sections = {
        "download": ["dataset"], "publish": [], "train": ["train", *watched],
        "encode": [
            "encode.batch", "encode.checksum", "encode.url",
            "train.image_set", "train.val_image_set", "evaluate.image_sets",
            *(f"{agent}.{key}" for agent in watched for key in ("encoder", "learning.flip")),
        ],
    }  # fmt: skip
    for name, stage in stages.items():
        assert stage["cmd"].startswith(f"python -m stages.{name} data/")
        expected = sorted(sections.get(name, [name]))
        assert sorted(stage.get("params", [])) == expected, (
            f"dvc.yaml: {name}: params: list {expected}"
        )


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
    agents = tree["agents"]
    assert list(missing(params.Agent, agents["scenes"], "agents.scenes.")) == []
    assert {agents[name].get("extends", "scenes") for name in SHIPPED} == {"scenes"}
    assert "extends" not in agents["scenes"]
    del tree["train"]["seed"], agents["scenes"]["mdp"]["max_steps"]
    assert list(missing(params.Params, tree)) == ["train.seed"]
    assert list(missing(params.Agent, agents["scenes"])) == ["mdp.max_steps"]


def test_every_agent_states_the_keys_that_encode_depends_on() -> None:
    for name, agent in yaml_in(ROOT / "params.yaml")["agents"].items():
        assert agent["encoder"], name
        assert "flip" in agent["learning"], name


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
        for root in ("data", "results")
        for path in (project.folder / root).rglob("*")
        if path.is_file() and path.name not in ("manifest.json", ".gitignore")
    }
    assert all(outs & {file, *file.parents} for file in written)
    assert all(any(out in (file, *file.parents) for file in written) for out in outs)
    told = project.run(
        "git", "ls-files", "--others", "--cached", "--exclude-standard", "data", "results"
    )
    seen = {Path(line) for line in told.splitlines()} & written
    assert seen == {file for file in written if not cached & {file, *file.parents}}


def test_every_stage_that_computes_runs_in_a_clone_and_is_kept_for_another_time() -> None:
    for name, stage in yaml_in(ROOT / "dvc.yaml")["stages"].items():
        # Only metrics and plots may be without a cache in a stage that DVC keeps the runs of.
        cached = {isinstance(out, str) for out in stage["outs"]}
        assert cached == {name != "publish"}, name


def to_rerun() -> set[str]:
    """The stages that ``dvc repro`` would run in the current folder."""
    rerun: set[str] = set()
    with Repo() as repo:
        changed, graph = repo.status(), repo.index.graph
        waiting = [stage for stage in graph if stage.addressing in changed]
        while waiting:
            stage = waiting.pop()
            rerun.add(stage.addressing)
            # The arrows of this graph point at what a stage needs.
            waiting += graph.predecessors(stage)
    return rerun


@pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc.*")
def test_a_change_of_a_base_retrains_what_extends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stages = yaml_in(ROOT / "dvc.yaml")["stages"]
    instant = {
        name: {"cmd": f"echo {name} > {name}", "params": stages[name]["params"], "outs": [name]}
        for name in ("encode", "train")
    }
    instant["train"]["deps"] = ["encode"]
    YAML().dump({"stages": instant}, tmp_path / "dvc.yaml")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    edit(tmp_path, {"train": {"agent": "pretrained"}})
    before = (tmp_path / "params.yaml").read_bytes()
    Repo.init(no_scm=True).close()
    with Repo() as repo:
        repo.reproduce()
    for override, stages in (
        ("agents.scenes.schedule.patience=3", {"train"}),
        ("agents.scenes.encoder.context=1.5", {"encode", "train"}),
        ("agents.pretrained.learning.learning_rate=0.1", {"train"}),
        ("agents.pretrained.learning.flip=false", {"encode", "train"}),
        ("++agents.pretrained.mdp.max_steps=9", {"train"}),
        ("++agents.pretrained.encoder.context=1.5", {"encode", "train"}),
        ("agents.scratch.learning.flip=false", set()),
        ("agents.dqn2018.learning.discount=0.5", set()),
    ):
        apply_overrides("params.yaml", [override])
        assert to_rerun() == stages, override
        (tmp_path / "params.yaml").write_bytes(before)
    assert to_rerun() == set()


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
        ({"evaluate": {"episodes": 7}}, "evaluate publish register report"),
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
    try:
        edit(project.folder, changes)
        assert to_rerun() == set(stages.split())
    finally:
        (project.folder / "params.yaml").write_bytes(before)


def test_training_again_makes_the_same_bytes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = project.outs()
    # This time by an interpreter of its own, without the folder of the quick one.
    _, _, path = project.environment["PATH"].partition(os.pathsep)
    monkeypatch.setitem(project.environment, "PATH", path)
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
