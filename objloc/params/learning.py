"""How an agent learns: ``learning``, ``replay``, ``exploration``, ``schedule``."""

from typing import Annotated, Literal

from pydantic import Field

from objloc.params.section import Fraction, PositiveInt, Section


class Learning(Section):
    """Deep Q-learning."""

    backup: Literal["sampled", "all_actions"] = "all_actions"
    """``sampled``: the target of the action taken (DQN). ``all_actions``: targets of
    every action, whose next windows and rewards follow from geometry."""
    discount: Fraction = 0.5
    """gamma: the weight of what follows; 0: of the next reward alone."""
    n_step: PositiveInt = 1
    """Rewards of so many steps are added up, discounted, before the value of the state
    after them (Sutton 1988; Mnih et al. 2016); ``sampled`` only."""
    double: bool = False
    """Double DQN (van Hasselt et al. 2016): the online network picks the next action."""
    loss: Literal["squared", "huber", "logistic"] = "huber"
    """``squared``, ``huber``: of the difference between target and value.
    ``logistic``: values are bounded by the greatest return there can be, and the
    cross-entropy of value and target as shares of that range is minimised (Ayoub et
    al. 2024); its minimum is the expectation, as the squared error's."""
    move_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of a move's loss beside a trigger's (``all_actions`` only)."""
    step_weight: Annotated[float, Field(ge=0)] = 0.03
    """Weight of the loss of ``head.learned_steps``."""
    step_iou: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Steps are taught to windows that overlap an object by so much IoU."""
    zoom_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the cross-entropy of ``head.learned_zooms``; where they lead has the weight
    ``step_weight``."""
    presence_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the loss of ``head.presence``."""
    optimiser: Literal["rmsprop", "adamw"] = "adamw"
    """``rmsprop``: with the decay 0.99 and the epsilon 1e-6 of 2018."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Step size of the optimiser."""
    backbone_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the learning rate for a pretrained backbone's weights, where they are trained."""
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
    kept: Literal["online", "target"] = "online"
    """Which network is validated and kept. With a small ``target_rate`` the target
    network's weights are a running mean of the online one's (Polyak averaging)."""
    absent_reward: Annotated[float, Field(le=0)] = -3.0
    """Reward of a trigger for a category that the image does not hold
    (``per_category`` with ``all_actions``)."""
    absent_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of a batch's absent categories that are taught: they are many and easy."""
    absent_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of their loss; 1 / ``absent_share`` makes the trigger's value the
    expectation over all categories, a calibrated score."""
    start_windows: Fraction = 0.0
    """Share of a batch's windows that are start windows, each grid of them as often as
    any other, instead of replayed (``all_actions`` only)."""
    landed_windows: Fraction = 0.0
    """Share of a batch's windows that are where learned steps and zooms lately led in the
    image, instead of replayed: what a search will look at (Ross et al. 2011, DAgger)."""
    object_jitter: Annotated[float, Field(gt=0)] = 1.0
    """How far those lie from their objects: their centres are shifted by a normal share
    of the object's side, 0.15 times this, their sides scaled by a log-normal factor, 0.3
    times this."""
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
    priority_exponent: Fraction = 0.0
    """alpha: transitions (``sampled``) or images (``all_actions``) are drawn in
    proportion to their absolute TD error when last taught to the power of this
    (Schaul et al. 2016); 0: uniformly."""
    importance_exponent: Fraction = 0.4
    """beta: losses are weighted by one over the chance to be drawn to the power of
    this, as a share of the greatest of the batch; 1 makes up for unequal chances."""


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
    max_updates: Annotated[int, Field(ge=1)] | None = None
    """Training ends after so many updates, within a pass too; null: when all passes
    are done."""
    evaluations: PositiveInt = 10
    """Validations in a run, evenly spread; the best one's weights are kept."""
    val_images: Annotated[int, Field(ge=1)] | None = 100
    """Validation uses the first so many images of each category; null: all."""
    train_images: Annotated[int, Field(ge=1)] | None = None
    """Each validation also measures the first so many training images of each category:
    what is learned by heart shows; null: none."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Training stops early after so many validations without a better score; null:
    never."""
    success_iou: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Success on validation is a trigger with IoU above it, whatever ``trigger_iou``
    was trained for."""
