"""Reading outputs, number by number."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from objloc.data.image_batch import ImageBatch
from objloc.network.valuer import Valuer
from objloc.network.windows import Pairs, Windows
from objloc.params import Agent
from tests.helpers.networks import CATEGORIES, windows_of

ALL = {"presence": True, "learned_steps": True, "learned_zooms": True}
ALL_ACTIONS = {"backup": "all_actions"}


class Counting(Valuer):
    """Says the same of all windows: category times 100 plus the output's number."""

    def encode(self, images: ImageBatch) -> Tensor:
        """Nothing is looked at."""
        return torch.zeros(len(images))

    def outputs(self, views: Tensor, windows: Windows) -> Tensor:  # noqa: ARG002
        """``[B, C, O]``."""
        numbers = torch.arange(float(self.num_outputs))
        categories = 100 * torch.arange(float(len(self.categories)))
        return (categories[:, None] + numbers).expand(len(windows.image), -1, -1)

    def outputs_for(self, views: Tensor, windows: Windows, pairs: Pairs) -> Tensor:
        """``[P, O]``."""
        return self.outputs(views, windows)[pairs.window, pairs.category]

    def layers(self) -> dict[str, nn.Module]:
        """There are none."""
        return {}


def valuer(head: dict[str, Any], **learning: Any) -> Counting:
    return Counting(
        Agent.model_validate({"head": head, "learning": ALL_ACTIONS | learning}), CATEGORIES
    )


@pytest.mark.parametrize(
    ("head", "outputs"),
    [
        ({}, 9),
        ({"presence": True}, 10),
        ({"learned_steps": True}, 13),
        ({"learned_zooms": True}, 29),
        (ALL, 34),
    ],
)
def test_outputs_are_those_of_the_actions_and_of_what_is_learned_beside(
    head: dict[str, Any], outputs: int
) -> None:
    made = valuer(head)
    assert (made.num_actions, made.num_outputs) == (9, outputs)
    values = made(torch.zeros(1), windows_of(torch.zeros(2, 1, 4)))
    assert values.shape == (2, 3, 9)
    assert values[1, 2].tolist() == [200.0 + number for number in range(9)]


def test_each_number_is_read_once() -> None:
    """Actions 0 to 8, presence 9, four zooms of a chance and four steps each, four steps."""
    made = valuer(ALL)
    outputs = torch.arange(34.0)
    assert made.presence_of(outputs - 9) == 0.5  # its log-odds are zero
    chances, steps = made.zooms_of(outputs)
    assert chances.tolist() == [10, 15, 20, 25]
    zooms = [[number + part for part in range(1, 5)] for number in (10, 15, 20, 25)]
    assert (steps / 0.2).round().tolist() == zooms
    assert (made.steps_of(outputs) / 0.2).round().tolist() == [30, 31, 32, 33]


def test_without_presence_zooms_follow_the_actions() -> None:
    made = valuer({"learned_zooms": True})
    assert made.zooms_of(torch.arange(29.0))[0].tolist() == [9, 14, 19, 24]


def test_values_of_pairs_are_those_of_their_windows_and_categories() -> None:
    windows, pairs = windows_of(torch.zeros(2, 1, 4)), Pairs(torch.tensor([1]), torch.tensor([2]))
    values = valuer({}).values_for(torch.zeros(1), windows, pairs)
    assert values.tolist() == [[200.0 + number for number in range(9)]]


def test_with_the_logistic_loss_outputs_are_log_odds_of_the_range() -> None:
    made = valuer({}, loss="logistic", discount=0.0, absent_reward=-3.0)
    assert made.bounds is not None
    values = made.values_of(torch.tensor([0.0] * 8 + [float(torch.logit(torch.tensor(0.75)))]))
    assert values.tolist() == pytest.approx([0.0] * 8 + [-3.0 + 0.75 * 6.0])
    assert "bounds" not in made.state_dict()
