"""Assign images to image sets."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping

from objloc import params
from objloc.errors import ObjlocError

ImageSets = Mapping[str, tuple[str, ...]]
"""Image ids, in order, by name of the image set."""


def split(
    image_ids: Iterable[str],
    image_sets: ImageSets,
    section: params.Shard,
    years: Mapping[str, str] | None = None,
) -> ImageSets:
    """Make the image sets that ``shard.split`` asks for.

    Args:
        image_ids: ids of all images.
        image_sets: the devkit's own image sets.
        section: the parameters ``shard``.
        years: name of the folder of each image's year, such as ``VOC2007``, by image id.

    Raises:
        ObjlocError: the devkit has no image sets, or a seeded set would be empty.
    """
    fractions = {str(name): fraction for name, fraction in section.fractions.items()}
    if section.split == "seeded":
        return seeded_split(image_ids, fractions, section.seed)
    if section.split == "by_year":
        return _split_by_year(image_ids, image_sets, years or {}, fractions, section.seed)
    if not image_sets:
        raise ObjlocError(
            "shard.split=devkit: expected image sets in ImageSets/Main of the devkit; found none "
            "(shard.split=seeded draws them)"
        )
    return image_sets


def seeded_split(
    image_ids: Iterable[str], fractions: Mapping[str, float], seed: int
) -> dict[str, tuple[str, ...]]:
    """Assign each image to one set at random.

    The images are sorted by a hash of seed and id and cut at the fractions. The
    result depends on nothing else, in particular not on the order of files.

    Args:
        image_ids: ids of the images.
        fractions: fraction of the images in each set; they sum to 1. A set of 0 is
            left out.
        seed: seed of the order.

    Raises:
        ObjlocError: a set with a fraction above 0 would get no image.
    """
    shuffled = sorted(
        image_ids, key=lambda image_id: hashlib.sha256(f"{seed}:{image_id}".encode()).digest()
    )
    # Sorted by name: the order of keys in a parameter file has no meaning.
    names = sorted(fractions)
    ends = itertools.accumulate(fractions[name] for name in names)
    cuts = [round(end * len(shuffled)) for end in ends]
    image_sets = {}
    for name, start, end in zip(names, [0, *cuts], cuts, strict=False):
        if fractions[name] == 0:
            continue
        if end == start:
            raise ObjlocError(
                f"shard.fractions.{name}: expected a share that gives an image or 0; "
                f"found {fractions[name]:g} of {len(shuffled)} images"
            )
        image_sets[name] = tuple(sorted(shuffled[start:end]))
    return image_sets


def _split_by_year(
    image_ids: Iterable[str],
    image_sets: ImageSets,
    years: Mapping[str, str],
    fractions: Mapping[str, float],
    seed: int,
) -> dict[str, tuple[str, ...]]:
    """Make each year's image sets, named ``train_2007`` and so on.

    A year with a test set keeps its own sets. A year without one (Pascal VOC published
    none for 2012) is split by seed, exactly as if it were the only year.
    """
    found: dict[str, tuple[str, ...]] = {}
    by_year: dict[str, list[str]] = {}
    for image_id in image_ids:
        by_year.setdefault(years.get(image_id, "").removeprefix("VOC"), []).append(image_id)
    for year, mine in sorted(by_year.items()):
        ids = frozenset(mine)
        own = {name: tuple(i for i in listed if i in ids) for name, listed in image_sets.items()}
        if not own.get("test"):
            own = seeded_split(mine, fractions, seed)
        found |= {f"{name}_{year}": listed for name, listed in own.items() if listed}
    return found


def compose(image_sets: ImageSets) -> dict[str, tuple[str, ...]]:
    """Find the sets whose disjoint union each set is; itself alone if there are none.

    ``trainval`` of Pascal VOC is ``train`` and ``val``. No composition names a set
    that is itself a union.
    """
    contents = {name: frozenset(image_ids) for name, image_ids in image_sets.items()}
    composition: dict[str, tuple[str, ...]] = {}
    for name in sorted(contents, key=lambda each: (len(contents[each]), each)):
        simple = [other for other, parts in composition.items() if parts == (other,)]
        found = _exact_cover(contents[name], {other: contents[other] for other in simple})
        composition[name] = found or (name,)
    return {name: composition[name] for name in image_sets}


def _exact_cover(
    wanted: frozenset[str], candidates: Mapping[str, frozenset[str]]
) -> tuple[str, ...] | None:
    """Names of disjoint candidates whose union is ``wanted``; None if there are none."""
    if not wanted:
        return ()
    first = min(wanted)
    for name in sorted(candidates):
        content = candidates[name]
        if first in content and content <= wanted:
            rest = _exact_cover(wanted - content, candidates)
            if rest is not None:
                return tuple(sorted((name, *rest)))
    return None


def overlaps(image_sets: ImageSets, composition: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Describe each pair of simple sets that share images, one line for each."""
    simple = [name for name in image_sets if composition[name] == (name,)]
    return [
        f"image sets '{one}' and '{other}' share {len(shared)} images"
        for one, other in itertools.combinations(simple, 2)
        if (shared := set(image_sets[one]) & set(image_sets[other]))
    ]
