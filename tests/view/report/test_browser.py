"""The report in Chromium, without a network: on a desk, on a phone, and on to the explorer."""

import re
import shutil
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.browser import complaints, emulate, requested
from objloc.network.checkpoint import load_checkpoint
from objloc.network.device import CPU
from objloc.params import Explore, Report
from objloc.view.explorer.page import write_explorer
from objloc.view.report.build import write_report
from tests.helpers.browsers import PATIENCE, asked, open_page, require_browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def run(evaluated_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its report and its explorer."""
    require_browser()
    run = tmp_path_factory.mktemp("seen")
    for name in ("train", "evaluate"):
        shutil.copytree(evaluated_run / name, run / name)
    shards = evaluated_run / "shards"
    params = Report(beam_width=2, thumbnails=2)
    write_report(
        shards, run / "train", run / "evaluate", run / "report", params, lambda _: None, CPU
    )
    checkpoint = load_checkpoint(run / "train" / "checkpoint.pt")
    write_explorer(shards, checkpoint, "cd" * 32, run / "explore", Explore(images=6))
    return run


@pytest.fixture(params=[1200, 390], ids=["desk", "phone"])
def chrome(request: pytest.FixtureRequest, chromium: Chrome, run: Path) -> Chrome:
    emulate(chromium, request.param, 800, calm=True)
    requested(chromium), complaints(chromium)
    open_page(chromium, run / "report" / "report.html")
    return chromium


def test_the_page_fits_its_window_and_asks_for_nothing_but_itself(
    chrome: Chrome, run: Path
) -> None:
    assert complaints(chrome) == []
    assert set(requested(chrome)) <= {
        (run / "report" / "report.html").as_uri(), "about:blank",
    }  # fmt: skip
    width = asked(chrome, "innerWidth")
    assert asked(chrome, "document.documentElement.scrollWidth") <= width
    pictures = chrome.find_elements(By.TAG_NAME, "img")
    assert pictures
    for picture in pictures:
        assert asked(chrome, "arguments[0].naturalWidth", picture) > 100


def test_a_bin_opens_to_pictures_of_its_searches_and_these_to_the_explorer(chrome: Chrome) -> None:
    bins = [
        each
        for each in chrome.find_elements(By.CSS_SELECTOR, "#misses details")
        if each.find_elements(By.CSS_SELECTOR, ".images a")
    ]
    link = bins[0].find_element(By.CSS_SELECTOR, ".images a")
    assert not link.is_displayed()
    asked(chrome, "arguments[0].scrollIntoView({block: 'center'})", bins[0])
    bins[0].find_element(By.TAG_NAME, "summary").click()
    assert link.is_displayed()
    image_id, category = link.text.split()[:2]
    before = asked(chrome, "scrollY")
    link.click()
    pictures = chrome.find_elements(By.CSS_SELECTOR, ".picture")
    wait = WebDriverWait(chrome, PATIENCE)
    wait.until(lambda _: any(each.is_displayed() for each in pictures))
    (picture,) = (each for each in pictures if each.is_displayed())
    assert f"{image_id}, search for {category}" in picture.text
    assert asked(chrome, "arguments[0].getBoundingClientRect().bottom <= innerHeight", picture)
    # Nothing of the page lies above it, the menu neither.
    middle = "document.elementFromPoint(innerWidth / 2, 20).className"
    assert asked(chrome, middle) == "picture"
    picture.find_element(By.CLASS_NAME, "close").click()
    wait.until(lambda _: not picture.is_displayed())
    # One is back where one was.
    wait.until(lambda driver: asked(driver, "scrollY") == before)
    link.click()
    picture.find_element(By.PARTIAL_LINK_TEXT, "explorer").click()
    # The explorer writes into its address what it shows, the step as a number.
    shown = rf"#image={image_id}&search={category}&step=\d+$"
    wait.until(lambda driver: re.search(shown, driver.current_url))
