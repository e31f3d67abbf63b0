"""Learners that ``benchmarks.skill`` compares: ours, and loops on the Gymnasium environment."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.running import ROOT
from objloc.data.shard_index import read_index
from objloc.data.store import SampleStore
from objloc.evaluation.success_rate import counted_images
from objloc.learning.training import Training
from objloc.learning.validation import Validator
from objloc.network.q_network import build_network
from objloc.params import Agent, load_params

_VAL_IMAGES = 10
"""Number of images of each category that success is measured on."""
_WINDOW = 40
"""Side in pixels of the observed window."""
_EPSILON_STEPS = 50_000
_CHUNK = 500
"""Steps between two looks at the clock."""
_DISCOUNT = 0.0
"""A move is rewarded at once: IoU grows or does not."""

Progress = Iterator[tuple[int, Callable[[], float]]]
"""Steps taken so far, and what measures success on ``val`` now."""


class Searches:
    """The searches that success is measured on, for learners that know only Gymnasium.

    Args:
        shards: folder of shards.
        agent: gives the decision process, and the least IoU of a success.
    """

    def __init__(self, shards: Path, agent: Agent) -> None:
        import gymnasium

        self.settings: dict[str, Any] = {
            "id": "objloc.gym:objloc/Localisation-v0",
            "shards": shards,
            "mdp": agent.mdp.model_dump() | {"refinements": 0},
            "window_size": _WINDOW,
            "image_size": agent.encoder.image_size,
            "success_iou": agent.schedule.success_iou,
        }
        self._environment = gymnasium.make(**self.settings, image_set="val")
        store = store_of(shards, "val", agent)
        self.names = store.categories
        tasks = counted_images(store.presence(), _VAL_IMAGES).nonzero().tolist()
        self._tasks = [(store.image_ids[image], category) for image, category in tasks]

    def success(self, choose: Callable[[Mapping[str, Any]], int]) -> float:
        """Success rate of greedy episodes, averaged over categories."""
        found: dict[int, list[bool]] = {}
        for image_id, category in self._tasks:
            wanted = {"image_id": image_id, "category": self.names[category]}
            observation, info = self._environment.reset(options=wanted)
            ended = False
            while not ended:
                observation, _, terminated, truncated, info = self._environment.step(
                    choose(observation)
                )
                ended = terminated or truncated
            found.setdefault(category, []).append(bool(info["is_success"]))
        return float(np.mean([np.mean(each) for each in found.values()]))


def ours(shards: Path, name: str, changes: list[str]) -> Progress:
    """Train an agent of this project."""
    params = load_params(ROOT / "params.yaml", [f"agents.{name}.{each}" for each in changes])
    agent = params.agents[name]
    stores = {each: store_of(shards, each, agent) for each in ("train", "val")}
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, stores["train"].categories, generator)
    validator = validator_of(stores, agent)
    tasks = stores["train"].tasks()
    training = Training(network, stores["train"], tasks, agent, lambda _: {"score": 0.0}, generator)
    for status in training.run():
        network_now = training.learner.kept
        yield status.steps, lambda network=network_now: validator(network.eval())["score"]  # type: ignore[misc]


def stable_baselines(shards: Path) -> Progress:
    """Train Stable-Baselines3's DQN, with the settings of ``examples/sb3_dqn.py``."""
    import gymnasium
    from stable_baselines3 import DQN

    searches = Searches(shards, default_agent())
    model = DQN(
        "MultiInputPolicy",
        gymnasium.make(**searches.settings, image_set="train"),
        policy_kwargs={"net_arch": [256, 128]},
        gamma=0.0,
        learning_rate=1e-3,
        batch_size=128,
        buffer_size=50_000,
        learning_starts=1_000,
        train_freq=4,
        gradient_steps=2,
        exploration_fraction=1.0,
        exploration_final_eps=0.15,
        seed=0,
    )

    def success() -> float:
        return searches.success(lambda seen: int(model.predict(seen, deterministic=True)[0]))  # type: ignore[arg-type]

    while True:
        # A call explores less and less over its steps; the schedule is set for all of them.
        model.learn(_CHUNK, reset_num_timesteps=model.num_timesteps == 0)
        model.exploration_schedule = _falling(model.num_timesteps)
        yield model.num_timesteps, success


def single_loop(shards: Path) -> Progress:
    """Train a network by a plain loop: a step, now and then an update, a copied target."""
    import gymnasium

    searches = Searches(shards, default_agent())
    environment = gymnasium.make(**searches.settings, image_set="train")
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    observation, _ = environment.reset(seed=0)
    network = _Network(len(searches.names), int(environment.action_space.n))  # type: ignore[attr-defined]
    target = _Network(len(searches.names), int(environment.action_space.n))  # type: ignore[attr-defined]
    target.load_state_dict(network.state_dict())
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    memory: list[tuple[dict[str, Any], int, float, dict[str, Any], bool]] = []

    @torch.no_grad()
    def choose(seen: Mapping[str, Any]) -> int:
        return int(network(_batch([seen])).argmax())

    steps = 0
    while True:
        epsilon = _falling(steps)(0.0)
        explores = random.random() < epsilon
        action = int(environment.action_space.sample()) if explores else choose(observation)
        following, reward, terminated, truncated, _ = environment.step(action)
        kept = (observation, action, float(reward), following, terminated)
        if len(memory) < 50_000:
            memory.append(kept)
        else:
            memory[steps % 50_000] = kept
        observation = environment.reset()[0] if terminated or truncated else following
        steps += 1
        if steps >= 1_000 and steps % 4 == 0:
            for _ in range(2):
                drawn = [memory[each] for each in random.integers(len(memory), size=128)]
                seen, actions, rewards, after, ends = zip(*drawn, strict=True)
                with torch.no_grad():
                    best = target(_batch(after)).amax(1) * ~torch.tensor(ends)
                    goal = torch.tensor(rewards) + _DISCOUNT * best
                values = network(_batch(seen))[torch.arange(128), torch.tensor(actions)]
                loss = nn.functional.smooth_l1_loss(values, goal)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            if steps % 1_000 == 0:
                target.load_state_dict(network.state_dict())
        if steps % _CHUNK == 0:
            yield steps, lambda: searches.success(choose)


class _Network(nn.Module):
    """The network of Stable-Baselines3 for pictures (Mnih et al. 2015), and two dense layers."""

    def __init__(self, categories: int, actions: int) -> None:
        super().__init__()
        self._categories, self._actions = categories, actions + 1
        self.picture = nn.Sequential(
            nn.Conv2d(3, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(),
            nn.Conv2d(64, 64, 3, 1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(256), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.LazyLinear(256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, actions)
        )
        self(
            {
                "window": torch.zeros(1, _WINDOW, _WINDOW, 3),
                "box": torch.zeros(1, 4),
                "category": torch.zeros(1, dtype=torch.int64),
                "actions": torch.zeros(1, 10, dtype=torch.int64),
            }
        )

    def forward(self, seen: Mapping[str, Tensor]) -> Tensor:
        """Values of all actions."""
        one_hot = nn.functional.one_hot
        parts = [
            self.picture(seen["window"].permute(0, 3, 1, 2).float() / 255),
            seen["box"],
            one_hot(seen["category"], self._categories).float(),
            one_hot(seen["actions"], self._actions).flatten(1).float(),
        ]
        values: Tensor = self.head(torch.cat(parts, dim=1))
        return values


def _batch(seen: Any) -> dict[str, Tensor]:
    """Several observations as tensors."""
    return {key: torch.as_tensor(np.stack([each[key] for each in seen])) for key in seen[0]}


def _falling(steps: int) -> Callable[[float], float]:
    """Epsilon after some steps, in the form of a schedule of Stable-Baselines3."""
    return lambda _: max(0.15, 1 - 0.85 * steps / _EPSILON_STEPS)


def default_agent() -> Agent:
    """The project's default agent, whose decision process all learners have."""
    return load_params(ROOT / "params.yaml", []).agents["scenes"]


def store_of(shards: Path, image_set: str, agent: Agent) -> SampleStore:
    """An image set of the shards, as the agent sees it."""
    categories = read_index(shards).categories
    return SampleStore.load(shards, image_set, categories, agent.encoder.image_size)


def validator_of(stores: Mapping[str, SampleStore], agent: Agent) -> Validator:
    """What measures an agent of this project on the same searches."""
    schedule = agent.schedule.model_copy(update={"val_images": _VAL_IMAGES, "train_images": None})
    measured = agent.model_copy(update={"schedule": schedule})
    return Validator(
        stores["train"], stores["val"], list(range(len(stores["val"].categories))), measured
    )


LEARNERS: Mapping[str, tuple[str, Callable[[Path], Progress]]] = {
    "scenes": (
        "this project's default agent",
        lambda shards: ours(shards, "scenes", []),
    ),
    "stable_baselines3": ("Stable-Baselines3's DQN", stable_baselines),
    "single_loop": ("a loop of CleanRL's kind", single_loop),
    "dqn2018": (
        "the loop of 2018",
        lambda shards: ours(
            shards,
            "dqn2018",
            ["schedule.environments=1", "schedule.passes=1000", "replay.size=50000"],
        ),
    ),
}
"""Title of each learner, and what trains it, by name."""
