"""Screenshots of explorer and app for README and docs, taken with Chromium.

``python -m benchmarks.screenshots`` reads ``data/explore``, which must show the drawn
scenes, since other people's photographs may not be published. The app is served with
``data/train/checkpoint.pt``; if its extra is not installed, its picture is not changed.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.browser import browser, missing
from objloc.errors import ObjlocError
from objloc.view.explorer.page import PAGE, TRAJECTORIES

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
SCENE = 3
MOMENT = "window 24 of"


def main() -> None:
    """Write the screenshots into ``docs/images``."""
    try:
        for path in screenshots(ROOT / "data" / "explore", IMAGES):
            print(path.relative_to(ROOT))
        if find_spec("gradio"):
            print(app_screenshot(ROOT / "data" / "train" / "checkpoint.pt").relative_to(ROOT))
        else:
            print("docs/images/app.png is not taken again: the extra app is not installed")
    except ObjlocError as error:
        sys.exit(f"error: {error}")


def screenshots(explored: Path, output: Path) -> Iterator[Path]:
    """Take all screenshots of the explorer.

    Args:
        explored: output folder of the stage ``explore``.
        output: folder to write to.

    Yields:
        Path of each screenshot.

    Raises:
        ObjlocError: Chromium is not installed, or the folder is missing or not of the
            drawn scenes.
    """
    if lacking := missing():
        raise ObjlocError(f"screenshots: expected a browser; not installed: {lacking}")
    try:
        known = json.loads((explored / TRAJECTORIES).read_text("utf-8"))
    except FileNotFoundError:
        raise ObjlocError(f"{explored}: no {TRAJECTORIES}; dvc repro explore writes it") from None
    if known["data"]["name"] != "scenes":
        raise ObjlocError(f"{explored}: expected the drawn scenes; found {known['data']['name']}")
    page = (explored / PAGE).as_uri()
    image, search = instructive(known)
    place = f"image={image['id']}&search={search['key']}&step={len(search['steps']) * 3 // 4}"
    for name, mode, dark in (("explorer", "watch", False), ("explorer_together", "together", True)):
        with browser(1280, 800, dark=dark) as driver:
            yield take(driver, f"{page}#{place}&mode={mode}", output / f"{name}.png")
    with browser(390, 844, scale=2, touch=True) as driver:
        # A visitor who has begun with the same actions as the agent.
        acts = [step["action"] for step in search["steps"][:-1]]
        yield take(driver, f"{page}#{place}&mode=turn", output / "explorer_phone.png", acts)


def instructive(known: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pick an instructive image and search: several steps, success, other searches beside it."""
    return max(
        (
            (image, search)
            for image in known["images"]
            if image["width"] > image["height"] and len(image["searches"]) > 2
            for search in image["searches"]
            if search["success"] and 7 <= len(search["steps"]) <= 14
        ),
        key=lambda pair: (
            sum(each["success"] for each in pair[0]["searches"]),
            pair[1]["final_iou"],
        ),
    )


def take(driver: "Chrome", address: str, path: Path, acts: Sequence[str] = ()) -> Path:
    """Open an address, act in "your turn", wait for the animation, write a screenshot."""
    driver.get("about:blank")
    driver.get(address)
    driver.execute_async_script(
        "document.getElementById('photograph').decode().then(arguments[0], arguments[0])"
    )
    for action in acts:
        driver.find_element("css selector", f"#pad [data-action={action}]").click()
    time.sleep(0.6)  # until the window has stopped moving
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(driver.get_screenshot_as_png())
    return path


def app_screenshot(checkpoint: Path) -> Path:
    """Let the app search one of its drawn scenes, and take a screenshot during the search."""
    from objloc.search.localiser import Localiser
    from objloc.view.app.server import served

    path = IMAGES / "app.png"
    with served(Localiser.load(checkpoint)) as address, browser(1280, 860) as driver:
        driver.implicitly_wait(30)
        driver.get(address)
        # An instructive scene and step, chosen by hand.
        driver.find_elements("css selector", "#ob-examples button")[SCENE].click()
        driver.find_element("xpath", "//*[@id='ob-told'][contains(., 'Ready')]")
        driver.find_element("id", "ob-start").click()
        driver.find_element("xpath", f"//*[@id='ob-panel'][contains(., '{MOMENT}')]")
        driver.execute_script("window.scrollTo(0, 0)")
        path.write_bytes(driver.get_screenshot_as_png())
    return path


if __name__ == "__main__":
    main()
