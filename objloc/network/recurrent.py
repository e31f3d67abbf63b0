"""The windows of the last steps, taken in one after another."""

import torch
from torch import Tensor, nn


class Recurrent(nn.Module):
    """A gated recurrent unit over the windows of the last steps, oldest first.

    It starts from nothing at the oldest window seen: no state is kept between steps, so
    that replayed windows and those of an episode under way are seen alike.

    Source: Hausknecht & Stone (2015), with the unit of Cho et al. (2014) for theirs.

    Args:
        features: length of the feature vector of all windows together.
        frames: windows, of ``features / frames`` each.
        width: of the unit's state.
    """

    def __init__(self, features: int, frames: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.unit = nn.GRU(features // frames, width, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        """Features of windows, oldest first, to the last state.

        Shapes: ``[n, frames, features / frames]`` to ``[n, width]`` float32.
        """
        # Not in mixed precision: recurrent layers have it on some devices only.
        with torch.autocast(steps.device.type, enabled=False):
            steps = steps.float()
            # Zeros of as many rows, by broadcasting: traced into ONNX, a number of rows
            # that is read off a shape may become that of the example.
            start = 0 * steps[None, :, 0, :1] + steps.new_zeros(self.width)
            states, _ = self.unit(steps, start)
        last: Tensor = states[:, -1]
        return last
