"""What a check found: by severity, kind and file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should know.

    Attributes:
        severity: an error is refused by the pipeline or spoils its figures; a warning
            may be meant; a note explains.
        kind: a word for all findings alike, such as ``missing``.
        place: the file, within the folder checked; empty for all of it.
        message: what was expected and what was found.
    """

    severity: Severity
    kind: str
    place: str
    message: str


@dataclass(frozen=True)
class Convention:
    """How boxes are written.

    Attributes:
        name: ``voc``, ``xywh``, ``zero-based`` … (``objloc.data.check.convention``).
        fits: it is the one that the layout asks for, as far as can be told.
        words: the same for people.
        evidence: the counts that say so.
    """

    name: str
    fits: bool
    words: str
    evidence: str


@dataclass(frozen=True)
class Report:
    """What a folder holds, and what is wrong with it.

    Attributes:
        folder: as it was given.
        layout: ``voc`` or ``coco``.
        images: image files.
        annotated: of them, those with an annotation.
        objects: annotated ones.
        image_sets: images of each, by name; empty where the folder has none.
        categories: images of each category in each set (``all`` where there are no sets).
        convention: of the boxes; None without any.
        findings: errors first.
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
        """The findings of one severity."""
        return tuple(each for each in self.findings if each.severity == severity)

    @property
    def passed(self) -> bool:
        """There is no error."""
        return not self.of("error")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"findings": [asdict(each) for each in self.findings],
                               "passed": self.passed}  # fmt: skip
