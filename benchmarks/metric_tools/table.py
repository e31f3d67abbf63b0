"""Tables of the figures by other packages, in Markdown."""

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table
from benchmarks.metric_tools.tiny import MEANING, TINY
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS
from objloc.wording import fraction

_FACTORS: Mapping[str, str] = {
    "11 points": "11 points instead of the area",
    "101 points": "101 points instead of the area",
    "difficult as ordinary": "difficult objects as ordinary ones",
    "difficult left out": "difficult objects left out: a window on one is wrong",
    "a pixel less": "the files' corners as if they were half-open: every box loses a pixel",
    "a pixel less of the objects only": "the same of the objects alone",
    "100 windows": "at most 100 windows of a category in an image",
    "ties reversed": "equal scores in the reverse order",
    "IoU above .5": "an IoU above .5 instead of at least .5",
    "images without the category dropped": "windows in images without their category dropped",
    "scores not read": "scores not read: windows ranked by image",
}
"""What each factor changes."""


def package_table(result: Mapping[str, Any]) -> str:
    """Mean average precision by every use of every package, in points."""
    rows = []
    for name, package in result["packages"].items():
        title = _title(name, package)
        if "skipped" in package:
            rows.append([title, f"not measured: {package['skipped']}", "", ""])
            continue
        for use, figures in package["figures"].items():
            shown = (_points(figures[kind]) for kind in KINDS_OF_DETECTIONS)
            rows.append([title, use, *shown])
    return table(("package", "use", *KINDS_OF_DETECTIONS), rows, left=[1])


def factor_table(result: Mapping[str, Any]) -> str:
    """Points that each convention adds to the area."""
    rows = [
        [text, *(f"{result['factors'][kind][name]:+.2f}" for kind in KINDS_OF_DETECTIONS)]
        for name, text in _FACTORS.items()
    ]
    return table(("convention", *KINDS_OF_DETECTIONS), rows)


def calibration_table(result: Mapping[str, Any]) -> str:
    """Probabilities beside the fraction that is right, by fifths of the detections."""
    rows = []
    for kind in KINDS_OF_DETECTIONS:
        part = result["calibration"][kind]
        rows.append([f"{kind}, probability", *map(fraction, part["probability"])])
        rows.append([f"{kind}, right", *map(fraction, part["right"])])
    return table(("", "surest fifth", "second", "third", "fourth", "last fifth"), rows)


def case_table(result: Mapping[str, Any]) -> str:
    """Answers of each package to the small cases, in its first use."""
    rows = []
    for name, package in result["packages"].items():
        # The program's second definition is the area, as most packages have it.
        uses = [*package.get("figures", {}).items()]
        for use, figures in uses[:2] if name == "objloc" else uses[:1]:
            title = f"{_title(name, package)}, {use}" if name == "objloc" else _title(name, package)
            rows.append([title, *(_fraction(figures[each]) for each in TINY)])
    legend = "\n".join(f"- *{name}*: {text}." for name, text in MEANING.items())
    return f"{table(('package', *TINY), rows)}\n\n{legend}"


def measured_on(result: Mapping[str, Any]) -> str:
    """Sentence that describes the detections."""
    kinds = ", ".join(
        f"{result['windows'][kind]} {kind} with scores from {result['scores'][kind][0]:.2f} to "
        f"{result['scores'][kind][1]:.2f}"
        for kind in KINDS_OF_DETECTIONS
    )
    return (
        f"Detections of model `{result['model'][:12]}` on image set `{result['image_set']}` of "
        f"`{result['data']['name']}` ({result['images']} images): {kinds}."
    )


def _title(name: str, package: Mapping[str, Any]) -> str:
    requirements = package.get("requirements")
    return requirements[0].replace("==", " ") if requirements else f"**{name}**"


def _points(value: float | str) -> str:
    return _broken(value) if isinstance(value, str) else f"{100 * value:.2f}"


def _fraction(value: float | str) -> str:
    return _broken(value) if isinstance(value, str) else fraction(value)


def _broken(error: str) -> str:
    """Name of the exception alone: messages are long."""
    return f"`{error.partition(':')[0]}`"
