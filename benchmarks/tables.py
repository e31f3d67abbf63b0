"""Write the tables of README and docs from files, so that no figure is typed by hand.

A page marks the place of a table::

    <!-- table:NAME -->
    <!-- /table:NAME -->

``python -m benchmarks.tables`` fills in all of them; ``--check`` only lists the
pages that are not up to date, with exit status 1.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from benchmarks import (
    ablation,
    ahead,
    devices,
    field,
    field_tables,
    ranks,
    refinements,
    scale_memory,
    scale_shards,
    scaling,
    scenes_seeds,
    scores,
    scratch,
    search,
    skill,
    speed,
    startup,
    updates,
    voc2007,
    walk,
)
from benchmarks.annotation_tools import table as annotation_tools
from benchmarks.metric_tools import table as metric_tools
from benchmarks.metrics import data_name, measured_on, precision_table, success_table
from benchmarks.parameters import parameter_tables
from benchmarks.published import (
    AblationRow,
    Ahead,
    CombinedRun,
    Detector,
    DetectorRun,
    Questions,
    ScratchRuns,
    Walk,
    parse,
)
from benchmarks.reliability.table import faults_table
from objloc.evaluation.metrics import DataName, ImageSetMetrics, Metrics, parse_metrics

ROOT = Path(__file__).parent.parent

T = TypeVar("T")

Read = Callable[[str], str | None]
"""Function that returns a file's text, given its path below the root; None if it is missing."""

METRICS = "results/evaluate/metrics.json"
TRAINED = "results/train/params.yaml"
RESULTS = "benchmarks/results"
EMBEDDED = "scenes"
"""Name of the embedded data in ``metrics.json``."""
_BLOCK = re.compile(
    r"(<!-- table:(?P<name>[a-z0-9_-]+) -->\n)(?P<body>.*?)(<!-- /table:(?P=name) -->)", re.DOTALL
)
_NOT_YET = "*No figures yet: `make run` measures them, `python -m benchmarks.tables` writes them.*"


def working_tree(path: str) -> str | None:
    """Read a file in the working tree."""
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


def last_commit(path: str) -> str | None:
    """Read a file in the last commit; None outside git."""
    shown = subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return shown.stdout if shown.returncode == 0 else None


def embedded_success(read: Read) -> str | None:
    """Table of the README; None if the metrics are of other data."""
    metrics = _embedded(read)
    if metrics is None:
        return _NOT_YET
    if not metrics:
        return None
    return f"{success_table(metrics['test'])}\n\n{measured_on(metrics['test'], 'test')}"


def embedded_all(read: Read) -> str | None:
    """All figures of the embedded data; None if the metrics are of other data."""
    metrics = _embedded(read)
    if metrics is None:
        return _NOT_YET
    if not metrics:
        return None
    how = _how(read, "scenes")
    parts = all_figures(metrics, how)
    trained = read(TRAINED)
    if trained and (seed := re.search(r"^  seed: (\d+)$", trained, re.MULTILINE)):
        parts[0] += f" `train.seed`: {seed[1]}."
    return "\n\n".join(parts)


def kept(
    name: str, kind: type[T], show: Callable[[T, list[str]], list[str]]
) -> Callable[[Read], str]:
    """Make a table from figures kept in ``benchmarks/results``.

    Args:
        name: name of the file.
        kind: type of the file's content.
        show: function that makes the parts of the text from the content and from the
            description of its origin.
    """

    def text_of(read: Read) -> str:
        text = read(f"{RESULTS}/{name}.json")
        if text is None:
            return f"*Not measured yet: there is no {name}.json in `{RESULTS}`.*"
        return "\n\n".join(show(parse(kind, text), _how(read, name)))

    return text_of


def measured(name: str, show: Callable[[dict[str, Any]], str]) -> Callable[[Read], str]:
    """Make a table of a benchmark's own file, below the description of its origin."""
    return kept(name, dict[str, Any], lambda found, how: [*how, show(found)])


def bare(name: str, show: Callable[[dict[str, Any]], str]) -> Callable[[Read], str]:
    """Make a further table of a benchmark's file, whose origin stands elsewhere."""
    return kept(name, dict[str, Any], lambda found, _: [show(found)])


def all_figures(metrics: Metrics, how: list[str]) -> list[str]:
    """All figures of every image set."""
    parts = [_data_and_model(next(iter(metrics.values()))), *how]
    for image_set, part in metrics.items():
        parts += [measured_on(part, image_set), success_table(part), precision_table(part)]
    return parts


def _over(seeds: int) -> str:
    """Number of seeds, in words for a table."""
    return "One seed" if seeds == 1 else f"Means over {seeds} seeds, with standard deviations"


def detector(found: Detector, how: list[str]) -> list[str]:
    """Average precision of the pretrained agent and the paper's."""
    test, seeds = found.test, found.seeds
    return [
        *_over_seeds(seeds, test.data, test.images, how),
        f"Greedy episodes of seed {next(iter(seeds))}. {measured_on(test, 'test')}",
        success_table(test),
    ]


def combined(runs: dict[str, CombinedRun], how: list[str]) -> list[str]:
    """Figures of agents of several networks each, over seeds."""
    first = next(iter(runs.values()))
    return _over_seeds(runs, first.data, first.images, how)


def _over_seeds(
    runs: Mapping[str, DetectorRun], data: DataName, images: int, how: list[str]
) -> list[str]:
    models = ", ".join(f"`{run.model.sha256[:12]}`" for run in runs.values())
    return [
        f"Data: {data_name(data)}. Models: {models}.",
        *how,
        f"{_over(len(runs))}; {images} images of `test`; AP of VOC2007 (11 points, IoU .5).",
        voc2007.detection_table(runs),
        voc2007.seeds_table(runs),
        "Against the budget, over the same:",
        voc2007.curve_table(runs),
    ]


def headline(read: Read) -> str:
    """Figures of photographs for the README."""
    text = read(f"{RESULTS}/{voc2007.NAME}.json")
    if text is None:
        return "*Not measured yet.*"
    single = parse(Detector, text)
    agents: dict[str, Mapping[str, DetectorRun]] = {voc2007.LABELS[1]: single.seeds}
    for number, name in voc2007.COMBINED.items():
        if (text := read(f"{RESULTS}/{name}.json")) is not None:
            agents[voc2007.LABELS[number]] = parse(dict[str, CombinedRun], text)
    return voc2007.headline_table(single.test, agents)


def from_scratch(
    table_of: Callable[[ScratchRuns], str],
) -> Callable[[ScratchRuns, list[str]], list[str]]:
    """Figures of agents that learn photographs from scratch, over seeds."""

    def show(runs: ScratchRuns, how: list[str]) -> list[str]:
        return [_scratch_data(runs), *how, table_of(runs)]

    return show


def questions(found: Questions, how: list[str]) -> list[str]:
    """Figures of the questions of 2018."""
    return [_scratch_data(found.rows["five"]), *how, scratch.questions_table(found)]


def _scratch_data(runs: ScratchRuns) -> str:
    return f"Data: {data_name(next(iter(runs.values()))['test_2007'].data)}."


def _data_and_model(metrics: ImageSetMetrics) -> str:
    return f"Data: {data_name(metrics.data)}. Model: `{metrics.model.sha256[:12]}`."


def _embedded(read: Read) -> Metrics | None:
    """Metrics of the embedded data; None if there are none, empty if they are of other data."""
    text = read(METRICS)
    if text is None:
        return None
    metrics = parse_metrics(text, METRICS)
    ours = all(part.data.name == EMBEDDED for part in metrics.values()) and "test" in metrics
    return metrics if ours else {}


def _how(read: Read, name: str) -> list[str]:
    """Origin of a result, from the file beside it: command, machine, commit, minutes."""
    text = read(f"{RESULTS}/{name}.run.json")
    if text is None:
        return []
    run = json.loads(text)
    facts = [
        f"{key.capitalize()}: {run[key]}"
        for key in ("machine", "minutes", "seed", "date", "before", "commit")
        if key in run
    ]
    return [f"```sh\n{run['command']}\n```", f"{'. '.join(facts)}."]


TABLES: dict[str, Callable[[Read], str | None]] = {
    "scenes-success": embedded_success,
    "scenes": embedded_all,
    "voc2007-cat-dqn2018": kept("voc2007_cat_dqn2018", Metrics, all_figures),
    "voc2007-headline": headline,
    "voc2007-pretrained": kept(voc2007.NAME, Detector, detector),
    "voc2007-combined": kept(voc2007.COMBINED[2], dict[str, CombinedRun], combined),
    "voc2007-three": kept(voc2007.COMBINED[3], dict[str, CombinedRun], combined),
    "voc2007-ablation": kept(
        ablation.NAME,
        dict[str, AblationRow],
        lambda rows, how: [*how, ablation.ablation_table(rows)],
    ),
    **field_tables.TABLES,
    "field-origin": lambda read: "\n\n".join([*field_tables.origin(read), *_how(read, field.NAME)]),
    "walk": kept(walk.NAME, Walk, walk.described),
    "ahead": kept(ahead.NAME, Ahead, ahead.described),
    "devices": measured(devices.NAME, devices.device_table),
    "skill": measured(skill.NAME, skill.skill_table),
    "scores": measured(scores.NAME, scores.scores_table),
    "scenes-seeds": measured(scenes_seeds.NAME, scenes_seeds.seeds_table),
    "speed": measured(speed.NAME, speed.speed_table),
    "startup": measured(startup.NAME, startup.startup_table),
    "scale-memory": measured(scale_memory.NAME, scale_memory.memory_table),
    "scale-shards": measured(scale_shards.NAME, scale_shards.shards_table),
    "scaling": measured(scaling.NAME, scaling.scaling_table),
    "searching": measured(search.NAME, search.search_table),
    "refinements": measured(refinements.NAME, refinements.refinements_table),
    "refinements-full": measured(refinements.FULL, refinements.refinements_table),
    "refinements-categories": bare(refinements.FULL, refinements.categories_table),
    "ranks": measured(ranks.NAME, ranks.ranks_table),
    "updates": measured(updates.NAME, updates.updates_table),
    "arithmetic": measured(updates.NAME, updates.arithmetic_table),
    "metric-tools": kept(
        "metric_tools",
        dict[str, Any],
        lambda found, _: [metric_tools.measured_on(found), metric_tools.package_table(found)],
    ),
    "metric-factors": bare("metric_tools", metric_tools.factor_table),
    "calibration": bare("metric_tools", metric_tools.calibration_table),
    "metric-cases": bare("metric_tools", metric_tools.case_table),
    "voc-scratch": kept("voc_scratch", ScratchRuns, from_scratch(scratch.headline_table)),
    "voc-scratch-dqn2018": kept(
        "voc_scratch_dqn2018", ScratchRuns, from_scratch(scratch.baseline_table)
    ),
    "voc-scratch-questions": kept("voc_scratch_questions", Questions, questions),
    "annotation-tools": annotation_tools.exports_table,
    "annotation-tools-journeys": annotation_tools.journeys_table,
    "parameters": parameter_tables,
    "reliability": lambda read: faults_table(lambda name: read(f"{RESULTS}/{name}")),
}


def pages() -> list[Path]:
    """Pages that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def filled_in(page: str, read: Read) -> str:
    """Fill in the tables of a page.

    Raises:
        KeyError: the page has a table that does not exist.
    """

    def block(match: re.Match[str]) -> str:
        body = TABLES[match["name"]](read)
        return match[0] if body is None else f"{match[1]}\n{body}\n\n{match[4]}"

    return _BLOCK.sub(block, page)


def stale(read: Read) -> Iterator[tuple[Path, str]]:
    """Pages whose tables differ from the files, with their expected text."""
    for path in pages():
        page = path.read_text(encoding="utf-8")
        if (wanted := filled_in(page, read)) != page:
            yield path, wanted


def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; list pages that are out of date.")
    ] = False,
) -> None:
    """Write the tables of README and docs."""
    old = list(stale(working_tree))
    for path, wanted in old:
        print(f"{path.relative_to(ROOT)}: {'out of date' if check else 'written'}")
        if not check:
            path.write_text(wanted, encoding="utf-8")
    if check and old:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
