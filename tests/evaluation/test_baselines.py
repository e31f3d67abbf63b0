import pytest
import torch

from objloc.box import best_iou
from objloc.data.sample import Coordinates
from objloc.evaluation.average_precision import area, precision_recall
from objloc.evaluation.baselines import (
    BASELINES,
    WHOLE_IMAGE,
    _best_on_grid,
    best_known,
    fit_fixed_box,
    fit_fixed_boxes,
    fixed_boxes,
    fixed_detections,
    fixed_outcomes,
    object_shares,
)
from objloc.evaluation.detections import objects_of
from tests.helpers.budgeted_searches import make_sample, make_store


def hits(box: Coordinates, objects: torch.Tensor, present: torch.Tensor, threshold: float) -> int:
    boxes = torch.tensor(box, dtype=torch.float64).expand(len(objects), 4)
    return int((best_iou(boxes, objects, present) > threshold).sum())


def random_objects(seed: int, number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One to three objects in each image, in shares of its sides."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(number, 3, 2, generator=generator, dtype=torch.float64) * 0.6
    side = 0.15 + torch.rand(number, 3, 2, generator=generator, dtype=torch.float64) * 0.6
    present = torch.arange(3) < torch.randint(1, 4, (number, 1), generator=generator)
    return torch.cat([low, (low + side).clamp(max=1)], dim=-1), present


def test_objects_are_kept_in_shares_of_the_sides_by_image() -> None:
    store = make_store(
        make_sample("a", ("cat", (10.0, 20.0, 50.0, 60.0)), ("dog", (0.0, 0.0, 100.0, 80.0))),
        make_sample(
            "b", ("?cat", (0.0, 0.0, 20.0, 40.0)), ("cat", (0.0, 0.0, 40.0, 20.0)), size=(40, 80)
        ),
        make_sample("c", ("dog", (0.0, 0.0, 50.0, 80.0))),
        categories=("cat", "cow", "dog"),
    )
    boxes, present = object_shares(store, "cat")
    assert present.tolist() == [[True, False], [True, True]]
    assert boxes[0, 0].tolist() == [0.1, 0.25, 0.5, 0.75]
    assert boxes[1].tolist() == [[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 1.0, 0.25]]
    assert len(object_shares(store, "cow")[0]) == 0


def test_the_box_of_identical_objects_is_their_box() -> None:
    box = (0.15, 0.3, 0.6, 0.95)
    objects = torch.tensor(box, dtype=torch.float64).expand(5, 1, 4)
    assert fit_fixed_box(objects, torch.ones(5, 1, dtype=torch.bool), 0.5) == pytest.approx(box)


def test_refinement_leaves_the_grid() -> None:
    box = (0.1125, 0.3, 0.6, 0.975)
    objects = torch.tensor(box, dtype=torch.float64).expand(5, 1, 4)
    assert fit_fixed_box(objects, torch.ones(5, 1, dtype=torch.bool), 0.5) == pytest.approx(box)


def test_most_images_count_not_most_objects() -> None:
    left, right = (0.0, 0.0, 0.3, 0.3), (0.7, 0.7, 1.0, 1.0)
    objects = torch.tensor([[left] * 3, [right] * 3, [right] * 3], dtype=torch.float64)
    present = torch.tensor([[True] * 3, [True, False, False], [True, False, False]])
    assert fit_fixed_box(objects, present, 0.5) == pytest.approx(right)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_the_grid_is_searched_as_if_every_box_were_tried(threshold: float, seed: int) -> None:
    objects, present = random_objects(seed, 8)
    lines = torch.arange(21, dtype=torch.float64) / 20
    x, y = torch.cartesian_prod(*[torch.arange(210)] * 2).unbind(dim=1)
    low, high = torch.combinations(lines).unbind(dim=1)
    every = torch.stack([low[x], low[y], high[x], high[y]], dim=1)
    number = (best_iou(every[:, None], objects, present) > threshold).sum(dim=1)
    expected = every[number == number.max()]
    assert torch.equal(_best_on_grid(objects, present, threshold), expected)
    assert hits(fit_fixed_box(objects, present, threshold), objects, present, threshold) >= int(
        number.max()
    )


def test_without_an_object_it_is_the_whole_image() -> None:
    store = make_store(
        make_sample("a", ("cat", (10.0, 20.0, 50.0, 60.0))), categories=("cat", "cow")
    )
    assert fit_fixed_boxes(store, ["cat", "cow"], 0.5)["cow"] == WHOLE_IMAGE


def test_fixed_boxes_scale_with_the_image() -> None:
    store = make_store(make_sample("a"), make_sample("b", size=(40, 60)))
    boxes = fixed_boxes(store, {"cat": (0.25, 0.5, 0.75, 1.0), "dog": WHOLE_IMAGE})
    assert boxes[0].tolist() == [[25.0, 40.0, 75.0, 80.0], [0.0, 0.0, 100.0, 80.0]]
    assert boxes[1].tolist() == [[10.0, 30.0, 30.0, 60.0], [0.0, 0.0, 40.0, 60.0]]


def test_success_and_average_precision_of_a_fixed_box() -> None:
    whole = (0.0, 0.0, 100.0, 80.0)
    store = make_store(
        make_sample("a", ("cat", whole)),
        make_sample("b", ("cat", (0.0, 0.0, 10.0, 10.0))),
        make_sample("c", ("dog", (0.0, 0.0, 10.0, 10.0))),
        make_sample("d"),
    )
    boxes = fixed_boxes(store, {"cat": WHOLE_IMAGE, "dog": WHOLE_IMAGE})
    assert fixed_outcomes(store, boxes, store.presence()).rates(0.5) == [0.5, 0.0]
    detections = fixed_detections(store, boxes)
    assert len(detections["cat"]) == 4
    curve = precision_recall(detections["cat"], objects_of(store)["cat"])
    assert curve is not None
    assert area(curve.last_point) == pytest.approx(1 / 4 * 1 / 2)


def test_the_best_known_figure_of_the_baselines() -> None:
    assert best_known([0.25, None, 0.5]) == 0.5
    assert best_known([None, None]) is None
    assert [each.name.endswith(each.title) for each in BASELINES.values()] == [True] * 3
