"""Headless Chromium without a network, for screenshots and for tests of pages."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
)  # fmt: skip


def missing() -> str | None:
    """Names of required programs and packages that are not installed; None if all are."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium (the extra dev)"
    if not any(map(shutil.which, _BROWSERS)):
        return "Chromium"
    return None if shutil.which("chromedriver") else "chromedriver"


@contextmanager
def browser(
    width: int = 1280,
    height: int = 800,
    *,
    scale: float = 1,
    touch: bool = False,
    online: bool = False,
    dark: bool = False,
    calm: bool = False,
) -> Iterator["Chrome"]:
    """Open a browser window that is closed at the end.

    Args:
        width: width of the page, in CSS pixels.
        height: height of the page, in CSS pixels.
        scale: pixels of a screenshot per CSS pixel.
        touch: whether the browser is a phone's, with touch events.
        online: whether requests to the network can succeed.
        dark: whether the reader prefers a dark colour scheme.
        calm: whether the reader prefers reduced motion.
    """
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, _BROWSERS)))
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        if not online:
            # No name resolves and no address is reached, except those of this machine.
            options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            emulate(driver, width, height, scale=scale, touch=touch, dark=dark, calm=calm)
            yield driver
        finally:
            driver.quit()


def emulate(
    driver: "Chrome",
    width: int,
    height: int,
    *,
    scale: float = 1,
    touch: bool = False,
    dark: bool = False,
    calm: bool = False,
) -> None:
    """Give the current tab another window, device or reader; arguments as for ``browser``."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": touch}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": touch})
    features = [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def requested(driver: "Chrome") -> list[str]:
    """Addresses requested since the last call, but for data, blobs and Chromium's own pages."""
    found = []
    for entry in _log(driver, "performance"):
        message: dict[str, Any] = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [url for url in found if not url.startswith(("data:", "blob:", "chrome:"))]


def complaints(driver: "Chrome") -> list[str]:
    """Errors and warnings of the page in the browser's console."""
    return [entry["message"] for entry in _log(driver, "browser")]


def _log(driver: "Chrome", kind: str) -> list[dict[str, Any]]:
    """New entries of one of the browser's logs since the last call."""
    entries: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]
    return entries
