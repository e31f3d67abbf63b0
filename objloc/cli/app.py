"""``objloc app``: a local page that searches photographs."""

from typing import Annotated

import typer

from objloc.cli._options import Model


def command(
    model: Model = "champion",
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port to listen on; default: the first free one from 7860."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 admits other machines.")
    ] = "127.0.0.1",
    max_megabytes: Annotated[
        int, typer.Option(min=1, max=500, help="Maximum size of an upload.")
    ] = 20,
    max_seconds: Annotated[
        int,
        typer.Option(
            min=1, help="Maximum time for an upload to arrive, and for a search to wait or take."
        ),
    ] = 60,
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Open a local page: drop a photograph, watch the search.

    It needs the extra app (Gradio) and no network. Ctrl-C stops it.
    """
    import threading
    import webbrowser

    from objloc.command import return_freed_memory
    from objloc.search.localiser import Localiser
    from objloc.serving.listening import warn_if_open
    from objloc.view.app.server import served

    return_freed_memory()
    agent = Localiser.load(model)
    warn_if_open(host)
    with served(agent, host, port, max_megabytes, max_seconds) as address:
        print(f"Serving {address} (Ctrl-C ends it)", flush=True)
        if show:
            webbrowser.open(address)
        threading.Event().wait()
