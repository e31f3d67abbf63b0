"""Parameters of measurement: ``encode``, ``evaluate``, ``register``, ``report``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from objloc.params.section import SUCCESS_IOU, Fraction, Names, PositiveInt, Section, Starts


class Search(Section):
    """The order in which a search with a budget looks at windows."""

    order: Literal["best_first", "tree", "restarts"] = "best_first"
    """``best_first``: one search for all categories continues where it promises most; the keys
    below are its own. ``tree``: from every window of a level by the best zoom and by the best
    move of the likeliest category (Tree-RL). ``restarts``: for each category by itself greedy
    episodes one after another, from one start window after another, each with a budget of its
    own (Caicedo & Lazebnik); it needs an ``encoder`` with one level."""
    cross: Annotated[float, Field(ge=0, le=1)] | None = 0.2
    """``restarts``: width of the bars of a cross by which a found object is hidden from the
    episodes after it (inhibition of return), as a fraction of its window's sides. Null: none."""
    starts: Starts | None = None
    """Start windows, in the form of ``mdp.starts``; null: those that the agent was trained
    from."""
    first_starts: PositiveInt | None = None
    """Number of start windows that are looked at before any search continues; null: all."""
    start_promise: Annotated[float, Field(ge=0)] = 0.4
    """Priority of each further start window: it is looked at once no search has a higher
    one."""
    searches_per_round: PositiveInt = 4
    """Number of searches of an image that continue at once, highest priority first; a start
    window counts as one."""
    moves_per_look: Annotated[int, Field(ge=1, le=4)] = 4
    """Number of moves after one look, each along another axis (x, y, size, shape)."""
    presence_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight in the priority of the probability that the window holds an object, beside the
    trigger's value."""
    least_presence: Fraction = 0.1
    """Minimum probability that a start window holds an object of a category; less likely
    categories are not searched for from there."""
    learned_steps: Fraction | None = 0.05
    """Minimum value of the trigger, as a fraction of its range, at which a search first looks
    where the learned steps lead. Without effect for an agent without ``head.learned_steps``.
    Null: never."""
    learned_zooms: Annotated[float, Field(ge=0)] | None = 1.5
    """Weight of the probability that a learned zoom leads to an object
    (``head.learned_zooms``), beside the priority of other candidates. Null: no learned
    zooms."""
    zoom_inhibition: Fraction = 0.5
    """Maximum IoU of a learned zoom's window with those already looked at for the category;
    other zooms are not made."""
    branches: PositiveInt = 2
    """Maximum number of a window's best actions by which a search may continue from it."""
    branch_cost: Annotated[float, Field(ge=0)] = 0.3
    """Amount by which each further branch lowers the priority."""
    detections_per_image: PositiveInt = 100
    """Maximum number of detections per image, the best over all categories."""
    soft_nms: Annotated[float, Field(gt=0)] | None = None
    """Width of the Gaussian of soft non-maximum suppression: of two overlapping windows of a
    category the lower score is multiplied by exp(-IoU^2 / this) instead of being dropped
    above ``evaluate.nms`` (Bodla et al. 2017). Windows with a trigger are left alone. Null:
    they are dropped."""
    inhibition: Fraction = 0.85
    """IoU with a found object of its category above which a search ends (inhibition of
    return)."""
    beyond_triggers: bool = False
    """Whether a search continues by its best move from a window with a trigger, where the
    next window may be better, or ends there."""


class Encode(Section):
    """The features of a frozen backbone; the ``encode`` stage."""

    batch: PositiveInt = 16
    """Number of images at once."""
    url: str | None = None
    """The ``s3://``, ``gs://`` or ``http(s)://`` URL of a feature store that was computed from
    the same shards; it is fetched when it is first read. Null: features are computed."""
    checksum: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The checksum that the index at ``url`` must have, so that a change there is noticed;
    null: it is what it was when the stage last ran."""
    memory_mb: Annotated[int, Field(ge=0)] = 500
    """Maximum size in megabytes of a feature store, and of an image set's decoded images, held in
    memory. Larger ones are read, or decoded, when they are needed; of images those used last
    are kept up to this size. Training and evaluation heed it too; no result changes."""


class Evaluate(Section):
    """The measurement of a model; the ``evaluate`` stage."""

    image_sets: Names = ("val", "test")
    """Image sets to measure, each separately."""
    first_images: Annotated[int, Field(ge=1)] | None = None
    """Number of images of each set that are measured, its first; null: all."""
    episodes: PositiveInt = 15
    """Number of stochastic episodes for each image and category present (2018: 15)."""
    epsilon: Fraction = 0.2
    """Probability of a random action in them."""
    iou_threshold: Annotated[float, Field(gt=0, lt=1)] = SUCCESS_IOU
    """Success is a trigger with IoU above it."""
    nms: Fraction = 0.3
    """IoU of two detections above which the one with the lower score is dropped."""
    max_windows: Annotated[int, Field(ge=1)] | None = None
    """Budget of windows per image for all categories together; detections come from that
    search. Null: they come from one greedy episode for each category."""
    search: Search = Search()
    """The search with a budget."""
    answer_windows: Annotated[int, Field(ge=1)] | None = None
    """Budget of windows per image and category, after which the agent answers with the window
    on which those it saw agree most; null: not measured."""
    max_images: Annotated[int, Field(ge=1)] | None = None
    """Maximum number of images of each category for the success rate, the first of the image
    set (2018: 200); null: all."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed for the random choices in episodes and for the intervals."""

    @model_validator(mode="after")
    def _order_has_a_budget(self) -> Self:
        if self.search.order != "best_first" and self.max_windows is None:
            raise ValueError(
                f"max_windows: expected a budget with search.order={self.search.order}; found null"
            )
        return self


class Register(Section):
    """The choice of the champion; the ``register`` stage."""

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] = "objloc"
    """Name of the registered model in MLflow."""
    metric: Literal[
        "success_rate.greedy.mean",
        "success_rate.episodes15.mean",
        "ap.triggered.voc2007.mean",
        "ap.attended.voc2007.mean",
        "ap.triggered.area.mean",
        "ap.attended.area.mean",
    ] = "success_rate.greedy.mean"
    """Figure by which models are compared, on the image set that training validated on."""


class Report(Section):
    """The report of a run; the ``report`` stage."""

    image_set: str = "test"
    """Image set to report, one of ``evaluate.image_sets``."""
    beam_width: PositiveInt = 16
    """Number of windows that the oracle keeps after each move; a wider beam finds more and is
    slower."""
    thumbnails: Annotated[int, Field(ge=1, le=60)] = 6
    """Number of the best searches shown, and of the worst."""
    pictures: Annotated[int, Field(ge=0, le=2000)] = 900
    """Maximum number of pictures behind the bins of errors and misses, about 7 kB of the page
    each."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed for the AP intervals and the random agent."""
