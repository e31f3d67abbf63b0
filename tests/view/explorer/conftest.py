"""The pages, and the browser that shows them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from selenium.webdriver import Chrome
from torch import Tensor

from benchmarks.browser import complaints, emulate, requested
from objloc.mdp.environment import Observation
from objloc.params import Explore
from objloc.search.policy import Choice, GreedyPolicy
from objloc.view.explorer.page import PAGE, write_explorer
from tests.helpers.explorer_pages import CATEGORIES, SETS, mdp_of
from tests.helpers.subjects import AGENT, make_checkpoint


class Dice(GreedyPolicy):
    """Values drawn by lot: searches of many lengths and windows, which weights as drawn lack."""

    def act(
        self, observation: Observation, index: Tensor, sizes: Tensor, generator: torch.Generator
    ) -> Choice:
        values = super().act(observation, index, sizes, generator).q_values
        drawn = torch.randn(values.shape, generator=generator)
        return Choice(drawn.argmax(dim=1), drawn)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, shards_folder: Path) -> dict[str, Path]:
    """A folder with page and trajectories for each action set."""
    folders = {}
    for actions in SETS:
        agent = AGENT.model_copy(update={"mdp": mdp_of(actions)})
        folder = tmp_path_factory.mktemp(actions)
        checkpoint = make_checkpoint(CATEGORIES, agent)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("objloc.view.subject.GreedyPolicy", Dice)
            write_explorer(shards_folder, checkpoint, "cd" * 32, folder, Explore(images=6))
        folders[actions] = folder
    return folders


@pytest.fixture
def chrome(chromium: Chrome, pages: dict[str, Path]) -> Iterator[Chrome]:
    """The browser; the page makes no complaint and asks for nothing but itself."""
    emulate(chromium, 1280, 800)
    requested(chromium), complaints(chromium)
    yield chromium
    assert complaints(chromium) == []
    ours = {(folder / PAGE).as_uri() for folder in pages.values()}
    asked_for = {url.partition("#")[0] for url in requested(chromium)}
    assert asked_for <= ours | {"about:blank"}
