"""The shell commands of README and docs: found, told apart, run."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.imports import ROOT
from tests.helpers.projects import Project

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
_PROGRAM = re.compile(r"(?:make|dvc|python|torchrun|objloc|mlflow|curl|git|pip|\.) ")


def commands_of(page: Path) -> list[str]:
    """The commands of a page in order: of ``sh`` blocks, and of blocks that are indented."""
    return list(_commands(page.read_text(encoding="utf-8")))


def _commands(text: str) -> Iterator[str]:
    fence: str | None = None
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.startswith("```"):
            fence = line[3:].strip() if fence is None else None
            continue
        if fence == "sh" or (fence is None and line.startswith("    ")):
            command = re.sub(r"\s+", " ", re.sub(r"\s+#.*$", "", line.strip()))
            if _PROGRAM.match(f"{command} "):
                yield command


class Shell:
    """Runs commands in a project as its reader would, ``objloc`` being the project's own."""

    def __init__(self, project: Project) -> None:
        self.project = project
        tools = project.folder.parent / "tools"
        tools.mkdir(exist_ok=True)
        script = tools / "objloc"
        script.write_text(
            "#!/bin/sh\nexec python -c 'from objloc.cli import main; main()' \"$@\"\n"
        )
        script.chmod(0o755)
        self._environment = project.environment | {"PATH": f"{tools}:{project.environment['PATH']}"}

    def __call__(self, command: str) -> str:
        """What a command printed; fails where it does."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.project.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr
