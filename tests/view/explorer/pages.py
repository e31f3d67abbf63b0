"""Pages of the explorer for tests in a browser, and what the program says of them."""

import json
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from objloc.params import Mdp
from objloc.view.explorer.page import TRAJECTORIES
from tests.browsers import asked
from tests.view.searches import AGENT

SETS = ("paper", "dissertation")
CATEGORIES = ("cat", "dog")


def mdp_of(actions: str) -> Mdp:
    return Mdp.model_validate({**AGENT.mdp.model_dump(), "actions": actions, "max_steps": 40})


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
