import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector as wrappers

from objloc import gym
from objloc.errors import ObjlocError
from tests.helpers.environments import SMALL, assert_same, make, make_vector
from tests.helpers.imports import ROOT

TRIGGER = 8


def as_gymnasiums(
    number: int, shards: Path, mode: AutoresetMode, **settings: Any
) -> tuple[Any, SyncVectorEnv]:
    """A vector of ours, and Gymnasium's of as many single environments."""
    return (
        make_vector(number, shards, autoreset_mode=mode, **settings),
        SyncVectorEnv([lambda: make(shards, **settings)] * number, autoreset_mode=mode),
    )


@pytest.mark.parametrize("observation", ["dict", "box"])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_slot_of_many_is_as_gymnasiums_own_vector_of_single_ones(
    shards_folder: Path, observation: str, mode: AutoresetMode
) -> None:
    many, reference = as_gymnasiums(
        5, shards_folder, mode, observation=observation, mdp={"max_steps": 4}
    )
    assert many.metadata["autoreset_mode"] is many.autoreset_mode is mode
    assert many.observation_space == reference.observation_space
    assert many.action_space == reference.action_space
    assert_same(many.reset(seed=7), reference.reset(seed=7))
    actions = np.random.default_rng(0)
    ended = 0
    for _ in range(30):
        choice = actions.integers(0, 9, 5)
        one, other = many.step(choice), reference.step(choice)
        assert_same(one, other)
        assert [each.dtype for each in one[1:4]] == [each.dtype for each in other[1:4]]
        now = one[2] | one[3]
        ended += int(now.sum())
        if mode is AutoresetMode.DISABLED and now.any():
            assert_same(
                many.reset(options={"reset_mask": now}),
                reference.reset(options={"reset_mask": now}),
            )
    assert ended > 20


@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_mask_restarts_its_slots_alone(shards_folder: Path, mode: AutoresetMode) -> None:
    many, reference = as_gymnasiums(3, shards_folder, mode)
    for environment in (many, reference):
        environment.reset(seed=0)
        environment.step(np.array([0, 1, 2]))
    for seed in (None, 5):
        options = {"reset_mask": np.array([True, False, True]), "category": "dog"}
        one = many.reset(seed=seed, options=options)
        assert options.keys() == {"reset_mask", "category"}
        assert_same(one, reference.reset(seed=seed, options=options))
        assert one[1]["_steps"].tolist() == [True, False, True]
        assert_same(many.step([0, 1, 2]), reference.step(np.array([0, 1, 2])))
    assert many.step([0, 1, 2])[4]["steps"].tolist() == [2, 4, 2]


def test_observations_of_an_episode_stay_as_returned(shards_folder: Path) -> None:
    many = make_vector(3, shards_folder, autoreset_mode="SameStep", mdp={"max_steps": 2})
    kept = [many.reset(seed=0)[0]["window"]]
    copies = [kept[0].copy()]
    for _ in range(6):
        kept.append(many.step([0, 2, TRIGGER])[0]["window"])
        copies.append(kept[-1].copy())
    assert_same(tuple(kept), tuple(copies))


def test_an_ended_slot_waits_for_its_reset_if_asked(shards_folder: Path) -> None:
    many = make_vector(2, shards_folder, autoreset_mode="Disabled")
    many.reset(seed=0)
    many.step([0, TRIGGER])
    with pytest.raises(ObjlocError, match=r"`reset_mask` of slots whose episodes .*none of \[1\]"):
        many.step([0, 0])
    many.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ObjlocError, match=r"found none of \[1\]"):
        many.step([0, 0])
    many.reset(options={"reset_mask": np.array([False, True])})
    many.step([0, 0])


@pytest.mark.parametrize("mask", [np.array([True]), np.array([1, 0]), np.zeros(2, bool), True])
def test_a_mask_of_other_form_is_refused(shards_folder: Path, mask: Any) -> None:
    many = make_vector(2, shards_folder)
    many.reset(seed=0)
    with pytest.raises(ObjlocError, match="reset_mask: expected 2 truth values, at least one"):
        many.reset(options={"reset_mask": mask})


def test_a_step_or_a_partial_reset_before_reset_is_refused(shards_folder: Path) -> None:
    many = make_vector(2, shards_folder)
    with pytest.raises(ObjlocError, match="step: expected a call of reset before; found none"):
        many.step([0, 0])
    with pytest.raises(ObjlocError, match="reset: expected a call of reset before; found none"):
        many.reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"autoreset_mode": "sometimes"},
            "autoreset_mode: expected one of NextStep, SameStep,",
        ),
        ({"num_envs": 0}, "num_envs: expected at least one; found 0"),
        ({"category": "cat"}, "unexpected keyword argument 'category'; expected some of shards"),
    ],
)
def test_impossible_arguments_are_refused(
    shards_folder: Path, arguments: dict[str, Any], message: str
) -> None:
    settings: dict[str, Any] = {"num_envs": 2, "shards": shards_folder} | SMALL | arguments
    with pytest.raises(ObjlocError) as error:
        gymnasium.make_vec(gym.ENVIRONMENT_ID, **settings)
    assert message in str(error.value)


@pytest.mark.parametrize("actions", [np.array([0, 8]), [0, 8], (0, 8), torch.tensor([0, 8])])
def test_actions_may_be_of_any_kind(shards_folder: Path, actions: Any) -> None:
    many = make_vector(2, shards_folder)
    many.reset(seed=0)
    assert many.step(actions)[2].tolist() == [False, True]


@pytest.mark.parametrize("actions", [[0, 9], [0, -1], [0], [0, 1, 2], 0, [0.0, 1.0], [[0, 1]]])
def test_actions_that_do_not_exist_are_refused(shards_folder: Path, actions: Any) -> None:
    many = make_vector(2, shards_folder)
    many.reset(seed=0)
    with pytest.raises(ObjlocError, match="step: expected 2 actions, integers from 0 to 8; found"):
        many.step(actions)


def test_seeds_may_be_given_one_by_one(shards_folder: Path) -> None:
    many = make_vector(3, shards_folder)
    assert_same(many.reset(seed=[5, 6, 7]), many.reset(seed=5))
    first = many.reset(seed=[5, None, None])[1]["image_index"][0]
    assert first == many.reset(seed=np.int64(5))[1]["image_index"][0]
    with pytest.raises(ObjlocError, match="expected 3 seeds; found 2"):
        many.reset(seed=[1, 2])


@pytest.mark.parametrize(
    "wrapper",
    [
        wrappers.RecordEpisodeStatistics,
        wrappers.NormalizeReward,
        wrappers.FlattenObservation,
        wrappers.DictInfoToList,
    ],
)
def test_gymnasiums_wrappers_take_it(shards_folder: Path, wrapper: Any) -> None:
    environment = wrapper(make_vector(2, shards_folder, mdp={"max_steps": 2}))
    environment.reset(seed=0)
    ended = [environment.step([0, TRIGGER]) for _ in range(3)][-1]
    assert ended[2].tolist() == [False, True]


ASYNCHRONOUS = """
import gymnasium, numpy as np, sys, torch
torch.set_num_threads(2)
torch.rand(2000, 2000).sum()
environments = gymnasium.make_vec(
    "objloc.gym:objloc/Localisation-v0", num_envs=2, vectorization_mode="async",
    vector_kwargs={"context": "fork"}, categories=["cat"], scenes=4, window_size=200,
)
environments.reset(seed=0)
print(environments.step(np.array([0, 1]))[4]["steps"].tolist(), torch.get_num_threads())
environments.close()
"""


IMPORTED_LATER = """
import multiprocessing, torch
torch.set_num_threads(2)
torch.rand(2000, 2000).sum()

def search(answers):
    import gymnasium
    environment = gymnasium.make(
        "objloc.gym:objloc/Localisation-v0", categories=["cat"], scenes=4, window_size=200
    )
    environment.reset(seed=0)
    answers.put(int(environment.step(0)[4]["steps"]))

context = multiprocessing.get_context("fork")
answers = context.Queue()
context.Process(target=search, args=(answers,)).start()
print(answers.get())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
@pytest.mark.parametrize(("code", "answer"), [(ASYNCHRONOUS, "[1, 1] 2"), (IMPORTED_LATER, "1")])
def test_forked_processes_answer(code: str, answer: str) -> None:
    # Left alone, the children wait for threads of their parent: a time limit ends them all.
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        start_new_session=True,
    ) as process:
        try:
            assert process.communicate(timeout=600)[0].strip() == answer
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("no answer within ten minutes")
