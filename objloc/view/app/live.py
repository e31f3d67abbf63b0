"""The app's answers: a photograph, and a search shown step by step."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from PIL import Image

from objloc.data.images import open_image
from objloc.errors import ObjlocError
from objloc.scenes.write import scene
from objloc.search.result import Result
from objloc.search.time_limit import time_limit
from objloc.view.app import markup
from objloc.view.app.markup import Glance, Moment

PACES = {"slow": 0.5, "normal": 0.15, "fast": 0.04, "at once": 0.0}
"""Seconds for which a step is shown."""
INVITATION = "Drop a photograph, or choose a drawn scene."

Shown = tuple[str, str, str]
"""HTML of the boxes, of the panel, and the sentence to the visitor."""
Search = Callable[[Image.Image, list[str], int], Result]
"""Function that searches a picture for categories within a budget."""


class Turns:
    """Searches for several visitors, a limited number at once, each for a limited time.

    Args:
        search: searches.
        at_once: maximum number of searches at once; others wait.
        seconds: maximum time that a search waits, and that it takes.
    """

    def __init__(self, search: Search, at_once: int, seconds: float) -> None:
        self._search, self._seconds = search, seconds
        # PyTorch keeps memory for every thread that it has computed in.
        self._threads = ThreadPoolExecutor(at_once, "search")

    def __call__(self, image: Image.Image, categories: list[str], budget: int) -> Result:
        """Search a picture when it is its turn.

        Raises:
            ObjlocError: it is not its turn in time, or see ``Localiser``.
        """
        search = self._threads.submit(self._limited, image, categories, budget)
        wait([search], self._seconds)
        if search.cancel():
            raise ObjlocError("busy: others are searching; try again later")
        return search.result()

    def _limited(self, image: Image.Image, categories: list[str], budget: int) -> Result:
        with time_limit(self._seconds):
            return self._search(image, categories, budget)


def examples(number: int) -> list[Image.Image]:
    """Scenes drawn for the app, in no image set: the agent has learned from none of them."""
    return [scene(0, "app", index).image for index in range(number)]


def opened(path: str | Path) -> Image.Image:
    """Open an uploaded file; messages use the visitor's name for it.

    Raises:
        ObjlocError: see ``open_image``.
    """
    return open_image(Path(path), Path(path).name)


def moments(result: Result) -> Iterator[Moment | Glance]:
    """All windows in the order of visiting; without a budget, one search after another."""
    for number in range(len(result.seen)):
        yield Glance(result, number)
    if result.seen:
        return
    windows = 0
    for number, search in enumerate(result.searches):
        for step in range(len(search.steps)):
            windows += 1
            yield Moment(result, number, step, windows)


def watch(
    search: Search,
    picture: Image.Image | str | None,
    categories: Sequence[str],
    budget: float,
    pace: str,
) -> Iterator[Shown]:
    """Search a picture and show each step.

    The agent is faster than the eye: its steps are shown at the pace asked for.
    A mistake of the visitor's is a sentence, not an exception.

    Args:
        search: searches.
        picture: or path of its file; None: none was chosen yet.
        categories: what to search for.
        budget: maximum number of windows visited.
        pace: one of ``PACES``.
    """
    if picture is None:
        yield "", "", markup.said(f"There is no photograph yet. {INVITATION}", wrong=True)
        return
    try:
        image = opened(picture) if isinstance(picture, str) else picture
        result = search(image, list(categories), int(budget))
    except ObjlocError as error:
        yield "", "", markup.said(str(error), wrong=True)
        return
    delay = PACES[pace]
    for moment in moments(result) if delay else ():
        yield moment.boxes(), moment.thoughts(), markup.said("Searching …")
        time.sleep(delay)
    yield markup.ended(result), markup.table(result), markup.said(markup.summary(result))
