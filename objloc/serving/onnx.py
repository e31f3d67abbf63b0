"""The Q-network as ONNX files, for programs without PyTorch.

Two graphs, as the network is asked in two steps: ``encode.onnx`` looks at an image
once, ``values.onnx`` looks through any number of windows at what came out. The
window's moves are a few lines of arithmetic (``objloc/mdp/action.py``); all numbers
they need are in ``model.json``.
"""

import io
import json
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.data.image_batch import Pixels
from objloc.errors import ObjlocError
from objloc.mdp.action import names_of
from objloc.network.checkpoint import Checkpoint
from objloc.network.valuer import Valuer
from objloc.network.windows import Windows
from objloc.params import Agent

OPSET = 17
"""Version of the ONNX operators, supported by the runtimes of recent years."""

TOLERANCE = 1e-4
"""Largest difference of a Q-value from PyTorch's, as a fraction of the range of all values.

Actions are chosen by comparing values, so a difference counts beside those between values, not
beside zero or one: the values of one agent lie between -0.7 and 3, those of another within 0.1."""

STORED_TOLERANCE = 1e-3
"""The same for agents whose backbone's maps are rounded to 8 bits, as a feature store has them: the
last bit of a float32 then decides between two levels. 1e-6 elsewhere becomes up to 8e-5 there."""


class _Encode(nn.Module):
    def __init__(self, network: Valuer) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network.encode(Pixels(image))


class _Values(nn.Module):
    """Q-values of any number of windows, 0 included, of the one image whose views are given."""

    def __init__(self, network: Valuer) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor, boxes: Tensor, action_history: Tensor) -> Tensor:
        # ONNX cannot reshape what is empty where one side is left to be inferred: one more
        # window is valued and dropped.
        boxes, action_history = (
            torch.cat([each, each.new_zeros(1, *each.shape[1:])])
            for each in (boxes, action_history)
        )
        image = torch.zeros_like(boxes[:, 0, 0], dtype=torch.int64)
        values: Tensor = self.network(views, Windows(image, boxes, action_history))[:-1]
        # A shape of constants is declared in the graph.
        return values.view(-1, len(self.network.categories), self.network.num_actions)


def onnx_files(checkpoint: Checkpoint, sha256: str) -> dict[str, bytes]:
    """``encode.onnx``, ``values.onnx`` and ``model.json``, compared with PyTorch.

    In float32, whatever precision the agent has.

    Args:
        checkpoint: the agent.
        sha256: hash of its file.

    Raises:
        ObjlocError: the packages are not installed; the files answer otherwise
            than PyTorch does.
    """
    _require_packages()
    network = _in_float32(checkpoint).network()
    size = checkpoint.agent.encoder.image_size
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (1, 3, size, size), generator=generator, dtype=torch.uint8)
    with torch.no_grad(), _traceable():
        views = network.encode(Pixels(image))
        encode = _graph(_Encode(network), {"image": image}, "views", several=False)
        asked = {"views": views, **_questions(network, 3, generator)}
        values = _graph(_Values(network), asked, "values", several=True)
    files = {"encode.onnx": encode, "values.onnx": values}
    difference = largest_difference(checkpoint, files)
    stored = any(each.encoder.reads_store for each in (checkpoint.agent, *checkpoint.members))
    tolerance = STORED_TOLERANCE if stored else TOLERANCE
    if not difference <= tolerance:
        raise ObjlocError(
            f"export: expected Q-values that differ from PyTorch's by at most {tolerance:g} of "
            f"their range; found {difference:.3g}"
        )
    told = _description(checkpoint, sha256, list(views.shape))
    return files | {"model.json": (json.dumps(told, indent=2) + "\n").encode()}


def largest_difference(checkpoint: Checkpoint, files: dict[str, bytes], windows: int = 64) -> float:
    """By how much the files' Q-values differ from PyTorch's, as a fraction of their range.

    The range is that of the agent's returns where they are bounded, else that of PyTorch's
    values for these windows.

    Args:
        checkpoint: the agent.
        files: ``encode.onnx`` and ``values.onnx``.
        windows: number of random ones that are asked about.

    Returns:
        The fraction; nan if the files answer in another shape.
    """
    import onnxruntime  # noqa: PLC0415  # an extra

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1

    def run(name: str, inputs: dict[str, Tensor]) -> Any:
        session = onnxruntime.InferenceSession(
            files[name], options, providers=["CPUExecutionProvider"]
        )
        # What the network does not look at is no input of the graph.
        wanted = {each.name for each in session.get_inputs()}
        given = {key: value.numpy() for key, value in inputs.items() if key in wanted}
        return session.run(None, given)[0]

    network = _in_float32(checkpoint).network()
    size = checkpoint.agent.encoder.image_size
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(256, (1, 3, size, size), generator=generator, dtype=torch.uint8)
    asked = _questions(network, windows, generator)
    with torch.no_grad():
        expected = _Values(network)(network.encode(Pixels(image)), **asked).numpy()
    views = torch.from_numpy(run("encode.onnx", {"image": image}))
    found = run("values.onnx", {"views": views, **asked})
    if found.shape != expected.shape:
        return math.nan
    if not found.size:
        return 0.0
    known = expected if network.bounds is None else network.bounds.numpy()
    return float(np.abs(found - expected).max() / max(np.ptp(known), 1e-6))


def _in_float32(checkpoint: Checkpoint) -> Checkpoint:
    """The agent without mixed precision, for which ONNX Runtime has no kernels on a CPU."""

    def exact(agent: Agent) -> Agent:
        encoder = agent.encoder.model_copy(update={"precision": "float32"})
        return agent.model_copy(update={"encoder": encoder})

    members = tuple(exact(each) for each in checkpoint.members)
    return replace(checkpoint, agent=exact(checkpoint.agent), members=members)


def _questions(network: Valuer, number: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Random windows and past actions."""
    corners = torch.rand(number, network.frames, 2, 2, generator=generator).sort(dim=2).values
    shape = (number, network.action_history)
    past = torch.randint(-1, network.num_actions, shape, generator=generator)
    return {"boxes": corners.flatten(2), "action_history": past}


def _graph(module: nn.Module, inputs: dict[str, Tensor], output: str, several: bool) -> bytes:
    """A module traced into ONNX.

    Args:
        module: what.
        inputs: by name; those that are empty are left out of the graph.
        output: its name.
        several: all inputs but ``views`` and the output may have any number of rows.

    Raises:
        ObjlocError: ONNX has no such operation.
    """
    stream = io.BytesIO()
    rows = {name: {0: "windows"} for name in (*inputs, output) if name != "views"}
    try:
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            stream,  # type: ignore[arg-type]  # its documentation allows it
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes=rows if several else None,
            opset_version=OPSET,
            dynamo=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = " ".join(str(error).split())[:200]
        raise ObjlocError(f"export: this network cannot be written as ONNX: {reason}") from None
    return stream.getvalue()


@contextmanager
def _traceable() -> Iterator[None]:
    """Let the network be traced for any number of windows, without advice for programmers.

    ONNX has a slow loop only for ``embedding_bag``: it is replaced while tracing.
    (Tracing takes ``len`` of a tensor for a constant; the network asks for shapes.)
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with ExitStack() as stack:
        stack.callback(logger.setLevel, level)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(mock.patch.object(F, "embedding_bag", _embedding_bag))
        yield


def _embedding_bag(
    index: Tensor, weight: Tensor, *, per_sample_weights: Tensor, mode: str
) -> Tensor:
    """``F.embedding_bag`` as ``pool_windows`` uses it; ONNX has none, only a slow loop."""
    if mode != "sum":
        raise ValueError(f"mode: expected sum; found {mode}")
    return (F.embedding(index, weight) * per_sample_weights[..., None]).sum(dim=1)


def _description(checkpoint: Checkpoint, sha256: str, views: list[int]) -> dict[str, Any]:
    agent = checkpoint.agent
    size, frames = agent.encoder.image_size, agent.encoder.frames
    actions = names_of(agent.mdp)
    inputs: dict[str, Any] = {
        "views": {"shape": views, "type": "float32", "meaning": "output of encode.onnx"},
        "boxes": {
            "shape": ["windows", frames, 4],
            "type": "float32",
            "meaning": "xmin, ymin, xmax, ymax of the last windows as shares of the image's "
            "sides, newest last; the first window repeated at the start",
        },
    }
    if agent.head.action_history:
        inputs["action_history"] = {
            "shape": ["windows", agent.head.action_history],
            "type": "int64",
            "meaning": "past actions, newest last; -1 for none",
        }
    return {
        "sha256": sha256,
        "categories": list(checkpoint.categories),
        "actions": list(actions),
        "mdp": agent.mdp.model_dump(mode="json"),
        "encode.onnx": {
            "image": {
                "shape": [1, 3, size, size],
                "type": "uint8",
                "meaning": "red, green, blue; the whole image squashed to a square, bilinear",
            },
            "output": "views",
        },
        "values.onnx": {
            **inputs,
            "output": {
                "values": ["windows", len(checkpoint.categories), len(actions)],
                "meaning": "Q-value of each category and action",
            },
        },
    }


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401, PLC0415
        import onnxruntime  # noqa: F401, PLC0415
    except ImportError as error:
        raise ObjlocError(
            f"export: expected the packages onnx and onnxruntime; {error.name} is not installed "
            "(pip install 'objloc[onnx]')"
        ) from None
