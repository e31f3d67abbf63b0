from dataclasses import replace

import torch

from objloc.data.image_batch import Images
from objloc.mdp.action import LEARNED_STEP
from objloc.mdp.environment import Environment, Observation
from objloc.params import Mdp
from objloc.search.policy import Choice, RandomPolicy
from objloc.search.rollout import Rollout, rollout
from objloc.search.trajectory import trajectories_of
from tests.helpers.stores import make_store

MDP = Mdp(max_steps=5)
TASKS = torch.tensor([[0, 0], [0, 1], [1, 0], [2, 1]])
SMALLER, TRIGGER = 6, 8


class Planned:
    """Takes a given action in each step; category 1 triggers at once."""

    frames = 1
    action_history = 0

    def __init__(self, *actions: int) -> None:
        self._actions = list(actions)
        self.looked: list[int] = []

    def look(self, images: Images, rows: torch.Tensor) -> None:
        self.looked.append(len(images[rows]))
        self._step = 0

    def forget(self) -> None:
        self.looked.append(0)

    def act(
        self,
        observation: Observation,
        index: torch.Tensor,
        sizes: torch.Tensor,
        generator: torch.Generator,  # noqa: ARG002 - it draws nothing
    ) -> Choice:
        assert len(index) == len(sizes) == len(observation.image)
        action = torch.full((len(index),), self._actions[self._step])
        self._step += 1
        action[observation.category == 1] = TRIGGER
        values = torch.zeros(len(index), 9)
        values[:, TRIGGER] = float(self._step)
        return Choice(action, values)


def planned(*actions: int) -> Rollout:
    return rollout(make_store(3), Planned(*actions), MDP, TASKS, torch.Generator())


def test_each_episode_ends_by_its_own_trigger_or_the_step_limit() -> None:
    episodes = planned(*[SMALLER] * 5)
    assert episodes.steps.tolist() == [5, 1, 5, 1]
    assert episodes.terminated.tolist() == [False, True, False, True]
    assert episodes.actions.tolist()[:2] == [[SMALLER] * 5, [TRIGGER, -1, -1, -1, -1]]


def test_a_trigger_leaves_the_window_where_it_is() -> None:
    episodes = planned(SMALLER, SMALLER, TRIGGER)
    assert episodes.steps.tolist() == [3, 1, 3, 1]
    assert torch.equal(episodes.final_boxes[0], episodes.boxes[0, 2])
    assert torch.equal(episodes.boxes[0, 3:], episodes.boxes[0, 2].expand(3, 4))
    assert torch.equal(episodes.boxes[1], episodes.boxes[1, :1].expand(6, 4))
    assert torch.equal(episodes.final_iou, episodes.iou[torch.arange(4), episodes.steps])


def test_values_are_kept_for_the_steps_taken_alone() -> None:
    episodes = planned(SMALLER, SMALLER, TRIGGER)
    assert episodes.q_values[0, :3, TRIGGER].tolist() == [1.0, 2.0, 3.0]
    assert episodes.q_values[0, 3:].isnan().all()
    assert episodes.q_values[1, 1:].isnan().all()


def test_an_image_is_encoded_once_for_all_its_episodes() -> None:
    policy = Planned(TRIGGER)
    rollout(make_store(3), policy, MDP, TASKS, torch.Generator())
    assert policy.looked == [3, 0], "and let go of when they have ended"


def test_batches_of_episodes_are_the_same_episodes() -> None:
    together = planned(SMALLER, TRIGGER)
    apart = rollout(make_store(3), Planned(SMALLER, TRIGGER), MDP, TASKS, torch.Generator(), 2)
    assert torch.equal(together.boxes, apart.boxes)
    assert torch.equal(together.steps, apart.steps)


def test_without_ground_truth_the_agent_acts_alike_and_every_iou_is_zero() -> None:
    store = make_store(3)
    unknown = replace(store, object_category=torch.full_like(store.object_category, -1))
    known, blind = (
        rollout(each, RandomPolicy(9), MDP, TASKS, torch.Generator().manual_seed(0))
        for each in (store, unknown)
    )
    assert torch.equal(known.boxes, blind.boxes)
    assert torch.equal(known.actions, blind.actions)
    assert known.iou.any()
    assert not blind.iou.any()


class Refining(Planned):
    """Would trigger wherever it is, and has learned to go right by a tenth of the side."""

    def act(
        self,
        observation: Observation,
        index: torch.Tensor,
        sizes: torch.Tensor,
        generator: torch.Generator,
    ) -> Choice:
        choice = super().act(observation, index, sizes, generator)
        steps = torch.tensor([[0.1, 0.0, 0.0, 0.0]]).repeat(len(index), 1)
        return choice._replace(steps=steps)


def refined(*actions: int, refinements: int = 2, action_history: int = 0) -> Rollout:
    mdp = MDP.model_copy(update={"refinements": refinements})
    policy = Refining(*actions)
    policy.action_history = action_history
    return rollout(make_store(3), policy, mdp, TASKS, torch.Generator())


def test_where_it_would_trigger_it_makes_learned_steps_first() -> None:
    plan = (SMALLER, TRIGGER, TRIGGER, TRIGGER)
    episodes = refined(*plan)
    learned = TRIGGER + 1
    assert episodes.actions[0].tolist() == [SMALLER, learned, learned, TRIGGER, -1]
    assert episodes.actions[1].tolist() == [learned, learned, TRIGGER, -1, -1]
    assert episodes.steps.tolist() == [4, 3, 4, 3]
    assert episodes.terminated.all()
    boxes = episodes.boxes[0]
    side = boxes[1, 2] - boxes[1, 0]
    torch.testing.assert_close(boxes[2] - boxes[1], torch.tensor([0.1, 0, 0.1, 0]).double() * side)
    assert torch.equal(boxes[3], boxes[4]), "the trigger leaves the window where it is"
    assert refined(*plan, refinements=0).actions[0].tolist() == [SMALLER, TRIGGER, -1, -1, -1]


def test_once_it_would_trigger_it_does_not_change_its_mind() -> None:
    learned = TRIGGER + 1
    episodes = refined(SMALLER, TRIGGER, SMALLER, SMALLER)
    assert episodes.actions[0].tolist() == [SMALLER, learned, learned, TRIGGER, -1]
    late = refined(*[SMALLER] * 4, TRIGGER)
    assert late.actions[0].tolist() == [*[SMALLER] * 4, learned]
    assert not late.terminated[0], "the step limit comes first"


def test_learned_steps_are_named_in_trajectories_and_are_no_past_actions() -> None:
    store = make_store(3)
    episodes = refined(SMALLER, TRIGGER, TRIGGER, TRIGGER, action_history=2)
    first = next(trajectories_of(episodes, store, MDP))
    names = [step.action for step in first.steps]
    assert names == ["smaller", LEARNED_STEP, LEARNED_STEP, "trigger"]
    environment = Environment(store, MDP, 1, 2)
    environment.reset(TASKS)
    here = torch.full((4,), environment.learned_step)
    environment.step(here, torch.zeros(4, 4))
    assert environment.observation().actions.tolist() == [[-1, -1]] * 4
