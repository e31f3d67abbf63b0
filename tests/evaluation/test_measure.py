from dataclasses import replace

import pytest
import torch

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.baselines import WHOLE_IMAGE
from objloc.evaluation.episodes import Episodes, csv_text
from objloc.evaluation.measure import Measurement, measure
from objloc.network.q_network import QNetwork, build_network
from objloc.params import Agent, Encoder, Evaluate, Head, Mdp
from objloc.search.policy import GreedyPolicy
from objloc.search.rollout import rollout
from tests.helpers.stores import make_store

AGENT = Agent(
    mdp=Mdp(max_steps=6),
    encoder=Encoder(image_size=64, widths=(4, 8), pool=2, cell_width=4),
    head=Head(hidden=(8,)),
)
ALIKE = AGENT.model_copy(update={"head": Head(hidden=(8,), per_category=False)})
FIXED = {"cat": WHOLE_IMAGE, "dog": (0.25, 0.25, 0.75, 0.75)}
STORE = make_store(10)


def make_network(agent: Agent = AGENT, trigger: float = 0.0) -> QNetwork:
    """Weights as drawn; ``trigger`` is added to the value of every trigger."""
    network = build_network(agent, ("cat", "dog"), torch.Generator().manual_seed(3)).eval()
    with torch.no_grad():
        network.values.bias.view(-1, network.num_actions)[:, -1] += trigger
    return network


def measured(
    network: QNetwork | None = None,
    params: Evaluate | None = None,
    store: SampleStore = STORE,
    lines: list[str] | None = None,
) -> Measurement:
    return measure(
        store,
        network or make_network(),
        AGENT.mdp,
        params or Evaluate(episodes=3),
        fixed=FIXED,
        log=(lines if lines is not None else []).append,
    )


def test_an_agent_that_triggers_at_once_is_the_whole_image() -> None:
    done = measured(make_network(trigger=100.0), Evaluate(episodes=3, epsilon=0.0))
    assert done.greedy.steps.tolist() == [1] * 10
    for name in ("greedy", "episodes15"):
        for threshold in (0.1, 0.2, 0.5):
            assert done.outcomes[name].rates(threshold) == done.outcomes["whole_image"].rates(
                threshold
            )
    assert done.outcomes["greedy"].mean(0.1) != 0


def test_every_category_is_searched_in_every_image() -> None:
    done = measured(make_network(trigger=100.0))
    for kind in ("triggered", "attended"):
        for category in ("cat", "dog"):
            assert sorted(done.detections[kind][category].image_ids) == sorted(STORE.image_ids)
    assert len(done.greedy) == 10  # each image holds one category


def test_an_agent_that_never_triggers_has_no_triggered_windows() -> None:
    done = measured(make_network(trigger=-100.0), Evaluate(episodes=2, epsilon=0.0))
    assert len(done.detections["triggered"]["cat"]) == 0
    assert len(done.detections["attended"]["cat"]) >= 10
    assert done.outcomes["greedy"].mean(0.0) == 0
    assert done.greedy.steps.tolist() == [6] * 10


def test_greedy_episodes_are_those_of_the_greedy_policy() -> None:
    network = make_network()
    alone = rollout(STORE, GreedyPolicy(network), AGENT.mdp, STORE.tasks(), torch.Generator())
    expected = csv_text([(STORE, Episodes.of(alone, STORE))], 0.5)
    assert csv_text([(STORE, measured(network).greedy)], 0.5) == expected


def test_one_set_of_values_for_all_categories_searches_once_for_all() -> None:
    network = make_network(ALIKE)
    lines: list[str] = []
    done = measured(network, lines=lines)
    assert any("greedy search: 10 of 10 searches" in line for line in lines)
    alone = rollout(STORE, GreedyPolicy(network), AGENT.mdp, STORE.tasks(), torch.Generator())
    expected = csv_text([(STORE, Episodes.of(alone, STORE))], 0.5)
    assert csv_text([(STORE, done.greedy)], 0.5) == expected
    cat, dog = (done.detections["attended"][name] for name in ("cat", "dog"))
    assert cat.boxes.tolist() == dog.boxes.tolist()


def test_each_counted_image_and_category_has_its_episodes() -> None:
    done = measured(params=Evaluate(episodes=3, epsilon=1.0))
    assert done.sampled.episode.tolist() == [0, 1, 2] * 10
    assert done.sampled.image.tolist() == [image for image in range(10) for _ in range(3)]


def test_epsilon_is_the_share_of_random_actions() -> None:
    for epsilon, alike in ((0.0, True), (1.0, False)):
        done = measured(params=Evaluate(episodes=3, epsilon=epsilon))
        ends = done.sampled.boxes.view(10, 3, 4)
        assert torch.equal(ends, ends[:, :1].expand_as(ends)) == alike
        assert torch.equal(ends[:, 0], done.greedy.boxes) == alike


def test_random_figures_depend_on_the_seed_and_the_image_set_alone() -> None:
    first = measured()
    other_model = measured(make_network(trigger=1.0), Evaluate(episodes=7, epsilon=0.5))
    assert torch.equal(first.outcomes["random"].quality, other_model.outcomes["random"].quality)
    for changed in (
        measured(params=Evaluate(episodes=3, seed=1)),
        measured(store=replace(STORE, image_set="other")),
    ):
        assert not torch.equal(first.outcomes["random"].quality, changed.outcomes["random"].quality)


def test_the_first_images_of_each_category_count_if_so_many_are_asked_for() -> None:
    done = measured(make_network(trigger=100.0), Evaluate(episodes=2, max_images=2))
    assert done.greedy.image.tolist() == [0, 1, 2, 3]
    for outcomes in done.outcomes.values():
        assert outcomes.counted.sum(dim=0).tolist() == [2, 2]
    # Average precision has all images of the set.
    assert len(done.detections["triggered"]["cat"]) == 10


def test_a_box_that_is_the_same_everywhere_is_one_point_of_its_curve() -> None:
    curves = measured(make_network(trigger=100.0)).curves
    for name, points in (("triggered", 10), ("whole_image", 1), ("fixed_box", 1)):
        curve = curves[name]["cat"]
        assert curve is not None
        assert len(curve.precision) == len(curve.recall) == points


def test_without_a_fixed_box_that_baseline_is_missing() -> None:
    done = measure(
        STORE, make_network(), AGENT.mdp, Evaluate(episodes=2), fixed=None, log=lambda _: None
    )
    assert set(done.outcomes) == {"greedy", "episodes15", "random", "whole_image"}
    assert set(done.curves) == {"triggered", "attended", "random", "whole_image"}


def test_suppression_is_as_strict_as_asked() -> None:
    kept = [
        sum(
            map(len, measured(params=Evaluate(episodes=1, nms=nms)).detections["attended"].values())
        )
        for nms in (0.0, 0.5, 1.0)
    ]
    assert kept[0] < kept[1] < kept[2]


def test_a_diverged_network_is_refused() -> None:
    network = make_network()
    with torch.no_grad():
        network.values.bias.fill_(float("nan"))
    with pytest.raises(ObjlocError, match="expected finite Q-values"):
        measured(network)


def test_a_set_without_any_of_the_categories_is_refused() -> None:
    store = make_store(4, categories=("cow",))
    store = replace(
        store, categories=("cat", "dog"), object_category=torch.full_like(store.object_category, -1)
    )
    with pytest.raises(ObjlocError, match="expected images that hold cat, dog; found none among 4"):
        measured(store=store)
