import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

from objloc.evaluation.metrics import Metrics
from objloc.network.checkpoint import load_checkpoint
from objloc.serving.model_card import model_card
from tests.helpers.metrics import make_metrics
from tests.helpers.runs import make_run


def figures(cat: float | None) -> dict[str, float | None]:
    """Of a category that has a figure and one that has none."""
    return {"cat": cat, "dog": None, "mean": cat}


def baseline(success: float | None) -> dict[str, Any]:
    return {
        "success_rate": {"greedy": figures(success)},
        "ap": {"voc2007": figures(None), "area": figures(None)},
        "success_by_iou": {},
    }


PRECISION = {"voc2007": figures(0.125), "area": figures(None)}
METRICS: Metrics = {
    "test": make_metrics(
        images=8,
        images_by_category={"cat": 4, "dog": 0},
        success_rate={"greedy": figures(0.75), "episodes15": figures(None)},
        ap={"triggered": PRECISION, "attended": PRECISION},
        baselines={
            "random": baseline(0.25), "whole_image": baseline(None), "fixed_box": baseline(0.5),
        },
        interval={
            "success_rate": {"cat": [0.5, 0.875], "dog": None, "mean": None},
            "gain_over_best_baseline": dict.fromkeys(("cat", "dog", "mean")),
        },
    )
}  # fmt: skip


def card_of(folder: Path, metrics: Metrics, **changes: Any) -> str:
    path = make_run(folder) / "train" / "checkpoint.pt"
    checkpoint = replace(load_checkpoint(path), **changes)
    return model_card(checkpoint, "ab" * 32, metrics, "dvc repro\n")


def test_the_figures_stand_beside_the_best_that_looks_at_nothing(tmp_path: Path) -> None:
    lines = card_of(tmp_path, METRICS).splitlines()
    assert "Image set `test`: 8 images; success above IoU 0.5; 7.2 steps in the mean." in lines
    assert "| cat | 4 | 0.750 | 0.500 to 0.875 | 0.500 | 0.125 |" in lines
    assert "| dog | 0 | - | - | - | - |" in lines
    assert "| mean | 8 | 0.750 | - | 0.500 | 0.125 |" in lines


def test_a_card_says_what_the_model_is_and_how_to_use_it(tmp_path: Path) -> None:
    text = card_of(tmp_path, {})
    assert text.startswith("# objloc on scenes: cat, dog\n")
    assert "at most 5 steps" in text
    assert "- data: scenes, SHA-256 `" + "ab" * 32 in text
    assert "image set: train; the best weights were chosen on val" in text
    assert "```sh\ndvc repro\n```" in text
    assert 'categories=["cat"]' in text
    assert "cut by a time limit" not in text
    assert text.endswith("ICCV 2015.\n")


def test_what_is_not_known_of_a_training_is_left_out(tmp_path: Path) -> None:
    text = card_of(tmp_path, {}, info={"cut": True})
    assert "image set: not known; the best weights were chosen on not known" in text
    assert "- its training was cut by a time limit\n" in text
    assert "```sh" not in model_card(load_checkpoint(tmp_path / "train/checkpoint.pt"), "", {}, "")


def test_figures_that_are_missing_are_dashes(tmp_path: Path) -> None:
    text = card_of(tmp_path, {"val": make_metrics(0.5)})
    assert "| mean | 3 | 0.500 | - | - | 0.125 |" in text


def test_a_name_is_no_markup(tmp_path: Path) -> None:
    name = '<script>alert("1")</script>|`*'
    text = card_of(tmp_path, {name: make_metrics(categories=(name,))}, categories=(name,))
    escaped = r'&lt;script>alert("1")&lt;/script>\|\`\*'
    lines = text.splitlines()
    assert lines[0] == f"# objloc on scenes: {escaped}"
    assert f"- categories: {escaped}" in lines
    assert any(line.startswith(f"| {escaped} | 2 |") for line in lines)
    # In code nothing but the code's own end is markup.
    code = name.replace("|", r"\|")
    assert f"Image set `` {code} ``: 3 images;" in text
    (call,) = (line for line in lines if "categories=[" in line)
    assert ast.literal_eval(call.partition("categories=")[2].partition(").xyxy")[0]) == [name]
