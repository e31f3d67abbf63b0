"""Run all checks on a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from objloc.data.check import boxes, sets
from objloc.data.check.findings import SEVERITIES, Finding, Report
from objloc.data.check.records import Record, RecordReader
from objloc.data.own.layout import Kind, find_layout


@dataclass(frozen=True)
class Checked:
    """A report, and the records it was made from (for pictures)."""

    report: Report
    kind: Kind
    records: tuple[Record, ...]


def check_folder(folder: Path) -> Checked:
    """Check every image and annotation of a folder.

    Raises:
        ObjlocError: there is no such folder, or its layout is neither VOC's nor COCO's.
    """
    layout = find_layout(folder)
    reader = RecordReader(layout)
    records = reader.read()
    image_sets, findings = sets.image_sets(layout, records)
    simple = sets.simple_sets(image_sets)
    convention = boxes.convention_of(layout.kind, records)
    findings = [
        *reader.findings,
        *findings,
        *(boxes.boxes(layout.kind, records, convention) if convention else ()),
        *boxes.sizes(records),
        *boxes.categories(records),
        *boxes.without_objects(records),
        *sets.shared_images(records, simple),
        *sets.too_few(records, simple),
    ]
    if not image_sets:
        message = "no image sets: shard.split=seeded draws them"
        findings.append(Finding("note", "sets", "", message))
    report = Report(
        folder=str(folder),
        layout=layout.kind,
        images=len(layout.images),
        annotated=sum(each.image is not None and each.labels is not None for each in records),
        objects=sum(len(each.labels.objects) for each in records if each.labels),
        image_sets={name: len(numbers) for name, numbers in sorted(image_sets.items())},
        categories=sets.count_categories(records, image_sets),
        convention=convention,
        findings=_sorted(findings),
    )
    return Checked(report, layout.kind, tuple(records))


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda each: (SEVERITIES.index(each.severity), each.kind)))
