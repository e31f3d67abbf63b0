"""Models registered from run folders that no training wrote."""

from pathlib import Path
from typing import Any

from objloc.evaluation.read import read_metrics
from objloc.files import file_hash
from objloc.serving.contest_entry import entry_of
from objloc.tracking.registry import Registration, register
from tests.helpers.runs import make_run


def enter(
    root: Path,
    seed: int,
    value: float | None,
    metric: str = "success_rate.greedy.mean",
    **model: Any,
) -> Registration:
    """Register the model of a seed."""
    folder = make_run(root / f"data {seed}", value, seed=seed, **model)
    measured = folder / "evaluate" / "metrics.json"
    entry = entry_of(
        read_metrics(measured),
        measured,
        sha256=file_hash(folder / "train" / "checkpoint.pt"),
        data_hash=model.get("data_hash", "ab" * 32),
        image_set="val",
        metric=metric,
    )
    return register(folder / "train", folder / "evaluate", "objloc", entry, "# A card\n")
