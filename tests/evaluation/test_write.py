import csv
from pathlib import Path

import numpy as np
import pytest

from objloc.evaluation.compute import metrics_of
from objloc.evaluation.measure import measure
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS
from objloc.evaluation.read import read_evaluation
from objloc.evaluation.write import NAMED_BY_DATA, write_outputs
from objloc.params import Evaluate
from tests.evaluation.test_measure import AGENT, FIXED, make_network
from tests.helpers.stores import make_store

PARAMS = Evaluate(episodes=2)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = make_store(10)
    measurement = measure(
        store, make_network(trigger=0.5), AGENT.mdp, PARAMS, fixed=FIXED, log=lambda _: None
    )
    metrics = metrics_of(measurement, PARAMS, "a" * 64)
    write_outputs(tmp_path, [measurement], {store.image_set: metrics}, PARAMS.iou_threshold)
    found = read_evaluation(tmp_path, store.image_set)
    assert found.metrics == metrics
    greedy = measurement.greedy
    rows = list(found.episodes.values())
    assert [row.steps for row in rows] == greedy.steps.tolist()
    assert [row.terminated for row in rows] == greedy.terminated.tolist()
    assert [row.iou for row in rows] == pytest.approx(greedy.iou.tolist())
    for kind in KINDS_OF_DETECTIONS:
        for category, detections in found.detections(kind, store).items():
            expected = measurement.detections[kind][category]
            assert detections.image_ids.tolist() == expected.image_ids.tolist()
            assert np.allclose(detections.boxes, expected.boxes)
    with (tmp_path / "episodes15.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * len(rows)
    dependent = {path for pattern in NAMED_BY_DATA for path in tmp_path.glob(pattern)}
    others = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {
        path.name for path in dependent
    }
    assert others == {"metrics.json", "summary.json", "episodes.csv", "episodes15.csv"}
