"""Agents and searches made up for the tests of pictures."""

import math

import torch
from PIL import Image

from objloc.data.sample import Coordinates, VocObject
from objloc.mdp.action import names_of
from objloc.network.checkpoint import Checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Mdp
from objloc.search.trajectory import Step, Trajectory
from objloc.view.subject import SearchSubject

SIZE = (200.0, 100.0)
TRUTH: Coordinates = (100.0, 20.0, 180.0, 90.0)
NAN = (math.nan,) * 9
AGENT = Agent(
    mdp=Mdp(max_steps=6),
    encoder=Encoder(image_size=32, widths=(4, 4), cell_width=4),
    head=Head(hidden=(8,)),
)


def make_checkpoint(
    categories: tuple[str, ...] = ("cat", "dog"), agent: Agent = AGENT
) -> Checkpoint:
    """An agent with weights as drawn."""
    network = build_network(agent, categories, torch.Generator().manual_seed(0))
    return Checkpoint(agent, categories, "drawn", "0" * 64, network.state_dict())


def photograph(width: int = 200, height: int = 100) -> Image.Image:
    """A smooth picture without any colour of the drawing."""
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def make_search(
    ious: tuple[float, ...] = (0.28, 0.4, 0.6),
    *,
    boxes: tuple[Coordinates, ...] | None = None,
    triggered: bool = True,
    objects: tuple[VocObject, ...] | None = (VocObject("cat", TRUTH),),
    q_values: tuple[float, ...] | None = None,
    picture: Image.Image | None = None,
    final_iou: float | None = None,
) -> SearchSubject:
    """A search with one step for each IoU; the last one triggers or is cut off."""
    actions = names_of(Mdp())
    if boxes is None:
        boxes = tuple((10.0 * n, 5.0 * n, 200.0 - 5 * n, 100.0 - 5 * n) for n in range(len(ious)))
    steps = []
    for number, (box, iou) in enumerate(zip(boxes, ious, strict=True)):
        last = number == len(ious) - 1
        action = "trigger" if last and triggered else "smaller"
        values = q_values or tuple((index - 4 + number) / 4 for index in range(len(actions)))
        steps.append(Step(box, values, action, iou, 1.0))
    final = ious[-1] if final_iou is None else final_iou
    run = Trajectory(
        "000001",
        "cat",
        actions,
        tuple(steps),
        boxes[-1],
        final,
        triggered,
    )
    return SearchSubject(run, picture or photograph(), SIZE, objects, max_steps=50)
