"""Device that networks compute on."""

from typing import Literal

import torch

from objloc.errors import ObjlocError

CPU = torch.device("cpu")


def device_of(setting: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device that ``train.device`` names, for training and for all that follows it.

    Args:
        setting: ``auto``: a CUDA device if there is one.

    Raises:
        ObjlocError: ``cuda`` is asked for, and there is none.
    """
    if setting == "auto":
        setting = "cuda" if torch.cuda.is_available() else "cpu"
    if setting == "cuda" and not torch.cuda.is_available():
        raise ObjlocError("train.device: expected cpu or auto on this machine; found cuda")
    return torch.device(setting)
