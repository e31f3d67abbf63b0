"""Several networks that value windows together."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from objloc.network.map_encoder import MapEncoder
from objloc.network.pyramid import PretrainedPyramid
from objloc.network.q_network import QNetwork


class Ensemble(QNetwork):
    """Networks trained alike but for their seed: what they say is the mean of what each says.

    What one of them has learned by heart, or by chance, the others have not: the mean errs
    less than each (Dietterich 2000; as values of DQN: Anschel et al. 2017, "Ensemble-DQN").
    Outputs are averaged before they are read: with the logistic loss those are log-odds. It
    is not trained further.

    Args:
        members: two or more, of one kind.
    """

    def __init__(self, members: Sequence[QNetwork]) -> None:
        nn.Module.__init__(self)
        self.members: nn.ModuleList = nn.ModuleList(members)
        first = members[0]
        self.categories = first.categories
        self.num_actions = first.num_actions
        self.frames = first.frames
        self.action_history = first.action_history
        self.per_category = first.per_category
        self.presence = first.presence
        self.learned_steps = first.learned_steps
        self.learned_zooms = first.learned_zooms
        self.register_buffer("bounds", first.bounds, persistent=False)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self._networks[0].device

    @property
    def _networks(self) -> list[QNetwork]:
        return [each for each in self.members if isinstance(each, QNetwork)]

    def encode(self, images: Tensor) -> Tensor:
        """Images to every member's views, side by side: ``[N, members, C, H, W]`` float32.

        Rows of a feature store are those of each backbone, side by side in the order of the
        members that first have it.
        """
        rows = self._rows(images)
        views = [
            each.encode(images if pyramid is None else rows.get(pyramid.source, images))
            for each, pyramid in zip(self._networks, self._pyramids, strict=True)
        ]
        # Of each member as it would be alone, channels innermost: pooling windows out of maps
        # that lie otherwise copies the maps for every look.
        together = torch.stack([each.permute(0, 2, 3, 1) for each in views])
        return together.permute(1, 0, 4, 2, 3)

    def _rows(self, images: Tensor) -> dict[str, Tensor]:
        """Rows ``[N, L]`` int8 by backbone: members that see the same compute them once."""
        pyramids = {each.source: each for each in self._pyramids if each is not None}
        if images.dtype == torch.int8:
            parts = torch.split(images, [each.length for each in pyramids.values()], dim=1)
            return dict(zip(pyramids, parts, strict=True))
        return {
            source: each.rows(images) for source, each in pyramids.items() if each.by_rows(images)
        }

    @property
    def _pyramids(self) -> list[PretrainedPyramid | None]:
        """Of each member, where it has a pretrained one."""
        encoders = [each.encoder for each in self._networks]
        found = [each.pyramid if isinstance(each, MapEncoder) else None for each in encoders]
        return [each if isinstance(each, PretrainedPyramid) else None for each in found]

    def outputs(
        self, views: Tensor, index: Tensor, boxes: Tensor, action_history: Tensor
    ) -> Tensor:
        """See ``QNetwork.outputs``."""
        return _mean(
            each.outputs(mine, index, boxes, action_history)
            for each, mine in zip(self._networks, views.unbind(1), strict=True)
        )

    def outputs_for(
        self,
        views: Tensor,
        index: Tensor,
        boxes: Tensor,
        action_history: Tensor,
        window: Tensor,
        category: Tensor,
    ) -> Tensor:
        """See ``QNetwork.outputs_for``."""
        return _mean(
            each.outputs_for(mine, index, boxes, action_history, window, category)
            for each, mine in zip(self._networks, views.unbind(1), strict=True)
        )

    def layers(self) -> dict[str, nn.Module]:
        """Those of every member: ``network1_conv1`` and so on."""
        return {
            f"network{number}_{name}": layer
            for number, each in enumerate(self._networks, 1)
            for name, layer in each.layers().items()
        }


def _mean(outputs: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(outputs)).mean(dim=0)
