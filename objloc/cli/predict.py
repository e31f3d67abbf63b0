"""``objloc predict``: pictures in, boxes out."""

import gc
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from objloc.cli._options import SOME_FAILED, Json, Model, Output, names_in
from objloc.errors import ObjlocError

if TYPE_CHECKING:
    from objloc.search.result import Result

_COLUMNS = (
    f"{'category':14} {'score':>7} {'steps':>5} {'xmin':>7} {'ymin':>7} {'xmax':>7} {'ymax':>7}"
)


def command(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE|FOLDER|URL", help="Pictures or folders of pictures."),
    ],
    model: Model = "champion",
    categories: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME", help="Categories to search for; default: all that the agent knows."
        ),
    ] = None,
    max_windows: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Budget of windows per picture for all categories together; such a search finds "
            "several objects of a category. Default: one search for each category.",
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            help="Boxes of a lower score are left out; -inf: none. Default: where the agent "
            "values a box as likely to be right as wrong.",
        ),
    ] = None,
    output: Output = Path("predictions"),
    write: Annotated[
        bool, typer.Option("--files/--no-files", help="Write NAME.jpg, NAME.json and NAME.xml.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Find objects in pictures: print a table and write the boxes.

    For each picture FOLDER gets NAME.jpg (with the boxes drawn), NAME.json (boxes,
    scores and trajectories) and NAME.xml (Pascal VOC). Boxes are in pixels of the
    upright picture. A score is the trigger's Q-value, not a probability.

    Exit status 3: some pictures failed, the others were searched.
    """
    # Imports make hundreds of thousands of objects and no unused cycles: Python would look
    # for some in vain at each 700, for a tenth of the time.
    gc.set_threshold(100_000, 20, 100)
    from objloc.search.localiser import Localiser

    _check_options(max_windows, min_score)
    pictures = list_pictures(sources, output if write else None)
    agent = Localiser.load(model)
    asked = names_in(categories)
    agent.indices(asked)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    taken: set[str] = set()
    width = max(5, *(len(label) for _, label in pictures))
    for source, label in pictures:
        try:
            result = agent(source, asked, max_windows, min_score=min_score)
            name = _free_name(result.name, taken)
            files = _written(result, output, name) if write else []
        except ObjlocError as error:
            print(f"error: {error}", file=sys.stderr)
            failed.append({"source": str(source), "error": str(error)})
            continue
        if as_json:
            done.append({"source": str(source), "files": files, **result.as_json()})
        else:
            if not done:
                print(f"{'image':{width}}  {_COLUMNS}")
            done.append({})
            print("\n".join(_rows(result, f"{label:{width}}")))
    if as_json:
        print(json.dumps({"model": model, "images": done, "failed": failed}, indent=2))
    elif write and done:
        print(f"{3 * len(done)} files in {output}", file=sys.stderr)
    if failed:
        raise typer.Exit(SOME_FAILED if done else 1)


def _check_options(max_windows: int | None, min_score: float | None) -> None:
    """Refuse wrong options before a picture is searched: each would tell the mistake."""
    from objloc.search.localiser import checked_budget, checked_score

    if max_windows is not None:
        checked_budget(max_windows)
    if min_score is not None:
        checked_score(min_score)


def list_pictures(sources: list[str], output: Path | None) -> list[tuple[str | Path, str]]:
    """List the pictures of the arguments, each with its label in the table.

    Args:
        sources: paths of files and folders, and URLs.
        output: folder that files will be written to; None: none are written.

    Raises:
        ObjlocError: a folder has no pictures, or is the output folder; that one is a file.
    """
    from objloc.data.images import images_in
    from objloc.data.photograph import is_url, name_in

    if output and output.is_file():
        raise ObjlocError(f"{output}: expected a folder; found a file")
    found: list[tuple[str | Path, str]] = []
    for source in sources:
        path = Path(source)
        if is_url(source):
            found.append((source, name_in(source) or source))
        elif path.is_dir():
            found += [(each, each.name) for each in images_in(path)]
        else:
            found.append((path, path.name))
    for each, _ in found:
        # NAME.jpg would replace the picture, NAME.xml its ground truth.
        if output and isinstance(each, Path) and each.parent.resolve() == output.resolve():
            raise ObjlocError(
                f"--output: expected another folder than the pictures'; found {output}"
            )
    return found


def _free_name(name: str, taken: set[str]) -> str:
    """A name that no other picture of this call has."""
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.lower())
    return free


def _written(result: "Result", output: Path, name: str) -> list[str]:
    from objloc.files import write_files
    from objloc.view.prediction import files_of

    return [str(path) for path in write_files(output, files_of(result, name))]


def _rows(result: "Result", label: str) -> list[str]:
    if not result.found:
        return [f"{label}  nothing found in {result.windows} windows"]
    return [
        f"{label}  {each.category:14} {each.score:7.2f} {len(each.search.steps):5d} "
        + " ".join(f"{corner:7.1f}" for corner in each.box)
        for each in result.found
    ]
