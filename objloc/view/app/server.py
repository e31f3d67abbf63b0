"""The app's server, which asks nothing of any other machine."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser


@contextmanager
def served(
    agent: Localiser, host: str = "127.0.0.1", port: int | None = None, max_megabytes: int = 20
) -> Iterator[str]:
    """Serve the app while the block runs.

    Uploads are kept in a temporary folder, which is removed at the end.

    Args:
        agent: searches the photographs.
        host: address to listen on.
        port: None for the first free one from 7860.
        max_megabytes: maximum size of an upload; a larger one is refused.

    Yields:
        Address of the page.

    Raises:
        ObjlocError: Gradio is not installed, or the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="objloc-app-") as folder:
        # Read when Gradio is imported, or when it starts.
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": folder}
        _require_gradio()
        from objloc.view.app.blocks import build, theme  # noqa: PLC0415

        blocks = build(agent, max_megabytes)
        try:
            _, address, _ = blocks.launch(
                server_name=host,
                server_port=port,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                enable_monitoring=False,
                run_history=False,
                footer_links=[],
                max_file_size=f"{max_megabytes}mb",
                theme=theme(),
                css=(files("objloc.view.app") / "style.css").read_text("utf-8"),
            )  # fmt: skip
        except OSError as error:
            where = f"{host}:{port}" if port else host
            reason = " ".join(str(error).split())
            raise ObjlocError(f"app: cannot listen on {where}: {reason}") from None
        try:
            yield address
        finally:
            blocks.close(verbose=False)


def _require_gradio() -> None:
    """Raise an error before anything is prepared if Gradio is missing; loading it takes seconds."""
    try:
        import gradio  # noqa: F401, PLC0415
    except ImportError:
        raise ObjlocError(
            "app: expected the package gradio; not installed (pip install 'objloc[app]')"
        ) from None
