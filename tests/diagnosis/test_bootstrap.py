import numpy as np
import pytest

from objloc.diagnosis.bootstrap import Ranking, replicated_aps
from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, precision_recall
from objloc.evaluation.matching import Detections, Floats, Objects, match
from objloc.evaluation.success_rate import drawn_weights

IMAGES = [f"{number:02d}" for number in range(8)]


def drawn_set(seed: int) -> tuple[Detections, Objects]:
    """Objects and detections of eight images; no two scores are the same."""
    draw = np.random.default_rng(seed)

    def boxes(number: int) -> Floats:
        corners = draw.uniform(0, 30, (number, 2))
        return np.concatenate([corners, corners + draw.uniform(15, 40, (number, 2))], axis=1)

    objects = Objects(
        np.array(draw.choice(IMAGES, 12), dtype=np.str_), boxes(12), np.arange(12) % 5 == 0
    )
    # Some claims are near objects, so that some are right.
    near = objects.boxes[draw.integers(12, size=20)] + draw.uniform(-5, 5, (20, 4))
    names = np.concatenate([draw.choice(objects.image_ids, 20), draw.choice(IMAGES, 20)])
    scores = draw.permutation(40) / 40
    return Detections(names.astype(np.str_), np.concatenate([near, boxes(20)]), scores), objects


def copied(detections: Detections, objects: Objects, weights: Floats) -> dict[str, float | None]:
    """AP of the set in which each image is there as often as it was drawn: plain and slow."""
    names, boxes, scores = [], [], []
    own_names, own_boxes, difficult = [], [], []
    for image_id, times in zip(IMAGES, weights.astype(int), strict=True):
        for copy in range(times):
            for row in np.flatnonzero(detections.image_ids == image_id):
                names.append(f"{image_id} {copy}")
                boxes.append(detections.boxes[row])
                scores.append(detections.scores[row])
            for row in np.flatnonzero(objects.image_ids == image_id):
                own_names.append(f"{image_id} {copy}")
                own_boxes.append(objects.boxes[row])
                difficult.append(objects.difficult[row])
    curve = precision_recall(
        Detections(
            np.array(names, dtype=np.str_), np.array(boxes).reshape(-1, 4), np.array(scores)
        ),
        Objects(
            np.array(own_names, dtype=np.str_),
            np.array(own_boxes).reshape(-1, 4),
            np.array(difficult, dtype=bool),
        ),
    )
    return {
        name: None if curve is None else define(curve)
        for name, define in AVERAGE_PRECISIONS.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_weights_give_what_copies_of_the_images_give(seed: int) -> None:
    detections, objects = drawn_set(seed)
    matches = match(detections, objects)
    weights = drawn_weights(len(IMAGES), np.random.default_rng(seed))[:25]
    found = replicated_aps([Ranking.of(matches, objects, IMAGES)], weights)
    assert np.unique(found["area"].round(6)).size > 5
    for row, weight in enumerate(weights):
        expected = copied(detections, objects, weight)
        for name, value in expected.items():
            assert found[name][row, 0] == pytest.approx(value, abs=1e-12)


def test_once_each_gives_the_figure_itself_and_nothing_drawn_gives_none() -> None:
    detections, objects = drawn_set(1)
    matches = match(detections, objects)
    ranking = Ranking.of(matches, objects, IMAGES)
    found = replicated_aps([ranking], np.stack([np.ones(8), np.zeros(8)]))
    curve = precision_recall(detections, objects)
    assert curve is not None
    for name, define in AVERAGE_PRECISIONS.items():
        assert found[name][0].tolist() == pytest.approx([define(curve)] * 2)
        assert np.isnan(found[name][1]).all()


def test_a_category_without_detections_has_an_average_precision_of_nothing() -> None:
    _, objects = drawn_set(1)
    none = Detections(np.array([], dtype=np.str_), np.zeros((0, 4)), np.zeros(0))
    found = replicated_aps([Ranking.of(match(none, objects), objects, IMAGES)], np.ones((1, 8)))
    assert found["voc2007"].tolist() == found["area"].tolist() == [[0, 0]]
