"""How an agent learns: ``learning``, ``replay``, ``exploration``, ``schedule``.

A default is what a checkpoint made before the key existed means by not having it.
Defaults are therefore frozen, and no recommendation: ``params.yaml`` has the agents.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from objloc.params.section import SUCCESS_IOU, Fraction, Grown, PositiveInt, Section


class Learning(Grown):
    """Deep Q-learning."""

    NEWER: ClassVar[frozenset[str]] = frozenset({"image_size"})

    backup: Literal["sampled", "all_actions"] = "all_actions"
    """``sampled``: a target for the action taken (DQN). ``all_actions``: a target for every
    action, whose next window and reward follow from geometry."""
    discount: Fraction = 0.5
    """gamma: weight of future rewards; 0: only the next reward counts."""
    n_step: PositiveInt = 1
    """``sampled``: number of steps whose discounted rewards are added up before the value of
    the state after them (Sutton 1988; Mnih et al. 2016)."""
    double: bool = False
    """Double DQN (van Hasselt et al. 2016): the online network chooses the next action."""
    loss: Literal["squared", "huber", "logistic"] = "huber"
    """``squared``, ``huber``: loss of the difference between target and value.
    ``logistic``: values lie between the minimum and the maximum return, and the
    cross-entropy of value and target as fractions of that range is minimised (Ayoub et
    al. 2024). Its minimiser is the expectation, as for the squared error."""
    move_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of a move's loss relative to a trigger's (``all_actions`` only)."""
    step_weight: Annotated[float, Field(ge=0)] = 0.03
    """Weight of the loss of ``head.learned_steps``."""
    step_iou: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Minimum IoU with an object of the windows on which learned steps are trained."""
    zoom_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the cross-entropy of ``head.learned_zooms``; the loss of where they lead has
    the weight ``step_weight``."""
    presence_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the loss of ``head.presence``."""
    optimiser: Literal["rmsprop", "adamw"] = "adamw"
    """``rmsprop`` has the decay 0.99 and the epsilon 1e-6 of 2018."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of the optimiser."""
    backbone_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Learning rate of a pretrained backbone that is trained, as a fraction of
    ``learning_rate``."""
    learning_rate_decay_updates: Annotated[int, Field(ge=0)] = 0
    """Number of updates over which the learning rate falls to a hundredth, by a cosine;
    0: constant."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay of the optimiser."""
    max_gradient_norm: Annotated[float, Field(gt=0)] | None = None
    """Maximum norm of the gradient, which is scaled down to it; null: no limit."""
    images_per_batch: PositiveInt = 32
    """Number of images in a batch."""
    batch_parts: PositiveInt = 1
    """Number of parts of a batch; the CPU computes them side by side, a GPU the whole batch
    as one. Batch normalisation takes its statistics of each part."""
    windows_per_image: PositiveInt = 1
    """Number of windows of each image in a batch."""
    object_windows: Fraction = 0.0
    """Fraction of a batch's windows that are drawn around objects instead of replayed
    (``all_actions`` only)."""
    updates_per_step: Annotated[float, Field(gt=0)] = 1.0
    """Number of updates per step of all environments. Below 1: 0.25 is an update every
    fourth step."""
    target_update_every: PositiveInt = 10000
    """Number of updates between two copies of the online network to the target network."""
    target_rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of the online weights in a copy; below 1, a soft update."""
    kept: Literal["online", "target"] = "online"
    """Network that is validated and kept. With a small ``target_rate`` the target network's
    weights are a running mean of the online network's (Polyak averaging)."""
    absent_reward: Annotated[float, Field(le=0)] = -3.0
    """Reward of a trigger for a category that the image does not hold
    (``per_category`` with ``all_actions``, and in ``schedule.absent_episodes``)."""
    absent_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of a batch's absent categories that are trained on: they are many and easy."""
    absent_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the loss of absent categories. With 1 / ``absent_share`` the trigger's value
    is the expectation over all categories, a calibrated score."""
    start_windows: Fraction = 0.0
    """Fraction of a batch's windows that are start windows instead of replayed; each grid is
    drawn equally often (``all_actions`` only)."""
    landed_windows: Fraction = 0.0
    """Fraction of a batch's windows to which learned steps and zooms recently led in the
    image, instead of replayed: a search will see such windows (Ross et al. 2011, DAgger)."""
    object_jitter: Annotated[float, Field(gt=0)] = 1.0
    """Distance of ``object_windows`` from their objects. Centres are shifted by a normally
    distributed fraction of the object's side, with standard deviation 0.15 times this; sides
    are scaled by a log-normal factor, with 0.3 times this."""
    flip: bool = False
    """Whether half of a batch's images are mirrored, with their windows and objects
    (``all_actions`` only)."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Maximum relative change of brightness, contrast and saturation."""
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Maximum fraction of an image's side that a random crop removes. Windows and objects are
    moved accordingly (``all_actions`` only, since rewards are recomputed)."""
    image_size: Annotated[int, Field(ge=16, le=1024)] | None = None
    """Side in pixels of the images learned from, cropped or not; null: ``encoder.image_size``,
    which is also the maximum. Crops enlarge objects: with fewer pixels they are about as large
    in training as they will be in use (Touvron et al. 2019)."""


class Replay(Section):
    """The replay memory."""

    size: PositiveInt = 500_000
    """Maximum number of transitions; the oldest is dropped first."""
    init_size: PositiveInt = 500
    """Number of transitions collected before the first update."""
    priority_exponent: Fraction = 0.0
    """alpha: transitions (``sampled``) or images (``all_actions``) are drawn in proportion to
    their latest absolute TD error to the power of this (Schaul et al. 2016); 0: uniformly."""
    importance_exponent: Fraction = 0.4
    """beta: losses are weighted by the inverse probability of being drawn to the power of
    this, relative to the maximum of the batch; 1 corrects unequal probabilities fully."""


class Exploration(Section):
    """Epsilon-greedy exploration."""

    epsilon_start: Fraction = 1.0
    """Probability of a random action at the start."""
    epsilon_end: Fraction = 0.2
    """Probability of a random action after ``epsilon_decay_steps``."""
    epsilon_decay_steps: PositiveInt = 500
    """Number of steps of single environments over which epsilon falls linearly."""
    guided: bool = False
    """Whether random actions are drawn from those with a positive reward, where there are
    any (Caicedo & Lazebnik)."""


class Schedule(Grown):
    """Length of training, and its validations."""

    NEWER: ClassVar[frozenset[str]] = frozenset({"absent_episodes"})

    environments: PositiveInt = 1
    """Number of environments that step together."""
    episodes_per_image: PositiveInt = 5
    """Number of consecutive episodes for each image (and category) of a pass."""
    absent_episodes: Annotated[float, Field(ge=0)] = 0.0
    """Number of tasks of a pass with a category that the image lacks, drawn at random, for each
    with one that it holds. All that is learned there is that a trigger is wrong, in every window
    visited (``sampled`` with ``per_category`` only). As in the code of Caicedo & Lazebnik."""
    passes: PositiveInt = 1
    """Number of passes over the training images."""
    max_updates: Annotated[int, Field(ge=1)] | None = None
    """Maximum number of updates, which can end training within a pass; null: no limit but
    the passes."""
    evaluations: PositiveInt = 10
    """Number of validations in a run, evenly spread; the best one's weights are kept."""
    val_images: Annotated[int, Field(ge=1)] | None = 100
    """Number of images of each category to validate on, the first of the image set;
    null: all."""
    train_images: Annotated[int, Field(ge=1)] | None = None
    """Number of training images of each category that each validation also measures, which
    shows overfitting; null: none."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Number of validations without a better score after which training stops early; null:
    never."""
    success_iou: Annotated[float, Field(gt=0, lt=1)] = SUCCESS_IOU
    """Success on validation is a trigger with IoU above it, whatever ``trigger_iou``
    was trained for."""
