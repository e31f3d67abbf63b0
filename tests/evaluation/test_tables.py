from rich.console import Console

from objloc.evaluation.tables import by_iou_table, table_of
from tests.helpers.metrics import make_metrics


def test_success_against_iou_is_empty_where_it_was_not_measured() -> None:
    agent = {f"0.{percent}": percent / 100 for percent in range(50, 100, 5)}
    rows = by_iou_table(make_metrics(success_by_iou=agent)).splitlines()
    assert rows[0] == "iou,agent,random,whole_image,fixed_box"
    assert rows[1:3] == ["0.50,0.5,,,", "0.55,0.55,,,"]
    assert len(rows) == 11


def test_the_terminal_shows_the_agent_beside_the_baselines() -> None:
    interval = {"cat": (0.5, 0.875), "dog": None, "mean": None}
    metrics = make_metrics(
        0.75, blind=0.5, interval={"success_rate": interval, "gain_over_best_baseline": interval}
    )
    console = Console(width=110)
    with console.capture() as capture:
        console.print(table_of("val", metrics))
    lines = capture.get().splitlines()
    assert lines[0].startswith("val: success rate (IoU > 0.5) and average precision (VOC2007), 3")
    cells = {line.split()[1]: line.split("│")[1:-1] for line in lines if line.startswith("│")}
    assert [cell.strip() for cell in cells["cat"]] == [
        "cat", "2", ".750", ".500 to .875", ".250", ".500", ".500", ".500", "+.250", ".125", ".125",
    ]  # fmt: skip
    assert [cell.strip() for cell in cells["mean"]][1:4] == ["", ".750", "-"]
