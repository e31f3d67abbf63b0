"""Hooks that MkDocs runs while it builds the site."""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Remove the entries of the nav whose page does not exist."""
    config.nav = present(config.nav, Path(config.docs_dir))
    return config


def present(nav: list[Any], folder: Path) -> list[Any]:
    """Entries of a nav whose page exists, without empty sections."""
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
