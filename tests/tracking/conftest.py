"""A registry of models that are not packed."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from objloc.files import file_hash
from objloc.tracking import registry


@pytest.fixture
def light_models(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models are kept as bare checkpoints: packing a real one takes seconds."""

    def keep(_client: Any, _run_id: str, checkpoint: Path, _card: str) -> SimpleNamespace:
        folder = store_root / "models" / file_hash(checkpoint)
        (folder / "artifacts").mkdir(parents=True, exist_ok=True)
        shutil.copy(checkpoint, folder / "artifacts" / "checkpoint.pt")
        return SimpleNamespace(model_uri=str(folder), model_id=None)

    monkeypatch.setattr(registry, "_log_model", keep)
    return store_root
