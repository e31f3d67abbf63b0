"""One browser for all tests of pages: to open one takes seconds."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from benchmarks.browser import browser
from tests.helpers.browsers import require_browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """A browser, of which each test decides the size; it has been at other pages before."""
    require_browser()
    with browser() as driver:
        yield driver
