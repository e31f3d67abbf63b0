"""An entry of ``agents``: its actions, what it sees, its head. How it learns: ``learning``.

A default is what a checkpoint made before the key existed means by not having it.
Defaults are therefore frozen, and no recommendation: ``params.yaml`` has the agents.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from objloc.params.learning import Exploration, Learning, Replay, Schedule
from objloc.params.section import Grown, PositiveInt, Section, Sha256, Starts


class Mdp(Grown):
    """The Markov decision process."""

    NEWER: ClassVar[frozenset[str]] = frozenset({"zoom_side"})

    actions: Literal["dissertation", "paper", "hierarchical"] = "paper"
    """``dissertation``: the 11 of 2018. ``paper``: the 9 of Caicedo & Lazebnik.
    ``hierarchical``: five zooms and the trigger (Bellver et al. 2016)."""
    step_size: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """alpha: change by a move, as a fraction of the window's own side."""
    further_step_sizes: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Step sizes with which the moves exist again, so that the agent also learns how far to
    go (future work of the 2018 dissertation)."""
    zooms: bool = False
    """Adds five actions, which shrink the window to ``zoom_side`` at a corner or the centre
    (Tree-RL)."""
    zoom_side: Annotated[float, Field(gt=0, lt=1)] = 0.55
    """Side of the window after a zoom, as a fraction of the side before: 0.55 in Tree-RL, 0.75
    in Bellver et al. (2016)."""
    reward: Literal["sign", "difference", "log"] = "sign"
    """Reward of a move. ``sign``: 1 or -1, the sign of the change of IoU. ``difference``:
    the change itself times ``reward_scale``, clipped to [-1, 1]; a longer stride may earn
    more. ``log``: the change of IoU's logarithm instead, so that small objects are worth as
    much as large ones. The last two are potential-based shaping (Ng et al. 1999)."""
    reward_scale: Annotated[float, Field(gt=0)] = 5.0
    """Factor of the reward with ``reward: difference`` and ``log``."""
    max_steps: PositiveInt = 50
    """Number of steps after which an episode is truncated."""
    min_side: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Minimum side of the window, as a fraction of the image's."""
    min_aspect_ratio: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Minimum height-to-width ratio of the window, both as fractions of the image's sides."""
    max_aspect_ratio: Annotated[float, Field(ge=1)] = 6.0
    """Maximum height-to-width ratio."""
    trigger_iou: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """tau: IoU above which a trigger is right in training."""
    trigger_reward: Annotated[float, Field(gt=0)] = 3.0
    """Reward of a right trigger. A move earns 1 or costs 1."""
    trigger_cost: Annotated[float, Field(gt=0)] = 3.0
    """Cost of a wrong trigger. A lower cost makes the agent trigger sooner; with
    ``learning.loss: logistic`` it learns the same values."""
    refinements: Annotated[int, Field(ge=0)] = 0
    """Number of learned steps that an episode makes where it would trigger, before it does;
    above 0 only with ``head.learned_steps``."""
    starts: Starts = ((1, 1.0),)
    """Start windows, as grids ``[n, fraction]`` of n x n windows, each that fraction of the
    image's sides; ``[1, 1.0]`` is the whole image. Training draws from all of them. A search
    with a budget uses all of them unless ``evaluate.search.starts`` names others. A greedy
    episode begins with the first."""

    @field_validator("further_step_sizes")
    @classmethod
    def _distinct(cls, sizes: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(sizes)) < len(sizes):
            raise ValueError("expected distinct step sizes: an action's name tells its own")
        return sizes

    @model_validator(mode="after")
    def _zooms_once(self) -> "Mdp":
        if self.zooms and self.actions == "hierarchical":
            raise ValueError("zooms: expected false with actions=hierarchical, which has them")
        return self


FineTune = Literal["none", "last", "last_two", "all"]


def _fine_tune(value: object) -> object:
    """The value in older checkpoints, where it was a boolean: nothing or all."""
    return {False: "none", True: "all"}[value] if isinstance(value, bool) else value


_BACKBONES = r"^(efficientnet-lite[012]|timm:[A-Za-z0-9_.\-]+)$"


class Encoder(Grown):
    """How the agent sees an image and a window.

    ``crops``: the window is cut out of the squashed image and given to a
    network (2018). ``map``: a residual network sees the image once, and windows are
    pooled from its feature map. ``pretrained``: the same with a backbone trained on
    ImageNet, whose maps can be computed once and stored (stage ``encode``). ``canvit``: the
    same with the canvas of CanViT, which sees the image through a fixed sequence of glimpses.
    """

    NEWER: ClassVar[frozenset[str]] = frozenset({"weights", "weights_sha256", "glimpses"})

    kind: Literal["crops", "map", "pretrained", "canvit"] = "map"
    """Kind of encoder."""
    backbone: Annotated[str, Field(pattern=_BACKBONES)] = "efficientnet-lite0"
    """``pretrained``: the network and its weights. ``efficientnet-lite0``, ``-lite1`` or
    ``-lite2`` (extra ``pretrained``), or ``timm:NAME`` with a name that timm knows, where
    timm is installed and can fetch weights."""
    weights: Annotated[str, Field(min_length=1)] = (
        "canvit/canvitb16-add-vpe-pretrain-g128px-s512px-in21k-dv3b16-2026-02-02"
    )
    """``canvit``: a folder with the ``config.json`` and ``model.safetensors`` of a pretrained
    CanViT, or its name on the Hugging Face Hub, from where it is fetched once."""
    weights_sha256: Sha256 | None = None
    """``canvit``: SHA-256 that ``model.safetensors`` must have; null: any."""
    glimpses: Literal[1, 5, 21, 85] = 21
    """``canvit``: number of glimpses: the whole image, then its quarters, sixteenths and
    sixty-fourths, as far as the number goes."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the network's arithmetic. ``bfloat16``: automatic mixed precision on
    devices that support it; other devices compute in float32."""
    fine_tune: Annotated[FineTune, BeforeValidator(_fine_tune)] = "none"
    """``pretrained``: the part of the backbone that is trained too. ``last``, ``last_two``: its
    last stages, from the stored map before them. ``all``: the whole backbone, from images;
    this needs a GPU. Depthwise convolutions stay frozen."""
    stored: bool = True
    """``pretrained`` and ``canvit``: the maps of the frozen part are computed once and stored
    (stage ``encode``). Otherwise, and with ``fine_tune=all``, they are computed for each batch, so
    that crops and colours can be drawn at random."""
    image_size: Annotated[int, Field(ge=16, le=1024)] = 128
    """Side to which every image is squashed, in pixels."""
    greyscale: bool = False
    """``crops`` and ``map``: images are converted to greyscale."""
    frames: PositiveInt = 1
    """Number of the latest steps whose windows are seen together."""
    window_size: Annotated[int, Field(ge=36)] = 84
    """``crops``: side to which a window is resized, in pixels."""
    widths: tuple[PositiveInt, ...] = (32, 48, 64, 96)
    """``map``: channels of the stem and of each residual stage; each halves the map."""
    neck_width: PositiveInt = 32
    """All but ``crops``, as for all keys below: channels in which the maps of all stages are
    merged."""
    neck_blocks: Annotated[int, Field(ge=0)] = 0
    """``pretrained`` and ``canvit``: number of residual blocks at each coarse map before it is
    upsampled."""
    pool: PositiveInt = 7
    """Number of cells per side into which a window is pooled."""
    levels: Annotated[int, Field(ge=1, le=6)] = 1
    """Number of levels of the map, each with half the resolution of the one before. A window
    is read from the level that is as coarse as the window's cells, so that a large window
    sees small objects too."""
    context: Annotated[float, Field(ge=1, le=3)] = 1.2
    """Factor by which the window is enlarged before pooling."""
    cell_width: PositiveInt = 32
    """Channels per cell that all categories share."""
    category_channels: Annotated[int, Field(ge=0)] = 0
    """Channels per cell for each category alone. Above 0, one head serves all categories,
    each with its own cells."""

    @property
    def is_pretrained(self) -> bool:
        """Whether it takes the maps of a network that was trained elsewhere."""
        return self.kind in ("pretrained", "canvit")

    @property
    def source(self) -> str:
        """Name of that network, as feature stores have it."""
        return f"canvit:{self.weights}" if self.kind == "canvit" else self.backbone

    @property
    def reads_store(self) -> bool:
        """Whether it reads its images from a feature store, where there is one."""
        return self.is_pretrained and self.stored and self.fine_tune != "all"


class Head(Section):
    """The layers from features to Q-values."""

    hidden: tuple[PositiveInt, ...] = (512,)
    """Widths of the hidden dense layers."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of each hidden layer's inputs that is dropped in training."""
    per_category: bool = True
    """Whether each category has its own Q-values, or all share one set (2018)."""
    action_history: Annotated[int, Field(ge=0)] = 0
    """Number of past actions that the head is given, one-hot (10 in Caicedo & Lazebnik)."""
    joint: tuple[PositiveInt, ...] = ()
    """Widths of the hidden layers of a second head, which sees the shared channels and values
    all categories together; the values of the two heads are added. Needs
    ``encoder.category_channels``. Empty: no second head."""
    presence: bool = False
    """Whether the agent also learns, for every window and category, if the window holds at
    least half of an object of the category. A search with a budget is guided by it."""
    learned_steps: bool = False
    """Whether the agent also learns, for every window and category, how far the window should
    go along each axis: a learned step size (future work of the 2018 dissertation; the
    regression of Girshick et al. 2014). A search with a budget can use it: see
    ``evaluate.search.learned_steps``."""
    learned_zooms: bool = False
    """Whether the agent also learns, for every window, category and quarter of the window, if a
    small object of the category has its centre in the quarter, and where it lies: zooms
    (Tree-RL) of learned extent. A search with a budget can use them: see
    ``evaluate.search.learned_zooms``."""
    dueling: bool = False
    """Whether the last layer estimates a state's value and the advantages of actions, combined
    as value + advantage - mean advantage (Wang et al. 2016). The two share the hidden layers
    here."""
    recurrent: Annotated[int, Field(ge=0)] = 0
    """Width of a gated recurrent unit over the windows of the last ``encoder.frames``
    steps, oldest first, instead of stacking their features (Hausknecht & Stone 2015;
    future work of the 2018 dissertation). Not with ``crops``; 0: no unit."""


class Agent(Section):
    """A whole agent."""

    mdp: Mdp = Mdp()
    encoder: Encoder = Encoder()
    head: Head = Head()
    learning: Learning = Learning()
    replay: Replay = Replay()
    exploration: Exploration = Exploration()
    schedule: Schedule = Schedule()

    @model_validator(mode="after")
    def _fit(self) -> "Agent":
        """Refuse values that are impossible together, all of them in one message."""
        complaints = (
            *self._parts_fit(),
            *self._absent_episodes_teach(),
            *self._encoder_and_head_fit(),
            *self._pretrained_encoder_fits(),
        )
        if complaints:
            raise ValueError("; ".join(complaints))
        return self

    def _parts_fit(self) -> Iterator[str]:
        learning = self.learning
        further = ("object_windows", "start_windows", "landed_windows")
        for name in further if learning.backup != "all_actions" else ():
            if getattr(learning, name):
                yield f"learning.{name}: expected 0 unless learning.backup=all_actions"
        if (fraction := sum(getattr(learning, name) for name in further)) > 1:
            yield f"learning: expected {' + '.join(further)} of 1 at most, found {fraction:g}"
        if learning.landed_windows and not (self.head.learned_steps or self.head.learned_zooms):
            yield (
                "learning.landed_windows: expected 0 unless head.learned_steps or "
                "head.learned_zooms: nothing else lands"
            )
        if (learning.flip or learning.crop) and learning.backup != "all_actions":
            yield (
                "learning: expected flip=false and crop=0 unless backup=all_actions: the action "
                "taken has no mirror image"
            )
        if learning.n_step > 1 and learning.backup != "sampled":
            yield (
                "learning.n_step: expected 1 unless learning.backup=sampled: only the action taken "
                "has rewards that followed it"
            )
        if self.replay.priority_exponent and (learning.backup == "sampled") != (
            learning.windows_per_image == 1
        ):
            yield (
                "replay.priority_exponent: expected 0 unless learning.windows_per_image is 1 with "
                "backup=sampled, which draws transitions, or above 1 with backup=all_actions, "
                f"which draws images; found {learning.windows_per_image} with "
                f"{learning.backup}"
            )
        if learning.n_step > 1 and self.replay.size < self.schedule.environments:
            # Else a step would follow one that is forgotten.
            yield (
                "replay.size: expected at least schedule.environments="
                f"{self.schedule.environments} with learning.n_step above 1, "
                f"found {self.replay.size}"
            )
        if self.replay.init_size > self.replay.size:
            yield (
                f"replay.init_size: expected at most replay.size={self.replay.size}, "
                f"found {self.replay.init_size}"
            )

    def _absent_episodes_teach(self) -> Iterator[str]:
        sampled = self.learning.backup == "sampled"
        if self.schedule.absent_episodes and not (self.head.per_category and sampled):
            yield (
                "schedule.absent_episodes: expected 0 unless head.per_category=true and "
                "learning.backup=sampled: targets of all actions are of absent categories too"
            )

    def _encoder_and_head_fit(self) -> Iterator[str]:
        learning = self.learning
        pools_cells = self.encoder.kind != "crops"
        if self.encoder.category_channels and not (pools_cells and self.head.per_category):
            yield (
                "encoder.category_channels: expected 0 with encoder.kind=crops or "
                "head.per_category=false"
            )
        if self.head.joint and not self.encoder.category_channels:
            yield "head.joint: expected [] unless encoder.category_channels is above 0"
        of_all = self.head.per_category and learning.backup == "all_actions"
        for name in ("presence", "learned_steps", "learned_zooms"):
            if getattr(self.head, name) and not of_all:
                yield (
                    f"head.{name}: expected false unless head.per_category=true and "
                    "learning.backup=all_actions"
                )
        if self.mdp.refinements and not self.head.learned_steps:
            yield (
                f"mdp.refinements: expected 0 unless head.learned_steps=true; found "
                f"{self.mdp.refinements}"
            )
        if self.head.recurrent and (not pools_cells or self.encoder.frames == 1):
            yield "head.recurrent: expected 0 with encoder.kind=crops or encoder.frames=1"
        if self.encoder.kind == "map" and len(self.encoder.widths) < 2:
            yield "encoder.widths: expected two or more for encoder.kind=map"
        # Larger ones would cost more than they show, and objects would be smaller in use.
        kind, size = self.encoder.kind, self.encoder.image_size
        most, wanted = size, f"at most encoder.image_size={size}, or null"
        if self.encoder.is_pretrained:
            most, wanted = 0, f"null for encoder.kind={kind}"
        if learning.image_size and learning.image_size > most:
            yield f"learning.image_size: expected {wanted}; found {learning.image_size}"

    def _pretrained_encoder_fits(self) -> Iterator[str]:
        learning = self.learning
        if self.encoder.is_pretrained:
            kind, part = self.encoder.kind, self.encoder.fine_tune
            if self.encoder.image_size % 32:
                yield (
                    f"encoder.image_size: expected a multiple of 32 for encoder.kind={kind}, "
                    f"found {self.encoder.image_size}"
                )
            if kind == "canvit" and part != "none":
                yield f"encoder.fine_tune: expected none with canvit, found {part}"
            if self.encoder.source.startswith("timm:") and "last" in part:
                yield (
                    f"encoder.fine_tune: expected none or all with a backbone of timm, found {part}"
                )
            if self.encoder.greyscale:
                yield (
                    f"encoder.greyscale: expected false for encoder.kind={kind}, which was "
                    "trained on colours"
                )
        if self.encoder.reads_store and (learning.jitter or learning.crop):
            yield (
                f"learning: expected jitter=0 and crop=0 with encoder.kind={self.encoder.kind} and "
                "encoder.stored=true, which computes the maps once; found "
                f"jitter={learning.jitter:g} and crop={learning.crop:g}"
            )
