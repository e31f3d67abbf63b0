"""The stage end to end on the miniature devkit, its figures recomputed from its files."""

import csv
import math
import shutil
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from mlflow import MlflowClient

from objloc import params
from objloc.data.shard_index import read_index
from objloc.data.shards import write_shards
from objloc.data.voc.devkit import open_devkit
from objloc.evaluation.episodes import COLUMNS
from tests.evaluation.test_average_precision import Claim, Truth
from tests.helpers.claims import Case
from tests.helpers.commands import run_stage, write_params
from tests.helpers.devkits import make_devkit
from tests.helpers.evaluations import (
    AGENT,
    PARAMS,
    bytes_in,
    leaves,
    make_checkpoint,
    metrics_in,
    succeed,
)
from tests.helpers.exact import exact_average_precisions, exact_iou

PLOTS = (
    "precision_recall.png", "steps.png", "success_by_category.png", "success_by_iou.csv",
    "success_by_iou.png",
)  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "model" / "checkpoint.pt")


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    return write_params(tmp_path, PARAMS)


@pytest.fixture(scope="module")
def evaluated(shards_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run on val and test. Read only."""
    folder = tmp_path_factory.mktemp("evaluated")
    checkpoint = make_checkpoint(folder / "checkpoint.pt")
    file = write_params(folder, PARAMS)
    succeed(run_stage("evaluate", shards_folder, checkpoint, folder / "out", "--params", file))
    return folder / "out"


def truths_of(devkit: Path, category: str) -> list[Truth]:
    """Annotated objects, read by other means than the program's, one pixel moved."""
    truths: list[Truth] = []
    for path in sorted((devkit / "VOC2007" / "Annotations").glob("*.xml")):
        for item in ET.parse(path).getroot().findall("object"):  # noqa: S314 - our own file
            if item.findtext("name") != category:
                continue
            corners = {each.tag: float(each.text or "nan") for each in item.findall("bndbox/*")}
            box = (corners["xmin"] - 1, corners["ymin"] - 1, corners["xmax"], corners["ymax"])
            truths.append((path.stem, box, item.findtext("difficult") == "1"))
    return truths


def image_set_of(devkit: Path, name: str) -> list[str]:
    return (devkit / "VOC2007" / "ImageSets" / "Main" / f"{name}.txt").read_text().split()


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("table", "key", "episodes"),
    [("episodes.csv", "greedy", 1), ("episodes15.csv", "episodes15", 4)],
)
def test_success_can_be_recomputed_from_the_episodes(
    evaluated: Path, devkit_folder: Path, table: str, key: str, episodes: int
) -> None:
    metrics, rows = metrics_in(evaluated), rows_in(evaluated / table)
    assert tuple(rows[0]) == COLUMNS
    some = set()
    for image_set in ("val", "test"):
        rates = metrics[image_set]["success_rate"][key]
        means = []
        for category in ("cat", "dog"):
            objects = defaultdict(list)
            for image_id, box, _ in truths_of(devkit_folder, category):
                objects[image_id].append(box)
            mine = [
                row for row in rows if (row["image_set"], row["category"]) == (image_set, category)
            ]
            holders = [each for each in image_set_of(devkit_folder, image_set) if objects[each]]
            assert [row["image_id"] for row in mine] == [
                each for each in holders for _ in range(episodes)
            ]
            assert [row["episode"] for row in mine] == [
                str(number) for _ in holders for number in range(episodes)
            ]
            right = 0
            for row in mine:
                xmin, ymin, xmax, ymax = (float(row[name]) for name in COLUMNS[6:10])
                best = max(
                    exact_iou((xmin - 1, ymin - 1, xmax, ymax), box)
                    for box in objects[row["image_id"]]
                )
                assert float(row["iou"]) == pytest.approx(float(best), abs=1e-12)
                success = row["terminated"] == "1" and best > 0.5
                assert row["success"] == str(int(success))
                assert 1 <= int(row["steps"]) <= AGENT.mdp.max_steps
                right += success
                some.add(row["success"])
            assert rates[category] == pytest.approx(right / len(mine))
            means.append(right / len(mine))
        assert rates["mean"] == pytest.approx(sum(means) / 2)
    assert some == {"0", "1"}, "the drawn weights neither always succeed nor always fail"


def test_steps_can_be_recomputed_from_the_episodes(evaluated: Path) -> None:
    metrics = metrics_in(evaluated)
    for image_set in ("val", "test"):
        steps = sorted(
            int(row["steps"])
            for row in rows_in(evaluated / "episodes.csv")
            if row["image_set"] == image_set
        )
        middle = (steps[(len(steps) - 1) // 2] + steps[len(steps) // 2]) / 2
        assert metrics[image_set]["steps"]["mean"] == pytest.approx(sum(steps) / len(steps))
        assert metrics[image_set]["steps"]["median"] == middle


def test_average_precision_can_be_recomputed_from_the_detections(
    evaluated: Path, devkit_folder: Path
) -> None:
    metrics = metrics_in(evaluated)
    values = []
    for image_set in ("val", "test"):
        names = set(image_set_of(devkit_folder, image_set))
        for kind in ("triggered", "attended"):
            means: dict[str, list[float]] = defaultdict(list)
            for category in ("cat", "dog"):
                path = evaluated / "detections" / kind / f"comp3_det_{image_set}_{category}.txt"
                claims: list[Claim] = []
                for line in path.read_text().splitlines():
                    image_id, score, *corners = line.split()
                    xmin, ymin, xmax, ymax = map(float, corners)
                    claims.append((image_id, float(score), (xmin - 1, ymin - 1, xmax, ymax)))
                assert {image_id for image_id, *_ in claims} <= names
                truths = [each for each in truths_of(devkit_folder, category) if each[0] in names]
                for name, exact in exact_average_precisions(Case(claims, truths)).items():
                    expected = float(exact)
                    found = metrics[image_set]["ap"][kind][name][category]
                    assert found == pytest.approx(expected, abs=1e-12)
                    means[name].append(expected)
                    values.append(expected)
            for name, parts in means.items():
                assert metrics[image_set]["ap"][kind][name]["mean"] == pytest.approx(sum(parts) / 2)
    assert 0 < max(values) < 1


def test_metrics_hold_every_figure_of_the_file_contract(evaluated: Path) -> None:
    metrics = metrics_in(evaluated)
    columns = {"cat", "dog", "mean"}
    assert list(metrics) == ["val", "test"]
    for part in metrics.values():
        assert part["images"] == 6
        assert set(part["success_rate"]) == {"greedy", "episodes15"}
        assert {kind: set(each) for kind, each in part["ap"].items()} == {
            kind: {"voc2007", "area"} for kind in ("triggered", "attended")
        }
        assert set(part["baselines"]) == {"random", "whole_image", "fixed_box"}
        for baseline in part["baselines"].values():
            assert set(baseline["success_rate"]["greedy"]) == columns
            assert set(baseline["ap"]["voc2007"]) == columns
            assert len(baseline["success_by_iou"]) == 10
        assert set(part["success_rate"]["greedy"]) == columns
        assert set(part["ap"]["attended"]["area"]) == columns
        assert set(part["steps"]) == {"mean", "median"}
        assert all(
            0 <= value <= 1
            for name in ("success_rate", "ap", "baselines", "success_by_iou")
            for value in leaves(part[name])
            if isinstance(value, float)
        )
        curve = [part["success_by_iou"][f"{percent / 100:.2f}"] for percent in range(50, 100, 5)]
        assert curve == sorted(curve, reverse=True)
        assert curve[0] == part["success_rate"]["greedy"]["mean"]


def test_every_category_has_its_files_of_detections_and_every_set_its_plots(
    evaluated: Path,
) -> None:
    expected = {"metrics.json", "summary.json", "episodes.csv", "episodes15.csv", "SHA256SUMS"}
    for image_set in ("val", "test"):
        expected |= {f"plots/{image_set}/{name}" for name in PLOTS}
        for kind in ("triggered", "attended"):
            for category in ("cat", "dog"):
                expected.add(f"detections/{kind}/comp3_det_{image_set}_{category}.txt")
    assert set(bytes_in(evaluated)) == expected


def test_the_same_command_writes_the_same_bytes_and_shows_a_table(
    evaluated: Path, shards_folder: Path, checkpoint: Path, params_file: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    arguments = (shards_folder, checkpoint, again, "--params", params_file)
    result = succeed(run_stage("evaluate", *arguments))
    assert bytes_in(again) == bytes_in(evaluated)
    for text in ("val: greedy search: 12 of 12 searches", "agent", "fixed", "│ cat ", "│ mean "):
        assert text in result.out


def test_figures_of_a_set_do_not_depend_on_the_other_sets(
    evaluated: Path, shards_folder: Path, checkpoint: Path, params_file: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    succeed(
        run_stage(
            "evaluate", shards_folder, checkpoint, alone, "--params", params_file,
            "--set", "evaluate.image_sets=[test,test]",
        )
    )  # fmt: skip
    assert metrics_in(alone) == {"test": metrics_in(evaluated)["test"]}
    # Run over an earlier output, what is no longer measured goes.
    over = tmp_path / "over"
    shutil.copytree(evaluated, over)
    succeed(
        run_stage(
            "evaluate", shards_folder, checkpoint, over, "--params", params_file,
            "--set", "evaluate.image_sets=[test]",
        )
    )  # fmt: skip
    assert bytes_in(over) == bytes_in(alone)


def test_the_first_images_are_measured_alone_and_each_category_has_its_looks(
    evaluated: Path, shards_folder: Path, checkpoint: Path, params_file: Path, tmp_path: Path
) -> None:
    succeed(
        run_stage(
            "evaluate", shards_folder, checkpoint, tmp_path / "out", "--params", params_file,
            "--set", "evaluate.image_sets=[test]", "--set", "evaluate.first_images=2",
            "--set", "evaluate.max_windows=4", "--set", "evaluate.search.order=restarts",
        )
    )  # fmt: skip
    part = metrics_in(tmp_path / "out")["test"]
    assert part["images"] == 2
    assert metrics_in(evaluated)["test"]["images"] == 6
    assert part["search"]["curve"][-1]["budget"] == 4
    assert part["search"]["curve"][-1]["windows"] == 4 * len(part["model"]["categories"])


def test_a_devkit_without_training_images_has_no_fixed_box(
    checkpoint: Path, params_file: Path, tmp_path: Path
) -> None:
    shards = tmp_path / "shards"
    write_shards(
        open_devkit(make_devkit(tmp_path / "devkit", {"photos": 4})), shards, params.Shard()
    )
    result = succeed(
        run_stage(
            "evaluate", shards, checkpoint, tmp_path / "out", "--params", params_file,
            "--set", "evaluate.image_sets=photos",
        )
    )  # fmt: skip
    assert "no image set 'train' to fit it on" in result.out
    part = metrics_in(tmp_path / "out")["photos"]
    fixed = part["baselines"]["fixed_box"]
    assert set(leaves(fixed)) == {None}
    assert set(fixed["success_rate"]["greedy"]) == {"cat", "dog", "mean"}
    assert set(leaves(part["gain_over_best_baseline"])) == {None}
    assert part["baselines"]["whole_image"]["success_rate"]["greedy"]["mean"] is not None


def test_a_category_without_objects_is_null_and_stays_out_of_the_mean(
    params_file: Path, tmp_path: Path
) -> None:
    # Images of dogs alone take the place of the val set.
    devkit = make_devkit(tmp_path / "devkit", {"train": 4, "val": 2})
    lone = make_devkit(tmp_path / "lone", {"val": 2}, categories=("dog",), first=5)
    shutil.copytree(lone, devkit, dirs_exist_ok=True)
    shards = tmp_path / "shards"
    write_shards(open_devkit(devkit), shards, params.Shard())
    checkpoint = make_checkpoint(tmp_path / "model.pt", bias=1000.0)
    succeed(
        run_stage(
            "evaluate", shards, checkpoint, tmp_path / "out", "--params", params_file,
            "--set", "evaluate.image_sets=val",
        )
    )  # fmt: skip
    part = metrics_in(tmp_path / "out")["val"]
    for each in (
        part["success_rate"]["greedy"],
        part["ap"]["triggered"]["area"],
        part["baselines"]["fixed_box"]["success_rate"]["greedy"],
        part["gain_over_best_baseline"],
    ):
        assert each["cat"] is None
        assert each["mean"] == each["dog"]
        assert not math.isnan(each["mean"])
    assert part["images_by_category"] == {"cat": 0, "dog": 2}
    assert (tmp_path / "out/detections/triggered/comp3_det_val_cat.txt").read_text().count(
        "\n"
    ) == 2


def test_figures_go_into_the_run_of_the_model_if_it_is_of_this_data(
    shards_folder: Path, params_file: Path, tmp_path: Path, store_root: Path
) -> None:
    own = make_checkpoint(tmp_path / "own.pt", data_hash=read_index(shards_folder).data_hash)
    other = make_checkpoint(tmp_path / "other.pt", bias=1.0)
    for model in (other, own):
        arguments = (shards_folder, model, tmp_path / model.stem, "--params", params_file)
        succeed(run_stage("evaluate", *arguments))
    client = MlflowClient(f"sqlite:///{store_root / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    (run,) = client.search_runs(experiments)
    metrics = metrics_in(tmp_path / "own")
    logged = run.data.metrics["test.success_rate.greedy.mean"]
    assert logged == metrics["test"]["success_rate"]["greedy"]["mean"]
    names = {each.path for each in client.list_artifacts(run.info.run_id, "evaluate")}
    assert names == {"evaluate/metrics.json", "evaluate/plots"}


def test_a_registered_model_is_fetched(
    shards_folder: Path, params_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = make_checkpoint(tmp_path / "model.pt")
    asked = []

    def fetch(model: str) -> Path:
        asked.append(model)
        return checkpoint

    monkeypatch.setattr("objloc.tracking.models.download_model", fetch)
    arguments = (shards_folder, "models:/objloc/3", tmp_path / "out", "--params", params_file)
    succeed(run_stage("evaluate", *arguments))
    assert asked == ["models:/objloc/3"]
