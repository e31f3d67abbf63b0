"""The tables of README and docs, written from files so that no figure is typed.

A page marks where a table stands::

    <!-- table:NAME -->
    <!-- /table:NAME -->

``python -m benchmarks.tables`` fills all of them in; ``--check`` only tells which
are not up to date, with exit status 1.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import ablation, devices, scratch, voc2007
from benchmarks.parameters import parameter_tables

ROOT = Path(__file__).parent.parent

Read = Callable[[str], str | None]
"""Gives a file's text by its path below the root; None if there is none."""
Json = Mapping[str, Any]

METRICS = "data/evaluate/metrics.json"
TRAINED = "data/train/params.yaml"
RESULTS = "benchmarks/results"
EMBEDDED = "scenes"
"""What the embedded data calls itself in ``metrics.json``."""
_MIRRORS = {
    "voc2007 (mirror a95bd28b, 6b06333e)": "VOC2007 at 320 px: not the official archives but a "
    "mirror's, whose photographs were shrunk to 320 pixels on the longer side and re-encoded, "
    "and whose boxes were scaled with them; 3 of the 5,011 trainval images are missing",
    "voc2007+2012 (mirror a95bd28b, 6b06333e, 4c2bd153), by year, seeded split 0": "both years at "
    "320 px: not the official archives but a mirror's, shrunk and re-encoded; of VOC2012 only the "
    "1,697 images of its training set that hold a cat, dog, cow, horse or sheep",
}
"""Mirrors that figures here were measured on, by the data's name."""
_BLOCK = re.compile(
    r"(<!-- table:(?P<name>[a-z0-9_-]+) -->\n)(?P<body>.*?)(<!-- /table:(?P=name) -->)", re.DOTALL
)
_NOT_YET = "*No figures yet: `make run` measures them, `python -m benchmarks.tables` writes them.*"


def working_tree(path: str) -> str | None:
    """A file as it lies in the working tree."""
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


def last_commit(path: str) -> str | None:
    """A file as the last commit has it; None outside git."""
    shown = subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return shown.stdout if shown.returncode == 0 else None


def share(value: float | None, form: str = ".3f") -> str:
    """``.512`` as in the tables of the literature; a dash where there is none."""
    return "-" if value is None else format(value, form).replace("0.", ".", 1)


def success_table(metrics: Json) -> str:
    """The agent's greedy success beside the baselines' by category."""
    rates, baselines = metrics["success_rate"]["greedy"], metrics["baselines"]
    rows = [
        "| category | images | **agent** | 95 % interval | random | whole image | best fixed box "
        "| gain over the best |",
        "|---|--:|--:|:-:|--:|--:|--:|--:|",
    ]
    for column, rate in rates.items():
        reach = metrics["interval"]["success_rate"][column]
        cells = [
            column,
            str(metrics["images_by_category"].get(column, metrics["images"])),
            f"**{share(rate)}**",
            f"{share(reach[0])} to {share(reach[1])}" if reach else "-",
            *(
                share(baselines[name]["success_rate"]["greedy"][column])
                for name in ("random", "whole_image", "fixed_box")
            ),
            share(metrics["gain_over_best_baseline"][column], "+.3f"),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def precision_table(metrics: Json) -> str:
    """Stochastic success, average precision and its blind counterparts by category."""
    precision, baselines = metrics["ap"], metrics["baselines"]
    columns = (
        metrics["success_rate"]["episodes15"],
        precision["triggered"]["voc2007"],
        precision["attended"]["voc2007"],
        precision["triggered"]["area"],
        precision["attended"]["area"],
        *(baselines[name]["ap"]["voc2007"] for name in ("random", "whole_image", "fixed_box")),
    )
    rows = [
        f"| category | success, {metrics['episodes']} episodes, ε {metrics['epsilon']:g} "
        "| AP triggered | AP attended | AP triggered, area | AP attended, area "
        "| AP random | AP whole image | AP best fixed box |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for column in metrics["success_rate"]["greedy"]:
        cells = [column, *(share(each[column]) for each in columns)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def data_name(metrics: Json) -> str:
    """The data's name, and what it is if it is a mirror known here."""
    name = metrics["data"]["name"]
    what = f"; {_MIRRORS[name]}" if name in _MIRRORS else ""
    return f"`{name}`, hash `{metrics['data']['hash'][:12]}`{what}"


def measured_on(metrics: Json, image_set: str) -> str:
    """A sentence on what the figures of an image set are."""
    steps = metrics["steps"]
    return (
        f"Image set `{image_set}`, {metrics['images']} images; success is a trigger with "
        f"IoU > {metrics['iou_threshold']:g}; {steps['mean']:.1f} steps in the mean, median "
        f"{steps['median']:g}. Intervals: 95 %, over images."
    )


def embedded_success(read: Read) -> str | None:
    """The README's table; None if the metrics are of other data."""
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
    parts = [_data_and_model(metrics["test"])]
    trained = read(TRAINED)
    if trained and (seed := re.search(r"^  seed: (\d+)$", trained, re.MULTILINE)):
        parts[0] += f" `train.seed`: {seed[1]}."
    parts += _how(read, "scenes")
    for image_set, part in metrics.items():
        parts += [measured_on(part, image_set), success_table(part), precision_table(part)]
    return "\n\n".join(parts)


def kept(name: str, show: Callable[[Any, list[str]], list[str]]) -> Callable[[Read], str]:
    """A table of figures that were kept in ``benchmarks/results``.

    Args:
        name: of the file.
        show: makes the parts of the text from what the file holds, and from how it was
            made.
    """

    def table(read: Read) -> str:
        text = read(f"{RESULTS}/{name}.json")
        if text is None:
            return f"*Not measured yet: there is no {name}.json in `{RESULTS}`.*"
        return "\n\n".join(show(json.loads(text), _how(read, name)))

    return table


def published(name: str) -> Callable[[Read], str]:
    """A copy of ``data/evaluate/metrics.json``: all figures of every image set."""

    def show(metrics: Json, how: list[str]) -> list[str]:
        any_set = next(iter(metrics.values()))
        parts = [_data_and_model(any_set), *how]
        for image_set, part in metrics.items():
            parts += [measured_on(part, image_set), success_table(part), precision_table(part)]
        return parts

    return kept(name, show)


def _over(seeds: int) -> str:
    """Of how many seeds a table's figures are."""
    return "One seed" if seeds == 1 else f"Means over {seeds} seeds, with standard deviations"


def detector(metrics: Json, how: list[str]) -> list[str]:
    """Average precision of the pretrained agent beside the paper's."""
    test, seeds = metrics["test"], metrics["seeds"]
    first = next(iter(seeds))
    models = ", ".join(f"`{_model(run)}`" for run in seeds.values())
    return [
        f"Data: {data_name(test)}. Models: {models}.",
        *how,
        f"{_over(len(seeds))}; {test['images']} images of "
        "`test`; AP of VOC2007 (11 points, IoU .5).",
        voc2007.detection_table(seeds),
        voc2007.seeds_table(seeds),
        "Against the budget, over the same:",
        voc2007.curve_table(seeds),
        f"Greedy episodes of seed {first}. {measured_on(test, 'test')}",
        success_table(test),
    ]


def headline(read: Read) -> str:
    """The README's figures of photographs."""
    parts = {
        label: json.loads(text)
        for label, name in (("one network", voc2007.NAME), ("two networks", voc2007.COMBINED))
        if (text := read(f"{RESULTS}/{name}.json")) is not None
    }
    if "one network" not in parts:
        return "*Not measured yet.*"
    single = parts["one network"]
    agents = {"one network": single["seeds"]} | {
        label: found for label, found in parts.items() if label != "one network"
    }
    return voc2007.headline_table(single["test"], agents)


def combined(runs: Json, how: list[str]) -> list[str]:
    """Agents of two networks each, over seeds."""
    first = next(iter(runs.values()))
    models = ", ".join(f"`{_model(run)}`" for run in runs.values())
    return [
        f"Data: {data_name(first)}. Models: {models}.",
        *how,
        f"{_over(len(runs))}; {first['images']} images of `test`; AP of VOC2007 "
        "(11 points, IoU .5).",
        voc2007.detection_table(runs),
        voc2007.seeds_table(runs),
        "Against the budget, over the same:",
        voc2007.curve_table(runs),
    ]


def from_scratch(name: str) -> Callable[[Read], str]:
    """Figures of the agents that learn photographs from scratch, over seeds."""

    def show(found: Json, how: list[str]) -> list[str]:
        runs = found["rows"]["five"] if "rows" in found else found
        data = f"Data: {data_name(next(iter(runs.values()))['test_2007'])}."
        return [data, *how, scratch.TABLES[name](found)]

    return kept(name, show)


def _data_and_model(metrics: Json) -> str:
    return f"Data: {data_name(metrics)}. Model: `{_model(metrics)}`."


def _embedded(read: Read) -> Json | None:
    """Metrics of the embedded data; None if there are none, empty if they are of other data."""
    text = read(METRICS)
    if text is None:
        return None
    metrics: Json = json.loads(text)
    ours = all(part["data"]["name"] == EMBEDDED for part in metrics.values()) and "test" in metrics
    return metrics if ours else {}


def _model(metrics: Json) -> str:
    return f"{metrics['model']['sha256'][:12]}"


def _how(read: Read, name: str) -> list[str]:
    """How a result was made, from the file beside it: command, machine, commit, minutes."""
    text = read(f"{RESULTS}/{name}.run.json")
    if text is None:
        return []
    run = json.loads(text)
    facts = [
        f"{key.capitalize()}: {run[key]}"
        for key in ("machine", "minutes", "seed", "commit")
        if key in run
    ]
    return [f"```sh\n{run['command']}\n```", f"{'. '.join(facts)}."]


TABLES: dict[str, Callable[[Read], str | None]] = {
    "scenes-success": embedded_success,
    "scenes": embedded_all,
    "voc2007-cat-dqn2018": published("voc2007_cat_dqn2018"),
    "voc2007-headline": headline,
    "voc2007-pretrained": kept(voc2007.NAME, detector),
    "voc2007-combined": kept(voc2007.COMBINED, combined),
    "voc2007-ablation": kept(ablation.NAME, lambda found, how: [*how, ablation.table(found)]),
    "devices": kept(devices.NAME, lambda found, how: [*how, devices.device_table(found)]),
    "voc-scratch": from_scratch("voc_scratch"),
    "voc-scratch-dqn2018": from_scratch("voc_scratch_dqn2018"),
    "voc-scratch-questions": from_scratch("voc_scratch_questions"),
    "parameters": parameter_tables,
}


def pages() -> list[Path]:
    """The pages that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def filled_in(page: str, read: Read) -> str:
    """A page with its tables written anew.

    Raises:
        KeyError: it asks for a table that does not exist.
    """

    def block(match: re.Match[str]) -> str:
        body = TABLES[match["name"]](read)
        return match[0] if body is None else f"{match[1]}\n{body}\n\n{match[4]}"

    return _BLOCK.sub(block, page)


def stale(read: Read) -> Iterator[tuple[Path, str]]:
    """Pages whose tables differ from what the files say, with what they should be."""
    for path in pages():
        page = path.read_text(encoding="utf-8")
        if (wanted := filled_in(page, read)) != page:
            yield path, wanted


def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing, tell what is old.")
    ] = False,
) -> None:
    """Write the tables of README and docs from the files they are made of."""
    old = list(stale(working_tree))
    for path, wanted in old:
        print(f"{path.relative_to(ROOT)}: {'out of date' if check else 'written'}")
        if not check:
            path.write_text(wanted, encoding="utf-8")
    if check and old:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
