"""Tests that look at pages: skipped where there is no Chromium, unless it is required."""

import os
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome

from benchmarks.browser import missing

PATIENCE = 300
"""Seconds to wait for what a page shows next: against hanging, not a measure of speed."""


def require_browser() -> None:
    """Skip, or with ``OBJLOC_REQUIRE_BROWSER=1`` fail, where Chromium is not installed."""
    lacking = missing()
    if lacking is None:
        return
    told = f"not installed: {lacking}"
    if os.environ.get("OBJLOC_REQUIRE_BROWSER") == "1":
        pytest.fail(told)
    pytest.skip(told)


def press(driver: Chrome, *keys: str) -> None:
    """Type keys, one after another, wherever the focus is."""
    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def asked(driver: Chrome, script: str, *arguments: Any) -> Any:
    """What a JavaScript expression gives in the page."""
    return driver.execute_script(f"return {script}", *arguments)


def open_page(driver: Chrome, path: Path, fragment: str = "") -> None:
    """Open a file anew, whatever was open before."""
    driver.get("about:blank")
    driver.get(f"{path.as_uri()}{fragment}")
