from pathlib import Path
from typing import Any

from objloc.network.checkpoint import load_checkpoint
from objloc.serving.model_card import model_card
from tests.helpers.metrics import metrics_json
from tests.helpers.runs import make_run

FIGURES: dict[str, Any] = {
    "images": 8,
    "images_by_category": {"cat": 4},
    "success_rate": {"greedy": {"cat": 0.75, "dog": None, "mean": 0.75}},
    "ap": {"triggered": {"voc2007": {"cat": 0.125, "dog": None, "mean": 0.125}}},
    "baselines": {
        "random": {"success_rate": {"greedy": {"cat": 0.25, "dog": None, "mean": 0.25}}},
        "fixed_box": {"success_rate": {"greedy": {"cat": 0.5, "dog": None, "mean": 0.5}}},
    },
    "interval": {"success_rate": {"cat": [0.5, 0.875], "dog": None, "mean": None}},
    "steps": {"mean": 7.25},
    "iou_threshold": 0.5,
}


def card_of(folder: Path, figures: dict[str, Any]) -> str:
    path = make_run(folder) / "train" / "checkpoint.pt"
    return model_card(load_checkpoint(path), "ab" * 32, figures, "dvc repro\n")


def test_the_figures_stand_beside_the_best_that_looks_at_nothing(tmp_path: Path) -> None:
    lines = card_of(tmp_path, {"test": FIGURES}).splitlines()
    assert "Image set `test`: 8 images; success above IoU 0.5; 7.2 steps in the mean." in lines
    assert "| cat | 4 | 0.750 | 0.500 to 0.875 | 0.500 | 0.125 |" in lines
    assert "| dog | - | - | - | - | - |" in lines
    assert "| mean | 8 | 0.750 | - | 0.500 | 0.125 |" in lines


def test_a_card_says_what_the_model_is_and_how_to_use_it(tmp_path: Path) -> None:
    text = card_of(tmp_path, {})
    assert text.startswith("# objloc on scenes: cat, dog\n")
    assert "at most 5 steps" in text
    assert "- data: scenes, SHA-256 `" + "ab" * 32 in text
    assert "image set: train; the best weights were chosen on val" in text
    assert "```sh\ndvc repro\n```" in text
    assert "cut by a time limit" not in text


def test_figures_that_are_missing_are_dashes(tmp_path: Path) -> None:
    text = card_of(tmp_path, {"val": metrics_json(0.5)})
    assert "| mean | 3 | 0.500 | - | - | 0.125 |" in text
