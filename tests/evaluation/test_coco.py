import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from objloc import params
from objloc.data.own.reader import FolderReader
from objloc.errors import ObjlocError
from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, precision_recall
from objloc.evaluation.calibration import Calibration
from objloc.evaluation.coco import (
    coco_instances,
    coco_results,
    results_files,
    to_supervision,
    to_torchmetrics,
)
from objloc.evaluation.matching import Detections, Objects
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS
from objloc.evaluation.read import read_evaluation
from tests.helpers.budgeted_searches import make_sample, make_store

CAT = (10.0, 10.0, 50.0, 50.0)
DOG = (60.5, 40.0, 100.0, 80.0)
STORE = make_store(
    make_sample("b", ("cat", CAT), ("?dog", DOG), ("horse", CAT)),
    make_sample("empty", size=(120, 90)),
    make_sample("a", ("dog", DOG)),
)
CALIBRATION = Calibration(slope=1.0, offset=0.0, detections=10, right=5)


def detections(*rows: tuple[str, float, tuple[float, ...]]) -> Detections:
    return Detections(
        np.array([name for name, _, _ in rows], dtype=np.str_),
        np.array([box for _, _, box in rows], dtype=np.float64).reshape(-1, 4),
        np.array([score for _, score, _ in rows], dtype=np.float64),
    )


@pytest.mark.parametrize("difficult", ["iscrowd", "ignore"])
def test_instances_count_from_one_and_list_every_image(difficult: Any) -> None:
    found = coco_instances(STORE, difficult)
    assert found["images"] == [
        {"id": 1, "file_name": "b.jpg", "width": 100, "height": 80},
        {"id": 2, "file_name": "empty.jpg", "width": 120, "height": 90},
        {"id": 3, "file_name": "a.jpg", "width": 100, "height": 80},
    ]
    assert [(each["id"], each["name"]) for each in found["categories"]] == [(1, "cat"), (2, "dog")]
    # The horse is of a category that the agent does not know.
    rows = [(each["id"], each["image_id"], each["category_id"]) for each in found["annotations"]]
    assert rows == [(1, 1, 1), (2, 1, 2), (3, 3, 2)]
    assert found["annotations"][1]["bbox"] == [60.5, 40.0, 39.5, 40.0]
    assert found["annotations"][1]["area"] == 39.5 * 40
    assert [each[difficult] for each in found["annotations"]] == [0, 1, 0]
    if difficult == "ignore":
        assert [each["iscrowd"] for each in found["annotations"]] == [0, 0, 0]


@pytest.mark.parametrize("difficult", ["iscrowd", "ignore"])
def test_the_programs_own_reader_reads_the_same_objects(tmp_path: Path, difficult: Any) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for image_id, jpeg in zip(STORE.image_ids, STORE.jpegs, strict=True):
        (source / f"{image_id}.jpg").write_bytes(jpeg)
    (source / "instances.json").write_text(json.dumps(coco_instances(STORE, difficult)))
    reader = FolderReader(source, params.Dataset(name="folder", path=str(source)))
    found = {}
    for image in reader.images:
        picture = reader.picture(image)
        assert image.image
        assert picture
        kept = [each.kept for each in reader.place(image, picture) if each.kept]
        found[image.image.stem] = [(each.category, each.box, each.difficult) for each in kept]
    assert found == {
        "b": [("cat", CAT, False), ("dog", DOG, True)],
        "empty": [],
        "a": [("dog", DOG, False)],
    }


def test_results_are_ranked_and_no_two_have_one_score() -> None:
    found = {
        "cat": detections(("a", 2.0, CAT), ("b", -3.0, CAT)),
        # Equal scores, in the order of ranking: by name, then by box.
        "dog": detections(("a", 2.0, CAT), ("b", 2.0, CAT), ("b", 2.0, DOG)),
    }
    results = coco_results(found, STORE, CALIBRATION)
    assert [(each["image_id"], each["category_id"]) for each in results] == [
        (3, 1), (3, 2), (1, 2), (1, 2), (1, 1),
    ]  # fmt: skip
    assert results[3]["bbox"] == [60.5, 40.0, 39.5, 40.0]
    scores = np.array([each["score"] for each in results], dtype=np.float32)
    assert (np.diff(scores) < 0).all()
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert scores[3] == pytest.approx(scores[0], abs=1e-6)
    assert scores[4] == pytest.approx(1 / (1 + np.exp(3)), abs=1e-6)


def files_of(run: Path, **changes: Any) -> dict[str, str]:
    options: dict[str, Any] = {"difficult": "iscrowd", "calibrate_on": "val"} | changes
    contents, _ = results_files(run / "shards", run / "evaluate", ["val", "test"], **options)
    return contents


def read_back(
    contents: Mapping[str, str], image_set: str, kind: str
) -> dict[str, tuple[Detections, Objects]]:
    """Detections and objects by category, from COCO's files alone."""
    truth = json.loads(contents[f"instances_{image_set}.json"])
    claims = json.loads(contents[f"detections_{image_set}_{kind}_results.json"])

    def boxes(rows: list[Any]) -> np.ndarray:
        found = np.array([each["bbox"] for each in rows], dtype=np.float64).reshape(-1, 4)
        return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)

    def names(rows: list[Any]) -> np.ndarray:
        return np.array([str(each["image_id"]) for each in rows], dtype=np.str_)

    tables = {}
    for category in truth["categories"]:
        mine, found = (
            [each for each in rows if each["category_id"] == category["id"]]
            for rows in (truth["annotations"], claims)
        )
        hard = np.array([each["iscrowd"] for each in mine], dtype=bool)
        scores = np.array([each["score"] for each in found], dtype=np.float64)
        tables[category["name"]] = (
            Detections(names(found), boxes(found), scores),
            Objects(names(mine), boxes(mine), hard),
        )
    return tables


def test_the_figures_follow_from_the_files_alone(evaluated_run: Path) -> None:
    contents = files_of(evaluated_run)
    for image_set in ("val", "test"):
        metrics = read_evaluation(evaluated_run / "evaluate", image_set).metrics
        for kind in KINDS_OF_DETECTIONS:
            for category, (found, objects) in read_back(contents, image_set, kind).items():
                curve = precision_recall(found, objects)
                assert curve is not None
                for name, define in AVERAGE_PRECISIONS.items():
                    expected = getattr(metrics.ap[kind], name)[category]
                    assert define(curve) == pytest.approx(expected, abs=1e-12)


def test_the_devkits_files_are_beside_them_unchanged(evaluated_run: Path) -> None:
    contents = files_of(evaluated_run)
    folder = evaluated_run / "evaluate" / "detections"
    originals = {str(path.relative_to(folder)): path for path in folder.rglob("*.txt")}
    assert len(originals) == 8
    for name, path in originals.items():
        assert contents[name] == path.read_text()


def test_scores_depend_on_the_set_they_are_fitted_on_and_their_order_does_not(
    evaluated_run: Path,
) -> None:
    name = "detections_test_attended_results.json"
    by_val, by_test = (
        json.loads(files_of(evaluated_run, calibrate_on=each)[name]) for each in ("val", "test")
    )
    for row, other in zip(by_val, by_test, strict=True):
        assert row["bbox"] == other["bbox"]
        assert row["score"] != other["score"]
    with pytest.raises(ObjlocError, match="expected an evaluation of image set 'train'"):
        files_of(evaluated_run, calibrate_on="train")


def test_probabilities_add_up_to_the_number_that_is_right(evaluated_run: Path) -> None:
    contents, calibrations = results_files(
        evaluated_run / "shards",
        evaluated_run / "evaluate",
        ["test"],
        difficult="iscrowd",
        calibrate_on="test",
    )
    for kind, fitted in calibrations.items():
        results = json.loads(contents[f"detections_test_{kind}_results.json"])
        ignored = len(results) - fitted.detections
        assert 0 <= ignored < len(results)
        # Up to those on difficult objects, and Platt's targets.
        total = sum(each["score"] for each in results)
        assert total == pytest.approx(fitted.right, abs=ignored + 2)


def exported(folder: Path, found: Mapping[str, Detections], difficult: Any = "iscrowd") -> Path:
    truth = coco_instances(STORE, difficult)
    results = coco_results(found, STORE, CALIBRATION)
    (folder / "instances_val.json").write_text(json.dumps(truth))
    (folder / "detections_val_attended_results.json").write_text(json.dumps(results))
    return folder


FOUND = {
    "cat": detections(("b", 3.0, CAT), ("empty", 1.0, CAT)),
    "dog": detections(("b", 2.5, DOG), ("b", 2.4, DOG), ("a", 2.0, DOG)),
}
"""All right, but for a cat in the empty image; two dogs on the difficult one."""


@pytest.mark.parametrize(("difficult", "expected"), [("iscrowd", 1.0), ("ignore", 0.75)])
def test_supervision_counts_every_image_and_what_difficult_objects_absorb(
    tmp_path: Path, difficult: Any, expected: float
) -> None:
    pytest.importorskip("supervision")
    from supervision.metrics import MeanAveragePrecision  # noqa: PLC0415 - optional

    found, truth = to_supervision(exported(tmp_path, FOUND, difficult), "val", "attended")
    assert [len(each) for each in found] == [3, 1, 1]
    assert [len(each) for each in truth] == [2, 0, 1]
    assert truth[0].xyxy.tolist() == [list(CAT), list(DOG)]
    assert truth[0].class_id.tolist() == [1, 2]
    assert truth[0].data[difficult].tolist() == [0, 1]
    result = MeanAveragePrecision().update(found, truth).compute()
    # A crowd absorbs every window on it, an object to ignore only one.
    assert result.map50 == pytest.approx(expected)


def test_torchmetrics_counts_every_image_and_no_difficult_object(tmp_path: Path) -> None:
    found, truth = to_torchmetrics(exported(tmp_path, FOUND), "val", "attended")
    assert [each["scores"].tolist() != [] for each in found] == [True, True, True]
    assert [each["boxes"].tolist() for each in truth] == [[list(CAT), list(DOG)], [], [list(DOG)]]
    assert truth[0]["labels"].tolist() == [1, 2]
    assert truth[0]["iscrowd"].tolist() == [0, 1]
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision, which torchmetrics computes boxes with, is not installed")
    detection = pytest.importorskip("torchmetrics.detection")
    assert float(detection.MeanAveragePrecision()(found, truth)["map_50"]) == pytest.approx(1.0)


def test_what_is_not_of_one_export_is_refused(tmp_path: Path) -> None:
    folder = exported(tmp_path, FOUND)
    with pytest.raises(ObjlocError, match=r"instances_test\.json: cannot be read: No such file"):
        to_torchmetrics(folder, "test", "attended")
    path = folder / "instances_val.json"
    truth = json.loads(path.read_text())
    path.write_text(json.dumps(truth | {"images": truth["images"][:1]}))
    with pytest.raises(ObjlocError, match=r"expected ids of images in .*; found 2$"):
        to_torchmetrics(folder, "val", "attended")
    for damaged in ("{", "[]", '{"images": [{}]}', '{"images": [], "annotations": {"a": 1}}'):
        path.write_text(damaged)
        with pytest.raises(ObjlocError, match="expected COCO's results and instances; found"):
            to_torchmetrics(folder, "val", "attended")
