from dataclasses import replace
from pathlib import Path

import pytest

from objloc.diagnosis.conditions import Conditions
from objloc.errors import ObjlocError
from objloc.evaluation.read import read_metrics
from objloc.params import Evaluate


def to_come(run: Path, image_set: str) -> Conditions:
    return Conditions.to_come(image_set, run / "shards", Evaluate(), ("cat", "dog"))


def test_a_measurement_to_come_is_foreseen(evaluated_run: Path) -> None:
    metrics = read_metrics(evaluated_run / "evaluate" / "metrics.json")
    for image_set in ("val", "test"):
        assert to_come(evaluated_run, image_set) == Conditions.of(image_set, metrics[image_set])
    with pytest.raises(ObjlocError, match="shards: expected shards of image set 'no'; found"):
        to_come(evaluated_run, "no")


def test_one_common_category_is_enough(evaluated_run: Path) -> None:
    one = to_come(evaluated_run, "val")
    one.require_alike(replace(one, categories=("cow", "dog")), "one and other")
    with pytest.raises(ObjlocError, match=r"^one and other: .* found cat, dog and cow$"):
        one.require_alike(replace(one, categories=("cow",)), "one and other")
