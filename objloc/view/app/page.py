"""The page of the app, and its server. Nothing is asked of any other machine."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from PIL import Image

from objloc.errors import ObjlocError
from objloc.localiser import Localiser
from objloc.view.app import markup
from objloc.view.app.live import INVITATION, PACES, Shown, examples, opened, watch

if TYPE_CHECKING:
    import gradio


EXAMPLES = 6
REQUESTS = 4
"""Searches at once; more wait for their turn."""
BUDGET = 100


@dataclass(frozen=True)
class Serving:
    """A running server: its address, and how to wait until it is interrupted."""

    address: str
    blocks: "gradio.Blocks"

    def wait(self) -> None:
        """Serve until an interrupt."""
        self.blocks.block_thread()


@contextmanager
def served(
    agent: Localiser, host: str = "127.0.0.1", port: int | None = None, max_megabytes: int = 20
) -> Iterator[Serving]:
    """Serve the app while the block runs.

    What visitors upload lies in a temporary folder that goes at the end.

    Args:
        agent: searches.
        host: address to listen on.
        port: None: the first free one from 7860.
        max_megabytes: a larger upload is refused.

    Raises:
        ObjlocError: Gradio is not installed; the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="objloc-app-") as folder:
        # Read when Gradio is imported, or when it starts.
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": folder}
        gr = _gradio()
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
                theme=gr.themes.Base(
                    primary_hue="amber", neutral_hue="stone",
                    font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace"),
                ),
                css=(files("objloc.view.app") / "style.css").read_text("utf-8"),
            )  # fmt: skip
        except OSError as error:
            where = f"{host}:{port}" if port else host
            reason = " ".join(str(error).split())
            raise ObjlocError(f"app: cannot listen on {where}: {reason}") from None
        try:
            yield Serving(address, blocks)
        finally:
            blocks.close(verbose=False)


def _gradio() -> Any:
    try:
        import gradio  # noqa: PLC0415 - it takes seconds to load
    except ImportError:
        raise ObjlocError(
            "app: expected the package gradio; not installed (pip install 'objloc[app]')"
        ) from None
    return gradio


def build(agent: Localiser, max_megabytes: int) -> "gradio.Blocks":
    """Lay the page out and connect it with the agent."""
    gr = _gradio()
    scenes = examples(EXAMPLES)

    def take_file(path: str | None) -> tuple[Image.Image | None, str, str, str, str]:
        if path is None:
            return None, "", "", "", markup.said(INVITATION)
        try:
            image = opened(path)
        except ObjlocError as error:
            return None, "", "", "", markup.said(str(error), wrong=True)
        return taken(image)

    def take_scene(event: gr.SelectData) -> tuple[Image.Image, str, str, str, str]:
        return taken(scenes[event.index])

    def search(
        image: Image.Image | None, categories: list[str], budget: float, pace: str
    ) -> Iterator[Shown]:
        yield from watch(agent, image, categories, budget, pace)

    with gr.Blocks(title="objloc", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.HTML(
            "<h1>Watch the agent search</h1><p>It moves a window over your photograph, one action "
            "at a time, until it says “here”. Nothing leaves this machine.</p>",
            elem_id="ob-title",
        )
        image = gr.State()
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                file = gr.File(
                    label=f"Photograph, at most {max_megabytes} MB", height=120, elem_id="ob-file"
                )
                gallery = gr.Gallery(
                    scenes, label="Drawn scenes, new to the agent", columns=3, height=190,
                    allow_preview=False, interactive=False, buttons=[], elem_id="ob-examples",
                )  # fmt: skip
                categories = gr.CheckboxGroup(
                    list(agent.categories), value=list(agent.categories), label="Search for"
                )
                budget = gr.Slider(
                    1, 500, BUDGET, step=1, label="Budget: windows to look at, at most"
                )
                pace = gr.Radio(list(PACES), value="normal", label="Pace")
                with gr.Row():
                    start = gr.Button("Search", variant="primary", elem_id="ob-start")
                    stop = gr.Button("Stop", elem_id="ob-stop")
            with gr.Column(scale=4, min_width=320):
                told = gr.HTML(markup.said(INVITATION), elem_id="ob-told")
                with gr.Column(elem_id="ob-stage"):
                    photo = gr.HTML(elem_id="ob-photo", apply_default_css=False)
                    overlay = gr.HTML(elem_id="ob-overlay", apply_default_css=False)
                panel = gr.HTML(elem_id="ob-panel", apply_default_css=False)
        quietly = {"show_progress": "hidden", "api_visibility": "private"}
        shown = [image, photo, overlay, panel, told]
        searching = start.click(
            search, [image, categories, budget, pace], [overlay, panel, told],
            concurrency_limit=REQUESTS, **quietly,
        )  # fmt: skip
        file.change(take_file, file, shown, cancels=searching, **quietly)
        gallery.select(take_scene, None, shown, cancels=searching, **quietly)
        stop.click(lambda: markup.said("Stopped."), None, told, cancels=searching, **quietly)
    return blocks


def taken(image: Image.Image) -> tuple[Image.Image, str, str, str, str]:
    """A new photograph in all components: state, picture, boxes, panel, sentence."""
    size = f"{image.width} by {image.height} pixels"
    ready = markup.said(f"Ready: {size}. Press Search.")
    return image, markup.photograph(image), "", "", ready
