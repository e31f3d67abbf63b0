import pytest
import torch

from objloc.errors import ObjlocError
from objloc.learning.validation import Validator
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Schedule
from tests.helpers.budgeted_searches import make_sample, make_store

CAT, SMALL = (0.0, 0.0, 100.0, 80.0), (60.0, 50.0, 100.0, 80.0)


def agent(**schedule: int) -> Agent:
    """Its network, with all weights zero but the trigger's, triggers at once."""
    return Agent(
        encoder=Encoder(image_size=16, widths=(4, 4, 4), cell_width=4, pool=3),
        head=Head(hidden=(8,)),
        schedule=Schedule(**schedule),
    )


@pytest.mark.parametrize("images", [None, 2, 4])
def test_training_images_are_measured_beside_validation_where_asked(
    images: int | None,
) -> None:
    # Triggering on the whole image is right for the first two training images alone.
    train = make_store(
        *(make_sample(name, ("cat", CAT)) for name in "ab"),
        *(make_sample(name, ("cat", SMALL)) for name in "cde"),
        categories=("cat",),
    )
    val = make_store(
        make_sample("f", ("cat", CAT)), make_sample("g", ("cat", SMALL)), categories=("cat",)
    )
    tried = agent() if images is None else agent(train_images=images)
    network = build_network(tried, ("cat",)).eval()
    with torch.no_grad():
        network.values.weight.zero_()
        network.values.bias.zero_()
        network.values.bias[-1] = 1.0
    measured = Validator(train, val, [0], tried)(network)
    assert measured["score"] == measured["val_success_cat"] == 0.5
    # The best box is that of the three, which is in one image of two.
    assert measured["val_fixed_box"] == 0.5
    assert measured["val_gain"] == 0.0
    assert measured["val_length"] == 1.0
    if images is None:
        assert "train_gain" not in measured
    else:
        whole, box = {2: (1.0, 0.0), 4: (0.5, 0.5)}[images]
        assert measured["train_gain"] == whole - box


def test_a_category_without_validation_images_is_told_with_the_parameter_that_helps() -> None:
    train = make_store(make_sample("a", ("cat", CAT), ("dog", CAT)), categories=("cat", "dog"))
    val = make_store(make_sample("b", ("cat", CAT)), categories=("cat", "dog"))
    with pytest.raises(ObjlocError, match=r"hold 'dog'; found none among 1 \(train.val_categories"):
        Validator(train, val, [0, 1], agent())
