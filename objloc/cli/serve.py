"""``objloc serve``: a model behind HTTP."""

from typing import Annotated

import typer

from objloc.cli._options import Model


def command(
    model: Model = "champion",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = 5001,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 admits other machines.")
    ] = "127.0.0.1",
    max_megabytes: Annotated[
        int, typer.Option(min=1, max=1000, help="Maximum size of a request.")
    ] = 64,
    max_seconds: Annotated[
        int,
        typer.Option(
            min=1, help="Maximum time for a request to arrive, to wait, and to be searched, each."
        ),
    ] = 60,
    at_once: Annotated[
        int, typer.Option(min=1, max=64, help="Requests that are searched at once.")
    ] = 2,
    waiting: Annotated[
        int, typer.Option(min=0, max=1000, help="Further requests that wait; more are refused.")
    ] = 16,
) -> None:
    """Serve a model as `mlflow models serve` does, within limits on size, time and number.

    POST /invocations takes images as JSON and answers with boxes; GET /ping says whether it
    runs. Ctrl-C stops it.
    """
    import threading

    from objloc.command import return_freed_memory
    from objloc.search.localiser import model_path
    from objloc.serving.limits import Limits
    from objloc.serving.listening import listening, warn_if_open
    from objloc.serving.service import Service

    return_freed_memory()
    requests = at_once + waiting
    service = Service(model_path(model), at_once, requests, max_seconds)
    limits = Limits(max_megabytes, max_seconds, requests)
    warn_if_open(host)
    with listening(service.app(), host, range(port, port + 1), limits) as address:
        print(f"Serving {address}/invocations (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
