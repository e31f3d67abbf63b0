from pathlib import Path

import numpy as np
import pytest
import torch

from objloc.errors import ObjlocError
from objloc.evaluation.average_precision import area, precision_recall
from objloc.evaluation.detections import (
    as_written,
    attended,
    concatenate,
    file_name,
    objects_of,
    read_detections,
    to_text,
    triggered,
)
from objloc.evaluation.matching import Detections
from tests.helpers.budgeted_searches import Episode, make_rollout, make_sample, make_store

CAT = (10.0, 10.0, 50.0, 50.0)
NEAR = (12.0, 10.0, 52.0, 50.0)
FAR = (60.0, 40.0, 100.0, 80.0)
WHOLE = (0.0, 0.0, 100.0, 80.0)

STORE = make_store(
    make_sample("000002", ("cat", CAT), ("?cat", FAR), ("dog", FAR)),
    make_sample("000001", ("horse", CAT)),
)


def test_a_trigger_is_a_detection_scored_by_its_own_value() -> None:
    rollout = make_rollout(STORE, [Episode(0, 0, [WHOLE, NEAR, CAT], [0.1, 0.9, 0.5])])
    found = triggered(rollout, STORE)
    assert found["cat"].image_ids.tolist() == ["000002"]
    assert found["cat"].boxes.tolist() == [list(CAT)]
    assert found["cat"].scores.tolist() == [0.5]
    assert len(found["dog"]) == 0


def test_a_search_cut_by_the_step_limit_has_no_triggered_window() -> None:
    search = Episode(0, 0, [WHOLE, CAT, CAT, CAT, FAR], [0.1, 0.2, 0.3, 0.4], truncated=True)
    rollout = make_rollout(STORE, [search])
    assert len(triggered(rollout, STORE)["cat"]) == 0


def test_attended_windows_are_those_looked_at_after_suppression() -> None:
    # FAR is reached by the last move, and nobody looks at it.
    search = Episode(0, 0, [WHOLE, NEAR, CAT, NEAR, FAR], [0.1, 0.9, 0.5, 0.2], truncated=True)
    found = attended(make_rollout(STORE, [search]), STORE, nms=0.3)["cat"]
    assert found.boxes.tolist() == [list(NEAR), list(WHOLE)]
    assert found.scores.tolist() == [pytest.approx(0.9), pytest.approx(0.1)]


def test_suppression_stays_within_one_search() -> None:
    # The longest search decides how many windows the others have room for.
    searches = [
        Episode(0, 0, [CAT], [0.5]),
        Episode(1, 0, [CAT], [0.4]),
        Episode(0, 1, [CAT, CAT, CAT], [0.3, 0.2, 0.1]),
    ]
    found = attended(make_rollout(STORE, searches), STORE, nms=0.0)
    assert found["cat"].scores.tolist() == [0.5, pytest.approx(0.4)]
    assert found["cat"].image_ids.tolist() == ["000002", "000001"]
    assert found["dog"].image_ids.tolist() == ["000002"]


def test_batches_concatenated_are_ranked_together() -> None:
    first = triggered(make_rollout(STORE, [Episode(0, 0, [CAT], [0.25])]), STORE)
    second = triggered(make_rollout(STORE, [Episode(1, 0, [CAT], [0.75])]), STORE)
    assert concatenate([first, second])["cat"].image_ids.tolist() == ["000001", "000002"]


def test_objects_keep_their_difficult_flag_and_other_categories_stay_out() -> None:
    objects = objects_of(STORE)
    assert objects["cat"].boxes.tolist() == [list(CAT), list(FAR)]
    assert objects["cat"].difficult.tolist() == [False, True]
    assert objects["dog"].image_ids.tolist() == ["000002"]


def test_a_line_is_the_devkits_with_one_based_corners() -> None:
    detections = Detections(
        np.array(["000002"]), np.array([[9.25, 10.0, 50.5, 50.0]]), np.array([1 / 3])
    )
    assert to_text(detections) == "000002 0.333333333 10.25 11.0 50.5 50.0\n"
    assert file_name("test", "cat") == "comp3_det_test_cat.txt"


def test_no_detection_makes_an_empty_file_that_can_be_read(tmp_path: Path) -> None:
    empty = triggered(make_rollout(STORE, [Episode(0, 0, [CAT], [0.5])]), STORE)["dog"]
    assert to_text(empty) == ""
    path = tmp_path / "empty.txt"
    path.write_text("")
    assert read_detections(path, ()).boxes.shape == (0, 4)


def test_files_read_back_are_the_same_detections_and_score_the_same(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    store = make_store(
        *(make_sample(f"{each:06}", ("cat", (10.3, 9.7, 60.1, 61.9))) for each in range(40)),
        categories=("cat",),
    )
    searches = []
    for image in range(40):
        shift = (torch.rand(4, generator=generator, dtype=torch.float64) * 20).tolist()
        box = (shift[0] / 3, shift[1] / 7, 60 + shift[2] / 3, 60 + shift[3] / 7)
        searches.append(Episode(image, 0, [box], torch.randn(1, generator=generator).tolist()))
    found = triggered(make_rollout(store, searches), store)["cat"]
    path = tmp_path / file_name("val", "cat")
    path.write_text(to_text(found))
    again = read_detections(path, store.image_ids)
    assert again.image_ids.tolist() == found.image_ids.tolist()
    assert again.boxes.tolist() == found.boxes.tolist()
    assert again.scores.tolist() == found.scores.tolist()
    assert to_text(again) == to_text(found)
    curve, written = (precision_recall(each, objects_of(store)["cat"]) for each in (found, again))
    assert curve is not None
    assert written is not None
    assert 0 < area(written) == area(curve)


def test_boxes_as_written_survive_any_number_of_round_trips() -> None:
    boxes = torch.rand(1000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    once = as_written(boxes * 500)
    assert not torch.equal(once, boxes * 500)
    assert torch.equal(as_written(once), once)
    assert torch.allclose(once, boxes * 500, rtol=0, atol=1e-12)


SET = ("000001", "a cat", "cats/0001")


def read_lines(folder: Path, *lines: str) -> Detections:
    path = folder / "found.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_detections(path, SET)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("000001 0.5 1 2 3", "expected 'image_id score xmin"),
        ("000001 0.5 1 2 3 x", "expected 'image_id score xmin"),
        ("000001", "expected 'image_id score xmin"),
        ("", "expected 'image_id score xmin"),
        ("000001 0.5 1 2 3 4 5", r"expected an image .*\(3 images\); found '000001 0.5'$"),
        ("000002 0.5 1 2 3 4", r"expected an image .*\(3 images\); found '000002'$"),
        ("000001 nan 1 2 3 4", "expected finite numbers; found '000001 nan 1 2 3 4'$"),
        ("000001 0.5 1 2 inf 4", "expected finite numbers; found '000001 0.5 1 2 inf 4'$"),
        ("000001 0.5 1 -NaN 3 4", "expected finite numbers"),
        ("000001 0.5 30 2 3 4", "expected corners in the order xmin ymin xmax ymax; found '0"),
        ("000001 0.5 1 40 3 4", "expected corners in the order xmin ymin xmax ymax; found '0"),
        # As swapped by a pixel: nothing is left of the box.
        ("000001 0.5 4 2 3 4", "expected corners in the order"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ObjlocError, match=rf"found\.txt:2: {complaint}"):
        read_lines(tmp_path, "000001 0.5 1 2 3 4", line)


def test_a_window_narrower_than_a_pixel_is_no_swapped_one(tmp_path: Path) -> None:
    box = (9.25, 3.5, 9.75, 3.75)
    thin = Detections(np.array(["000001"]), np.array([box]), np.array([0.5]))
    line = to_text(thin).strip()
    assert line == "000001 0.5 10.25 4.5 9.75 3.75"
    assert read_lines(tmp_path, line).boxes.tolist() == [list(box)]


def test_a_name_with_spaces_is_the_whole_name(tmp_path: Path) -> None:
    found = read_lines(tmp_path, "a cat 0.5 1 2 3 4", "cats/0001 -1e-3 1 2 3 4")
    assert found.image_ids.tolist() == ["a cat", "cats/0001"]
    assert found.scores.tolist() == [0.5, -0.001]


def test_a_byte_order_mark_and_foreign_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "found.txt"
    path.write_bytes(b"\xef\xbb\xbf000001 0.5 1 2 3 4\r\n000001 0.25 1 2 3 4\r\n")
    found = read_detections(path, SET)
    assert found.image_ids.tolist() == ["000001", "000001"]
    assert found.boxes.tolist() == [[0, 1, 3, 4]] * 2


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "found.txt"
    path.write_bytes("000001 0.5 1 2 3 4\n".encode("utf-16"))
    with pytest.raises(
        ObjlocError, match=r"found\.txt: expected a file of detections; found 'utf-8"
    ):
        read_detections(path, SET)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match=r"none\.txt: expected a file"):
        read_detections(tmp_path / "none.txt", SET)
