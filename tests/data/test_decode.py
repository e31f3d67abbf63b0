"""Images decoded to squares, several at once."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from objloc.data.decode import PixelsOnDemand, squash, squash_ahead
from objloc.data.image_batch import Pixels
from objloc.errors import ObjlocError
from tests.helpers.devkits import jpeg_bytes

FILES = [(str(number), jpeg_bytes((20 + number, 30))) for number in range(12)]


def test_images_come_in_their_order_whoever_decodes_them() -> None:
    found = list(squash_ahead(FILES, 8, ahead=3))
    expected = [squash(jpeg, image_id, 8) for image_id, jpeg in FILES]
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_damaged_image_is_named() -> None:
    files = [*FILES[:5], ("broken", b"no image"), *FILES[5:]]
    with pytest.raises(ObjlocError, match=r"image broken: cannot be decoded"):
        list(squash_ahead(files, 8, ahead=2))


class Counted(Sequence[bytes]):
    """Image files that remember which were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(FILES)

    def __getitem__(self, row: Any) -> Any:
        self.read.append(row)
        return FILES[row][1]


def on_demand(memory_mb: int, size: int = 8) -> tuple[PixelsOnDemand, Counted]:
    files = Counted()
    return PixelsOnDemand(files, [image_id for image_id, _ in FILES], size, memory_mb), files


ALL = Pixels(torch.stack([squash(jpeg, image_id, 8) for image_id, jpeg in FILES]))


@pytest.mark.parametrize("memory_mb", [0, 1])
def test_images_on_demand_are_those_that_are_decoded_at_once(memory_mb: int) -> None:
    images, _ = on_demand(memory_mb)
    for rows in (torch.tensor([3, 0, 3]), torch.tensor([11, 3]), torch.arange(12)):
        assert torch.equal(images[rows].values, ALL[rows].values)
        mirrored = rows % 2 == 0
        found = images.partly_mirrored(rows, mirrored).values
        assert torch.equal(found, ALL.partly_mirrored(rows, mirrored).values)


def test_images_used_last_are_kept_up_to_the_limit() -> None:
    # Room for three images of 300 pixels a side in a megabyte.
    images, files = on_demand(1, size=300)
    expected = [squash(jpeg, image_id, 300) for image_id, jpeg in FILES]
    for row in (0, 1, 2, 0, 3, 0, 2, 1):
        assert torch.equal(images[torch.tensor([row])].values[0], expected[row])
    # The fourth image takes the place of the second, whose use is longest ago.
    assert files.read == [0, 1, 2, 3, 1]


def test_an_image_that_cannot_be_decoded_is_named_when_it_is_asked_for() -> None:
    images = PixelsOnDemand([FILES[0][1], b"no image"], ["good", "broken"], 8, 1)
    assert len(images[torch.tensor([0])]) == 1
    with pytest.raises(ObjlocError, match="image broken: cannot be decoded"):
        images[torch.tensor([0, 1])]
    assert len(images[torch.tensor([0, 0])]) == 2
