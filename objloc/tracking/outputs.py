"""Output folders of a pipeline, and the model that they say was registered."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from objloc.files import file_hash, repository_root
from objloc.tracking.contest import Entry

CARD = "model_card.md"
"""File name of the model card, also among the artifacts of the run and of the model."""


@dataclass(frozen=True)
class Outputs:
    """Output folders of the stages of one pipeline.

    Attributes:
        train: folder with the checkpoint.
        evaluate: folder with the metrics.
        register: folder with the entry and the model's card.
    """

    train: Path
    evaluate: Path
    register: Path

    @classmethod
    def of_workspace(cls) -> Self:
        """The folders that ``dvc.yaml`` names."""
        data = repository_root() / "data"
        return cls(data / "train", data / "evaluate", data / "register")

    def registered(self) -> tuple[str, Entry] | None:
        """Name and entry of the model that was registered, if all its files are still there."""
        checkpoint, path = self.train / "checkpoint.pt", self.register / "model.json"
        needed = (checkpoint, path, self.evaluate / "metrics.json", self.register / CARD)
        if not all(each.is_file() for each in needed):
            return None
        try:
            kept = json.loads(path.read_text("utf-8"))
            name, entry = kept["model"], Entry.from_summary(kept)
        except (ValueError, KeyError, TypeError):
            # Damaged, or written before it stated the contest's conditions.
            return None
        return (name, entry) if entry.sha256 == file_hash(checkpoint) else None
