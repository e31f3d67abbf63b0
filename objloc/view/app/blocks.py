"""The app's page, laid out with Gradio and connected with the agent."""

from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.utils import get_upload_folder
from PIL import Image

from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser
from objloc.view.app import markup
from objloc.view.app.live import INVITATION, PACES, Shown, Turns, examples, opened, watch

EXAMPLES = 6
"""Number of drawn scenes."""
BUDGET = 100
"""Default of the maximum number of windows: enough for every search to get somewhere."""
SEARCHES = 2
"""Maximum number of searches at once."""
SHOWN = 24
"""Maximum number of searches that wait or are shown at once; each has a thread, and Gradio has 40
for all."""
WAITING = 64
"""Maximum number of clicks that wait for Gradio; to more it says that it is busy."""
SESSIONS = 50
"""Maximum number of visitors of whom Gradio keeps something, for which the app has no use: what a
visitor has chosen is on the visitor's page."""


def _take_uploads_only(*components: gr.components.Component) -> None:
    """Have components take files that were uploaded, and nothing else.

    Whatever a component is for, Gradio takes a file in its place where a request gives one by
    its path. In an app that is mounted it takes any file of this machine, and in every app one
    at an address, which it fetches.
    """

    def guarded(take: Callable[[Any], Awaitable[str | None]]) -> Callable[[Any], Any]:
        async def take_upload(path: Any) -> str | None:
            return await take(_uploaded(str(path)))

        return take_upload

    for each in components:
        taking = guarded(each.async_move_resource_to_block_cache)
        setattr(each, "async_move_resource_to_block_cache", taking)  # noqa: B010  # a method


def _uploaded(path: str) -> str:
    """The path, if it is an uploaded file's.

    Raises:
        gr.Error: it is not.
    """
    if not Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise gr.Error("expected an uploaded file; found another", print_exception=False)
    return path


def application(agent: Localiser, max_megabytes: int, max_seconds: float) -> FastAPI:
    """The app, for a server.

    Args:
        agent: searches the photographs.
        max_megabytes: maximum size of a file.
        max_seconds: maximum time that a search waits, and that it takes.
    """
    blocks = build(agent, max_megabytes, max_seconds)
    blocks.queue(max_size=WAITING)
    blocks.state_session_capacity = SESSIONS
    # FastAPI's own pages load scripts from elsewhere.
    app = FastAPI(openapi_url=None)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        blocks,
        "/",
        ssr_mode=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        max_file_size=f"{max_megabytes}mb",
        theme=theme(),
        css=(files("objloc.view.app") / "style.css").read_text("utf-8"),
    )
    return mounted


def build(agent: Localiser, max_megabytes: int, max_seconds: float) -> gr.Blocks:
    """Lay the page out and connect it with the agent.

    Args: see ``application``.
    """
    turns = Turns(agent, SEARCHES, max_seconds)
    scenes = {f"scene {number}": each for number, each in enumerate(examples(EXAMPLES))}

    def take_file(path: str | None) -> Any:
        # The file goes again, which is a change too: the next one can be dropped at once.
        if path is None:
            return (gr.skip(),) * 6
        try:
            return None, path, *taken(opened(path))
        except ObjlocError as error:
            return None, "", "", "", "", markup.said(str(error), wrong=True)

    def chosen_scene(event: gr.SelectData) -> str:
        return str(list(scenes)[event.index])

    def search(
        chosen: str | None, categories: list[str], budget: float, pace: str
    ) -> Iterator[Shown]:
        picture = scenes.get(chosen or "") or (_uploaded(chosen) if chosen else None)
        yield from watch(turns, picture, categories, budget, pace)

    blocks = gr.Blocks(title="objloc", analytics_enabled=False, delete_cache=(600, 3600))
    with blocks:
        gr.HTML(markup.title(), elem_id="ob-title")
        # A file's path or a scene's name, on the visitor's page: a server that kept it would
        # grow with every visitor, or forget some.
        chosen = gr.Textbox(visible=False)
        with gr.Row():
            with gr.Column(scale=4, min_width=280):
                note = f"A photograph of at most {max_megabytes} MB"
                gr.HTML(markup.note(f"{note}:"), elem_classes="ob-label")
                file = gr.File(label=note, show_label=False, height=110, elem_id="ob-file")
                scenes_note = markup.note("Or a drawn scene, new to the agent:")
                gr.HTML(scenes_note, elem_classes="ob-label")
                gallery = gr.Gallery(
                    list(scenes.values()), label="Drawn scenes", show_label=False,
                    columns=3, height=236, allow_preview=False, interactive=False, buttons=[],
                    elem_id="ob-examples",
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
        _take_uploads_only(file, chosen, categories, budget, pace)
        quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        shown = [photo, overlay, panel, told]
        searching = start.click(
            search, [chosen, categories, budget, pace], [overlay, panel, told],
            concurrency_limit=SHOWN, **quietly,
        )  # fmt: skip
        # First the search ends, then something else is shown: else its last step, which
        # is on its way, might lie over it.
        ending: dict[str, Any] = {"cancels": searching, "queue": False, **quietly}
        file.change(None, **ending).then(take_file, file, [file, chosen, *shown], **quietly)
        gallery.select(chosen_scene, None, chosen, **ending).then(
            lambda name: taken(scenes[name]), chosen, shown, **quietly
        )
        stop.click(None, **ending).then(lambda: markup.said("Stopped."), None, told, **quietly)
    return blocks


def taken(image: Image.Image) -> tuple[str, str, str, str]:
    """Values of all components for a new photograph: picture, boxes, panel, sentence."""
    size = f"{image.width} by {image.height} pixels"
    ready = markup.said(f"Ready: {size}. Press Search.")
    return markup.photograph(image), "", "", ready


def theme() -> gr.themes.Base:
    """Theme of calm colours and of fonts that the visitor's machine has: none is fetched."""
    return gr.themes.Base(
        primary_hue="amber",
        neutral_hue="stone",
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )
