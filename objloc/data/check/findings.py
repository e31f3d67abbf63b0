"""Outcome of a check: the content of a folder, and its findings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from objloc.data.own.conventions import Convention
from objloc.data.own.findings import Finding, Severity


@dataclass(frozen=True)
class Report:
    """Content of a folder, and everything that is wrong with it.

    Attributes:
        folder: path as the user gave it.
        layout: ``voc``, ``coco``, ``yolo``, ``cvat`` or ``labelme``.
        images: number of image files.
        annotated: number of images with an annotation.
        objects: number of objects that the pipeline keeps.
        image_sets: number of images by image set; empty if the folder has none.
        categories: number of images by category and image set (``all`` if there are no
            sets).
        convention: form of the boxes; None without boxes. If files of several tools differ,
            the form of most boxes, and a finding names the others.
        findings: findings, errors first.
    """

    folder: str
    layout: str
    images: int
    annotated: int
    objects: int
    image_sets: Mapping[str, int]
    categories: Mapping[str, Mapping[str, int]]
    convention: Convention | None
    findings: tuple[Finding, ...]

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Findings of one severity."""
        return tuple(each for each in self.findings if each.severity == severity)

    @property
    def passed(self) -> bool:
        """Whether there is no error."""
        return not self.of("error")

    def as_json(self) -> dict[str, Any]:
        """Convert to plain values."""
        return asdict(self) | {"findings": [asdict(each) for each in self.findings],
                               "passed": self.passed}  # fmt: skip
