"""Check names of categories."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from objloc.data.check.records import Record
from objloc.data.own.findings import Finding


def spelling(records: Sequence[Record]) -> Iterator[Finding]:
    """Find categories whose names differ only in capitals and signs."""
    alike: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for each in record.objects or ():
            name = each.written.category
            alike["".join(filter(str.isalnum, name.casefold()))].add(name)
    for names in alike.values():
        if len(names) > 1:
            listed = ", ".join(f"'{name}'" for name in sorted(names))
            yield Finding("warning", "category", "", f"names that differ in spelling: {listed}")
