"""Pages of the explorer for tests in a browser, and what the program says of them."""

import json
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from objloc.params import Mdp
from objloc.view.explorer.page import TRAJECTORIES
from tests.helpers.browsers import asked
from tests.helpers.subjects import AGENT

_CHANGES: dict[str, dict[str, Any]] = {
    "paper": {"actions": "paper", "reward": "sign"},
    "dissertation": {"actions": "dissertation", "reward": "log", "trigger_cost": 4.5},
    "strides": {
        "actions": "paper", "step_size": 0.1, "further_step_sizes": (0.3,), "zooms": True,
        "reward": "difference", "trigger_cost": 0.7, "starts": ((1, 0.8), (2, 0.6)),
    },
    "hierarchical": {"actions": "hierarchical", "zoom_side": 0.75, "min_side": 0.02},
}  # fmt: skip
SETS = tuple(_CHANGES)
"""Each action set, and the first with two step sizes and zooms, from another start. The first
three have another reward of moves each; a wrong trigger costs as much as a right one earns, more,
and less."""
CATEGORIES = ("cat", "dog")


def mdp_of(actions: str) -> Mdp:
    changes = _CHANGES[actions]
    return Mdp.model_validate({**AGENT.mdp.model_dump(), **changes, "max_steps": 40})


def known(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / TRAJECTORIES).read_text("utf-8"))
    return value


def present_search(folder: Path) -> tuple[str, str]:
    """Image and category of the first search for something that is there."""
    return next(
        (image["id"], search["category"])
        for image in known(folder)["images"]
        for search in image["searches"]
        if search["present"]
    )


def shown(driver: Chrome, place: str) -> str:
    text: str = driver.find_element(By.ID, place).text
    return text


def window(driver: Chrome, key: str) -> list[float]:
    """The box of the window on the photograph, in the image's pixels."""
    box = asked(driver, f"document.querySelector('[data-key={key}]').dataset.box")
    return [float(number) for number in box.split()]
