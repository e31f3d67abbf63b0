"""Judge a success rate in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from objloc.evaluation.baselines import BASELINES


@dataclass(frozen=True)
class Verdict:
    """A success rate between floor and ceiling.

    Attributes:
        share: fraction of the way from the best blind searcher to the ceiling that is
            gone; None where there is no way between them.
        better: better than the best blind searcher, as far as the interval shows; None
            if it does not.
        text: one or two sentences.
    """

    share: float | None
    better: bool | None
    text: str


def verdict_of(
    success: float | None,
    baselines: Mapping[str, float | None],
    gain: tuple[float, float] | None,
    ceiling: float | None,
    images: int,
) -> Verdict:
    """Judge a mean success rate.

    Args:
        success: the agent's rate.
        baselines: rates of the blind searchers; None where one could not be measured.
        gain: 95 % interval of the agent's rate minus the best blind searcher's.
        ceiling: the oracle's rate.
        images: number of images in the set.
    """
    known = {name: value for name, value in baselines.items() if value is not None}
    if success is None or not known:
        return Verdict(None, None, "No image counts, so there is nothing to judge.")
    name = max(known, key=lambda each: known[each])
    floor = known[name]
    better = None if gain is None or gain[0] <= 0 <= gain[1] else gain[0] > 0
    text = _sentence(name, success - floor, gain, better, images)
    if len(known) < len(baselines):
        missing = ", ".join(BASELINES[each].name for each in baselines if each not in known)
        text += f" It was not held against {missing}, so the floor may be higher."
    share = None
    if ceiling is not None and ceiling > floor:
        share = (success - floor) / (ceiling - floor)
        reached = f"the oracle, which reaches {100 * ceiling:.1f} % at least."
        way = f"{100 * share:.0f} % of the way" if share > 0 else "no part of the way"
        text += f" It has gone {way} from {BASELINES[name].name} to {reached}"
    return Verdict(share, better, text)


def _sentence(
    name: str, gain: float, reach: tuple[float, float] | None, better: bool | None, images: int
) -> str:
    blind = BASELINES[name].name
    if reach is None:
        return f"No interval is known, so it cannot be said whether it is better than {blind}."
    points = (
        f"{100 * gain:+.1f} points, 95 % interval {100 * reach[0]:+.1f} to {100 * reach[1]:+.1f}"
    )
    if better:
        return f"Better than {blind} ({points})."
    if better is None:
        return f"Not better than {blind}, as far as {images} images can tell ({points})."
    return f"Worse than {blind} ({points})."
