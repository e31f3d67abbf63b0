"""The app's server, which asks nothing of any other machine."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser
from objloc.serving.limits import Limits
from objloc.serving.listening import listening

PORTS = range(7860, 7960)
"""Ports of which the first free one is taken."""
REQUESTS = 32
"""Maximum number of uploads and clicks that are taken in at once."""


@contextmanager
def served(
    agent: Localiser,
    host: str = "127.0.0.1",
    port: int | None = None,
    max_megabytes: int = 20,
    max_seconds: float = 60,
) -> Iterator[str]:
    """Serve the app while the block runs.

    Uploads are kept in a temporary folder, which is removed at the end.

    Args:
        agent: searches the photographs.
        host: address to listen on.
        port: None for the first free one of ``PORTS``.
        max_megabytes: maximum size of an upload; a larger one is refused.
        max_seconds: maximum time for an upload to arrive, and for a search to wait and to end.

    Yields:
        Address of the page.

    Raises:
        ObjlocError: Gradio is not installed, or the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="objloc-app-") as folder:
        # Read when Gradio is imported, or when it starts.
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": folder}
        _require_gradio()
        from objloc.view.app.blocks import application  # noqa: PLC0415

        app = application(agent, max_megabytes, max_seconds)
        ports = PORTS if port is None else range(port, port + 1)
        # An upload is a little more than its file.
        limits = Limits(max_megabytes + 1, max_seconds, REQUESTS)
        with listening(app, host, ports, limits) as address:
            yield f"{address}/"


def _require_gradio() -> None:
    """Raise an error before anything is prepared if Gradio is missing; loading it takes seconds."""
    try:
        import gradio  # noqa: F401, PLC0415
    except ImportError:
        raise ObjlocError(
            "app: expected the package gradio; not installed (pip install 'objloc[app]')"
        ) from None
