import torch

from benchmarks.refinements import best_of, categories_table, rates_of, refinements_table
from objloc.evaluation.success_rate import Outcomes

ROWS = {
    "0": {"success": {"cat": 0.2, "dog": 0.1, "mean": 0.15}, "steps": 5.0},
    "1": {"success": {"cat": 0.6, "dog": 0.4, "mean": 0.5}, "steps": 6.0},
    "2": {"success": {"cat": 0.5, "dog": 0.5, "mean": 0.5}, "steps": 7.0},
}
FIXED = {"cat": 0.3, "dog": 0.05, "mean": 0.175}


def test_the_fewest_learned_steps_of_equally_good_ones_are_best() -> None:
    assert best_of(ROWS) == 1


def test_tables_show_how_many_categories_exceed_their_fixed_box() -> None:
    found = {"images": 1000, "fixed_box": FIXED, "rows": ROWS}
    result = {"sets": {"val": found, "test": found}}
    lines = refinements_table(result).splitlines()
    assert lines[2] == "| `val`, 1,000 | 0 | **0.150** | 0.175 | 1 of 2 | 5.0 |"
    assert lines[3] == "| `val`, 1,000 | 1 | **0.500** | 0.175 | 2 of 2 | 6.0 |"
    assert "| dog | 0.050 | 0.100 | 0.400 | 0.500 |" in categories_table(result)


def test_a_category_without_images_has_no_rate() -> None:
    quality = torch.tensor([[[0.7, 0.0, 0.0], [0.4, 0.0, 0.6]]], dtype=torch.float64)
    counted = torch.tensor([[True, False, False], [True, False, True]])
    rates = rates_of(Outcomes(quality, counted), ("cat", "cow", "dog"))
    assert rates == {"cat": 0.5, "dog": 1.0, "mean": 0.75}
