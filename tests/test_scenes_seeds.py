from benchmarks.scenes_seeds import seeds_table


def seed(cat: float, ap: float) -> dict[str, dict[str, float]]:
    names = ("success, 15 episodes, ε 0.2", "AP triggered", "AP attended")
    return {"success": {"cat": cat, "mean": cat}, "figures": dict.fromkeys(names, ap)}


def test_seeds_stand_side_by_side_with_their_mean() -> None:
    result = {
        "seeds": {"0": seed(0.5, 0.25), "1": seed(0.7, 0.35)},
        "fixed_box": {"cat": 0.1, "mean": 0.1},
    }
    lines = seeds_table(result).splitlines()
    assert lines[0] == "|  | best fixed box | seed 0 | seed 1 | mean |"
    assert lines[2] == "| cat | 0.100 | 0.500 | 0.700 | **0.600** ± 0.141 |"
    assert lines[5] == "| AP triggered |  | 0.250 | 0.350 | **0.300** ± 0.071 |"
