"""Which of our modules a module imports, directly or through others."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def module_file(name: str) -> Path | None:
    """The file of one of our modules, relative to the root; None if it isn't ours."""
    path = Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


def imported(file: Path) -> set[Path]:
    """Files that a file imports itself, wherever in it; the packages' own included."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            # Importing a.b.c runs a and a.b too.
            for end in range(1, len(parts) + 1):
                path = module_file(".".join(parts[:end]))
                if path is not None and path.parts[0] in ("objloc", "stages"):
                    found.add(path)
    return found


def closure(file: Path, without: frozenset[Path] = frozenset()) -> set[Path]:
    """All files that a file needs, itself included; ``without`` are not followed."""
    needed: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current in needed or current in without:
            continue
        needed.add(current)
        waiting += imported(current)
    return needed
