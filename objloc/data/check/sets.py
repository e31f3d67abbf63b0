"""Check image sets: which share images, which are too small."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from objloc.data.check.duplicates import same_bytes, same_to_the_eye
from objloc.data.check.records import Record
from objloc.data.own.findings import Finding, Severity
from objloc.data.splits import compose
from objloc.wording import abridged

MIN_IMAGES = 50
MIN_IMAGES_OF_A_SET = 10
MIN_IMAGES_OF_A_CATEGORY = 20
"""Numbers of images below which learning or measuring is doubtful."""
_SHOWN = 5

Sets = dict[str, list[int]]
"""Indices of records by image set."""


def simple_sets(sets: Mapping[str, Sequence[int]]) -> Sets:
    """Sets that are not unions of others, as ``trainval`` is."""
    composition = compose({name: tuple(map(str, numbers)) for name, numbers in sets.items()})
    return {name: list(sets[name]) for name in sets if composition[name] == (name,)}


def shared_images(records: Sequence[Record], sets: Sets) -> Iterator[Finding]:
    """Find images that occur twice; in two sets they make figures too good.

    Without sets it is a warning, since a random split may put the two into different sets.
    """
    where: dict[int, set[str]] = defaultdict(set)
    for name, numbers in sets.items():
        for number in numbers:
            where[number].add(name)
    for one, other in combinations(sorted(sets), 2):
        if shared := set(sets[one]) & set(sets[other]):
            grave = {one, other} <= {"train", "val", "test"}
            first = records[min(shared)].name
            message = f"image sets {one} and {other} share {len(shared)} images, {first} first"
            yield Finding("error" if grave else "warning", "duplicate", "", message)
    readable = [n for n, each in enumerate(records) if each.fingerprint is not None]
    prints = [each.fingerprint for each in records if each.fingerprint is not None]
    exact = [tuple(readable[place] for place in group) for group in same_bytes(prints)]
    alike = [(readable[one], readable[other]) for one, other in same_to_the_eye(prints)]
    for words, groups in (("the same bytes as", exact), ("looks like", alike)):
        for group in groups:
            across = sorted({name for number in group for name in where[number]})
            apart = len(across) > 1
            if groups is alike and sets and not apart:
                continue
            others = abridged([records[number].name for number in group[1:]], _SHOWN)
            suffix = f" (sets {', '.join(across)})" if apart else ""
            severity: Severity = "error" if apart and groups is exact else "warning"
            place = records[group[0]].name
            yield Finding(severity, "duplicate", place, f"{words} {others}{suffix}")


def too_few(records: Sequence[Record], sets: Sets) -> Iterator[Finding]:
    """Find sets and categories with too few images, or with none where others have some."""
    if len(records) < MIN_IMAGES:
        message = f"{len(records)} images; fewer than {MIN_IMAGES} teach little"
        yield Finding("warning", "few", "", message)
    counts = count_categories(records, sets)
    for name, numbers in sets.items():
        if len(numbers) < MIN_IMAGES_OF_A_SET:
            message = f"image set '{name}' has {len(numbers)} images; figures on it mean little"
            yield Finding("warning", "few", "", message)
    for category, by_set in counts.items():
        total = sum(by_set.values())
        learned = by_set.get("train", 0) if "train" in sets else total
        if learned < MIN_IMAGES_OF_A_CATEGORY:
            message = f"'{category}' is in {learned} images to learn from"
            yield Finding("warning", "few", "", message)
        empty = [name for name in sets if not by_set.get(name)]
        if empty and sets:
            message = f"'{category}' is in no image of {', '.join(empty)}"
            yield Finding("warning", "few", "", message)


def count_categories(records: Sequence[Record], sets: Sets) -> dict[str, dict[str, int]]:
    """Count the images that hold each category, by set; ``all`` if there are no sets."""
    counts: dict[str, dict[str, int]] = {}
    for name, numbers in (sets or {"all": list(range(len(records)))}).items():
        for number in numbers:
            for category in {each.category for each in records[number].kept}:
                by_set = counts.setdefault(category, {})
                by_set[name] = by_set.get(name, 0) + 1
    return dict(sorted(counts.items()))
