"""The one place where an agent meets an environment to be watched or measured."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from objloc.data.sample import Coordinates, coordinates
from objloc.data.store import SampleStore
from objloc.mdp.action import names_of
from objloc.mdp.environment import Environment
from objloc.mdp.reward import move_reward, trigger_reward
from objloc.params import Mdp
from objloc.search.policy import Policy


@dataclass(frozen=True)
class Rollout:
    """B episodes side by side, T the step limit, A the number of actions.

    In step t the agent looks at ``boxes[:, t]``. The final window of episode b
    is ``boxes[b, steps[b]]``: a trigger leaves the window where it is.

    Attributes:
        image: ``[B]`` int64, index into the store.
        category: ``[B]`` int64, index into the store's categories.
        boxes: ``[B, T+1, 4]`` float64 pixels; after the end the last one repeated.
        actions: ``[B, T]`` int64 into the action set; -1 after the end.
        q_values: ``[B, T+1, A]`` float32; nan where no network looked.
        steps: ``[B]`` int64, actions taken, the trigger included.
        terminated: ``[B]`` bool, ended by a trigger, not by the step limit.
        iou: ``[B, T+1]`` float64 with the best-matching object of the category,
            difficult ones included; 0 where the image holds none.
    """

    image: Tensor
    category: Tensor
    boxes: Tensor
    actions: Tensor
    q_values: Tensor
    steps: Tensor
    terminated: Tensor
    iou: Tensor

    @property
    def final_boxes(self) -> Tensor:
        """``[B, 4]`` float64 pixels: the window at the end of each episode."""
        return self.boxes[torch.arange(len(self.steps)), self.steps]

    @property
    def final_iou(self) -> Tensor:
        """``[B]`` float64: IoU of each final window."""
        return self.iou[torch.arange(len(self.steps)), self.steps]


@dataclass(frozen=True)
class Step:
    """One step of a search: what was seen, valued and done.

    Attributes:
        box: the window looked at, in pixels.
        q_values: one for each action; nan if no network looked.
        action: name of the one taken.
        iou: of ``box`` with the best-matching object of the category.
        reward: what the action earned.
        further: moves made after the same look, in a search with a budget.
        category: for which it was made and the Q-values are, if for another than the
            one searched: in a search with a budget categories share their ways.
    """

    box: Coordinates
    q_values: tuple[float, ...]
    action: str
    iou: float
    reward: float
    further: tuple[str, ...] = ()
    category: str | None = None


@dataclass(frozen=True)
class Trajectory:
    """One episode, to be looked at.

    Attributes:
        image_id: the devkit's stem.
        category: the one searched.
        actions: names of the agent's, in the order of the Q-values; the trigger is
            the last.
        steps: at least one.
        final_box: the last window, in pixels.
        final_iou: its IoU with the best-matching object of the category.
        terminated: ended by a trigger, not by the step limit.
        success: a trigger with IoU above the decision process's threshold.
    """

    image_id: str
    category: str
    actions: tuple[str, ...]
    steps: tuple[Step, ...]
    final_box: Coordinates
    final_iou: float
    terminated: bool
    success: bool


def rollout(
    store: SampleStore,
    policy: Policy,
    mdp: Mdp,
    tasks: Tensor,
    generator: torch.Generator,
    batch: int = 512,
) -> Rollout:
    """Run one episode for each task, from the whole image.

    Args:
        store: the images.
        policy: chooses the actions.
        mdp: the decision process.
        tasks: ``[M, 2]`` int64, image and category; those of one image together,
            so that the image is encoded once.
        generator: of the policy's random choices.
        batch: episodes in lock-step.
    """
    pieces = [
        _lockstep(store, policy, mdp, part, generator)
        for part in torch.split(tasks, batch)
        if len(part)
    ]
    return Rollout(
        **{f.name: torch.cat([getattr(piece, f.name) for piece in pieces]) for f in fields(Rollout)}
    )


def _lockstep(
    store: SampleStore, policy: Policy, mdp: Mdp, tasks: Tensor, generator: torch.Generator
) -> Rollout:
    number, limit = len(tasks), mdp.max_steps
    unique, index = torch.unique(tasks[:, 0], return_inverse=True)
    policy.look(store.images[unique])
    environment = Environment(store, mdp, policy.frames, policy.action_history)
    observation = environment.reset(tasks)
    boxes = observation.boxes[:, -1:].repeat(1, limit + 1, 1)
    iou = environment.iou[:, None].repeat(1, limit + 1)
    actions = torch.full((number, limit), -1)
    q_values = torch.full((number, limit + 1, environment.trigger + 1), float("nan"))
    steps = torch.zeros(number, dtype=torch.int64)
    terminated = torch.zeros(number, dtype=torch.bool)
    running = torch.arange(number)
    for step in range(limit):
        sizes = store.sizes[observation.image]
        chosen, values = policy.act(observation, index[running], sizes, generator)
        outcome = environment.step(chosen)
        actions[running, step] = chosen
        q_values[running, step] = values
        observation = environment.observation()
        boxes[running, step + 1 :] = observation.boxes[:, -1:]
        iou[running, step + 1 :] = outcome.iou[:, None]
        steps[running] = step + 1
        terminated[running] = outcome.terminated
        going_on = ~outcome.ended
        running = running[going_on]
        if len(running) == 0:
            break
        environment.keep(going_on)
        observation = observation[going_on]
    return Rollout(tasks[:, 0], tasks[:, 1], boxes, actions, q_values, steps, terminated, iou)


def trajectory(rollout: Rollout, store: SampleStore, index: int, mdp: Mdp) -> Trajectory:
    """One episode of a rollout, step by step.

    Args:
        rollout: the episodes.
        store: the images they ran on.
        index: which of them.
        mdp: the decision process they ran in.
    """
    actions = names_of(mdp)
    length = int(rollout.steps[index])
    iou = rollout.iou[index]
    moves = move_reward(iou[:-1], iou[1:], mdp)
    triggers = trigger_reward(iou, mdp)
    steps = []
    for step in range(length):
        action = actions[int(rollout.actions[index, step])]
        reward = triggers[step] if action == actions[-1] else moves[step]
        steps.append(
            Step(
                box=coordinates(rollout.boxes[index, step].tolist()),
                q_values=tuple(rollout.q_values[index, step].tolist()),
                action=action,
                iou=float(iou[step]),
                reward=float(reward),
            )
        )
    terminated = bool(rollout.terminated[index])
    return Trajectory(
        image_id=store.image_ids[int(rollout.image[index])],
        category=store.categories[int(rollout.category[index])],
        actions=actions,
        steps=tuple(steps),
        final_box=coordinates(rollout.boxes[index, length].tolist()),
        final_iou=float(iou[length]),
        terminated=terminated,
        success=terminated and float(iou[length]) > mdp.trigger_iou,
    )
