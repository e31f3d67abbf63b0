"""Average precision by one package, run in an environment that holds it.

``python -m benchmarks.metric_tools.adapter PACKAGE CASES.json RESULTS.json``: imports neither
objloc nor any package but the one that is named.
"""

import contextlib
import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.metric_tools.by_coco import (
    faster_coco_eval,
    globox,
    hotcoco,
    pycocotools,
    supervision,
    tidecv,
    torchmetrics,
)
from benchmarks.metric_tools.by_voc import (
    map_boxes,
    mean_average_precision,
    mmeval,
    object_detection_metrics,
)
from benchmarks.metric_tools.case import Case, Variant, as_case

PACKAGES: Mapping[str, Callable[[], Iterator[Variant]]] = {
    each.__name__: each
    for each in (
        mmeval, pycocotools, faster_coco_eval, hotcoco, torchmetrics, supervision, globox, tidecv,
        map_boxes, mean_average_precision, object_detection_metrics,
    )
}  # fmt: skip


def measured(package: str, cases: Mapping[str, Case]) -> dict[str, dict[str, float | str]]:
    """Each variant's figure of each case; the exception's text, or nan, where there is none."""
    found: dict[str, dict[str, float | str]] = {}
    for variant, measure in PACKAGES[package]():
        found[variant] = {}
        for name, case in cases.items():
            try:
                # Packages print reports and progress.
                with contextlib.redirect_stdout(io.StringIO()):
                    value = measure(case)
                # JSON knows no nan.
                found[variant][name] = value if math.isfinite(value) else str(value)
            except Exception as error:
                found[variant][name] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    _, named, given, wanted = sys.argv
    contents = json.loads(Path(given).read_text(encoding="utf-8"))
    figures = measured(named, {name: as_case(each) for name, each in contents.items()})
    Path(wanted).write_text(json.dumps(figures), encoding="utf-8")
