import csv
import hashlib
import io

import torch

from objloc.evaluation.episodes import (
    COLUMNS,
    GREEDY_STREAM,
    RANDOM_DETECTIONS_STREAM,
    RANDOM_SCORES_STREAM,
    RANDOM_STREAM,
    SAMPLED_STREAM,
    EpisodeRunner,
    Episodes,
    Player,
    csv_text,
)
from objloc.params import Mdp
from objloc.search.policy import RandomPolicy
from tests.helpers.budgeted_searches import Episode, make_rollout, make_sample, make_store

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
    Episode(0, 0, [WHOLE, MORE], [0.0, 1.0]),
    Episode(0, 1, [FAR], [1.0]),
    Episode(1, 0, [HALF], [1.0]),
    Episode(2, 0, [WHOLE, CAT, CAT, CAT, CAT], [0.0, 0.0, 0.0, 0.0], truncated=True),
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
    rollout = make_rollout(STORE, [*SEARCHES[:1], Episode(0, 0, [HALF], [1.0])])
    episodes = Episodes.of(rollout, STORE, torch.tensor([1, 0]))
    outcomes = episodes.outcomes(torch.tensor([[True, False], [False] * 2, [False] * 2]))
    assert outcomes.quality[:, 0, 0].tolist() == [0.5, 0.525]
    assert outcomes.rates(0.5) == [0.5, None]


def test_a_truncated_episode_has_no_quality() -> None:
    episodes = Episodes.of(make_rollout(STORE, SEARCHES), STORE)
    outcomes = episodes.outcomes(STORE.presence())
    assert outcomes.quality[0, 2, 0] == 0
    assert outcomes.rates(0.5) == [1 / 3, 1.0]


def test_rows_can_be_picked_and_batches_concatenated() -> None:
    episodes = Episodes.of(make_rollout(STORE, SEARCHES), STORE)
    halves = [episodes[torch.tensor([0, 1])], episodes[torch.tensor([2, 3])]]
    assert csv_text([(STORE, Episodes.concatenate(halves))], 0.5) == csv_text(
        [(STORE, episodes)], 0.5
    )


def runner(lines: list[str] | None = None, seed: int = 0) -> EpisodeRunner:
    return EpisodeRunner(STORE, Mdp(max_steps=4), seed, ([] if lines is None else lines).append)


def test_seeds_hang_on_frozen_names_the_seed_and_the_image_set_alone() -> None:
    # These numbers are in published figures: a change of a name would change them.
    text = f"0/val/{RANDOM_STREAM}"
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])
    assert runner().generator(RANDOM_STREAM).initial_seed() == seed
    assert [
        GREEDY_STREAM, SAMPLED_STREAM.format(episodes=15, epsilon=0.2), RANDOM_STREAM,
        RANDOM_DETECTIONS_STREAM, RANDOM_SCORES_STREAM,
    ] == [
        "greedy search", "15 episodes with epsilon 0.2", "random agent", "random detections",
        "random scores",
    ]  # fmt: skip
    others = {
        runner(seed=number).generator(stream).initial_seed()
        for number in (0, 1)
        for stream in (GREEDY_STREAM, RANDOM_STREAM)
    }
    assert len(others) == 4


def test_the_title_shown_changes_no_number() -> None:
    tasks, policy = runner().every_task(2), RandomPolicy(9)
    (one,) = runner().run(Player("one title", policy, RANDOM_STREAM), tasks)
    (other,) = runner().run(Player("another", policy, RANDOM_STREAM), tasks)
    (third,) = runner().run(Player("one title", policy, GREEDY_STREAM), tasks)
    assert torch.equal(one[1].boxes, other[1].boxes)
    assert not torch.equal(one[1].boxes, third[1].boxes)


def test_episodes_are_repeated_for_what_counts_and_logged() -> None:
    lines: list[str] = []
    counted = torch.tensor([[True, False], [False, False], [True, True]])
    found = runner(lines).repeat(Player("blind", RandomPolicy(9), RANDOM_STREAM), counted, 2)
    assert found.image.tolist() == [0, 0, 2, 2, 2, 2]
    assert found.category.tolist() == [0, 0, 0, 0, 1, 1]
    assert found.episode.tolist() == [0, 1] * 3
    (line,) = lines
    assert line.startswith("val: blind: 6 searches in ")


def test_every_task_is_each_of_the_first_categories_in_every_image() -> None:
    assert runner().every_task(1).tolist() == [[0, 0], [1, 0], [2, 0]]
    assert runner().every_task(2).tolist()[:3] == [[0, 0], [0, 1], [1, 0]]
