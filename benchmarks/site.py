"""What MkDocs runs while it builds the site."""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Leave out entries of the nav whose page is not there."""
    config.nav = present(config.nav, Path(config.docs_dir))
    return config


def present(nav: list[Any], folder: Path) -> list[Any]:
    """The entries of a nav whose page exists; sections that would be empty go too."""
    kept: list[Any] = []
    for entry in nav:
        if isinstance(entry, str):
            if (folder / entry).is_file():
                kept.append(entry)
            continue
        ((title, target),) = entry.items()
        inner = present(target if isinstance(target, list) else [target], folder)
        if inner:
            kept.append({title: inner if isinstance(target, list) else target})
    return kept
