"""Run an agent's episodes and record them.

Validation, evaluation and animation all use this. Training acts by itself.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.mdp.environment import Environment
from objloc.params import Mdp
from objloc.search.policy import Policy


@dataclass(frozen=True)
class Rollout:
    """B episodes side by side; T is the step limit, A the number of actions.

    In step t the agent looks at ``boxes[:, t]``. The final window of episode b
    is ``boxes[b, steps[b]]``: a trigger leaves the window where it is.

    Attributes:
        image: ``[B]`` int64, index into the store.
        category: ``[B]`` int64, index into the store's categories.
        boxes: ``[B, T+1, 4]`` float64 pixels; after the end the last one repeated.
        actions: ``[B, T]`` int64 into the action set, A for a learned step; -1 after the end.
        q_values: ``[B, T+1, A]`` float32; nan after the end, and for policies
            without a network.
        steps: ``[B]`` int64, actions taken, the trigger included.
        terminated: ``[B]`` bool, ended by a trigger, not by the step limit.
        iou: ``[B, T+1]`` float64 with the best-matching object of the category,
            difficult ones included; 0 where the store has no such object.
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


def rollout(
    store: SampleStore,
    policy: Policy,
    mdp: Mdp,
    tasks: Tensor,
    generator: torch.Generator,
    batch: int = 512,
) -> Rollout:
    """Run one episode for each task, from the first start window.

    Args:
        store: the images. Their objects serve only to compute IoU; without ground
            truth there are none.
        policy: chooses the actions.
        mdp: the decision process.
        tasks: ``[M, 2]`` int64, image and category; best with those of one image
            together, so that it is encoded once.
        generator: for the policy's random choices.
        batch: maximum number of episodes in lock-step.
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
    policy.look(store.images, unique)
    environment = Environment(store, mdp, policy.frames, policy.action_history)
    observation = environment.reset(tasks)
    boxes = observation.boxes[:, -1:].repeat(1, limit + 1, 1)
    iou = environment.iou[:, None].repeat(1, limit + 1)
    actions = torch.full((number, limit), -1)
    q_values = torch.full((number, limit + 1, environment.trigger + 1), float("nan"))
    steps = torch.zeros(number, dtype=torch.int64)
    terminated = torch.zeros(number, dtype=torch.bool)
    running = torch.arange(number)
    refined = torch.zeros(number, dtype=torch.int64)  # learned steps made
    for step in range(limit):
        sizes = store.sizes[observation.image]
        choice = policy.act(observation, index[running], sizes, generator)
        chosen = choice.actions
        if choice.steps is not None:
            # Once it would trigger, the agent first goes as far as it has learned to. It does
            # not change its mind: from there it might go back, and be here again for ever.
            triggers = (chosen == environment.trigger) | (refined > 0)
            chosen = torch.where(triggers, environment.trigger, chosen)
            refines = triggers & (refined < mdp.refinements)
            chosen = torch.where(refines, environment.learned_step, chosen)
            refined += refines
        outcome = environment.step(chosen, choice.steps)
        actions[running, step] = chosen
        q_values[running, step] = choice.q_values
        observation = environment.observation()
        boxes[running, step + 1 :] = observation.boxes[:, -1:]
        iou[running, step + 1 :] = outcome.iou[:, None]
        steps[running] = step + 1
        terminated[running] = outcome.terminated
        ongoing = ~outcome.ended
        running = running[ongoing]
        if len(running) == 0:
            break
        environment.keep_only(ongoing)
        observation, refined = observation[ongoing], refined[ongoing]
    policy.forget()
    return Rollout(tasks[:, 0], tasks[:, 1], boxes, actions, q_values, steps, terminated, iou)
