import numpy as np
import pytest

from objloc.data.sample import Coordinates
from objloc.diagnosis.tide import KINDS, Status, costs, diagnose
from objloc.evaluation.average_precision import precision_recall
from objloc.evaluation.matching import Detections, Objects
from tests.helpers.claims import NEAR_A, NOWHERE, OFF_A, A, B, claims, truth

# One detection of cat in an image with a cat at A and a dog at B, and what it is.
ONE_EACH = [
    (OFF_A, Status.TRUE),
    ((0, 0, 10, 5), Status.TRUE),  # IoU exactly .5
    (NEAR_A, Status.LOCALISATION),
    ((0, 0, 10, 1), Status.LOCALISATION),  # IoU exactly .1
    (B, Status.CLASS),
    ((50, 50, 60, 54), Status.BOTH),  # IoU .4 with the dog
    ((0, 0, 10, 0.9), Status.BACKGROUND),  # IoU .09 with the cat
    (NOWHERE, Status.BACKGROUND),
]


@pytest.mark.parametrize(("box", "status"), ONE_EACH)
def test_a_detection_is_of_the_kind_that_its_overlaps_say(box: Coordinates, status: Status) -> None:
    objects = {"cat": truth(("i", A)), "dog": truth(("i", B))}
    found = diagnose({"cat": claims(("i", 1, box)), "dog": claims()}, objects)
    assert found["cat"].status.tolist() == [status]
    covered = status in (Status.TRUE, Status.LOCALISATION)
    assert found["cat"].missed.tolist() == [not covered]
    assert found["dog"].missed.tolist() == [status != Status.CLASS]


def test_its_own_category_comes_before_another() -> None:
    # A dog lies where the cat is: what is badly placed on the cat is on the dog too.
    objects = {"cat": truth(("i", A)), "dog": truth(("i", NEAR_A), ("i", OFF_A))}
    rows = [("i", 3.0, A), ("i", 2.0, OFF_A), ("i", 1.0, NEAR_A)]
    found = diagnose({"cat": claims(*rows), "dog": claims()}, objects)["cat"]
    assert found.status.tolist() == [Status.TRUE, Status.DUPLICATE, Status.LOCALISATION]


def test_a_difficult_object_makes_no_error_and_is_not_missed() -> None:
    objects = {"cat": truth(("i", A), ("j", A), difficult=[0, 1])}
    found = diagnose({"cat": claims(("i", 2, A), ("i", 1, A))}, objects)["cat"]
    assert found.status.tolist() == [Status.IGNORED, Status.IGNORED]
    assert not found.missed.any()


def test_every_detection_and_every_object_is_in_one_place() -> None:
    draw = np.random.default_rng(3)
    categories = ("cat", "dog", "cow")

    def boxes(number: int) -> list[Coordinates]:
        corners = draw.uniform(0, 60, (number, 2))
        sides = draw.uniform(15, 40, (number, 2))
        return [tuple(row) for row in np.concatenate([corners, corners + sides], 1).tolist()]

    objects, detections = {}, {}
    for name in categories:
        objects[name] = truth(
            *[(str(draw.integers(3)), box) for box in boxes(12)], difficult=[0, 5]
        )
        detections[name] = claims(
            *[(str(draw.integers(3)), float(draw.random()), box) for box in boxes(60)]
        )
    found = diagnose(detections, objects)
    assert {Status(int(s)) for each in found.values() for s in each.status} == set(Status)
    for name, each in found.items():
        counted = sum(each.number(kind) for kind in KINDS if kind != "missed")
        right = np.isin(each.status, (Status.TRUE, Status.IGNORED)).sum()
        assert counted + right == 60
        # The matching is that of average precision.
        curve = precision_recall(detections[name], objects[name])
        assert curve is not None
        assert curve.recall[-1] * 10 == pytest.approx((each.status == Status.TRUE).sum())
        assert not (each.missed & objects[name].difficult).any()


def area_costs(
    detections: dict[str, Detections], objects: dict[str, Objects]
) -> dict[str, float | None]:
    return costs(diagnose(detections, objects), objects)["area"]


# Two cats; the false claim stands before the true one. AP: recall .5 at precision .5.
FALSE_FIRST = [
    (NEAR_A, "localisation", 1.0 - 0.25),  # moved onto the cat in i: both found
    (NOWHERE, "background", 0.5 - 0.25),
    (B, "class", 0.5 - 0.25),  # goes to the dogs, where it is right
    ((50, 50, 60, 54), "both", 0.5 - 0.25),
]


@pytest.mark.parametrize(("box", "kind", "cost"), FALSE_FIRST)
def test_an_error_costs_what_putting_it_right_would_bring(
    box: Coordinates, kind: str, cost: float
) -> None:
    objects = {"cat": truth(("i", A), ("j", A)), "dog": truth(("i", B))}
    detections = {"cat": claims(("i", 2, box), ("j", 1, A)), "dog": claims()}
    table = area_costs(detections, objects)
    # The dog is never found unless the class error is: the mean is over two categories.
    dog = 1.0 if kind == "class" else 0.0
    assert table["ap"] == pytest.approx(0.25 / 2)
    assert table[kind] == pytest.approx((cost + dog) / 2)
    idle = set(KINDS) - {kind, "missed"}
    assert all(table[each] == pytest.approx(0.0) for each in idle)


def test_a_missed_object_no_longer_counts() -> None:
    objects = {"cat": truth(("i", A), ("j", A), ("k", A))}
    table = area_costs({"cat": claims(("i", 1, A))}, objects)
    assert table["ap"] == pytest.approx(1 / 3)
    assert table["missed"] == pytest.approx(2 / 3)


def test_where_all_is_missed_nothing_is_left_to_find() -> None:
    objects = {"cat": truth(("i", A))}
    assert area_costs({"cat": claims()}, objects)["missed"] == pytest.approx(1.0)
    claimed = {"cat": claims(("i", 1, NOWHERE))}
    assert area_costs(claimed, objects)["missed"] == pytest.approx(0.0)


def test_a_duplicate_costs_its_place_in_the_ranking() -> None:
    objects = {"cat": truth(("i", A), ("j", A))}
    detections = {"cat": claims(("i", 3, A), ("i", 2, OFF_A), ("j", 1, A))}
    table = area_costs(detections, objects)
    assert table["ap"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert table["duplicate"] == pytest.approx(0.5 / 3)


@pytest.mark.parametrize("first", [True, False])
def test_what_becomes_a_duplicate_by_being_put_right_is_dropped(first: bool) -> None:
    # Badly placed on a cat that is found already, by a better or a worse claim.
    scores = (3, 2) if first else (2, 3)
    detections = {"cat": claims(("i", scores[0], NEAR_A), ("i", scores[1], A), ("j", 1, A))}
    table = area_costs(detections, {"cat": truth(("i", A), ("j", A))})
    assert table["ap"] is not None
    assert table["localisation"] == pytest.approx(1.0 - table["ap"])


def test_a_class_error_that_comes_to_a_found_object_is_dropped() -> None:
    objects = {"cat": truth(("i", A)), "dog": truth(("i", B))}
    detections = {"cat": claims(("i", 2, B), ("i", 1, A)), "dog": claims(("i", 1, B))}
    table = area_costs(detections, objects)
    assert table["ap"] == pytest.approx((0.5 + 1) / 2)
    assert table["class"] == pytest.approx(0.25)


def test_a_category_with_difficult_objects_alone_stays_out_of_the_mean() -> None:
    objects = {"cat": truth(("i", A)), "dog": truth(("i", B), difficult=[0])}
    table = area_costs({"cat": claims(("i", 1, A)), "dog": claims(("i", 1, A))}, objects)
    assert table["ap"] == pytest.approx(1.0)
    nothing = {"cat": truth(), "dog": truth(("i", B), difficult=[0])}
    assert set(area_costs({"cat": claims(), "dog": claims()}, nothing).values()) == {None}
