import xml.etree.ElementTree as ET
from typing import Any

import pytest
import torch

from objloc.mdp.action import Moves
from objloc.params import Mdp
from objloc.view.actions import COLUMNS, SIZE, WINDOW, actions_figure

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("actions", "panels"), [("paper", 8), ("dissertation", 10), ("hierarchical", 5)]
)
def test_each_action_but_the_trigger_has_a_panel_inside_the_picture(
    actions: str, panels: int
) -> None:
    text = actions_figure(Mdp.model_validate({"actions": actions, "step_size": 0.25}))
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert root.findtext(f"{SVG}title") == "What each action does to the window (step size 0.25)"
    groups = root.findall(f"{SVG}g")
    assert len(groups) == panels
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    corners = [tuple(map(float, group.get("transform", "")[10:-1].split(" "))) for group in groups]
    assert len(set(corners)) == panels
    assert len({y for _, y in corners}) == -(-panels // COLUMNS)
    assert all(0 < x < width and 0 < y < height for x, y in corners)
    assert all(
        [each.get("class") for each in group.findall(f"{SVG}rect")] == ["image", "before", "after"]
        for group in groups
    )
    assert text == actions_figure(Mdp.model_validate({"actions": actions, "step_size": 0.25}))


@pytest.mark.parametrize("actions", ["paper", "dissertation", "hierarchical"])
def test_the_figure_of_the_actions_shows_what_the_environment_does(actions: Any) -> None:
    mdp = Mdp(actions=actions, step_size=0.3)
    moves = Moves(mdp)
    root = ET.fromstring(actions_figure(mdp))  # noqa: S314 - our own
    panels = root.findall(f"{SVG}g")
    assert len(panels) == len(moves.actions) - 1
    box = torch.tensor([WINDOW], dtype=torch.float64)
    size = torch.tensor([SIZE], dtype=torch.float64)
    for number, panel in enumerate(panels):
        assert panel.findtext(f"{SVG}text") == moves.actions[number].value.replace("_", " ")
        (drawn,) = (each for each in panel if each.get("class") == "after")
        left, top, width, height = (
            float(drawn.get(key, "")) for key in ("x", "y", "width", "height")
        )
        after = moves.apply(box, size, torch.tensor([number]))[0].tolist()
        assert [left, top, left + width, top + height] == pytest.approx(after, abs=1e-4)
