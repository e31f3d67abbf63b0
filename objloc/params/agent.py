"""An entry of ``agents``: what an agent does, sees and is; how it learns: ``learning``."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from objloc.params.learning import Exploration, Learning, Replay, Schedule
from objloc.params.section import PositiveInt, Section, Starts


class Mdp(Section):
    """The Markov decision process."""

    actions: Literal["dissertation", "paper"] = "paper"
    """``dissertation``: the 11 of 2018. ``paper``: the 9 of Caicedo & Lazebnik."""
    step_size: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """alpha: what a move changes, as a share of the window's own side."""
    further_step_sizes: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """The moves again with these step sizes: how far to go is learned too (future work
    of the 2018 dissertation)."""
    zooms: bool = False
    """Five more actions: to a corner or the centre, 0.55 of each side (Tree-RL)."""
    reward: Literal["sign", "difference", "log"] = "sign"
    """Of a move. ``sign``: of the change of IoU, 1 or -1. ``difference``: the change
    itself times ``reward_scale``, within 1 and -1: a longer stride may earn more.
    ``log``: the change of its logarithm instead: small objects are worth as much as
    large ones (both are shaping by a potential, Ng et al. 1999)."""
    reward_scale: Annotated[float, Field(gt=0)] = 5.0
    """For ``reward: difference`` and ``log``."""
    max_steps: PositiveInt = 50
    """Steps after which an episode is truncated."""
    min_side: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Least side of a window, as a share of the image's side."""
    min_aspect_ratio: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Least height by width of a window, both as shares of the image's sides."""
    max_aspect_ratio: Annotated[float, Field(ge=1)] = 6.0
    """Greatest height by width."""
    trigger_iou: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """tau: a trigger is right if IoU is above it (in training)."""
    trigger_reward: Annotated[float, Field(gt=0)] = 3.0
    """Of a right trigger. A move earns 1 or costs 1."""
    trigger_cost: Annotated[float, Field(gt=0)] = 3.0
    """What a wrong one costs. Less makes the agent trigger sooner; with
    ``learning.loss: logistic`` what it learns is the same."""
    starts: Starts = ((1, 1.0),)
    """Start windows: grids of so many windows a side, each of such a share of the
    image's sides; ``[1, 1.0]`` is the whole image. Training draws from all of them, as
    does a search with a budget unless it is told others; a greedy episode begins with
    the first."""


FineTune = Literal["none", "last", "last_two", "all"]


def _fine_tune(value: object) -> object:
    """What older checkpoints say: nothing or all."""
    return {False: "none", True: "all"}[value] if isinstance(value, bool) else value


_BACKBONES = r"^(efficientnet-lite[012]|timm:[A-Za-z0-9_.\-]+)$"


class Encoder(Section):
    """What the agent sees of an image and a window.

    ``crops``: the window is cut out of the squashed image and given to a
    network (2018). ``map``: a residual network sees the image once, windows are
    pooled out of its feature map. ``pretrained``: the same with a backbone trained
    on ImageNet, whose maps may be computed once for all (stage ``encode``).
    """

    kind: Literal["crops", "map", "pretrained"] = "map"
    """Which of the three."""
    backbone: Annotated[str, Field(pattern=_BACKBONES)] = "efficientnet-lite0"
    """``pretrained``: the network and its weights. ``efficientnet-lite0``, ``-lite1`` or
    ``-lite2`` (extra ``pretrained``); or ``timm:NAME``, NAME as timm knows it, where that is
    installed and may fetch weights."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network's arithmetic; ``bfloat16``: automatic mixed precision, on devices that
    compute in it. Others, which would emulate it, compute in float32."""
    fine_tune: Annotated[FineTune, BeforeValidator(_fine_tune)] = "none"
    """``pretrained``: what of the backbone is trained too. ``last``, ``last_two``: its last
    stages, from the map before them, which the feature store holds; ``all``: all of it, from
    images, for a GPU. Convolutions by channel stay as they are."""
    stored: bool = True
    """``pretrained``: the maps of its frozen part are computed once for all (stage
    ``encode``). Otherwise, and with ``fine_tune=all``, they are computed anew for each batch,
    so that crops and colours are drawn anew too."""
    image_size: Annotated[int, Field(ge=16, le=1024)] = 128
    """Side in pixels to which every image is squashed."""
    greyscale: bool = False
    """``crops`` and ``map``: without colours."""
    frames: PositiveInt = 1
    """The windows of the last so many steps are seen together."""
    window_size: Annotated[int, Field(ge=36)] = 84
    """``crops``: side in pixels to which a window is resized."""
    widths: tuple[PositiveInt, ...] = (32, 48, 64, 96)
    """``map``: channels of the stem and of each residual stage; each halves the map."""
    neck_width: PositiveInt = 32
    """``map`` and ``pretrained``, as all below: channels in which maps are merged."""
    neck_blocks: Annotated[int, Field(ge=0)] = 0
    """``pretrained``: residual blocks at each coarse map before it is enlarged."""
    pool: PositiveInt = 7
    """Cells a side into which a window is pooled."""
    levels: Annotated[int, Field(ge=1, le=6)] = 1
    """Levels of the map, each half as fine as the one before; a window is read from the
    one that its cells are as coarse as, so that large windows see small things too."""
    context: Annotated[float, Field(ge=1, le=3)] = 1.2
    """The window is widened by this factor before pooling."""
    cell_width: PositiveInt = 32
    """Channels of a cell that all categories share."""
    category_channels: Annotated[int, Field(ge=0)] = 0
    """Channels of a cell that each category has of its own; above 0, one
    head serves all categories, each with its own cells."""

    @property
    def reads_store(self) -> bool:
        """Its images are rows of a feature store, where one is at hand."""
        return self.kind == "pretrained" and self.stored and self.fine_tune != "all"


class Head(Section):
    """The layers from features to Q-values."""

    hidden: tuple[PositiveInt, ...] = (512,)
    """Widths of the dense layers before the values."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the inputs of each hidden layer that is dropped in training."""
    per_category: bool = True
    """True: one set of Q-values for each category. False: one for all (2018)."""
    action_history: Annotated[int, Field(ge=0)] = 0
    """Number of past actions given one-hot (10 in Caicedo & Lazebnik)."""
    joint: tuple[PositiveInt, ...] = ()
    """Widths of the dense layers of a second head, which sees the channels that all
    categories share and values all categories together; the two heads' values add up.
    Only with ``encoder.category_channels``; empty: none."""
    presence: bool = False
    """Also learn, for every window and category, whether the window holds at least
    half of an object of it: says where a search is worth its looks."""
    learned_steps: bool = False
    """Also learn, for every window and category, how far the window should go along each
    axis: a learned step size (future work of the 2018 dissertation; the regression of
    Girshick et al. 2014). A search with a budget may go by it: see
    ``evaluate.search.learned_steps``."""
    learned_zooms: bool = False
    """Also learn, for every window, category and quarter of the window, whether an object of
    the category that is small beside the window has its centre in the quarter, and where it
    lies: zooms (Tree-RL) of learned extent. A search with a budget may go by them: see
    ``evaluate.search.learned_zooms``."""
    dueling: bool = False
    """The last layer tells a state's value and the advantages of actions, which are
    joined as value + advantage - mean advantage (Wang et al. 2016; the two share the
    hidden layers here)."""
    recurrent: Annotated[int, Field(ge=0)] = 0
    """Width of a gated recurrent unit over the windows of the last ``encoder.frames``
    steps, oldest first, instead of stacking their features (Hausknecht & Stone 2015;
    future work of the 2018 dissertation); ``map`` and ``pretrained`` only, 0: none."""


class Agent(Section):
    """Everything that makes an agent."""

    mdp: Mdp = Mdp()
    encoder: Encoder = Encoder()
    head: Head = Head()
    learning: Learning = Learning()
    replay: Replay = Replay()
    exploration: Exploration = Exploration()
    schedule: Schedule = Schedule()

    @model_validator(mode="after")
    def _parts_fit(self) -> "Agent":
        learning = self.learning
        further = ("object_windows", "start_windows", "landed_windows")
        for name in further if learning.backup != "all_actions" else ():
            if getattr(learning, name):
                raise ValueError(f"learning.{name}: expected 0 unless learning.backup=all_actions")
        if (share := sum(getattr(learning, name) for name in further)) > 1:
            raise ValueError(
                f"learning: expected {' + '.join(further)} of 1 at most, found {share:g}"
            )
        if learning.landed_windows and not (self.head.learned_steps or self.head.learned_zooms):
            raise ValueError(
                "learning.landed_windows: expected 0 unless head.learned_steps or "
                "head.learned_zooms: nothing else lands"
            )
        if (learning.flip or learning.crop) and learning.backup != "all_actions":
            raise ValueError(
                "learning: expected flip=false and crop=0 unless backup=all_actions: the action "
                "taken has no mirror image"
            )
        if learning.n_step > 1 and learning.backup != "sampled":
            raise ValueError(
                "learning.n_step: expected 1 unless learning.backup=sampled: only the action taken "
                "has rewards that followed it"
            )
        if self.replay.priority_exponent and (learning.backup == "sampled") != (
            learning.windows_per_image == 1
        ):
            raise ValueError(
                "replay.priority_exponent: expected 0 unless learning.windows_per_image is 1 with "
                "backup=sampled, which draws transitions, or above 1 with backup=all_actions, "
                f"which draws images; found {learning.windows_per_image} with "
                f"{learning.backup}"
            )
        if learning.n_step > 1 and self.replay.size < self.schedule.environments:
            # Else a step would follow one that is forgotten.
            raise ValueError(
                "replay.size: expected at least schedule.environments="
                f"{self.schedule.environments} with learning.n_step above 1, "
                f"found {self.replay.size}"
            )
        if self.replay.init_size > self.replay.size:
            raise ValueError(
                f"replay.init_size: expected at most replay.size={self.replay.size}, "
                f"found {self.replay.init_size}"
            )
        return self

    @model_validator(mode="after")
    def _encoder_and_head_fit(self) -> "Agent":
        learning = self.learning
        if self.encoder.category_channels and not (
            self.encoder.kind != "crops" and self.head.per_category
        ):
            raise ValueError(
                "encoder.category_channels: expected 0 unless encoder.kind=map or pretrained and "
                "head.per_category=true"
            )
        if self.head.joint and not self.encoder.category_channels:
            raise ValueError("head.joint: expected [] unless encoder.category_channels is above 0")
        of_all = self.head.per_category and learning.backup == "all_actions"
        for name in ("presence", "learned_steps", "learned_zooms"):
            if getattr(self.head, name) and not of_all:
                raise ValueError(
                    f"head.{name}: expected false unless head.per_category=true and "
                    "learning.backup=all_actions"
                )
        if self.head.recurrent and (self.encoder.kind == "crops" or self.encoder.frames == 1):
            raise ValueError(
                "head.recurrent: expected 0 unless encoder.kind=map or pretrained and "
                "encoder.frames is above 1"
            )
        if self.encoder.kind == "map" and len(self.encoder.widths) < 2:
            raise ValueError("encoder.widths: expected two or more for encoder.kind=map")
        return self

    @model_validator(mode="after")
    def _pretrained_encoder_fits(self) -> "Agent":
        learning = self.learning
        if self.encoder.kind == "pretrained":
            if self.encoder.image_size % 32:
                raise ValueError(
                    "encoder.image_size: expected a multiple of 32 for encoder.kind=pretrained, "
                    f"found {self.encoder.image_size}"
                )
            if self.encoder.backbone.startswith("timm:") and "last" in self.encoder.fine_tune:
                raise ValueError(
                    "encoder.fine_tune: expected none or all with a backbone of timm, found "
                    f"{self.encoder.fine_tune}"
                )
            if self.encoder.greyscale:
                raise ValueError(
                    "encoder.greyscale: expected false for encoder.kind=pretrained, which was "
                    "trained on colours"
                )
        if self.encoder.reads_store and (learning.jitter or learning.crop):
            raise ValueError(
                "learning: expected jitter=0 and crop=0 for the maps of a frozen backbone, which "
                "are stored (encoder.stored)"
            )
        return self
