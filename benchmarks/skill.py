"""Time to skill: the default agent beside other loops of deep Q-learning on the same searches.

``python -m benchmarks.skill SHARDS`` trains each learner on the images of ``train`` until it
succeeds in .15 more of the searches on ``val`` than the best fixed box, or its time is over, and
writes ``benchmarks/results/skill.json``. Time is that of processors, all threads added, so that
other programs hardly change it; measuring is not counted. Stable-Baselines3's DQN and a loop of
the kind of CleanRL learn on the project's Gymnasium environment, with one step of one
environment after another. The loop of 2018 is the agent ``dqn2018`` with one environment and an
update of 32 transitions for each step.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from benchmarks.markdown import table
from benchmarks.running import ROOT
from objloc.data.shard_index import read_index
from objloc.data.store import SampleStore
from objloc.evaluation.success_rate import counted_images
from objloc.files import write_json
from objloc.learning.training import Training
from objloc.learning.validation import Validator
from objloc.network.device import use_one_thread
from objloc.network.q_network import build_network
from objloc.params import Agent, load_params

NAME = "skill"
ABOVE = 0.15
"""Success beyond the best fixed box's that counts as skill."""
_VAL_IMAGES = 10
"""Number of images of each category that success is measured on."""
_WINDOW = 40
"""Side in pixels of the observed window."""
_EPSILON_STEPS = 50_000

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
        store = _store(shards, "val", agent)
        self._names = store.categories
        tasks = counted_images(store.presence(), _VAL_IMAGES).nonzero().tolist()
        self._tasks = [(store.image_ids[image], category) for image, category in tasks]

    def success(self, choose: Callable[[Mapping[str, Any]], int]) -> float:
        """Success rate of greedy episodes, averaged over categories."""
        found: dict[int, list[bool]] = {}
        for image_id, category in self._tasks:
            wanted = {"image_id": image_id, "category": self._names[category]}
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
    stores = {each: _store(shards, each, agent) for each in ("train", "val")}
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, stores["train"].categories, generator)
    validator = _validator(stores, agent)
    tasks = stores["train"].tasks()
    training = Training(network, stores["train"], tasks, agent, lambda _: {"score": 0.0}, generator)
    for status in training.run():
        network_now = training.learner.kept
        yield status.steps, lambda network=network_now: validator(network.eval())["score"]  # type: ignore[misc]


def stable_baselines(shards: Path) -> Progress:
    """Train Stable-Baselines3's DQN, with the settings of ``examples/sb3_dqn.py``."""
    import gymnasium
    from stable_baselines3 import DQN

    searches = Searches(shards, _default())
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

    searches = Searches(shards, _default())
    environment = gymnasium.make(**searches.settings, image_set="train")
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    observation, _ = environment.reset(seed=0)
    network = _Network(len(searches._names), int(environment.action_space.n))  # type: ignore[attr-defined]  # noqa: SLF001
    target = _Network(len(searches._names), int(environment.action_space.n))  # type: ignore[attr-defined]  # noqa: SLF001
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


_CHUNK = 500
"""Steps between two looks at the clock."""
_DISCOUNT = 0.0
"""A move is rewarded at once: IoU grows or does not."""


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


def _default() -> Agent:
    return load_params(ROOT / "params.yaml", []).agents["scenes"]


def _store(shards: Path, image_set: str, agent: Agent) -> SampleStore:
    categories = read_index(shards).categories
    return SampleStore.load(shards, image_set, categories, agent.encoder.image_size)


def _validator(stores: Mapping[str, SampleStore], agent: Agent) -> Validator:
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


def skill_table(result: Mapping[str, Any]) -> str:
    """Table of the minutes to skill, and how far those came that did not reach it."""
    minutes = {name: row["minutes"] for name, row in result["rows"].items()}
    first = minutes.get("scenes")
    rows = []
    for name, row in result["rows"].items():
        reached = row["minutes"] is not None
        last = row["curve"][-1]
        spent = row["minutes"] if reached else last["minutes"]
        factor = f"{'' if reached else 'more than '}{spent / first:.0f}" if first else ""
        rows.append(
            [
                LEARNERS[name][0],
                f"{spent:.1f}" if reached else f"more than {spent:.1f}",
                "1" if name == "scenes" else factor,
                f"{max(each['success'] for each in row['curve']):.2f}",
                f"{last['steps']:,}",
            ]
        )
    return table(
        ("learner", "minutes of a core to skill", "times ours", "highest success", "steps"), rows
    )


def learn(name: str, shards: Path, minutes: float, every: float) -> dict[str, Any]:
    """Train one learner in this process until it has the skill or its time is over.

    Args:
        name: entry of ``LEARNERS``.
        shards: folder of shards.
        minutes: time limit, of processors.
        every: first time between two measurements, in minutes; later ones grow with time.

    Returns:
        ``minutes`` to skill, None if it was not reached; ``curve``: minutes, steps and success.
    """
    use_one_thread()
    agent = _default()
    fixed = _validator(
        {each: _store(shards, each, agent) for each in ("train", "val")}, agent
    ).fixed_box
    curve: list[dict[str, float]] = []
    spent, since, due = 0.0, time.process_time(), every
    for steps, success in LEARNERS[name][1](shards):
        now = spent + (time.process_time() - since) / 60
        if now < min(due, minutes):
            continue
        found = success()
        curve.append({"minutes": round(now, 3), "steps": steps, "success": round(found, 4)})
        print(f"{name}: {now:.2f} min, {steps} steps, success {found:.3f}", file=sys.stderr)
        if found >= fixed + ABOVE:
            return {"fixed_box": fixed, "minutes": round(now, 3), "curve": curve}
        if now >= minutes:
            return {"fixed_box": fixed, "minutes": None, "curve": curve}
        spent, since, due = now, time.process_time(), now + max(every, now / 8)
    return {"fixed_box": fixed, "minutes": None, "curve": curve}


def main(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    minutes: Annotated[float, typer.Option(help="Time limit of each learner.")] = 30,
    every: Annotated[float, typer.Option(help="Minutes between measurements.")] = 0.1,
    only: Annotated[str | None, typer.Option(help="One learner; print its figures.")] = None,
    at_once: Annotated[int, typer.Option(help="Number of learners side by side.")] = 1,
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    if only is not None:
        print(json.dumps(learn(only, shards.resolve(), minutes, every)))
        return

    def measured(name: str) -> dict[str, Any]:
        options = ["--minutes", str(minutes), "--every", str(every), "--only", name]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.skill", str(shards.resolve()), *options],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        row: dict[str, Any] = json.loads(done.stdout)
        return row

    rows = {}
    with ThreadPoolExecutor(at_once) as several:
        for name, row in zip(LEARNERS, several.map(measured, LEARNERS), strict=True):
            rows[name] = row
            write_json(output, {"limit": minutes, "above": ABOVE, "rows": rows})
    print(skill_table({"rows": rows}))


if __name__ == "__main__":
    typer.run(main)
