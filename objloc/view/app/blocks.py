"""The app's page, laid out with Gradio and connected with the agent."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
from PIL import Image

from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser
from objloc.view.app import markup
from objloc.view.app.live import INVITATION, PACES, Shown, examples, opened, watch

EXAMPLES = 6
"""Number of drawn scenes."""
BUDGET = 100
"""Default of the maximum number of windows: enough for every search to get somewhere."""
REQUESTS = 4
"""Maximum number of searches at once; more wait for their turn."""


def build(agent: Localiser, max_megabytes: int) -> gr.Blocks:
    """Lay the page out and connect it with the agent.

    Args:
        agent: searches the photographs.
        max_megabytes: maximum size of a file, as the page states it.
    """
    scenes = examples(EXAMPLES)

    def take_file(path: str | None) -> Any:
        # The file goes again, which is a change too: the next one can be dropped at once.
        if path is None:
            return (gr.skip(),) * 6
        try:
            return None, *taken(opened(path))
        except ObjlocError as error:
            return None, None, "", "", "", markup.said(str(error), wrong=True)

    def chosen_scene(event: gr.SelectData) -> int:
        return int(event.index)

    def search(
        image: Image.Image | None, categories: list[str], budget: float, pace: str
    ) -> Iterator[Shown]:
        yield from watch(agent, image, categories, budget, pace)

    blocks = gr.Blocks(title="objloc", analytics_enabled=False, delete_cache=(600, 3600))
    with blocks:
        gr.HTML(markup.title(), elem_id="ob-title")
        image, scene = gr.State(), gr.State()
        with gr.Row():
            with gr.Column(scale=4, min_width=280):
                note = f"A photograph of at most {max_megabytes} MB"
                gr.HTML(markup.note(f"{note}:"), elem_classes="ob-label")
                file = gr.File(label=note, show_label=False, height=110, elem_id="ob-file")
                scenes_note = markup.note("Or a drawn scene, new to the agent:")
                gr.HTML(scenes_note, elem_classes="ob-label")
                gallery = gr.Gallery(
                    scenes, label="Drawn scenes", show_label=False, columns=3, height=236,
                    allow_preview=False, interactive=False, buttons=[], elem_id="ob-examples",
                )  # fmt: skip
                categories = gr.CheckboxGroup(
                    list(agent.categories), value=list(agent.categories), label="Search for"
                )
                budget = gr.Slider(1, 500, BUDGET, step=1, label="Windows to look at, at most")
                pace = gr.Radio(list(PACES), value="normal", label="Pace")
                with gr.Row():
                    start = gr.Button("Search", variant="primary", min_width=80, elem_id="ob-start")
                    stop = gr.Button("Stop", min_width=80, elem_id="ob-stop")
            with gr.Column(scale=9, min_width=280):
                told = gr.HTML(markup.said(INVITATION), elem_id="ob-told")
                with gr.Row():
                    with gr.Column(elem_id="ob-stage", scale=5, min_width=280):
                        photo = gr.HTML(elem_id="ob-photo", apply_default_css=False)
                        overlay = gr.HTML(elem_id="ob-overlay", apply_default_css=False)
                    with gr.Column(scale=4, min_width=280):
                        panel = gr.HTML(elem_id="ob-panel", apply_default_css=False)
        quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        shown = [image, photo, overlay, panel, told]
        searching = start.click(
            search, [image, categories, budget, pace], [overlay, panel, told],
            concurrency_limit=REQUESTS, **quietly,
        )  # fmt: skip
        # First the search ends, then something else is shown: else its last step, which
        # is on its way, might lie over it.
        ending: dict[str, Any] = {"cancels": searching, "queue": False, **quietly}
        file.change(None, **ending).then(take_file, file, [file, *shown], **quietly)
        gallery.select(chosen_scene, None, scene, **ending).then(
            lambda number: taken(scenes[number]), scene, shown, **quietly
        )
        stop.click(None, **ending).then(lambda: markup.said("Stopped."), None, told, **quietly)
    return blocks


def taken(image: Image.Image) -> tuple[Image.Image, str, str, str, str]:
    """Values of all components for a new photograph: state, picture, boxes, panel, sentence."""
    size = f"{image.width} by {image.height} pixels"
    ready = markup.said(f"Ready: {size}. Press Search.")
    return image, markup.photograph(image), "", "", ready


def theme() -> gr.themes.Base:
    """Theme of calm colours and of fonts that the visitor's machine has: none is fetched."""
    return gr.themes.Base(
        primary_hue="amber",
        neutral_hue="stone",
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )
