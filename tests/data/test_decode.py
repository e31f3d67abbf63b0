"""Images decoded to squares, several at once."""

import threading
from collections.abc import Iterator

import pytest
import torch

from objloc.data.decode import squash, squash_ahead
from objloc.errors import ObjlocError
from tests.helpers.devkits import jpeg_bytes

FILES = [(str(number), jpeg_bytes((20 + number, 30))) for number in range(12)]


def test_images_come_in_their_order_whoever_decodes_them() -> None:
    found = list(squash_ahead(FILES, 8, ahead=3))
    expected = [squash(jpeg, image_id, 8) for image_id, jpeg in FILES]
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_no_more_images_are_read_than_are_decoded_ahead() -> None:
    read = []

    def files() -> Iterator[tuple[str, bytes]]:
        for each in FILES:
            read.append(each)
            yield each

    pictures = squash_ahead(files(), 8, ahead=3)
    next(pictures)
    assert len(read) == 4


def test_a_damaged_image_is_named_and_no_thread_stays() -> None:
    files = [*FILES[:5], ("broken", b"no image"), *FILES[5:]]
    before = threading.active_count()
    with pytest.raises(ObjlocError, match=r"image broken: cannot be decoded"):
        list(squash_ahead(files, 8, ahead=2))
    assert threading.active_count() == before
