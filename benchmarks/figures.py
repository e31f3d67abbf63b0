"""Write the figures of the docs that code draws: ``python -m benchmarks.figures``."""

from collections.abc import Iterator
from pathlib import Path

from objloc.params import Mdp
from objloc.view.actions import actions_figure

ROOT = Path(__file__).parent.parent


def figures() -> Iterator[tuple[Path, str]]:
    """Content of each figure by its file."""
    folder = ROOT / "docs" / "images"
    yield folder / "actions_paper.svg", actions_figure(Mdp(actions="paper"))
    yield folder / "actions_dissertation.svg", actions_figure(Mdp(actions="dissertation"))


def main() -> None:
    """Write the figures."""
    for path, text in figures():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
