"""Which of our modules and files a module needs, directly or through others."""

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


def is_blank(file: Path) -> bool:
    """Whether a module holds nothing but its docstring."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return all(isinstance(node, ast.Expr) for node in body)


def files_at(path: str) -> set[Path]:
    """A file, or the modules of a package."""
    if (ROOT / path).is_dir():
        return {file.relative_to(ROOT) for file in (ROOT / path).rglob("*.py")}
    return {Path(path)}


def read_beside(file: Path) -> set[Path]:
    """Files that are no modules, in a module's folder, that it names: styles and scripts.

    A folder named stands for all that it holds. Whoever fills a template may need all of
    them, since they include each other.
    """
    named = {
        node.value
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    if Path("objloc/templates.py") in imported(file):
        named.add("templates")
    found: set[Path] = set()
    for path in (ROOT / file.parent).rglob("*"):
        within = path.relative_to(ROOT / file.parent)
        names = {str(within), *map(str, within.parents)} - {"."}
        if path.is_file() and path.suffix not in (".py", ".pyc") and names & named:
            found.add(path.relative_to(ROOT))
    return found
