"""The windows of transitions, each stored once, though several observations show it.

n transitions in a call, F windows in an observation.
"""

import torch
from torch import Tensor

from objloc.learning.memory.n_step import EpisodeStep
from objloc.network.device import CPU


class PastWindows:
    """Windows before the last ``size`` transitions, and those before them.

    The windows of an observation are those of the transitions before it in its episode; at its
    start, the first one, repeated. So each transition has its newest window here, and how far
    back the transition before it lies. Those before the oldest are kept as long as it is.

    Args:
        size: number of transitions that can be asked for.
        frames: F.
        slots: number of environments, whose transitions are interleaved.
        device: that of the windows.
    """

    def __init__(self, size: int, frames: int, slots: int, device: torch.device = CPU) -> None:
        self._frames = frames
        self._total = 0
        self._capacity = size + (frames - 1) * slots
        # The system provides the CPU's memory page by page as it is written, not here.
        self._boxes = torch.empty(self._capacity, 4, dtype=torch.float64, device=device)
        # 0 where the transition is the first of its episode.
        links = self._capacity if frames > 1 else 0
        self._back = torch.empty(links, dtype=torch.int32, device=device)
        self._newest = torch.full((slots if frames > 1 else 0,), -1, device=device)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that grows with the number of transitions."""
        return self._boxes, self._back

    def add(self, boxes: Tensor, step: EpisodeStep | None) -> None:
        """Store the windows of n transitions after all others.

        Args:
            boxes: ``[n, F, 4]`` float64 pixels.
            step: their place in their episodes; needed where F is above 1.
        """
        number = self._total + torch.arange(len(boxes), device=boxes.device)
        places = number % self._capacity
        self._boxes[places] = boxes[:, -1]
        self._total += len(boxes)
        if self._frames == 1 or step is None:
            return
        before = self._newest[step.slots]
        self._back[places] = torch.where(before < 0, 0, number - before).int()
        self._newest[step.slots] = torch.where(step.ended, -1, number)

    def of(self, age: Tensor) -> Tensor:
        """Windows of transitions: ``[n]`` int64, 0 for the newest, to ``[n, F, 4]`` float64."""
        places = (self._total - 1 - age) % self._capacity
        windows = [self._boxes[places]]
        for _ in range(self._frames - 1):
            places = (places - self._back[places]) % self._capacity
            windows.append(self._boxes[places])
        return torch.stack(windows[::-1], dim=1)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything stored."""
        length = min(self._total, self._capacity)
        return {
            "windows": self._boxes[:length].clone(),
            "back": self._back[:length].clone(),
            "last_of_slot": self._newest.clone(),
            "total": torch.tensor(self._total),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a state; one that was full keeps its size."""
        self._total = int(state["total"])
        length = len(state["windows"])
        if self._total > length:
            self._capacity = length
        self._boxes[:length] = state["windows"]
        self._back[: len(state["back"])] = state["back"]
        self._newest.copy_(state["last_of_slot"])


def from_rows(boxes: Tensor, following: int) -> dict[str, Tensor]:
    """The state that an earlier version of this program wrote, for one window an observation.

    Args:
        boxes: ``[n, 1, 4]`` float64, the window of each row of the memory.
        following: the row that is written next.
    """
    # A memory that is not full writes after its last row.
    total = following if following == len(boxes) else len(boxes) + following
    none = torch.empty(0, dtype=torch.int32)
    return {
        "windows": boxes[:, 0], "back": none, "last_of_slot": none.long(),
        "total": torch.tensor(total),
    }  # fmt: skip
