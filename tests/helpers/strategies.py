"""Boxes, windows and claims that hypothesis draws for properties.

Coordinates lie on a grid of eighths of a pixel, where doubles hold areas and their sums exactly:
what ought to be equal is equal, and fractions tell what an IoU is.
"""

import torch
from hypothesis import strategies as st
from torch import Tensor

from objloc.box import from_voc
from objloc.data.sample import Coordinates, Part, Sample, VocObject
from objloc.params import Mdp
from tests.helpers.claims import Case


@st.composite
def grid_boxes(draw: st.DrawFn, minimum: int = 0, maximum: int = 4096) -> Coordinates:
    """A box on the grid; sides from ``minimum`` eighths on, within ``maximum`` eighths."""
    ends = []
    for _ in range(2):
        low = draw(st.integers(0, maximum - minimum))
        ends.append((low / 8, draw(st.integers(low + minimum, maximum)) / 8))
    (xmin, xmax), (ymin, ymax) = ends
    return (xmin, ymin, xmax, ymax)


@st.composite
def close_boxes(draw: st.DrawFn) -> Coordinates:
    """A box of few possible places, so that several touch, overlap by half, or are equal."""
    x, y = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    return (x, y, x + draw(st.integers(1, 4)), y + draw(st.integers(1, 4)))


@st.composite
def tables(draw: st.DrawFn, rows: int) -> Tensor:
    """Close boxes ``[rows, 4]`` float64."""
    found = draw(st.lists(close_boxes(), min_size=rows, max_size=rows))
    return torch.tensor(found, dtype=torch.float64).reshape(-1, 4)


@st.composite
def cases(draw: st.DrawFn, distinct: bool = False) -> Case:
    """Claims and objects in four images, of equal scores too unless ``distinct``."""
    image, box = st.sampled_from("abcd"), close_boxes()
    truths = draw(st.lists(st.tuples(image, box, st.booleans()), max_size=8))
    places = st.tuples(image, box)
    if truths:
        places |= st.sampled_from([row[:2] for row in truths])
    found = draw(st.lists(places, max_size=14))
    scores = st.permutations(range(len(found))) if distinct else (
        st.lists(st.integers(0, 4), min_size=len(found), max_size=len(found))
    )  # fmt: skip
    rows = [
        (name, score / 4, place) for score, (name, place) in zip(draw(scores), found, strict=True)
    ]
    return Case(rows, truths)


step_sizes = st.sampled_from([0.05, 0.1, 0.2, 0.35, 0.5, 0.9])


@st.composite
def processes(draw: st.DrawFn) -> Mdp:
    """A decision process of any actions, step sizes and limits of windows."""
    return Mdp(
        actions=draw(st.sampled_from(["dissertation", "paper"])),
        step_size=draw(step_sizes),
        further_step_sizes=tuple(draw(st.lists(step_sizes, max_size=2, unique=True))),
        zooms=draw(st.booleans()),
        min_side=draw(st.sampled_from([0.01, 0.1, 0.3])),
        min_aspect_ratio=draw(st.sampled_from([0.15, 0.5, 1.0])),
        max_aspect_ratio=draw(st.sampled_from([1.0, 2.0, 6.0])),
    )


sizes = st.lists(st.integers(16, 4096), min_size=2, max_size=2).map(
    lambda size: torch.tensor([size], dtype=torch.float64)
)
"""Width and height of an image, ``[1, 2]``."""


@st.composite
def windows(draw: st.DrawFn, size: Tensor) -> Tensor:
    """A window in an image, ``[1, 4]``, at sixty-fourths of its sides."""
    xmin, ymin, xmax, ymax = (8 * each for each in draw(grid_boxes(minimum=1, maximum=64)))
    return torch.tensor([[xmin, ymin, xmax, ymax]]).double() / 64 * size.repeat(1, 2)


_text = st.text(min_size=1, max_size=8)
_boxes = st.tuples(*[st.floats(1, 1e5)] * 4).map(from_voc)
"""Any numbers that an annotation may hold."""
_objects = st.builds(
    VocObject,
    _text,
    _boxes,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    pose=_text,
    parts=st.lists(st.builds(Part, _text, _boxes), max_size=2).map(tuple),
)


def samples() -> st.SearchStrategy[Sample]:
    """An annotated image of any bytes, texts and numbers."""
    return st.builds(
        Sample,
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", fullmatch=True),
        st.binary(max_size=2000),
        st.integers(1, 9999),
        st.integers(1, 9999),
        st.lists(_objects, max_size=3).map(tuple),
    )
