"""The parameters of every stage: ``params.yaml``, validated.

One frozen model a section; a function receives its own section only. Unknown
keys, wrong types and impossible values are refused in one line that names the
key and what is allowed.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from objloc.errors import ObjlocError

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(ge=1)]


def _listed(value: Any) -> Any:
    """``-S train.categories=cat`` arrives as a string: take it as a list of one."""
    if isinstance(value, str) and value != "all":
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Categories = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_listed)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Section(BaseModel):
    """What all sections share: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class Dataset(Section):
    """Which photographs; the ``download`` stage."""

    name: Literal["scenes", "voc2007", "voc2012", "voc2007+2012", "folder"] = "scenes"
    """``scenes`` is drawn by the program, ``folder`` lies at ``path``; the others are
    archives of Pascal VOC."""
    path: str | None = None
    """Of ``folder`` (else without effect): a folder of images with VOC's XML files or
    COCO's JSON; a relative one counts from the repository root."""
    mirror: str | None = None
    """Folder, ``file://`` or http(s) URL that holds the archives; relative folders
    count from the repository root. None: the official addresses."""
    scenes_images: dict[Literal["train", "val", "test"], Annotated[int, Field(ge=1)]] = {
        "train": 1000,
        "val": 200,
        "test": 300,
    }
    """Number of images drawn for each image set (``scenes`` only)."""
    scenes_seed: Annotated[int, Field(ge=0)] = 0
    """Another seed, other scenes."""

    @field_validator("mirror")
    @classmethod
    def _not_empty(cls, mirror: str | None) -> str | None:
        if mirror is not None and not mirror.strip():
            raise ValueError("expected a folder or URL, or null")
        return mirror


class Shard(Section):
    """How samples are split and packed; the ``shard`` stage."""

    split: Literal["devkit", "seeded"] = "devkit"
    """``devkit``: the devkit's own image sets. ``seeded``: train, val and test
    drawn by image from all images of the devkit."""
    fractions: dict[Literal["train", "val", "test"], Fraction] = {
        "train": 0.65,
        "val": 0.15,
        "test": 0.20,
    }
    """Share of each set in the seeded split; they sum to 1."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the seeded split."""
    samples_per_shard: PositiveInt = 500
    """Images in one tar file, the last one's fewer."""

    @model_validator(mode="after")
    def _fractions_sum_to_one(self) -> "Shard":
        if set(self.fractions) != {"train", "val", "test"}:
            raise ValueError("fractions: expected the keys train, val and test")
        if abs(sum(self.fractions.values()) - 1) > 1e-6:
            raise ValueError(
                f"fractions: expected a sum of 1, found {sum(self.fractions.values())}"
            )
        return self


class Train(Section):
    """What is learned from which images; the ``train`` stage."""

    agent: str = "scenes"
    """The entry of ``agents`` that is trained."""
    categories: Categories = "all"
    """``all`` stands for every category of the data (the 2018 system's ``*``)."""
    curriculum: Names = ()
    """Categories learned one after another, each phase warm-started from the
    best model of the one before; empty: all at once."""
    image_set: str = "train"
    """Learned from."""
    val_image_set: str = "val"
    """Chooses the best model, and the champion."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of everything random in training; the same seed gives the same bytes."""
    init_from: str | None = None
    """Warm start: the path of a checkpoint, or ``models:/NAME/VERSION``."""
    init_sha256: str | None = None
    """SHA-256 of the checkpoint that ``init_from`` names; required with it."""
    keep: Literal["best", "last"] = "best"
    """Which weights are the model: the best on ``val_image_set``, or the last, where
    the two sets share images."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """Training ends after so many minutes; a run that this cuts is marked as cut."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: a CUDA device if there is one."""

    @field_validator("init_from")
    @classmethod
    def _no_moving_alias(cls, value: str | None) -> str | None:
        if (
            value is not None
            and value.startswith("models:")
            and not re.fullmatch(r"models:/[^/@]+/[0-9]+", value)
            and "@" not in value
        ):
            raise ValueError("expected a path or models:/NAME/VERSION with a version number")
        return value

    @field_validator("init_sha256")
    @classmethod
    def _hexadecimal(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError("expected 64 hexadecimal digits, or null")
        return value

    @model_validator(mode="after")
    def _curriculum_within_categories(self) -> "Train":
        if self.categories == ():
            raise ValueError("categories: expected at least one category, or all")
        for name, listed in (("categories", self.categories), ("curriculum", self.curriculum)):
            if len(set(listed)) != len(listed) and listed != "all":
                raise ValueError(f"{name}: a category is named twice in {list(listed)}")
        if self.categories != "all":
            for category in self.curriculum:
                if category not in self.categories:
                    raise ValueError(
                        f"curriculum: '{category}' is not among categories {list(self.categories)}"
                    )
        return self


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
    reward: Literal["sign", "difference"] = "sign"
    """Of a move. ``sign``: of the change of IoU, 1 or -1. ``difference``: the change
    itself times ``reward_scale``, within 1 and -1: a longer stride may earn more."""
    reward_scale: Annotated[float, Field(gt=0)] = 5.0
    """For ``reward: difference``."""
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
    """Of a right trigger; a wrong one costs as much. A move earns 1 or costs 1."""
    starts: tuple[tuple[PositiveInt, Annotated[float, Field(gt=0, le=1)]], ...] = ((1, 1.0),)
    """Start windows: grids of so many windows a side, each of such a share of the
    image's sides; ``[1, 1.0]`` is the whole image. Training draws from all of them,
    as does a search with a budget; a greedy episode begins with the first."""


class Encoder(Section):
    """What the agent sees of an image and a window.

    ``crops``: the window is cut out of the squashed image and given to a
    network (2018). ``map``: a residual network sees the image once, windows are
    pooled out of its feature map. ``pretrained``: the same with a backbone trained
    on ImageNet, whose maps may be computed once for all (stage ``encode``).
    """

    kind: Literal["crops", "map", "pretrained"] = "map"
    """Which of the three."""
    backbone: Literal["efficientnet-lite0"] = "efficientnet-lite0"
    """``pretrained``: the network and its weights (extra ``pretrained``)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network's arithmetic; ``bfloat16``: automatic mixed precision."""
    fine_tune: bool = False
    """``pretrained``: train the backbone too, from images; for a GPU."""
    image_size: Annotated[int, Field(ge=16, le=1024)] = 128
    """Side in pixels to which every image is squashed."""
    greyscale: bool = False
    """``crops``: without colours."""
    frames: PositiveInt = 1
    """The windows of the last so many steps are seen together."""
    window_size: Annotated[int, Field(ge=36)] = 84
    """``crops``: side in pixels to which a window is resized."""
    widths: tuple[PositiveInt, ...] = (32, 48, 64, 96)
    """``map``: channels of the stem and of each residual stage; each halves the map."""
    neck_width: PositiveInt = 32
    """``map`` and ``pretrained``, as all below: channels in which maps are merged."""
    pool: PositiveInt = 7
    """Cells a side into which a window is pooled."""
    context: Annotated[float, Field(ge=1, le=3)] = 1.2
    """The window is widened by this factor before pooling."""
    cell_width: PositiveInt = 32
    """Channels of a cell that all categories share."""
    category_channels: Annotated[int, Field(ge=0)] = 0
    """Channels of a cell that each category has of its own; above 0, one
    head serves all categories, each with its own cells."""


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


class Learning(Section):
    """Deep Q-learning."""

    backup: Literal["sampled", "all_actions"] = "all_actions"
    """``sampled``: the target of the action taken (DQN). ``all_actions``: targets of
    every action, whose next windows and rewards follow from geometry."""
    discount: Fraction = 0.5
    """gamma: the weight of what follows; 0: of the next reward alone."""
    double: bool = False
    """Double DQN (van Hasselt et al. 2016): the online network picks the next action."""
    loss: Literal["squared", "huber", "logistic"] = "huber"
    """``squared``, ``huber``: of the difference between target and value.
    ``logistic``: values are bounded by the greatest return there can be, and the
    cross-entropy of value and target as shares of that range is minimised (Ayoub et
    al. 2024); its minimum is the expectation, as the squared error's."""
    move_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of a move's loss beside a trigger's (``all_actions`` only)."""
    presence_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the loss of ``head.presence``."""
    optimiser: Literal["rmsprop", "adamw"] = "adamw"
    """``rmsprop``: with the decay 0.99 and the epsilon 1e-6 of 2018."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Step size of the optimiser."""
    learning_rate_decay_updates: Annotated[int, Field(ge=0)] = 0
    """Cosine decay from ``learning_rate`` to a hundredth of it over so many
    updates, counted from the first; 0: constant."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Of the optimiser."""
    max_gradient_norm: Annotated[float, Field(gt=0)] | None = None
    """A longer gradient is scaled down to it; null: never."""
    images_per_batch: PositiveInt = 32
    """Images in a batch."""
    windows_per_image: PositiveInt = 1
    """A batch holds ``images_per_batch`` x ``windows_per_image`` windows."""
    object_windows: Fraction = 0.0
    """Share of a batch's windows that are jittered round objects instead of
    replayed (``all_actions`` only)."""
    updates_per_step: Annotated[float, Field(gt=0)] = 1.0
    """Updates for each lock-step of all environments; below 1, one in so many."""
    target_update_every: PositiveInt = 10000
    """Updates between two copies of the online network to the target network."""
    target_rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the online weights in a copy; below 1, a soft update."""
    absent_reward: Annotated[float, Field(le=0)] = -3.0
    """Reward of a trigger for a category that the image does not hold
    (``per_category`` with ``all_actions``)."""
    absent_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of a batch's absent categories that are taught: they are many and easy."""
    absent_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of their loss; 1 / ``absent_share`` makes the trigger's value the
    expectation over all categories, a calibrated score."""
    flip: bool = False
    """Half of a batch's images are mirrored, with their windows and objects
    (``all_actions`` only)."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Brightness, contrast and saturation are scaled by 1 +- this."""
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Images are cut to a random part whose sides are at least 1 - this of the whole's;
    windows and truth move along (``all_actions`` only: rewards are made anew)."""


class Replay(Section):
    """The replay memory."""

    size: PositiveInt = 500_000
    """Transitions remembered; the oldest goes first."""
    init_size: PositiveInt = 500
    """Transitions gathered before the first update."""


class Exploration(Section):
    """Epsilon-greedy exploration."""

    epsilon_start: Fraction = 1.0
    """Probability of a random action at the start."""
    epsilon_end: Fraction = 0.2
    """And after ``epsilon_decay_steps``."""
    epsilon_decay_steps: PositiveInt = 500
    """Steps (of single environments) over which epsilon falls linearly."""
    guided: bool = False
    """Random choices are among the actions with positive reward, where there are
    any (Caicedo & Lazebnik)."""


class Schedule(Section):
    """How long, and how often measured."""

    environments: PositiveInt = 1
    """Environments in lock-step."""
    episodes_per_image: PositiveInt = 5
    """Episodes in a row on each image (and category) of a pass."""
    passes: PositiveInt = 1
    """Passes over the training images."""
    evaluations: PositiveInt = 10
    """Validations in a run, evenly spread; the best one's weights are kept."""
    val_images: Annotated[int, Field(ge=1)] | None = 100
    """Validation uses the first so many images of each category; null: all."""
    success_iou: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Success on validation is a trigger with IoU above it, whatever ``trigger_iou``
    was trained for."""


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
        if learning.object_windows and learning.backup != "all_actions":
            raise ValueError(
                "learning.object_windows: expected 0 unless learning.backup=all_actions"
            )
        if (learning.flip or learning.crop) and learning.backup != "all_actions":
            raise ValueError(
                "learning: expected flip=false and crop=0 unless backup=all_actions: the action "
                "taken has no mirror image"
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
        if self.encoder.kind == "pretrained":
            if self.encoder.image_size % 32:
                raise ValueError(
                    "encoder.image_size: expected a multiple of 32 for encoder.kind=pretrained, "
                    f"found {self.encoder.image_size}"
                )
            if not self.encoder.fine_tune and (learning.jitter or learning.crop):
                raise ValueError(
                    "learning: expected jitter=0 and crop=0 for the maps of a frozen backbone"
                )
        if self.head.presence and not (self.head.per_category and learning.backup == "all_actions"):
            raise ValueError(
                "head.presence: expected false unless head.per_category=true and "
                "learning.backup=all_actions"
            )
        if self.encoder.kind == "map" and len(self.encoder.widths) < 2:
            raise ValueError("encoder.widths: expected two or more for encoder.kind=map")
        return self


class Search(Section):
    """What a search with a budget looks at next."""

    searches_per_round: PositiveInt = 4
    """Searches of an image that go on at once, the most promising first."""
    moves_per_look: Annotated[int, Field(ge=1, le=4)] = 4
    """Moves made after one look, each along another axis (x, y, size, shape)."""
    presence_weight: Annotated[float, Field(ge=0)] = 0.5
    """What counts beside the trigger's value: is an object in the window?"""
    least_presence: Fraction = 0.1
    """Categories less likely to be in a start window are not searched from there."""
    branches: PositiveInt = 2
    """From a window a search goes on by so many of its best actions, if it must."""
    branch_cost: Annotated[float, Field(ge=0)] = 0.3
    """By how much a further branch promises less."""
    detections_per_image: PositiveInt = 100
    """Detections kept of an image, the best over all categories."""
    inhibition: Fraction = 0.85
    """Searches of a category end where they overlap a found object of it by a higher
    IoU (inhibition of return)."""


class Encode(Section):
    """The features of a frozen backbone; the ``encode`` stage."""

    batch: PositiveInt = 16
    """Images at once."""
    memory_mb: Annotated[int, Field(ge=0)] = 8000
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


class Animate(Section):
    """Which searches are drawn; the ``animate`` stage."""

    image_set: str = "test"
    """Where the images are taken from."""
    image_ids: Names = ()
    """Empty: ``samples`` images drawn by ``seed``."""
    categories: Categories = "all"
    """What is searched for: of chosen images ``all`` means those that each holds."""
    samples: PositiveInt = 6
    """Number of images drawn."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draw."""
    format: Literal["webp", "gif", "mp4"] = "webp"
    """``mp4`` needs the extra ``video``."""
    frames_per_second: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Steps shown in a second."""
    height: Annotated[int, Field(ge=64, le=2160)] = 360
    """Height of the photograph in the picture, in pixels."""


class Explore(Section):
    """Which searches the page shows; the ``explore`` stage."""

    image_set: str = "test"
    """Where the images are taken from."""
    image_ids: Names = ()
    """Empty: ``images`` images drawn by ``seed``, successes and failures of each
    category in equal parts as far as there are so many."""
    categories: Categories = "all"
    """What is searched for, in the images that hold it."""
    images: Annotated[int, Field(ge=1, le=2000)] = 100
    """Number of images drawn."""
    absent: Annotated[int, Field(ge=0)] = 1
    """So many categories that an image does not hold are searched for there too."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draws."""
    max_side: Annotated[int, Field(ge=64, le=4096)] = 480
    """Longest side of a photograph in the page, in pixels; larger ones are scaled."""
    quality: Annotated[int, Field(ge=10, le=95)] = 80
    """Of the photographs' JPEG."""


class Layers(Section):
    """Which activations are drawn; the ``layers`` stage."""

    layer: str | int = 1
    """Name of a layer, or its number from 1."""
    image_set: str = "test"
    """Where the image is taken from."""
    image_id: str | None = None
    """None: the first image of the set."""


class Params(Section):
    """The whole of ``params.yaml``."""

    dataset: Dataset = Dataset()
    shard: Shard = Shard()
    train: Train = Train()
    agents: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], Agent]
    """Agents by name; ``train.agent`` picks one."""
    encode: Encode = Encode()
    evaluate: Evaluate = Evaluate()
    registration: Annotated[Register, Field(alias="register")] = Register()
    report: Report = Report()
    animate: Animate = Animate()
    explore: Explore = Explore()
    layers: Layers = Layers()

    @model_validator(mode="after")
    def _agent_exists(self) -> "Params":
        if self.train.agent not in self.agents:
            raise ValueError(
                f"train.agent: expected one of {', '.join(self.agents)}; found '{self.train.agent}'"
            )
        return self

    @property
    def agent(self) -> Agent:
        """The agent that ``train.agent`` names."""
        return self.agents[self.train.agent]


def _one_line(path: str, error: ValidationError) -> str:
    """The first complaint of pydantic as ``file: key: expected …; found …``."""
    first = error.errors(include_url=False)[0]
    where = ".".join(
        str(part)
        for part in first["loc"]
        # Branches of unions are pydantic's business, not keys of the file.
        if not re.match(
            r"(literal\[|tuple\[|function-|constrained-|str$|int$|float$|\[key\])", str(part)
        )
    )
    found = first.get("input")
    kind = first["type"]
    if kind == "extra_forbidden":
        return f"{path}: {where}: unknown key; allowed: {', '.join(_keys_at(first['loc'][:-1]))}"
    message = re.sub(r"^(Value|Assertion) error, ", "", first["msg"])
    if kind == "value_error" and isinstance(found, dict):
        return f"{path}: {f'{where}.' if where else ''}{message}"
    message = message.replace("Input should be", "expected").replace("Field required", "required")
    return f"{path}: {where}: {message}; found {found!r}"


def _keys_at(location: Iterable[Any]) -> list[str]:
    """Keys of the section at a location of ``Params``."""
    section: Any = Params
    for part in location:
        annotation = (
            section.model_fields[part].annotation if part in section.model_fields else Agent
        )
        section = Agent if part == "agents" else annotation
    return [field.alias or name for name, field in section.model_fields.items()]


def _set(tree: dict[str, Any], override: str, yaml: YAML) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise ObjlocError(f"--set {override}: expected KEY=VALUE, as in train.categories=[cat]")
    *parents, last = key.strip().split(".")
    node: Any = tree
    for parent in parents:
        node = node.setdefault(parent, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise ObjlocError(f"--set {override}: '{parent}' is not a section of the parameters")
    node[last] = yaml.load(value) if value.strip() else None


def load_params(path: Path, overrides: Iterable[str] = ()) -> Params:
    """Read and validate ``params.yaml``.

    YAML 1.2 (so ``1e-4`` is a number, and ``no`` a string).

    Args:
        path: the file.
        overrides: ``KEY=VALUE`` pairs that win over the file.

    Raises:
        ObjlocError: no such file, malformed YAML, unknown key, wrong type or
            impossible value; the message names the key and what is allowed.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"))
        if not isinstance(tree, dict):
            raise ObjlocError(f"{path}: expected sections such as 'train:'; found {tree!r}")
        for override in overrides:
            _set(tree, override, yaml)
    except FileNotFoundError:
        raise ObjlocError(f"{path}: no such parameter file (give one with --params)") from None
    except (YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ObjlocError(f"{path}: not valid YAML: {reason}") from None
    try:
        # Through JSON: strict there still takes a list for a tuple.
        return Params.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        raise ObjlocError(_one_line(str(path), error)) from None
