"""What is measured, and which model wins: ``encode`` to ``report``."""

from typing import Annotated, Literal

from pydantic import Field

from objloc.params.section import Fraction, Names, PositiveInt, Section, Starts


class Search(Section):
    """What a search with a budget looks at next."""

    starts: Starts | None = None
    """Its start windows, as ``mdp.starts``; null: those, which the agent was trained from."""
    first_starts: PositiveInt | None = None
    """Start windows looked at before any search goes on; null: all of them."""
    start_promise: Annotated[float, Field(ge=0)] = 0.4
    """What each of the others promises, beside the searches: it is looked at when they promise
    less."""
    searches_per_round: PositiveInt = 4
    """Searches of an image that go on at once, and a start window among them, the most
    promising first."""
    moves_per_look: Annotated[int, Field(ge=1, le=4)] = 4
    """Moves made after one look, each along another axis (x, y, size, shape)."""
    presence_weight: Annotated[float, Field(ge=0)] = 0.5
    """What counts beside the trigger's value: is an object in the window?"""
    least_presence: Fraction = 0.1
    """Categories less likely to be in a start window are not searched from there."""
    learned_steps: Fraction | None = 0.05
    """Where the trigger's value is this share of its range or more, a search first looks where
    the steps lead that the agent has learned (``head.learned_steps``; of no consequence for one
    that has not); null: it never does."""
    learned_zooms: Annotated[float, Field(ge=0)] | None = 1.5
    """Weight of the chance that a learned zoom leads to an object (``head.learned_zooms``)
    beside what other searches promise; null: a search never zooms by them."""
    zoom_inhibition: Fraction = 0.5
    """A learned zoom that leads to where a window was looked at for the category already, by
    a higher IoU, is not made."""
    branches: PositiveInt = 2
    """From a window a search goes on by so many of its best actions, if it must."""
    branch_cost: Annotated[float, Field(ge=0)] = 0.3
    """By how much a further branch promises less."""
    detections_per_image: PositiveInt = 100
    """Detections kept of an image, the best over all categories."""
    soft_nms: Annotated[float, Field(gt=0)] | None = None
    """Of two overlapping windows of a category the lesser is not dropped above
    ``evaluate.nms`` but weakened, times exp(-IoU^2 / this) (Bodla et al. 2017); windows that
    were triggered on are not concerned. null: dropped."""
    inhibition: Fraction = 0.85
    """Searches of a category end where they overlap a found object of it by a higher
    IoU (inhibition of return)."""
    beyond_triggers: bool = False
    """A search goes on by its best move from a window it triggered on: what it sees then
    may be better. False: it ends there."""


class Encode(Section):
    """The features of a frozen backbone; the ``encode`` stage."""

    batch: PositiveInt = 16
    """Images at once."""
    memory_mb: Annotated[int, Field(ge=0)] = 2000
    """Features of more megabytes are read from their file as they are needed."""


class Evaluate(Section):
    """What is measured; the ``evaluate`` stage."""

    image_sets: Names = ("val", "test")
    """Measured, each on its own."""
    episodes: PositiveInt = 15
    """Stochastic episodes for each image and category present (2018: 15)."""
    epsilon: Fraction = 0.2
    """Probability of a random action in them."""
    iou_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Success is a trigger with IoU above it."""
    nms: Fraction = 0.3
    """Overlap above which the lesser of two detections is dropped."""
    max_windows: Annotated[int, Field(ge=1)] | None = None
    """Budget of looks in an image for all categories together; detections come from
    that search. null: from one greedy episode for each category."""
    search: Search = Search()
    """How a search with a budget goes on."""
    answer_windows: Annotated[int, Field(ge=1)] | None = None
    """Budget of looks for one category in one image, after which the agent answers with
    the window on which those it saw agree most; null: not measured."""
    max_images: Annotated[int, Field(ge=1)] | None = None
    """The success rate uses the first so many images of each category (2018:
    200); null: all."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the random choices in episodes, and of the intervals."""


class Register(Section):
    """Which model becomes champion; the ``register`` stage."""

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] = "objloc"
    """Under which its versions are registered in MLflow."""
    metric: Literal[
        "success_rate.greedy.mean",
        "success_rate.episodes15.mean",
        "ap.triggered.voc2007.mean",
        "ap.attended.voc2007.mean",
        "ap.triggered.area.mean",
        "ap.attended.area.mean",
    ] = "success_rate.greedy.mean"
    """Compared on the image set that training validated on."""


class Report(Section):
    """What the report tells; the ``report`` stage."""

    image_set: str = "test"
    """Reported; one of ``evaluate.image_sets``."""
    beam_width: PositiveInt = 16
    """Windows that the oracle keeps after each move; wider finds more, slower."""
    thumbnails: Annotated[int, Field(ge=1, le=60)] = 6
    """Searches shown of the best, and of the worst."""
    pictures: Annotated[int, Field(ge=0, le=2000)] = 900
    """Pictures of searches behind the bins of errors and misses, some 7 kB of the page each."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the intervals of average precision, and of the random agent."""
