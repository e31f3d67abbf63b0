"""The app in a real Chromium that reaches this machine alone."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as ec
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.browser import emulate, requested
from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser
from objloc.search.result import Result
from objloc.view.app import live
from objloc.view.app.markup import Glance, Moment, summary
from objloc.view.app.server import served
from tests.helpers.browsers import PATIENCE, asked, require_browser
from tests.helpers.subjects import make_checkpoint

AGENT = Localiser(make_checkpoint())
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    require_browser()
    pytest.importorskip("gradio", reason="the extra app is not installed")
    with served(AGENT, port=0, max_megabytes=1, max_seconds=600) as running:
        yield running


@pytest.fixture
def page(chromium: Chrome, address: str) -> Iterator[Chrome]:
    """The app's page, and after the test: nothing was asked of another machine."""
    emulate(chromium, 1280, 860)
    requested(chromium)
    first = chromium.current_window_handle
    visit(chromium, address)
    yield chromium
    asked_for = requested(chromium)
    for window in chromium.window_handles:
        if window != first:
            chromium.switch_to.window(window)
            chromium.close()
    chromium.switch_to.window(first)
    chromium.get("about:blank")
    assert asked_for
    assert {urlsplit(url).hostname for url in asked_for} <= {"127.0.0.1"}


@pytest.fixture
def over(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Searches show their windows again and again, until this is set or they are stopped.

    However slow the browser is, it meets each of them before its end.
    """
    over, once = threading.Event(), live.moments

    def again(result: Result) -> Iterator[Moment | Glance]:
        return itertools.takewhile(lambda _: not over.is_set(), itertools.cycle(once(result)))

    monkeypatch.setattr(live, "moments", again)
    yield over
    over.set()


def visit(driver: Chrome, address: str) -> None:
    driver.get(address)
    wait_for(driver, "Drop a photograph")
    # Each component comes when it is ready.
    for part in ("#ob-examples button", "#ob-file input[type=file]", "#ob-start"):
        there = ec.presence_of_element_located((By.CSS_SELECTOR, part))
        WebDriverWait(driver, PATIENCE).until(there)


def told(driver: Chrome) -> str:
    text: str = driver.find_element(By.ID, "ob-told").text
    return text


def wait_for(driver: Chrome, words: str) -> None:
    wait = WebDriverWait(driver, PATIENCE, ignored_exceptions=(Exception,))
    wait.until(lambda page: words in told(page), f"'{words}' was not told")


def upload(driver: Chrome, path: Path) -> None:
    driver.find_element(By.CSS_SELECTOR, "#ob-file input[type=file]").send_keys(str(path))


def start(driver: Chrome) -> None:
    driver.find_element(By.ID, "ob-start").click()


def test_an_uploaded_photograph_is_searched_before_ones_eyes(
    page: Chrome, over: threading.Event, tmp_path: Path
) -> None:
    path = tmp_path / "holiday.png"
    Image.linear_gradient("L").resize((90, 60)).save(path)
    upload(page, path)
    wait_for(page, "Ready: 90 by 60 pixels")
    assert asked(page, "document.querySelector('#ob-photo img').naturalWidth") == 90
    page.find_element(By.XPATH, "//label[normalize-space()='fast']").click()
    start(page)
    seen = set()

    def several(driver: Chrome) -> bool:
        seen.update(
            asked(driver, "[...document.querySelectorAll('.ob-step')].map(e => e.innerText)")
        )
        return len(seen) >= 3

    WebDriverWait(page, PATIENCE, poll_frequency=0.02).until(several)
    over.set()
    wait_for(page, "It looked at")
    expected = AGENT(path, None, 100)
    assert told(page) == summary(expected)
    boxes = "document.querySelectorAll('#ob-overlay .ob-found').length"
    assert asked(page, boxes) == len(expected)


def test_what_is_no_photograph_is_refused_in_a_sentence_and_the_next_one_taken(
    page: Chrome, tmp_path: Path
) -> None:
    note, empty, photo = tmp_path / "note.jpg", tmp_path / "empty.png", tmp_path / "photo.jpg"
    note.write_text("a shopping list")
    empty.touch()
    Image.new("L", (40, 50)).save(photo)
    upload(page, note)
    wait_for(page, "note.jpg: expected an image")
    start(page)
    wait_for(page, "There is no photograph yet")
    upload(page, empty)
    wait_for(page, "empty.png: expected an image; found an empty file")
    upload(page, photo)
    wait_for(page, "Ready: 40 by 50 pixels")
    assert "Ready: 40 by 50 pixels" in told(page)


def test_a_file_above_the_limit_is_refused(page: Chrome, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(random.Random(0).randbytes(2_000_000))
    upload(page, large)
    body = "document.body.textContent.includes('exceed the maximum allowed size of 1.0')"
    WebDriverWait(page, PATIENCE).until(lambda driver: asked(driver, body))
    assert "Drop a photograph" in told(page)


def test_two_visitors_search_at_once(page: Chrome, address: str, over: threading.Event) -> None:
    first = page.current_window_handle
    page.switch_to.new_window("tab")
    visit(page, address)
    windows = [page.current_window_handle, first]
    for window in windows:
        page.switch_to.window(window)
        page.find_elements(By.CSS_SELECTOR, "#ob-examples button")[0].click()
        wait_for(page, "Ready")
        start(page)
    for words in ("Searching", "It looked at"):
        for window in windows:
            page.switch_to.window(window)
            wait_for(page, words)
        over.set()
    for window in windows:
        page.switch_to.window(window)
        assert "It looked at" in told(page)


@pytest.mark.usefixtures("over")
def test_a_search_is_stopped(page: Chrome) -> None:
    page.find_elements(By.CSS_SELECTOR, "#ob-examples button")[1].click()
    wait_for(page, "Ready")
    start(page)
    wait_for(page, "Searching")
    page.find_element(By.ID, "ob-stop").click()
    wait_for(page, "Stopped.")
    # What was shown stays as it is.
    step = page.find_element(By.CLASS_NAME, "ob-step").text
    time.sleep(0.5)
    assert page.find_element(By.CLASS_NAME, "ob-step").text == step
    assert "Stopped." in told(page)
    start(page)
    wait_for(page, "Searching")


def test_a_port_that_is_taken_is_told(address: str) -> None:
    port = urlsplit(address).port
    with (
        pytest.raises(ObjlocError, match=f"cannot listen on 127.0.0.1:{port}"),
        served(AGENT, port=port),
    ):
        pass
