"""Several networks that value windows together.

N images, B windows, P pairs of a window and a category, C categories, O outputs.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from objloc.data.image_batch import FeatureRows, ImageBatch
from objloc.network.q_network import QNetwork
from objloc.network.valuer import Valuer
from objloc.network.windows import Pairs, Windows


class Ensemble(Valuer):
    """Networks trained alike but for their seed; outputs are the mean of each one's.

    What one of them has learned by heart, or by chance, the others have not: the mean errs
    less than each (Dietterich 2000; as values of DQN: Anschel et al. 2017, "Ensemble-DQN").
    Outputs are averaged before they are read: with the logistic loss those are log-odds. It
    is not trained further.

    Args:
        members: two or more, of one kind.
    """

    def __init__(self, members: Sequence[QNetwork]) -> None:
        super().__init__(members[0].agent, members[0].categories)
        self.members = nn.ModuleList(members)

    @property
    def _networks(self) -> list[QNetwork]:
        return [cast(QNetwork, each) for each in self.members]

    def encode(self, images: ImageBatch) -> Tensor:
        """Every member's views side by side: ``[N, members, C, H, W]`` float32."""
        rows = self._rows(images)
        views = [
            each.encode(images if each.encoder.frozen is None else rows) for each in self._networks
        ]
        # Of each member as it would be alone, channels innermost: pooling windows out of maps
        # that lie otherwise copies the maps for every look.
        together = torch.stack([each.permute(0, 2, 3, 1) for each in views])
        return together.permute(1, 0, 4, 2, 3)

    def _rows(self, images: ImageBatch) -> FeatureRows:
        """Rows of each backbone: members that see the same compute them once."""
        if isinstance(images, FeatureRows):
            return images
        frozen = [each.encoder.frozen for each in self._networks]
        sources = {each.source: each for each in frozen if each is not None}
        return FeatureRows({name: each.rows(images.values) for name, each in sources.items()})

    def outputs(self, views: Tensor, windows: Windows) -> Tensor:
        """See ``Valuer.outputs``."""
        return _mean(
            each.outputs(mine, windows)
            for each, mine in zip(self._networks, views.unbind(1), strict=True)
        )

    def outputs_for(self, views: Tensor, windows: Windows, pairs: Pairs) -> Tensor:
        """See ``Valuer.outputs_for``."""
        return _mean(
            each.outputs_for(mine, windows, pairs)
            for each, mine in zip(self._networks, views.unbind(1), strict=True)
        )

    def layers(self) -> dict[str, nn.Module]:
        """The layers of every member: ``network1_conv1`` and so on."""
        return {
            f"network{number}_{name}": layer
            for number, each in enumerate(self._networks, 1)
            for name, layer in each.layers().items()
        }


def _mean(outputs: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(outputs)).mean(dim=0)
