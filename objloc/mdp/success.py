"""The definition of success: a trigger on a window whose IoU is above a threshold."""

from typing import overload

from torch import Tensor

from objloc.params import SUCCESS_IOU


@overload
def is_success(triggered: bool, iou: float, threshold: float = ...) -> bool: ...


@overload
def is_success(triggered: Tensor, iou: Tensor, threshold: float = ...) -> Tensor: ...


def is_success(
    triggered: bool | Tensor, iou: float | Tensor, threshold: float = SUCCESS_IOU
) -> bool | Tensor:
    """Whether episodes succeed, of one episode or element by element.

    Args:
        triggered: whether the episode ended in a trigger; bool or ``[...]``.
        iou: IoU of the final window with the best-matching object of the category, difficult
            ones included; number or ``[...]``.
        threshold: IoU to be above; at the threshold is no success.
    """
    return triggered & (iou > threshold)
