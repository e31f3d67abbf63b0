"""The figures of other packages: the cases, the adapters of installed packages, the tables."""

import importlib.util
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.metric_tools import __main__ as command
from benchmarks.metric_tools import table
from benchmarks.metric_tools.adapter import PACKAGES, measured
from benchmarks.metric_tools.case import Case, as_case
from benchmarks.metric_tools.ours import average_precision, calibration_of, case_of, factors
from benchmarks.metric_tools.tiny import MEANING, TINY
from objloc.evaluation.average_precision import voc2007
from objloc.evaluation.calibration import fit_calibration
from objloc.evaluation.detections import objects_of
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS
from objloc.evaluation.read import read_evaluation
from tests.helpers.imports import ROOT

SMALL = {name: as_case(each) for name, each in TINY.items()}
OURS = {
    "difficult": 1 / 2,
    "difficult nearer": 0,
    "second best free": 1 / 2,
    "IoU .5": 1,
    "ties": 1,
    "101st window": 1 / 101,
    "no objects": 1,
    "no windows": 1 / 2,
    "empty images": 1 / 3,
    "scores below 0": 1 / 3 + 2 / 9,
}
"""By hand, as the devkit has it."""


@pytest.mark.parametrize("name", TINY)
def test_small_cases_have_the_devkits_answers(name: str) -> None:
    assert average_precision(SMALL[name]) == pytest.approx(OURS[name])
    assert name in MEANING


def test_mmeval_answers_as_we_do() -> None:
    pytest.importorskip("mmeval", exc_type=ImportError)
    eleven, area, plain = measured("mmeval", SMALL).values()
    assert area == pytest.approx(OURS, abs=1e-7)
    assert eleven == pytest.approx(
        {name: average_precision(each, voc2007) for name, each in SMALL.items()}, abs=1e-7
    )
    # Without legacy coordinates the boxes lose a pixel.
    assert plain["IoU .5"] == 0


def test_supervision_answers_as_coco_does() -> None:
    pytest.importorskip("supervision")
    crowd, ignored, ordinary = measured("supervision", SMALL).values()
    assert (
        crowd["difficult"] == pytest.approx(ignored["difficult"]) == pytest.approx(0.505, abs=1e-3)
    )
    assert ordinary["difficult"] == pytest.approx(2 / 3, abs=0.01)
    assert crowd["second best free"] == pytest.approx(1)
    assert crowd["101st window"] == pytest.approx(0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_figure_that_there_is_not_is_text() -> None:
    pytest.importorskip("mmeval", exc_type=ImportError)
    none = replace(SMALL["ties"], categories=0)
    (first, *_) = measured("mmeval", {"none": none, "right": SMALL["IoU .5"]}).values()
    assert first == {"none": "nan", "right": pytest.approx(1)}


def test_an_adapter_that_breaks_off_says_why() -> None:
    if importlib.util.find_spec("map_boxes") is not None:
        pytest.skip("map-boxes is installed")
    first, *_ = measured("map_boxes", SMALL).values()
    assert set(first.values()) == {"ModuleNotFoundError: No module named 'map_boxes'"}


def run_case(run: Path, kind: str) -> tuple[Case, Any]:
    val, test = (read_evaluation(run / "evaluate", each) for each in ("val", "test"))
    store, other = test.load_store(run / "shards"), val.load_store(run / "shards")
    fitted = fit_calibration(val.detections(kind, other), objects_of(other))
    return as_case(case_of(store, test.detections(kind, store), fitted)), test.metrics.ap[kind]


@pytest.mark.parametrize("kind", KINDS_OF_DETECTIONS)
def test_the_case_of_a_run_has_the_runs_figures(evaluated_run: Path, kind: str) -> None:
    case, expected = run_case(evaluated_run, kind)
    assert average_precision(case) == pytest.approx(expected.area["mean"])
    assert average_precision(case, voc2007) == pytest.approx(expected.voc2007["mean"])
    by_probability = replace(case, scores=case.probabilities)
    assert average_precision(by_probability) == pytest.approx(expected.area["mean"])
    found = factors(case)
    assert found["11 points"] == pytest.approx(
        100 * (expected.voc2007["mean"] - expected.area["mean"])
    )
    assert found["100 windows"] == 0


def test_each_factor_changes_what_its_name_says() -> None:
    def of(name: str, factor: str) -> float:
        return factors(SMALL[name])[factor] / 100

    assert of("difficult", "difficult as ordinary") == pytest.approx(2 / 3 - 1 / 2)
    assert of("difficult", "difficult left out") == pytest.approx(1 / 4 - 1 / 2)
    assert of("IoU .5", "a pixel less") == -1
    assert of("IoU .5", "IoU above .5") == -1
    assert of("101st window", "100 windows") == pytest.approx(-1 / 101)
    assert of("empty images", "images without the category dropped") == pytest.approx(2 / 3)
    assert of("101st window", "scores not read") == pytest.approx(1 - 1 / 101)
    # The precision rises all the way to that of the last window.
    assert of("ties", "ties reversed") == pytest.approx(1 / 2 - 1)


def test_packages_are_pinned_and_known() -> None:
    assert set(command.REQUIREMENTS) == set(PACKAGES)
    assert all("==" in each[0] for each in command.REQUIREMENTS.values())


def test_a_package_that_cannot_be_installed_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(command.REQUIREMENTS, "mmeval", (str(tmp_path / "none.whl"),))
    found = command.by_package("mmeval", tmp_path, dict(TINY))
    assert "none.whl" in found["skipped"]
    assert "figures" not in found


def test_a_package_that_fails_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Path:
        raise subprocess.CalledProcessError(1, "pip", stderr="first\nNo space left\n")

    monkeypatch.setattr(command, "environment_of", failing)
    assert command.by_package("mmeval", tmp_path, dict(TINY))["skipped"] == "No space left"


def test_the_fifths_are_ordered_and_cover_all(evaluated_run: Path) -> None:
    evaluation = read_evaluation(evaluated_run / "evaluate", "test")
    store = evaluation.load_store(evaluated_run / "shards")
    found = evaluation.detections("attended", store)
    fitted = fit_calibration(found, objects_of(store))
    fifths = calibration_of(store, found, fitted)
    assert fifths["probability"] == sorted(fifths["probability"], reverse=True)
    assert len(fifths["right"]) == 5
    assert np.mean(fifths["right"]) == pytest.approx(fitted.right / fitted.detections, abs=0.05)
    shown = table.calibration_table({"calibration": dict.fromkeys(KINDS_OF_DETECTIONS, fifths)})
    assert shown.count("\n") == 5


def test_tables_show_figures_errors_and_reasons() -> None:
    cases = dict.fromkeys((*KINDS_OF_DETECTIONS, *TINY), 0.5)
    result: dict[str, Any] = {
        "factors": {
            kind: dict.fromkeys(factors(SMALL["ties"]), -1.25) for kind in KINDS_OF_DETECTIONS
        },
        "packages": {
            "objloc": {"figures": {"`voc2007`": cases, "`area`": cases}},
            "one": {
                "requirements": ["one==1.0", "numpy"],
                "figures": {"as meant": cases | {"attended": "KeyError: 'best_id'"}},
            },
            "other": {"requirements": ["other==2.0"], "skipped": "no such wheel"},
        },
    }
    packages = table.package_table(result).splitlines()
    assert "| one 1.0 | as meant | 50.00 | `KeyError` |" in packages
    assert "| other 2.0 | not measured: no such wheel |  |  |" in packages
    assert "| **objloc** | `area` | 50.00 | 50.00 |" in packages
    small = table.case_table(result)
    assert "| one 1.0 | .500 " in small
    assert all(f"- *{name}*: " in small for name in TINY)
    assert small.count("| **objloc**, ") == 2
    assert table.factor_table(result).count("| -1.25 | -1.25 |") == len(
        result["factors"]["attended"]
    )


def test_the_published_figures_are_of_every_package() -> None:
    kept = json.loads((ROOT / f"benchmarks/results/{command.NAME}.json").read_text("utf-8"))
    assert set(kept["packages"]) == {"objloc", *PACKAGES}
    ours = kept["packages"]["objloc"]["figures"]
    mmeval = kept["packages"]["mmeval"]["figures"]
    for own, theirs in zip(ours.values(), list(mmeval.values())[:2], strict=True):
        assert theirs == pytest.approx(own, abs=1e-7)
