import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from objloc.checksums import write_sums
from objloc.errors import ObjlocError
from objloc.evaluation.metrics import DataName
from objloc.evaluation.read import read_evaluation, read_metrics


@pytest.fixture
def folder(evaluated_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(evaluated_run / "evaluate", tmp_path / "evaluate")
    return tmp_path / "evaluate"


def test_an_evaluation_is_read_back(folder: Path, evaluated_run: Path) -> None:
    found = read_evaluation(folder, "val")
    metrics = read_metrics(folder / "metrics.json")["val"]
    assert len(found.episodes) == sum(metrics.images_by_category.values())
    right = [each.success for each in found.episodes.values()]
    assert all(
        each.success == (each.terminated and each.iou > found.threshold)
        for each in found.episodes.values()
    )
    assert 0 < sum(right) < len(right)
    store = found.load_store(evaluated_run / "shards")
    assert set(found.detections("attended", store)) == set(found.categories)


def test_what_is_no_evaluation_is_refused_in_one_line(folder: Path) -> None:
    with pytest.raises(ObjlocError, match="image set 'train'; found val, test"):
        read_evaluation(folder, "train")
    path = folder / "metrics.json"
    path.write_text('{"val": {}}')
    with pytest.raises(ObjlocError, match=r"metrics\.json: expected metrics.json of stages.eval"):
        read_evaluation(folder, "val")
    path.unlink()
    with pytest.raises(ObjlocError, match=r"found no such file: run the evaluate stage first$"):
        read_evaluation(folder, "val")
    path.mkdir()
    with pytest.raises(ObjlocError, match=r"metrics\.json: cannot be read: "):
        read_metrics(path)


def test_other_data_are_refused_by_name(evaluated_run: Path) -> None:
    evaluation = read_evaluation(evaluated_run / "evaluate", "test")
    elsewhere = DataName(name="elsewhere", hash="f" * 64)
    other = evaluation.metrics.model_copy(update={"data": elsewhere})
    with pytest.raises(ObjlocError, match=r"found one on elsewhere \(ffffffffffff\)"):
        replace(evaluation, metrics=other).load_store(evaluated_run / "shards")


def test_images_that_were_left_out_are_not_loaded(evaluated_run: Path) -> None:
    """Else what was never searched counts as missed."""
    evaluation = read_evaluation(evaluated_run / "evaluate", "val")
    whole = evaluation.load_store(evaluated_run / "shards")
    assert len(whole) == evaluation.metrics.images
    fewer = replace(evaluation, metrics=evaluation.metrics.model_copy(update={"images": 2}))
    assert fewer.load_store(evaluated_run / "shards").image_ids == whole.image_ids[:2]


def test_detections_of_another_image_set_are_refused(folder: Path, evaluated_run: Path) -> None:
    found = read_evaluation(folder, "val")
    other = read_evaluation(folder, "test").load_store(evaluated_run / "shards")
    with pytest.raises(ObjlocError, match=r"det_val_\w+\.txt:1: expected an image of the set"):
        found.detections("attended", other)


def test_a_table_of_episodes_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    expected = read_evaluation(folder, "val").episodes
    path = folder / "episodes.csv"
    # Somebody's program wrote it anew, so that checksums do not hold.
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_evaluation(folder, "val").episodes == expected


def test_files_that_changed_since_the_evaluation_are_named(
    folder: Path, evaluated_run: Path
) -> None:
    write_sums(folder)
    store = read_evaluation(folder, "val").load_store(evaluated_run / "shards")
    assert read_evaluation(folder, "val").detections("triggered", store)
    for name in ("metrics.json", "episodes.csv", "detections/triggered/comp3_det_val_cat.txt"):
        content = (folder / name).read_bytes()
        # A digit more or less is a number still.
        place = max(content.rfind(digit) for digit in b"123456789")
        (folder / name).write_bytes(content[:place] + b"0" + content[place + 1 :])
        with pytest.raises(ObjlocError, match=rf"{name}: damaged: .*run the evaluate stage again"):
            read_evaluation(folder, "val").detections("triggered", store)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("line", ["val,a,cat,0,x,1,1,1,2,2,.5,1", "val,a"])
def test_a_damaged_table_of_episodes_is_refused(folder: Path, line: str) -> None:
    path = folder / "episodes.csv"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ObjlocError, match=r"episodes\.csv: expected rows of stages\.evaluate"):
        read_evaluation(folder, "val")
    path.unlink()
    with pytest.raises(ObjlocError, match=r"episodes\.csv: expected a table .* found no file"):
        read_evaluation(folder, "val")
