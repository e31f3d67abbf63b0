"""Chance in the tests of networks."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _the_same_weights_each_time() -> Iterator[None]:
    """Weights that a test draws from the global generator are the same in every run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
