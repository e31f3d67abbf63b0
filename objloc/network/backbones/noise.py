"""Units of a network's channels, from its response to noise: they need no photographs.

N pictures, S pixels a side, C channels and s cells a side of a map.
"""

import torch
from torch import Tensor

_SIDE = 224
_MEAN, _DEVIATION = 118.0, 60.0
"""Statistics of the levels of photographs (ImageNet: 116 and 58, over its channels)."""
_PEAK = 2.5
"""Deviations that the maximum on noise is taken for: half of what a store keeps."""
_MINIMUM = 0.01
"""Smallest unit of a channel, as a fraction of its map's mean: some are nearly constant."""


def noise(number: int) -> Tensor:
    """Pictures with the spectrum of photographs, always the same: ``[N, 3, S, S]`` uint8.

    Their amplitude falls with one over the frequency (Field 1987); colours are mostly grey.
    With them units are the same for everyone.

    Args:
        number: N.
    """
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(number, 3, _SIDE, _SIDE, generator=generator, dtype=torch.float64)
    white = 0.9 * white[:, :1] + 0.45 * white
    frequency = torch.fft.fftfreq(_SIDE, dtype=torch.float64)
    distance = (frequency[:, None] ** 2 + frequency**2).sqrt().clamp(min=1 / _SIDE)
    pink = torch.fft.ifft2(torch.fft.fft2(white) / distance).real
    pink = (pink - pink.mean()) / pink.std()
    levels: Tensor = _MEAN + _DEVIATION * pink
    return levels.round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def deviations(maps: list[Tensor]) -> list[Tensor]:
    """Deviations ``[C]`` of each map ``[N, C, s, s]`` of ``noise``.

    Noise holds no things, so deep channels vary less than on photographs, by a factor of 2 to 3:
    the maximum is the better guide. (It gives 0.55 to 1.5 times the deviations that the weights
    of EfficientNet-Lite imply, in the mean over a map's channels.)
    """
    found = [values.float().abs().amax(dim=(0, 2, 3)) / _PEAK for values in maps]
    return [each.clamp(min=_MINIMUM * float(each.mean())) for each in found]
