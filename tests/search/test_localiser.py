import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from objloc.box import iou
from objloc.data.image_batch import ImageBatch
from objloc.data.images import open_image
from objloc.data.photograph import Photograph
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.action import LEARNED_STEP, LEARNED_ZOOM, Moves, start_windows
from objloc.mdp.reward import move_reward, trigger_reward
from objloc.network.checkpoint import Checkpoint, load_checkpoint
from objloc.network.q_network import build_network
from objloc.network.valuer import NUM_STEPS, QUARTERS, Valuer
from objloc.network.windows import Windows
from objloc.params import Agent, Encoder, Head, Mdp, load_params
from objloc.search.localiser import (
    FURTHER_STARTS,
    MAX_BUDGET,
    NMS,
    Localiser,
    search_params_of,
)
from objloc.search.policy import GreedyPolicy
from objloc.search.result import Result
from objloc.search.rollout import rollout
from objloc.search.trajectory import trajectories_of
from tests.helpers.runs import make_run
from tests.helpers.stores import make_samples

CATEGORIES = ("cat", "dog")


def agent_in(folder: Path, trigger: float = 0.21, seed: int = 2) -> Localiser:
    """An agent with fresh weights, of which some searches end in a trigger."""
    make_run(folder, trigger=trigger, seed=seed)
    return Localiser.load(folder / "train" / "checkpoint.pt")


def started(
    folder: Path,
    starts: tuple[tuple[int, float], ...],
    trigger: float = 0.21,
    discount: float = 0.9,
) -> Localiser:
    """The same with start windows of its own."""
    make_run(folder, trigger=trigger, seed=2)
    checkpoint = load_checkpoint(folder / "train" / "checkpoint.pt")
    agent = checkpoint.agent
    mdp = agent.mdp.model_copy(update={"starts": starts})
    learning = agent.learning.model_copy(update={"discount": discount})
    changed = agent.model_copy(update={"mdp": mdp, "learning": learning})
    return Localiser(replace(checkpoint, agent=changed))


def pictures(number: int) -> list[Image.Image]:
    return [open_image(sample.jpeg) for sample in make_samples(number)]


@pytest.mark.parametrize("kind", ["map", "crops"])
def test_without_a_budget_a_search_is_the_rollout_of_the_evaluation(
    tmp_path: Path, kind: str
) -> None:
    make_run(tmp_path, trigger=0.21, seed=2)
    checkpoint = load_checkpoint(tmp_path / "train" / "checkpoint.pt")
    if kind == "crops":
        encoder = Encoder(kind="crops", image_size=32, window_size=36, frames=3)
        agent = Agent(mdp=checkpoint.agent.mdp, encoder=encoder, head=Head(hidden=(8,)))
        network = build_network(agent, CATEGORIES, torch.Generator().manual_seed(5))
        checkpoint = Checkpoint(agent, CATEGORIES, "", "", network.state_dict())
    images = pictures(6)
    samples = [Photograph(str(row), image).sample() for row, image in enumerate(images)]
    mdp = checkpoint.agent.mdp
    store = SampleStore.from_samples(samples, CATEGORIES, 32)
    tasks = torch.cartesian_prod(torch.arange(6), torch.arange(2))
    policy = GreedyPolicy(checkpoint.network())
    episodes = rollout(store, policy, mdp, tasks, torch.Generator())
    runs = list(trajectories_of(episodes, store, mdp))
    ends = set()
    for row, image in enumerate(images):
        result = Localiser(checkpoint)(image)
        assert [each.category for each in result.searches] == list(CATEGORIES)
        for column, found in enumerate(result.searches):
            expected = runs[2 * row + column]
            values = torch.tensor([step.q_values for step in found.steps])
            wanted = torch.tensor([step.q_values for step in expected.steps])
            # One image at a time sums in another order than six together.
            torch.testing.assert_close(values, wanted, rtol=1e-4, atol=1e-5)
            steps = tuple(
                replace(step, q_values=other.q_values)
                for step, other in zip(found.steps, expected.steps, strict=True)
            )
            assert replace(found, image_id=str(row), steps=steps) == expected
            ends.add(found.final_box)
    assert len(ends) > 1, "the windows have moved"


@pytest.mark.parametrize("budget", [None, 30])
def test_each_step_is_judged_by_the_ground_truth_if_it_is_known(
    tmp_path: Path, budget: int | None
) -> None:
    agent, image = agent_in(tmp_path), pictures(1)[0]
    box = (10.0, 10.0, 80.0, 70.0)
    blind, judged = (agent(image, None, budget, ground_truth=each) for each in (None, box))
    assert judged.as_json() == blind.as_json(), "the agent does not see it"
    assert judged.searches
    truth = torch.tensor(box, dtype=torch.float64)
    for one, other in zip(judged.searches, blind.searches, strict=True):
        for step in one.steps:
            assert step.iou == float(iou(torch.tensor(step.box, dtype=torch.float64), truth))
        assert one.final_iou == float(iou(torch.tensor(one.final_box, dtype=torch.float64), truth))
        assert {step.iou for step in other.steps} == {other.final_iou} == {0.0}


def test_boxes_are_the_windows_triggered_on_best_first(tmp_path: Path) -> None:
    # It triggers at once for a cat, on each first window: those of 0.75 overlap.
    agent = started(tmp_path, ((1, 1.0), (2, 0.75), (3, 0.3)), trigger=1000.0)
    result = agent(pictures(1)[0], ["cat"], max_windows=60)
    triggers = [each for each in result.searches if each.terminated]
    assert len(triggers) > len(result.found) > 1, "some overlap, and go"
    assert result.scores.tolist() == sorted(result.scores.tolist(), reverse=True)
    for each in triggers:
        box = torch.tensor(each.final_box)
        rivals = [f for f in result.found if f.category == each.category and f.score >= each.score]
        assert any(f.search is each or iou(box, torch.tensor(f.box)) > NMS for f in rivals), (
            "kept, or overlapped by a better one"
        )
    for one in result.found:
        for other in result.found:
            if one is not other and one.category == other.category:
                assert iou(torch.tensor(one.box), torch.tensor(other.box)) <= NMS


@pytest.mark.parametrize("budget", [1, 2, 3, 9, 25])
def test_a_budget_is_kept_to_the_window(tmp_path: Path, budget: int) -> None:
    result = agent_in(tmp_path, trigger=-50.0)(pictures(1)[0], max_windows=budget)
    assert result.windows == len(result.seen) == budget
    assert not result.searches
    assert not result.found
    assert result.missing == list(CATEGORIES)


def test_with_a_budget_each_window_follows_from_its_parent_by_its_actions(tmp_path: Path) -> None:
    agent = started(tmp_path, ((1, 1.0),), discount=0.0)
    result = agent(pictures(1)[0], max_windows=60)
    moves, size = Moves(agent.agent.mdp), torch.tensor([[120.0, 90.0]], dtype=torch.float64)
    assert result.seen[0].box == (0.0, 0.0, 120.0, 90.0)
    lengths = set()
    for number, each in enumerate(result.seen):
        assert each.parent < number
        if each.parent < 0:
            assert each.category is None
            continue
        assert each.category in CATEGORIES
        box = torch.tensor([result.seen[each.parent].box], dtype=torch.float64)
        for action in each.actions:
            box = moves.apply(box, size, torch.tensor([agent.actions.index(action)]))
        assert tuple(box[0].tolist()) == each.box
        lengths.add(len(each.actions))
    assert max(lengths) > 1


def test_with_a_budget_each_search_is_the_way_to_a_trigger(tmp_path: Path) -> None:
    agent = agent_in(tmp_path)
    result = agent(pictures(1)[0], max_windows=60)
    pulled = {(each.box, name) for each in result.seen for name in each.triggered}
    assert pulled
    assert {(each.final_box, each.category) for each in result.searches} == pulled
    after = [each.windows_at_trigger for each in result.searches]
    assert after == sorted(after)
    for search in result.searches:
        assert search.terminated
        assert search.steps[-1].action == "trigger"
        assert search.steps[-1].category is None, "the search's own"
        assert all(math.isnan(step.reward) for step in search.steps)
        place = {each.box: number for number, each in enumerate(result.seen)}
        numbers = [place[step.box] for step in search.steps]
        assert numbers[-1] < search.windows_at_trigger <= result.windows
        assert result.seen[numbers[0]].parent == -1
        for here, there, step in zip(numbers, numbers[1:], search.steps, strict=False):
            assert result.seen[there].parent == here
            assert result.seen[there].actions == (step.action, *step.further)
            assert result.seen[there].category == (step.category or search.category)
        score = result.seen[numbers[-1]].scores[CATEGORIES.index(search.category)]
        assert search.score == score


def searched_by(tmp_path: Path, move: str, bias: torch.Tensor) -> Result:
    """A search by an agent that has also learned a move: its numbers are the last layer's last."""
    make_run(tmp_path, trigger=0.21, seed=2)
    checkpoint = load_checkpoint(tmp_path / "train" / "checkpoint.pt")
    head = checkpoint.agent.head.model_copy(update={move: True})
    agent = checkpoint.agent.model_copy(update={"head": head})
    network = build_network(agent, CATEGORIES, torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.values.bias[-len(bias) :] = bias
    localiser = Localiser(replace(checkpoint, agent=agent, state=network.state_dict()))
    return localiser(pictures(1)[0], max_windows=60)


def test_a_move_by_learned_steps_has_a_name_of_its_own(tmp_path: Path) -> None:
    result = searched_by(tmp_path, "learned_steps", torch.full((NUM_STEPS,), 1.0))
    assert any(each.actions == (LEARNED_STEP,) for each in result.seen)
    assert LEARNED_STEP not in result.actions, "it has no value of its own"
    taken = {step.action for search in result.searches for step in search.steps}
    assert taken <= {*result.actions, LEARNED_STEP}
    assert LEARNED_STEP not in {search.steps[-1].action for search in result.searches}


def test_a_learned_zoom_has_a_name_of_its_own(tmp_path: Path) -> None:
    numbers = torch.full((QUARTERS * (1 + NUM_STEPS),), 2.0)
    result = searched_by(tmp_path, "learned_zooms", numbers)
    assert any(each.actions == (LEARNED_ZOOM,) for each in result.seen)
    assert LEARNED_ZOOM not in result.actions, "it has no value of its own"


def test_with_a_budget_only_the_categories_asked_are_searched(tmp_path: Path) -> None:
    result = agent_in(tmp_path)(pictures(1)[0], ["dog"], max_windows=40)
    assert result.searched == ("dog",)
    assert {each.category for each in result.seen if each.parent >= 0} == {"dog"}
    assert all(len(each.scores) == 1 for each in result.seen)
    assert set(result.labels) <= {"dog"}


def test_searches_begin_at_the_agents_own_start_windows(tmp_path: Path) -> None:
    agent, image = started(tmp_path, ((1, 0.5), (2, 0.6))), pictures(1)[0]
    half = (30.0, 22.5, 90.0, 67.5)
    assert {each.steps[0].box for each in agent(image).searches} == {half}
    seen = started(tmp_path, ((1, 0.5), (2, 0.6)), trigger=-1000.0)(image, "cat", 30).seen
    begun = [each.box for each in seen if each.parent < 0]
    own = start_windows(((1, 0.5), (2, 0.6))) * torch.tensor([120, 90, 120, 90])
    assert begun[:5] == [tuple(box) for box in own.tolist()]
    assert begun[5] == (0, 0, 120, 90), "the first of the further ones"


@pytest.mark.parametrize(("discount", "moves"), [(0.0, 4), (0.5, 1)])
def test_several_moves_follow_a_look_only_where_values_are_of_one_reward(
    discount: float, moves: int
) -> None:
    agent = Agent()
    learning = agent.learning.model_copy(update={"discount": discount})
    params = search_params_of(agent.model_copy(update={"learning": learning}))
    assert params.moves_per_look == moves


def test_a_search_goes_on_from_where_it_triggered_unless_steps_are_learned() -> None:
    # Learned steps look for a better window before the trigger.
    for learned in (False, True):
        head = Head(presence=True, per_category=True, learned_steps=learned)
        params = search_params_of(Agent(head=head))
        assert params.beyond_triggers == (not learned)


def test_an_evaluation_can_search_as_the_localiser_does() -> None:
    # As docs/concepts.md says.
    settings = (
        "evaluate.search.first_starts=1",
        "evaluate.search.starts=[[1,1.0],[2,0.65],[3,0.4],[5,0.25]]",
    )
    params = load_params(Path(__file__).parents[2] / "params.yaml", settings)
    assert params.evaluate.search == search_params_of(params.agents["scenes"])


def test_start_windows_that_the_agent_knows_are_not_added_to_it() -> None:
    mdp = Mdp(starts=FURTHER_STARTS)
    assert search_params_of(Agent(mdp=mdp)).starts == FURTHER_STARTS
    assert search_params_of(Agent()).starts == FURTHER_STARTS, "its own is the whole image"


class Knowing(Valuer):
    """Knows where the objects are: the value of an action is what it earns at once.

    Args:
        mdp: the decision process.
        objects: ``[M, 4]`` float64, cats in an image of 100 x 100 pixels.
    """

    def __init__(self, mdp: Mdp, objects: torch.Tensor) -> None:
        super().__init__(Agent(mdp=mdp), ("cat",))
        self._mdp, self._objects = mdp, objects

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def encode(self, images: ImageBatch) -> torch.Tensor:  # noqa: ARG002 - it knows
        return torch.zeros(1)

    def outputs(self, views: torch.Tensor, windows: Windows) -> torch.Tensor:  # noqa: ARG002
        boxes = windows.boxes[:, -1].double() * 100
        sizes = torch.full((len(boxes), 2), 100.0, dtype=torch.float64)
        here = iou(boxes[:, None], self._objects).amax(dim=1)
        after = Moves(self._mdp).every(boxes, sizes)
        there = iou(after[:, :, None], self._objects).amax(dim=2)
        values = move_reward(here[:, None], there, self._mdp)
        values[:, -1] = trigger_reward(here, self._mdp)
        return values[:, None].float()

    def outputs_for(self, *_: object) -> torch.Tensor:
        raise AssertionError("a search with a budget values all categories")

    def layers(self) -> dict[str, torch.nn.Module]:
        return {}


@pytest.mark.parametrize("budget", [60, 150])
def test_a_budget_finds_two_objects_of_a_category(budget: int) -> None:
    # From the whole image every way leads to the large one.
    objects = ((5.0, 8.0, 60.0, 66.0), (70.0, 62.0, 98.0, 96.0))
    knowing = Knowing(Mdp(), torch.tensor(objects, dtype=torch.float64))

    class Trained(Checkpoint):
        def network(self) -> Any:
            return knowing

    agent = Localiser(Trained(knowing.agent, ("cat",), "", "", {}))
    result = agent(Image.new("RGB", (100, 100)), max_windows=budget)
    assert result.windows <= budget
    assert len(result) == 2, "no false box, none twice"
    overlaps = iou(torch.from_numpy(result.xyxy)[:, None], knowing._objects)
    assert float(overlaps.amax(dim=0).min()) > knowing.agent.mdp.trigger_iou


def test_a_budget_is_used_though_a_first_search_has_ended(tmp_path: Path) -> None:
    # It triggers on every window, and so ends every search at once.
    agent = agent_in(tmp_path, trigger=1000.0)
    result = agent(pictures(1)[0], ["cat"], max_windows=30)
    assert result.windows == 30


def test_only_the_categories_asked_are_searched_each_once(tmp_path: Path) -> None:
    agent = agent_in(tmp_path)
    image = pictures(1)[0]
    for asked, searched in (
        (["dog"], ["dog"]), ("cat", ["cat"]), (["dog", "cat", "dog"], ["dog", "cat"]),
        (None, ["cat", "dog"]),
    ):  # fmt: skip
        assert [each.category for each in agent(image, asked).searches] == searched


def test_a_box_of_a_photograph_of_one_pixel_lies_within_it(tmp_path: Path) -> None:
    result = agent_in(tmp_path, trigger=1000.0)(Image.new("RGB", (1, 1)), ["cat"])
    assert result.xyxy.tolist() == [[0, 0, 1, 1]]
    assert result.voc.tolist() == [[1, 1, 1, 1]]


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    agent = agent_in(tmp_path)
    image = pictures(1)[0]
    for told, asked, budget in (
        ("categories: expected some of cat, dog; found 'zebra'", ["cat", "zebra"], None),
        ("categories: expected some of cat, dog; found none", [], None),
        ("categories: expected names; found 3", 3, None),
        ("categories: expected some of cat, dog; found '3'", ["cat", 3], None),
        ("max_windows: expected an integer of at least 1; found 0", None, 0),
    ):
        given: Any = asked
        with pytest.raises(ObjlocError, match=told):
            agent(image, given, budget)
    with pytest.raises(ObjlocError, match="no such checkpoint"):
        Localiser.load(tmp_path / "none.pt")
    with pytest.raises(ObjlocError, match="not a readable checkpoint"):
        Localiser.load(tmp_path / "train" / "history.csv")


@pytest.mark.parametrize("budget", ["9", 9.0, True, 0, -1, math.nan])
def test_a_budget_is_an_integer_of_at_least_1(tmp_path: Path, budget: Any) -> None:
    told = f"max_windows: expected an integer of at least 1; found {budget!r}"
    with pytest.raises(ObjlocError) as caught:
        agent_in(tmp_path)(pictures(1)[0], max_windows=budget)
    assert str(caught.value) == told


def test_a_budget_has_a_maximum(tmp_path: Path) -> None:
    told = f"max_windows: expected at most {MAX_BUDGET}; found {2**63}"
    with pytest.raises(ObjlocError, match=told):
        agent_in(tmp_path)(pictures(1)[0], max_windows=2**63)


def test_a_minimum_score_leaves_boxes_out_and_no_search(tmp_path: Path) -> None:
    agent, picture = agent_in(tmp_path), pictures(1)[0]
    every = agent(picture, max_windows=60, min_score=-math.inf)
    assert len(every) > 1
    least = float(every.scores[0])
    some = agent(picture, max_windows=60, min_score=least)
    assert list(some.scores) == [score for score in every.scores if score >= least]
    assert len(some) < len(every)
    assert some.searches == every.searches


@pytest.mark.parametrize("budget", [None, 60])
def test_no_box_has_an_infinite_score(tmp_path: Path, budget: int | None) -> None:
    agent, picture = agent_in(tmp_path), pictures(1)[0]
    none = agent(picture, max_windows=budget, min_score=math.inf)
    assert len(none) == 0 < len(none.searches)
    assert none.missing == list(CATEGORIES)


@pytest.mark.parametrize(("reward", "cost", "even"), [(3.0, 0.7, 1.15), (3.0, 3.0, 0.0)])
def test_the_default_minimum_score_is_that_of_an_even_chance(
    tmp_path: Path, reward: float, cost: float, even: float
) -> None:
    make_run(tmp_path, trigger=0.3, seed=2)
    checkpoint = load_checkpoint(tmp_path / "train" / "checkpoint.pt")
    prices = {"trigger_reward": reward, "trigger_cost": cost}
    mdp = checkpoint.agent.mdp.model_copy(update=prices)
    agent = Localiser(replace(checkpoint, agent=checkpoint.agent.model_copy(update={"mdp": mdp})))
    assert agent.min_score == pytest.approx(even)
    picture = pictures(1)[0]
    every = agent(picture, min_score=-math.inf)
    assert agent(picture).scores.tolist() == [each for each in every.scores if each >= even]


@pytest.mark.parametrize("score", [math.nan, "1", True, [1.0]], ids=str)
def test_a_minimum_score_is_a_number(tmp_path: Path, score: Any) -> None:
    with pytest.raises(ObjlocError, match=r"^min_score: expected a number; found "):
        agent_in(tmp_path)(pictures(1)[0], min_score=score)


@pytest.mark.parametrize(
    "box",
    [
        (1, 2, 3), (1, 2, 3, 4, 5), [3, 2, 1, 0], (1, 2, 1, 4), (1, 2, 3, 2), (0, 0, math.nan, 9),
        (0, 0, math.inf, 9), (False, 0, True, 9), "0123", ("0", "1", "2", "3"), 7, {1, 2, 3, 4},
        np.zeros((4, 4)),
    ],
    ids=str,
)  # fmt: skip
def test_a_ground_truth_is_a_box(tmp_path: Path, box: Any) -> None:
    told = "ground_truth: expected four finite numbers with xmin < xmax and ymin < ymax; found "
    with pytest.raises(ObjlocError) as caught:
        agent_in(tmp_path)(pictures(1)[0], ground_truth=box)
    assert str(caught.value) == told + repr(box).replace("\n", " ")


def test_numbers_of_arrays_and_tensors_are_numbers(tmp_path: Path) -> None:
    agent, image, box = agent_in(tmp_path), pictures(1)[0], (10.0, 10.0, 80.0, 70.0)
    expected = agent(image, None, 9, box).searches
    for same in (
        list(box),
        (10, 10, 80, 70),
        np.array(box),
        torch.tensor(box),
        tuple(np.array(box)),
    ):
        given: Any = same
        assert agent(image, max_windows=np.int64(9), ground_truth=given).searches == expected  # type: ignore[arg-type]


def test_an_agent_shows_its_model_and_its_categories(tmp_path: Path) -> None:
    agent = agent_in(tmp_path)
    path = tmp_path / "train" / "checkpoint.pt"
    assert repr(agent) == f"Localiser('{path}': cat, dog)"


def test_nothing_is_written_and_the_picture_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = agent_in(tmp_path)
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    image = pictures(1)[0]
    before = image.tobytes()
    agent(image, max_windows=30)
    with pytest.raises(ObjlocError, match=r"model 'champion': .*expected MLflow's store"):
        Localiser.load()
    assert os.listdir(folder) == []  # noqa: PTH208
    assert image.tobytes() == before


def test_the_same_picture_gives_the_same_result(tmp_path: Path) -> None:
    agent = agent_in(tmp_path)
    image = pictures(1)[0]
    first, second = (agent(image, max_windows=40) for _ in range(2))
    assert replace(first, image=image).as_json() == replace(second, image=image).as_json()


def test_a_search_computes_in_one_thread_and_leaves_pytorchs_number_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = agent_in(tmp_path)
    jpeg = make_samples(1)[0].jpeg
    encode, seen = agent._network.encode, []

    def watched(images: ImageBatch) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return encode(images)

    monkeypatch.setattr(agent._network, "encode", watched)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        results = [agent(jpeg).as_json()]
        with pytest.raises(ObjlocError):
            agent(b"no image")
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1)
        results.append(agent(jpeg).as_json())
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}
    assert results[0] == results[1]
