"""Your turn, in a real Chromium: the same windows as the program's own environment."""

import itertools
import random
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from benchmarks.browser import emulate
from objloc.data.shard_reader import read_samples
from objloc.data.store import SampleStore
from objloc.mdp.action import names_of
from objloc.mdp.environment import Environment
from objloc.mdp.reward import move_reward, trigger_reward
from objloc.params import Mdp
from objloc.view.explorer.page import PAGE
from tests.helpers.browsers import asked, open_page, press
from tests.helpers.explorer_pages import (
    CATEGORIES,
    SETS,
    known,
    mdp_of,
    present_search,
    shown,
    window,
)

pytestmark = pytest.mark.browser

KEYS = {
    "→": Keys.ARROW_RIGHT, "←": Keys.ARROW_LEFT, "↑": Keys.ARROW_UP, "↓": Keys.ARROW_DOWN,
    "⏎": Keys.ENTER,
}  # fmt: skip
ACTION_OF_KEY = {
    "→": "move_right", "←": "move_left", "↑": "move_up", "↓": "move_down", "+": "bigger",
    "b": "bigger", "-": "smaller", "s": "smaller", "t": "taller", "f": "fatter",
    "h": "split_horizontal", "v": "split_vertical", "⏎": "trigger", "⇒": "move_right_0.3",
    "S": "smaller_0.3", "B": "bigger_0.3", "T": "taller_0.3", "1": "zoom_upper_left",
    "2": "zoom_upper_right", "3": "zoom_lower_left", "4": "zoom_lower_right", "5": "zoom_centre",
}  # fmt: skip
TYPED = {"paper": "ss→f↓t-←↑b→→→→→+⏎", "dissertation": "hsv→f↓t-←↑bh↓⏎",
         "strides": "sS⇒→BbTt1+3-2f4↓5↑←⏎", "hierarchical": "153244251352433⏎"}  # fmt: skip
"""Each key, moves into the border, and windows refused as too small."""
REWARDS = get_args(Mdp.model_fields["reward"].annotation)


def environment_of(shards: Path, actions: str, image_id: str, category: str) -> Environment:
    """An environment of the program, at the start of a search."""
    samples = [each for each in read_samples(shards, "test") if each.image_id == image_id]
    store = SampleStore.from_samples(samples, CATEGORIES, 32)
    environment = Environment(store, mdp_of(actions))
    environment.reset(torch.tensor([[0, CATEGORIES.index(category)]]))
    return environment


@pytest.mark.parametrize("actions", SETS)
def test_keys_in_your_turn_give_the_boxes_of_the_environment(
    chrome: Chrome, pages: dict[str, Path], shards_folder: Path, actions: str
) -> None:
    image_id, category = present_search(pages[actions])
    environment = environment_of(shards_folder, actions, image_id, category)
    open_page(chrome, pages[actions] / PAGE, f"#image={image_id}&search={category}&mode=turn")
    names = names_of(mdp_of(actions))
    assert shown(chrome, "figure-iou") == "?"
    for count, key in enumerate(TYPED[actions], 1):
        if key == "⇒":
            ActionChains(chrome).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(
                Keys.SHIFT
            ).perform()
        else:
            press(chrome, KEYS.get(key, key))
        outcome = environment.step(torch.tensor([names.index(ACTION_OF_KEY[key])]))
        box = environment.observation().boxes[0, -1].tolist()
        np.testing.assert_allclose(window(chrome, "you"), box, rtol=0, atol=1e-6)
        turn = asked(
            chrome, "{iou: explorer.turn().ious.at(-1), r: explorer.turn().rewards.at(-1)}"
        )
        assert abs(turn["iou"] - outcome.iou.item()) <= 1e-6
        assert turn["r"] == pytest.approx(outcome.reward.item(), abs=1e-6)
        assert shown(chrome, "figure-step").startswith(f"{count} ")
    you, agent = chrome.find_elements(By.CSS_SELECTOR, "#result tbody tr")
    assert abs(float(you.find_element(By.CLASS_NAME, "iou").text) - outcome.iou.item()) <= 0.0005
    assert you.find_element(By.CLASS_NAME, "steps").text == str(len(TYPED[actions]))
    (search,) = (
        each
        for image in known(pages[actions])["images"] if image["id"] == image_id
        for each in image["searches"] if each["category"] == category
    )  # fmt: skip
    assert agent.find_element(By.CLASS_NAME, "steps").text == str(len(search["steps"]))
    press(chrome, "r")
    assert asked(chrome, "explorer.turn().actions") == []


@pytest.mark.parametrize("actions", SETS)
def test_random_actions_give_the_boxes_of_the_environment(
    chrome: Chrome, pages: dict[str, Path], shards_folder: Path, actions: str
) -> None:
    open_page(chrome, pages[actions] / PAGE)
    names = names_of(mdp_of(actions))
    dice = random.Random(7)
    play = """
    const { DATA, newTurn, takeAction } = explorer;
    const [image, search] = arguments[0];
    const turn = newTurn(DATA.images[image], DATA.images[image].searches[search]);
    for (const action of arguments[1]) takeAction(turn, action);
    return [turn.boxes, turn.ious, turn.rewards, turn.done, turn.terminated];
    """
    worst, moved = 0.0, 0
    for image_number, image in enumerate(known(pages[actions])["images"]):
        for number, search in enumerate(image["searches"]):
            environment = environment_of(shards_folder, actions, image["id"], search["category"])
            drawn = [dice.randrange(len(names) - 1) for _ in range(39)] + [len(names) - 1]
            boxes = [environment.observation().boxes[0, -1].tolist()]
            ious, rewards = [environment.iou.item()], []
            for action in drawn:
                outcome = environment.step(torch.tensor([action]))
                boxes.append(environment.observation().boxes[0, -1].tolist())
                ious.append(outcome.iou.item())
                rewards.append(outcome.reward.item())
            sequence = [names[action] for action in drawn]
            answer = chrome.execute_script(play, [image_number, number], sequence)
            worst = max(worst, float(np.abs(np.array(answer[0]) - boxes).max()))
            worst = max(worst, float(np.abs(np.array(answer[1]) - ious).max()))
            np.testing.assert_allclose(answer[2], rewards, rtol=0, atol=1e-6)
            assert answer[3:] == [True, True]
            moved += sum(a != b for a, b in itertools.pairwise(boxes))
    assert worst <= 1e-6
    assert moved > 100


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("cost", [0.7, 3.0, 4.5])
def test_rewards_are_those_of_the_program(
    chrome: Chrome, pages: dict[str, Path], reward: str, cost: float
) -> None:
    mdp = Mdp.model_validate({"reward": reward, "reward_scale": 1.5, "trigger_cost": cost})
    ious = [0.0, 0.0005, 0.02, 0.03, 0.4, 0.45, mdp.trigger_iou, 0.501, 0.9, 1.0]
    pairs = list(itertools.product(ious, repeat=2))
    before, after = torch.tensor(pairs, dtype=torch.float64).T
    open_page(chrome, pages["paper"] / PAGE)
    for action, expected in (
        ("smaller", move_reward(before, after, mdp)),
        ("trigger", trigger_reward(after, mdp)),
    ):
        earned = chrome.execute_script(
            "const [action, pairs, mdp] = arguments;"
            "return pairs.map(([before, after]) => explorer.rewardOf(action, before, after, mdp));",
            action, pairs, mdp.model_dump(mode="json"),
        )  # fmt: skip
        np.testing.assert_allclose(earned, expected.tolist(), rtol=0, atol=1e-6)


def test_every_reward_has_a_page() -> None:
    assert {mdp_of(actions).reward for actions in SETS} == set(REWARDS)


@pytest.mark.parametrize(
    ("actions", "move", "trigger", "scale"),
    [
        ("paper", "grow earns +1", "earns 3 above 0.5; a wrong one costs 3", "3"),
        ("dissertation", "5 times the change of its logarithm, within", "costs 4.5", "4.5"),
        ("strides", "5 times the change of it, within", "costs 0.7", "3"),
    ],
)
def test_help_and_chart_know_the_rewards(
    chrome: Chrome, pages: dict[str, Path], actions: str, move: str, trigger: str, scale: str
) -> None:
    open_page(chrome, pages[actions] / PAGE)
    assert move in asked(chrome, "document.getElementById('help-move').textContent")
    assert trigger in asked(chrome, "document.getElementById('help-trigger').textContent")
    top = asked(chrome, "document.querySelector('#chart .rewards .scale').textContent")
    assert float(top) == float(scale)


def test_a_page_without_a_cost_of_wrong_triggers_takes_their_reward(
    chrome: Chrome, pages: dict[str, Path]
) -> None:
    open_page(chrome, pages["paper"] / PAGE)
    older = "{reward: 'sign', trigger_iou: 0.5, trigger_reward: 2}"
    assert asked(chrome, f"explorer.rewardOf('trigger', 0.2, 0.3, {older})") == -2


def test_buttons_move_by_the_step_size_that_is_switched_on(
    chrome: Chrome, pages: dict[str, Path]
) -> None:
    image_id, category = present_search(pages["strides"])
    open_page(chrome, pages["strides"] / PAGE, f"#image={image_id}&search={category}&mode=turn")

    def click(selector: str) -> None:
        chrome.find_element(By.CSS_SELECTOR, f"#pad {selector}").click()

    buttons = asked(chrome, "[...document.querySelectorAll('#pad .act')].map(e => e.title)")
    assert len(buttons) == 14
    assert "to the right, by 0.1 of its side (→)" in buttons
    click("[data-action=smaller]")
    click(".strides button:last-of-type")
    chosen = asked(
        chrome, "document.querySelector('#pad .strides [aria-pressed=true]').textContent"
    )
    assert chosen == "0.3"
    click("[data-action='smaller_0.3']")
    click("[data-action=zoom_centre]")
    done = asked(chrome, "explorer.turn().actions")
    assert done == ["smaller", "smaller_0.3", "zoom_centre"]


def test_bars_name_each_action_once(chrome: Chrome, pages: dict[str, Path]) -> None:
    open_page(chrome, pages["strides"] / PAGE)
    names = asked(chrome, "[...document.querySelectorAll('#bars li')].map(e => e.dataset.action)")
    assert tuple(names) == names_of(mdp_of("strides"))
    assert asked(chrome, "document.querySelectorAll('#bars .chosen').length") == 1


def test_the_step_limit_ends_a_turn(chrome: Chrome, pages: dict[str, Path]) -> None:
    image_id, category = present_search(pages["paper"])
    open_page(chrome, pages["paper"] / PAGE, f"#image={image_id}&search={category}&mode=turn")
    chrome.execute_script(
        "const smaller = document.querySelector('#pad [data-action=smaller]');"
        "for (let i = 0; i < 39; i += 1) smaller.click();"
    )
    assert not asked(chrome, "explorer.turn().done")
    press(chrome, "s")
    assert asked(chrome, "[explorer.turn().done, explorer.turn().terminated]") == [True, False]
    assert "No trigger within 40 steps" in shown(chrome, "turn-lead")


@pytest.mark.parametrize(
    ("actions", "swiped"), [("paper", "move_right"), ("strides", "move_right_0.3")]
)
def test_a_phone_shows_all_of_your_turn_at_once_and_is_steered_by_touch(
    chrome: Chrome, pages: dict[str, Path], actions: str, swiped: str
) -> None:
    image_id, category = present_search(pages[actions])
    emulate(chrome, 390, 844, touch=True, calm=True)
    open_page(chrome, pages[actions] / PAGE, f"#image={image_id}&search={category}&mode=turn")
    bottom = "document.getElementById('pad').getBoundingClientRect().bottom"
    assert asked(chrome, bottom) <= 844
    for mode in ("watch", "together", "turn"):
        chosen = chrome.find_element(By.CSS_SELECTOR, f".modes [data-mode={mode}]")
        chosen.click()
        assert asked(chrome, "document.documentElement.scrollWidth") <= 390
    assert asked(chrome, "getComputedStyle(layer.firstChild).transitionDuration") == "0s"
    for button in chrome.find_elements(By.CSS_SELECTOR, "#pad .strides button")[-1:]:
        button.click()  # fingers move by the step size that the buttons have
    swipe(chrome, 0.3, 0.5, 0.6, 0.5)
    assert asked(chrome, "explorer.turn().actions") == [swiped]
    pinch(chrome)
    smaller = swiped.replace("move_right", "smaller")
    assert asked(chrome, "explorer.turn().actions") == [swiped, smaller]


def touch(driver: Chrome, kind: str, *places: tuple[float, float]) -> None:
    """Fingers on the photograph, at shares of its sides."""
    read = "document.getElementById('frame').getBoundingClientRect().toJSON()"
    area = asked(driver, read)
    points = [
        {"x": area["x"] + x * area["width"], "y": area["y"] + y * area["height"], "id": number}
        for number, (x, y) in enumerate(places)
    ]
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def swipe(driver: Chrome, x: float, y: float, to_x: float, to_y: float) -> None:
    touch(driver, "touchStart", (x, y))
    touch(driver, "touchMove", ((x + to_x) / 2, (y + to_y) / 2))
    touch(driver, "touchMove", (to_x, to_y))
    touch(driver, "touchEnd")


def pinch(driver: Chrome) -> None:
    touch(driver, "touchStart", (0.2, 0.5))
    touch(driver, "touchStart", (0.2, 0.5), (0.8, 0.5))
    touch(driver, "touchMove", (0.4, 0.5), (0.6, 0.5))
    touch(driver, "touchEnd")
