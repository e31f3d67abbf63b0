"""The page in a real Chromium that reaches no network, opened as a file."""

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.browser import emulate
from objloc.view.explorer.page import PAGE
from tests.helpers.browsers import PATIENCE, asked, open_page, press
from tests.helpers.explorer_pages import SETS, known, present_search, shown, window

pytestmark = pytest.mark.browser

SEEN = r"""(() => {
  const text = (id) => document.getElementById(id).textContent.replace("\u2212", "-");
  const bars = [...document.querySelectorAll("#bars li")];
  return {
    box: document.querySelector("[data-key=agent]").dataset.box.split(" ").map(Number),
    step: text("figure-step"), iou: text("figure-iou"), reward: text("figure-reward"),
    caption: text("caption"),
    values: bars.map((bar) => bar.querySelector(".value").textContent.replace("\u2212", "-")),
    chosen: bars.filter((bar) => bar.classList.contains("chosen")).map((bar) => bar.dataset.action),
  };
})()"""
"""What a reader sees, in one call: each takes its time."""

WRITE_DOWN = """
const step = document.getElementById("figure-step"), play = document.getElementById("play");
window.written = [step.textContent];
new MutationObserver(() => written.push(step.textContent)).observe(step, { childList: true });
window.labels = [];
new MutationObserver(() => labels.push(play.getAttribute("aria-label")))
  .observe(play, { attributeFilter: ["aria-label"] });
"""
"""Keep the steps and the button's names that are shown from now on, however slow the reader is."""

SCRUB = """
const slider = document.getElementById("scrub");
slider.value = arguments[0];
slider.dispatchEvent(new Event("input", { bubbles: true }));
"""


def assert_shows(driver: Chrome, search: dict[str, Any], position: int) -> None:
    """The page shows what the file says of a step, or of the end."""
    seen, last = asked(driver, SEEN), len(search["steps"])
    over = position == last
    step = search["steps"][min(position, last - 1)]
    box, iou = (search["final_box"], search["final_iou"]) if over else (step["box"], step["iou"])
    assert seen["box"] == box
    if search["present"]:
        assert abs(float(seen["iou"]) - iou) <= 0.0005
    assert seen["step"].split()[0].rstrip(",") == str(last if over else position + 1)
    assert [float(value) for value in seen["values"]] == pytest.approx(step["q_values"], abs=0.005)
    assert seen["chosen"] == [step["action"]]
    if over:
        assert seen["caption"] == f"{search['headline']}. {search['sentence']}"
    else:
        assert float(seen["reward"]) == pytest.approx(step["reward"], abs=0.005)


@pytest.mark.parametrize("actions", SETS)
def test_what_is_shown_is_what_the_file_says(
    chrome: Chrome, pages: dict[str, Path], actions: str
) -> None:
    images = known(pages[actions])["images"][: 2 if actions == "paper" else 1]
    open_page(chrome, pages[actions] / PAGE)
    for image in images:
        chrome.find_element(By.CSS_SELECTOR, f".thumb[data-image='{image['id']}']").click()
        for search in image["searches"]:
            chrome.find_element(
                By.CSS_SELECTOR, f"#searches [data-search='{search['key']}']"
            ).click()
            for position in range(len(search["steps"]) + 1):
                chrome.execute_script(SCRUB, position)
                assert_shows(chrome, search, position)
    assert images


def test_it_plays_to_the_end_and_again(chrome: Chrome, pages: dict[str, Path]) -> None:
    folder = pages["paper"]
    image = known(folder)["images"][0]
    search = image["searches"][0]
    open_page(chrome, folder / PAGE, f"#image={image['id']}&search={search['key']}")
    play = chrome.find_element(By.ID, "play")
    for _ in range(2):
        chrome.find_element(By.ID, "speed").click()
    assert shown(chrome, "speed") == "4\u00d7"
    assert play.get_attribute("aria-label") == "Play"
    chrome.execute_script(WRITE_DOWN)
    play.click()
    ended = f"explorer.state.position === {len(search['steps'])}"
    WebDriverWait(chrome, PATIENCE).until(lambda driver: asked(driver, ended))
    last = len(search["steps"])
    steps = [*(f"{number} of {last}" for number in range(1, last + 1)), f"{last}, the end"]
    assert asked(chrome, "written") == [steps[0], *steps]
    assert_shows(chrome, search, len(search["steps"]))
    assert list(dict.fromkeys(asked(chrome, "labels"))) == ["Pause", "Play again"]
    place = f"step={len(search['steps']) + 1}"
    WebDriverWait(chrome, PATIENCE).until(lambda driver: place in asked(driver, "location.hash"))


def test_it_is_scrubbed_by_slider_keys_and_buttons(chrome: Chrome, pages: dict[str, Path]) -> None:
    folder = pages["paper"]
    image = known(folder)["images"][0]
    search = image["searches"][0]
    last = len(search["steps"])
    assert last >= 4
    open_page(chrome, folder / PAGE, f"#image={image['id']}&search={search['key']}")
    press(chrome, Keys.END)
    assert_shows(chrome, search, last)
    press(chrome, Keys.ARROW_LEFT)
    assert_shows(chrome, search, last - 1)
    press(chrome, Keys.HOME)
    assert_shows(chrome, search, 0)
    chrome.find_element(By.ID, "forward").click()
    assert_shows(chrome, search, 1)
    slider = chrome.find_element(By.ID, "scrub")
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert_shows(chrome, search, 3)
    assert (slider.get_attribute("aria-valuetext") or "").startswith(f"step 4 of {last}")
    chrome.find_element(By.ID, "back").click()
    assert_shows(chrome, search, 2)


def test_truth_is_switched_off_and_on(chrome: Chrome, pages: dict[str, Path]) -> None:
    folder = pages["paper"]
    image_id, category = present_search(folder)
    image = next(each for each in known(folder)["images"] if each["id"] == image_id)
    open_page(chrome, folder / PAGE, f"#image={image_id}&search={category}")
    boxes = [each["box"] for each in image["objects"] if each["category"] == category]
    read = "[...document.querySelectorAll('.box.truth')].map((box) => box.dataset.box)"
    assert [[float(x) for x in each.split()] for each in asked(chrome, read)] == boxes
    press(chrome, "g")
    assert asked(chrome, read) == []
    chrome.find_element(By.ID, "truth").click()
    assert len(asked(chrome, read)) == len(boxes)


def test_all_searches_of_an_image_are_shown_together(
    chrome: Chrome, pages: dict[str, Path]
) -> None:
    folder = pages["paper"]
    number, image = next(
        (number, each)
        for number, each in enumerate(known(folder)["images"])
        if len(each["searches"]) > 1
    )
    open_page(chrome, folder / PAGE, f"#image={image['id']}&mode=together&step=3")
    assert asked(chrome, "explorer.state.image") == number
    rows = chrome.find_elements(By.CSS_SELECTOR, "#list button")
    assert [row.get_attribute("data-search") for row in rows] == [
        each["key"] for each in image["searches"]
    ]
    for place, search in enumerate(image["searches"]):
        step = search["steps"][2]
        assert window(chrome, f"search-{place}") == step["box"]
        if search["present"]:
            told = rows[place].find_element(By.CLASS_NAME, "iou").text
            assert abs(float(told) - step["iou"]) <= 0.0005
    rows[1].click()
    assert_shows(chrome, image["searches"][1], 2)


def test_an_image_that_is_not_in_the_page_is_told(chrome: Chrome, pages: dict[str, Path]) -> None:
    open_page(chrome, pages["paper"] / PAGE, "#image=elsewhere&step=3")
    assert "elsewhere is not among the 6" in asked(chrome, "toast.textContent")
    assert asked(chrome, "explorer.state.image") == 0


def test_filters_leave_the_images_that_pass(chrome: Chrome, pages: dict[str, Path]) -> None:
    images = known(pages["paper"])["images"]
    open_page(chrome, pages["paper"] / PAGE)
    chrome.find_element(By.ID, "filter-outcome").send_keys("missed")
    chrome.find_element(By.ID, "filter-category").send_keys("dog")
    passing = [
        image["id"]
        for image in images
        if any(
            each["category"] == "dog" and each["present"] and not each["success"]
            for each in image["searches"]
        )
    ]
    thumbs = chrome.find_elements(By.CSS_SELECTOR, ".thumb")
    assert [each.get_attribute("data-image") for each in thumbs if each.is_displayed()] == passing
    assert passing
    press(chrome, "]")
    assert asked(chrome, "explorer.DATA.images[explorer.state.image].id") in passing
    assert (
        asked(
            chrome, "explorer.DATA.images[explorer.state.image].searches[explorer.state.search].key"
        )
        == "dog"
    )


def test_a_shortcut_that_is_switched_off_does_nothing(
    chrome: Chrome, pages: dict[str, Path]
) -> None:
    open_page(chrome, pages["paper"] / PAGE)
    press(chrome, "?")
    assert asked(chrome, "document.getElementById('help').open")
    chrome.find_element(By.ID, "shortcuts").click()
    press(chrome, Keys.ESCAPE)
    # On a busy machine the dialog takes the next keys too.
    closed = "!document.getElementById('help').open"
    WebDriverWait(chrome, PATIENCE).until(lambda driver: asked(driver, closed))
    press(chrome, "y")
    assert asked(chrome, "explorer.state.mode") == "watch"
    press(chrome, Keys.ARROW_RIGHT)
    moved = "explorer.state.position === 1"
    WebDriverWait(chrome, PATIENCE).until(lambda driver: asked(driver, moved))


def test_every_control_has_a_name_and_texts_have_contrast(
    chrome: Chrome, pages: dict[str, Path]
) -> None:
    open_page(chrome, pages["paper"] / PAGE)
    unnamed = """[...document.querySelectorAll('button, input, select, img, svg[role]')]
    .filter((each) => each.offsetParent && each.tagName !== 'IMG'
      && !(each.getAttribute('aria-label') || each.textContent.trim() || each.labels?.length))
    .map((each) => each.outerHTML)"""
    assert asked(chrome, unnamed) == []
    assert asked(chrome, "document.getElementById('photograph').alt").startswith("Image 0")


@pytest.mark.parametrize("dark", [False, True])
def test_colours_of_text_stand_out(chrome: Chrome, pages: dict[str, Path], dark: bool) -> None:
    texts = dict.fromkeys(("ink", "muted", "good", "bad", "you", "agent"), 4.5)
    names = texts | dict.fromkeys(("agent-fill", "truth", "focus"), 3.0)
    emulate(chrome, 600, 400, dark=dark)
    open_page(chrome, pages["paper"] / PAGE)
    style = "getComputedStyle(document.documentElement).getPropertyValue(arguments[0]).trim()"
    for ground in ("surface", "bg"):
        paper = asked(chrome, style, f"--{ground}")
        for name, least in names.items():
            found = contrast(asked(chrome, style, f"--{name}"), paper)
            assert found >= least, (name, ground, found)


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, contrast ratio of two colours written as #rrggbb."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
