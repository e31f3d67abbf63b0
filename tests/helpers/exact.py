"""What the devkit's definitions give, claim by claim and without rounding."""

from fractions import Fraction
from typing import NamedTuple

from objloc.data.sample import Coordinates
from objloc.evaluation.matching import Match
from tests.helpers.claims import Case


class ExactMatch(NamedTuple):
    """A claim, the object that it overlaps most (0 if none), their IoU (-1) and its status."""

    image: str
    box: Coordinates
    score: float
    object: int
    iou: Fraction
    status: Match


def exact_iou(a: Coordinates, b: Coordinates) -> Fraction:
    """IoU; 0 where both boxes are empty."""
    ax, ay, az, aw, bx, by, bz, bw = map(Fraction, (*a, *b))
    shared = max(min(az, bz) - max(ax, bx), Fraction()) * max(min(aw, bw) - max(ay, by), Fraction())
    union = (az - ax) * (aw - ay) + (bz - bx) * (bw - by) - shared
    return shared / union if union else Fraction()


def exact_matches(case: Case) -> list[ExactMatch]:
    """The claims, ranked."""
    taken: set[int] = set()
    found = []
    for image, score, box in sorted(case.claims, key=lambda row: (-row[1], row[0], row[2])):
        best, most = 0, Fraction(-1)
        for index, (name, other, _) in enumerate(case.truths):
            if name == image and exact_iou(box, other) > most:
                best, most = index, exact_iou(box, other)
        status = Match.NONE
        if most >= Fraction(1, 2):
            status = Match.DUPLICATE if best in taken else Match.TRUE
            if case.truths[best][2]:
                status = Match.IGNORED
            taken.add(best)
        found.append(ExactMatch(image, box, score, best, most, status))
    return found


def exact_average_precisions(case: Case) -> dict[str, Fraction]:
    """Both definitions of average precision; empty if no object counts."""
    positives = sum(not difficult for _, _, difficult in case.truths)
    if not positives:
        return {}
    true = false = 0
    points = [(Fraction(), Fraction())]
    for found in exact_matches(case):
        true += found.status is Match.TRUE
        false += found.status in {Match.DUPLICATE, Match.NONE}
        if true + false:
            points.append((Fraction(true, positives), Fraction(true, true + false)))
    eleven = total = Fraction()
    for step in range(11):
        reached = [
            precision
            for recall, precision in points[1:]
            # The doubles of MATLAB and numpy lie above these three tenths.
            if recall > Fraction(step, 10)
            or (recall == Fraction(step, 10) and step not in {3, 6, 7})
        ]
        eleven += max(reached, default=Fraction()) / 11
    for index in range(1, len(points)):
        best_later = max(precision for _, precision in points[index:])
        total += (points[index][0] - points[index - 1][0]) * best_later
    return {"voc2007": eleven, "area": total}
