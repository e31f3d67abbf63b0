"""Make image ids, as shards require them, for files of any name."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

MAX_LENGTH = 80


def image_ids(files: Iterable[Path]) -> dict[Path, str]:
    """Make an id of letters, digits, ``_`` and ``-`` for each file.

    The id is the name without its extension, or the whole path if several files have
    the same name; other characters become ``_``.

    Args:
        files: paths relative to the user's folder.
    """
    files = sorted(files)
    names = Counter(_plain(path.stem) for path in files)
    ids: dict[Path, str] = {}
    taken: set[str] = set()
    for path in files:
        name = _plain(path.stem)
        if names[name] > 1:
            name = _plain("_".join(path.with_suffix("").parts))
        number, unique = 1, name
        while unique in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique)
        ids[path] = unique
    return ids


def _plain(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).lstrip("_-") or "image"
    if len(plain) > MAX_LENGTH:
        plain = f"{plain[:MAX_LENGTH]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return plain
