"""README and docs hold true: tables, links, names, commands, parameters."""

import json
import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks import tables
from benchmarks.parameters import undescribed
from objloc.evaluation.metrics import Metrics
from objloc.params import Agent, Params, load_params
from tests.helpers.metrics import metrics_json

ROOT = tables.ROOT
PAGES = [
    *tables.pages(),
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
]
PARAMS = load_params(ROOT / "params.yaml")

LINK = re.compile(r"\]\(([^)\s]+)\)")
STAGE = re.compile(r"python -m stages\.([a-z_]+)([^\n`]*)")
MENTION = re.compile(r"`([a-z]+)\.([a-z0-9_]+)(?:=[^`]*)?`")
MODULE = re.compile(r"`(?:objloc|stages|tests|benchmarks|docs)/[^`*…]*`")
PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9]*")
SYMBOLS = re.compile(r"`([a-z_/]+\.py)`:((?:,? (?:or )?`[A-Za-z_.]+`)+)")
DOTTED = re.compile(r"`((?:objloc|stages|benchmarks)(?:\.[A-Za-z_]+)+)`")
GENERATED = re.compile(r"<!-- table:(?P<name>\S+) -->.*?<!-- /table:(?P=name) -->", re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`[^`]*`|\[[^\]]*\]\([^)]*\)")
WIDTH = 100

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def text_of(page: Path) -> str:
    """A page with the lines of a continued command joined."""
    return re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))


def section_keys() -> dict[str, set[str]]:
    """The keys of each section of ``params.yaml`` and of each part of an agent."""
    models: dict[str, Any] = {
        field.alias or name: field.annotation
        for name, field in Params.model_fields.items()
        if name != "agents"
    }
    models |= {name: field.annotation for name, field in Agent.model_fields.items()}
    return {name: set(model.model_fields) for name, model in models.items()}


def tracked_files() -> set[Path]:
    """Files under git: an experiment may have taken a plot from the working tree."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {(ROOT / name).resolve() for name in listed.stdout.splitlines()}


def metrics(success: float, **changes: Any) -> dict[str, Any]:
    """The metrics of one image set with one category."""
    reach = {"cat": (0.1, 0.9), "mean": None}
    intervals = {"success_rate": reach, "gain_over_best_baseline": reach}
    found = metrics_json(success, categories=("cat",), blind=0.25, images=8, interval=intervals)
    found["images_by_category"] = {"cat": 4}
    found["success_rate"]["episodes15"] = found["success_rate"]["greedy"]
    for baseline in found["baselines"].values():
        baseline["ap"]["voc2007"] = {"cat": None, "mean": None}
    return found | changes


def reading(files: dict[str, Any]) -> tables.Read:
    """Files of a repository that has only these."""
    texts = {path: json.dumps(content) for path, content in files.items()}
    return texts.get


def test_the_tables_say_what_the_files_say() -> None:
    # An experiment in the working tree is no reason to rewrite the README: the
    # tables may also be those of the last commit.
    now = {path for path, _ in tables.stale(tables.working_tree)}
    committed = {path for path, _ in tables.stale(tables.last_commit)}
    old = sorted(str(path.relative_to(ROOT)) for path in now & committed)
    assert old == [], "run: python -m benchmarks.tables"


def test_a_figure_that_was_typed_is_noticed() -> None:
    read = reading({tables.METRICS: {"test": metrics(0.75)}})
    page = "<!-- table:scenes-success -->\n<!-- /table:scenes-success -->\n"
    written = tables.filled_in(page, read)
    row = "| cat | 4 | **.750** | .100 to .900 | .250 | .250 | .250 | +.500 |"
    assert row in written.splitlines()
    assert tables.filled_in(written, read) == written
    assert tables.filled_in(written.replace("**.750**", "**.850**"), read) == written


def test_metrics_of_other_data_leave_the_table_of_the_scenes_as_it_is() -> None:
    other = metrics(0.5, data={"name": "voc2007", "hash": "00"})
    page = "<!-- table:scenes -->\nkept\n<!-- /table:scenes -->\n"
    assert tables.filled_in(page, reading({tables.METRICS: {"test": other}})) == page
    assert "make run" in tables.filled_in(page, reading({}))


def test_a_published_result_names_its_command_and_what_a_mirror_is() -> None:
    name = "voc2007 (mirror a95bd28b, 6b06333e)"
    result = {"test": metrics(0.5, data={"name": name, "hash": "00"})}
    run = {"command": "dvc exp run", "machine": "2 CPU cores", "minutes": 31, "seed": 0}
    read = reading(
        {"benchmarks/results/some.json": result, "benchmarks/results/some.run.json": run}
    )
    written = tables.kept("some", Metrics, tables.all_figures)(read)
    assert "VOC2007 at 320 px" in written
    assert "```sh\ndvc exp run\n```" in written
    assert "Machine: 2 CPU cores. Minutes: 31. Seed: 0." in written
    assert "| cat | .500 | .125 | .125 | .062 | .062 | - | - | - |" in written


def test_every_parameter_is_described() -> None:
    assert list(undescribed()) == []


@by_page
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = [
        target.partition("#")[0]
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not target.startswith(("http://", "https://", "#"))
    ]
    tracked = tracked_files()
    missing = [
        target
        for target in targets
        if not (file := (page.parent / target).resolve()).exists() and file not in tracked
    ]
    assert missing == []


@by_page
def test_files_named_in_the_text_exist(page: Path) -> None:
    named = [name.strip("`") for name in MODULE.findall(page.read_text(encoding="utf-8"))]
    # What is made by the reader is written in capitals.
    missing = [
        name for name in named if not (ROOT / name).exists() and not re.search("[A-Z]{3}", name)
    ]
    assert [name for name in missing if name not in conditional()] == []


@by_page
def test_names_in_the_text_can_be_imported(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for name in DOTTED.findall(text):
        module, _, symbol = name.rpartition(".")
        assert find_spec(name) if find_module(name) else hasattr(import_module(module), symbol), (
            name
        )


def find_module(name: str) -> bool:
    """There is a file or a folder of this dotted name."""
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


@by_page
def test_symbols_named_after_a_file_are_in_it(page: Path) -> None:
    for name, symbols in SYMBOLS.findall(page.read_text(encoding="utf-8")):
        text = (ROOT / name).read_text(encoding="utf-8")
        for symbol in re.findall(r"[A-Za-z_.]+", symbols.replace(" or ", " ")):
            for part in symbol.split("."):
                assert re.search(rf"^\s*(?:class |def )?{part}\b", text, re.MULTILINE), (name, part)


def test_the_page_of_the_architecture_names_symbols() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert len(SYMBOLS.findall(text)) > 10


@by_page
def test_lines_end_at_the_same_column(page: Path) -> None:
    # Tables and code may be longer, and a code span or a link where it stands alone.
    text = FENCED.sub("", GENERATED.sub("", page.read_text(encoding="utf-8")))
    lines = [
        line
        for line in text.splitlines()
        if len(line) > WIDTH
        and not line.startswith(("|", "    ", "!", "[!", "<", "#"))
        and " " in SPAN.sub("x", line.strip().removeprefix("- "))
    ]
    assert lines == []


def conditional() -> Iterator[str]:
    """Results that a page mentions in both cases: measured, or not yet."""
    for name, table in tables.TABLES.items():
        stem = name.replace("-", "_")
        if table.__qualname__.startswith("published"):
            yield f"{tables.RESULTS}/{stem}.json"


@by_page
def test_stages_and_their_options_exist(page: Path) -> None:
    for name, arguments in STAGE.findall(text_of(page)):
        assert (ROOT / "stages" / f"{name}.py").is_file(), name
        app = typer.Typer(add_completion=False)
        app.command()(import_module(f"stages.{name}").main)
        known = {option for each in typer.main.get_command(app).params for option in each.opts}
        used = set(re.findall(r"(?<!\S)--[a-z-]+", arguments)) - {"--help"}
        assert used <= known, name


@by_page
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(
        r"(?:`|^ {4})make ([a-z0-9-]+)", page.read_text("utf-8"), re.MULTILINE
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@by_page
def test_parameters_named_in_the_text_exist(page: Path) -> None:
    keys = section_keys()
    unknown = [
        f"{section}.{key}"
        for section, key in MENTION.findall(page.read_text(encoding="utf-8"))
        if section in keys
        and key not in keys[section]
        and key not in ("py", "pt", "json", "csv", "onnx")
    ]
    assert unknown == []


def test_the_default_agent_is_as_the_differences_from_the_paper_say() -> None:
    agent = PARAMS.agents["scenes"]
    assert PARAMS.train.agent == "scenes"
    assert agent.mdp.actions == "paper"
    assert (agent.mdp.step_size, agent.mdp.trigger_reward, agent.mdp.trigger_iou) == (0.2, 3.0, 0.6)
    assert agent.encoder.kind == "map"
    assert (agent.head.per_category, agent.head.action_history) == (True, 0)
    assert (agent.learning.backup, agent.learning.discount) == ("all_actions", 0.0)
    assert agent.learning.object_windows > 0
    assert agent.learning.absent_reward < 0
    assert agent.exploration.guided


def test_the_old_scripts_flags_have_the_old_defaults() -> None:
    rows = re.findall(
        r"^\| `-[a-z]+`, `--[a-z_]+` (\S+) \| `(agents\.dqn2018\.[a-z_.]+)` \|",
        (ROOT / "docs" / "2018.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(rows) == 8
    for default, key in rows:
        value: Any = PARAMS
        for part in key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        assert float(default) == value, key
