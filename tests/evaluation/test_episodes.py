import csv
import io

import torch

from objloc.evaluation.episodes import COLUMNS, Episodes, csv_text
from tests.helpers.budgeted_searches import Search, make_rollout, make_sample, make_store

CAT = (10.0, 10.0, 50.0, 50.0)
HALF = (10.0, 10.0, 50.0, 30.0)
MORE = (10.0, 10.0, 50.0, 31.0)
FAR = (60.0, 40.0, 100.0, 80.0)
WHOLE = (0.0, 0.0, 100.0, 80.0)

STORE = make_store(
    make_sample("a", ("cat", CAT), ("?dog", FAR)),
    make_sample("b", ("cat", CAT)),
    make_sample("c", ("cat", CAT)),
)
SEARCHES = [
    Search(0, 0, [WHOLE, MORE], [0.0, 1.0]),
    Search(0, 1, [FAR], [1.0]),
    Search(1, 0, [HALF], [1.0]),
    Search(2, 0, [WHOLE, CAT, CAT, CAT, CAT], [0.0, 0.0, 0.0, 0.0], truncated=True),
]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_is_the_file_contracts() -> None:
    text = csv_text([(STORE, Episodes.of(make_rollout(STORE, SEARCHES), STORE))], 0.5)
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert text.splitlines()[1] == "val,a,cat,0,2,1,11.0,11.0,50.0,31.0,0.525,1"
    assert [row["success"] for row in rows_of(text)] == ["1", "1", "0", "0"]


def test_iou_of_exactly_the_threshold_is_no_success() -> None:
    row = rows_of(csv_text([(STORE, Episodes.of(make_rollout(STORE, SEARCHES), STORE))], 0.5))[2]
    assert (row["iou"], row["terminated"], row["success"]) == ("0.5", "1", "0")


def test_a_perfect_window_without_a_trigger_is_no_success() -> None:
    row = rows_of(csv_text([(STORE, Episodes.of(make_rollout(STORE, SEARCHES), STORE))], 0.5))[3]
    assert (row["iou"], row["terminated"], row["success"]) == ("1.0", "0", "0")


def test_a_difficult_object_can_be_found() -> None:
    row = rows_of(csv_text([(STORE, Episodes.of(make_rollout(STORE, SEARCHES), STORE))], 0.5))[1]
    assert (row["category"], row["iou"], row["success"]) == ("dog", "1.0", "1")


def test_outcomes_are_laid_out_by_episode_image_and_category() -> None:
    rollout = make_rollout(STORE, [*SEARCHES[:1], Search(0, 0, [HALF], [1.0])])
    episodes = Episodes.of(rollout, STORE, torch.tensor([1, 0]))
    outcomes = episodes.outcomes(torch.tensor([[True, False], [False] * 2, [False] * 2]), 2)
    assert outcomes.quality[:, 0, 0].tolist() == [0.5, 0.525]
    assert outcomes.rates(0.5) == [0.5, None]


def test_a_truncated_episode_has_no_quality() -> None:
    episodes = Episodes.of(make_rollout(STORE, SEARCHES), STORE)
    outcomes = episodes.outcomes(STORE.presence())
    assert outcomes.quality[0, 2, 0] == 0
    assert outcomes.rates(0.5) == [1 / 3, 1.0]


def test_rows_can_be_picked_and_batches_joined() -> None:
    episodes = Episodes.of(make_rollout(STORE, SEARCHES), STORE)
    halves = [episodes[torch.tensor([0, 1])], episodes[torch.tensor([2, 3])]]
    assert csv_text([(STORE, Episodes.joined(halves))], 0.5) == csv_text([(STORE, episodes)], 0.5)
