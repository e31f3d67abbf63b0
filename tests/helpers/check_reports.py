"""What the tests of the check share: reports asked for, boxes rewritten."""

import re
from collections.abc import Callable
from pathlib import Path

from objloc.data.check.check import check_folder
from objloc.data.check.findings import Report
from objloc.data.own.findings import Finding
from objloc.params import Dataset


def report_of(folder: Path, section: Dataset | None = None) -> Report:
    return check_folder(folder, section or Dataset()).report


def about(report: Report, kind: str) -> list[Finding]:
    """Findings of a kind."""
    return [each for each in report.findings if each.kind == kind]


def rewrite_boxes(
    folder: Path, rewrite: Callable[..., tuple[float, ...]], files: str = "*.xml"
) -> None:
    """Write every box anew from its four numbers and the image's sides."""
    names = ("xmin", "ymin", "xmax", "ymax")
    for path in folder.glob(files):
        text = path.read_text()
        width, height = (
            int(found[1])
            for name in ("width", "height")
            if (found := re.search(f"<{name}>([0-9]+)", text))
        )

        def written(match: re.Match[str], size: tuple[int, int] = (width, height)) -> str:
            box = [float(re.search(f"<{name}>([^<]*)", match[0])[1]) for name in names]  # type: ignore[index]
            numbers = rewrite(*box, *size)
            parts = zip(names, numbers, strict=True)
            return f"<bndbox>{''.join(f'<{n}>{v:g}</{n}>' for n, v in parts)}</bndbox>"

        path.write_text(re.sub(r"<bndbox>.*?</bndbox>", written, text, flags=re.DOTALL))
