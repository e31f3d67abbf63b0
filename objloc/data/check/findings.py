"""Findings of a check, by severity, kind and file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One finding about a folder.

    Attributes:
        severity: ``error`` (the pipeline refuses it, or figures would be wrong), ``warning``
            (it may be intended) or ``note``.
        kind: a word for the class of finding, such as ``missing``.
        place: path of the file within the folder; empty for the whole folder.
        message: the expected and the found state.
    """

    severity: Severity
    kind: str
    place: str
    message: str


@dataclass(frozen=True)
class Convention:
    """Convention in which boxes are written.

    Attributes:
        name: ``voc``, ``xywh``, ``zero-based`` … (``objloc.data.check.convention``).
        fits: whether it is the one that the layout requires, as far as can be inferred.
        words: description of the convention.
        evidence: the counts that support it.
    """

    name: str
    fits: bool
    words: str
    evidence: str


@dataclass(frozen=True)
class Report:
    """Content of a folder, and everything that is wrong with it.

    Attributes:
        folder: path as the user gave it.
        layout: ``voc`` or ``coco``.
        images: number of image files.
        annotated: number of images with an annotation.
        objects: number of annotated objects.
        image_sets: number of images by image set; empty if the folder has none.
        categories: number of images by category and image set (``all`` if there are no
            sets).
        convention: convention of the boxes; None without boxes.
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
