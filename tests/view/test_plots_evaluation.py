from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from objloc.evaluation.compute import metrics_of
from objloc.evaluation.measure import Measurement, measure
from objloc.evaluation.metrics import ImageSetMetrics
from objloc.params import Evaluate
from objloc.view.plots_evaluation import (
    precision_recall,
    steps,
    success_by_category,
    success_by_iou,
    write_plots,
)
from tests.evaluation.test_measure import AGENT, FIXED, make_network
from tests.helpers.stores import make_store

PARAMS = Evaluate(episodes=2)
NAMES = ("precision_recall", "steps", "success_by_category", "success_by_iou")


def measured(trigger: float = 0.5, *, fitted: bool = True) -> tuple[Measurement, ImageSetMetrics]:
    done = measure(
        make_store(12),
        make_network(trigger=trigger),
        AGENT.mdp,
        PARAMS,
        fixed=FIXED if fitted else None,
        log=lambda _: None,
    )
    return done, metrics_of(done, PARAMS, "a" * 64)


def texts(figure: Figure) -> str:
    found = [each.get_text() for each in figure.findobj() if hasattr(each, "get_text")]
    return "\n".join(found)


def test_pictures_are_the_same_bytes_each_time_and_say_nothing_of_the_program(
    tmp_path: Path,
) -> None:
    done, metrics = measured()
    for folder in ("one", "two"):
        write_plots(tmp_path / folder, done, metrics)
    for name in NAMES:
        path = tmp_path / "one" / "train" / f"{name}.png"
        assert path.read_bytes() == (tmp_path / "two" / "train" / f"{name}.png").read_bytes()
        with Image.open(path) as picture:
            assert set(picture.info) == {"dpi"}
            assert np.asarray(picture.convert("L")).std() > 5
    assert len(list((tmp_path / "one" / "train").iterdir())) == len(NAMES)


@pytest.mark.parametrize("trigger", [-100.0, 0.5, 100.0])
@pytest.mark.parametrize("fitted", [True, False])
def test_every_kind_of_agent_can_be_drawn(tmp_path: Path, trigger: float, fitted: bool) -> None:
    write_plots(tmp_path, *measured(trigger, fitted=fitted))
    assert len(list((tmp_path / "train").iterdir())) == len(NAMES)


def test_a_category_without_objects_can_be_drawn(tmp_path: Path) -> None:
    whole = make_store(12)
    store = replace(whole, object_category=torch.zeros_like(whole.object_category))
    without = measure(store, make_network(), AGENT.mdp, PARAMS, fixed=FIXED, log=lambda _: None)
    metrics = metrics_of(without, PARAMS, "a" * 64)
    assert metrics.success_rate.greedy["dog"] is None
    write_plots(tmp_path, without, metrics)


def test_pictures_name_the_set_its_size_and_the_threshold() -> None:
    done, metrics = measured()
    for draw in (success_by_iou, success_by_category, steps):
        found = texts(draw(done, metrics))
        assert "train: 12 images" in found
        assert "IoU > 0.5" in found.replace("\n", " ")
    assert "IoU ≥ 0.5" in texts(precision_recall(done, metrics)).replace("\n", " ")


def test_the_curve_of_the_agent_shows_its_figures() -> None:
    done, metrics = measured(100.0)
    plot = success_by_iou(done, metrics).axes[0]
    (agent,) = (line for line in plot.lines if line.get_label() == "agent, greedy")
    expected = {float(x): y for x, y in metrics.success_by_iou.items()}
    assert dict(zip(*np.asarray(agent.get_data()).tolist(), strict=True)) == expected


def test_the_bars_of_steps_add_up_to_the_episodes() -> None:
    done, metrics = measured()
    bars = steps(done, metrics).axes[0].patches
    heights = [bar.get_height() for bar in bars if isinstance(bar, Rectangle)]
    assert sum(heights) == len(done.greedy) == 12


def test_each_category_has_its_panel() -> None:
    done, metrics = measured()
    panels = [plot for plot in precision_recall(done, metrics).axes if plot.get_title(loc="left")]
    assert [plot.get_title(loc="left") for plot in panels] == ["cat", "dog"]
