"""Run all checks on a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from objloc import params
from objloc.data.check import sets
from objloc.data.check.categories import spelling
from objloc.data.check.findings import Report
from objloc.data.check.records import Record, read_records
from objloc.data.own.findings import SEVERITIES, Finding
from objloc.data.own.reader import FolderReader


@dataclass(frozen=True)
class Checked:
    """A report, and the records it was made from (for pictures)."""

    report: Report
    records: tuple[Record, ...]


def check_folder(folder: Path, section: params.Dataset) -> Checked:
    """Check every image and annotation of a folder, as the download stage would read it.

    Args:
        folder: the folder.
        section: the parameters ``dataset``; only those about a folder count.

    Raises:
        ObjlocError: there is no such folder, or its layout is not known.
    """
    reader = FolderReader(folder, section)
    records = read_records(reader)
    by_path = {each.image: number for number, each in enumerate(records) if each.image}
    image_sets = {
        name: [by_path[path] for path in paths if path in by_path]
        for name, paths in reader.sets.items()
    }
    simple = sets.simple_sets(image_sets)
    findings = [
        *reader.findings,
        *spelling(records),
        *sets.shared_images(records, simple),
        *sets.too_few(records, simple),
    ]
    if empty := sum(each.objects == () for each in records):
        message = f"{empty} images are annotated without an object"
        findings.append(Finding("note", "empty", "", message))
    if not image_sets:
        message = "no image sets: shard.split=seeded draws them"
        findings.append(Finding("note", "sets", "", message))
    report = Report(
        folder=str(folder),
        layout=reader.layout.kind,
        images=len(reader.layout.images),
        annotated=sum(each.objects is not None for each in records),
        objects=sum(len(each.kept) for each in records),
        image_sets={name: len(numbers) for name, numbers in sorted(image_sets.items())},
        categories=sets.count_categories(records, image_sets),
        convention=next(iter(reader.conventions.values()), None),
        findings=_sorted(findings),
    )
    return Checked(report, tuple(records))


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda each: (SEVERITIES.index(each.severity), each.kind)))
