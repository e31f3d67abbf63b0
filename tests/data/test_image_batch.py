"""Kinds of images: each is fetched, mirrored and moved in its own way."""

import pytest
import torch

from objloc.data.image_batch import FeatureRows, NoImages, Pixels, pixels_of

ROWS = torch.tensor([2, 0])
IMAGES = Pixels(torch.arange(3 * 3 * 2 * 2, dtype=torch.uint8).view(3, 3, 2, 2))


def test_pixels_are_fetched_by_row() -> None:
    assert torch.equal(IMAGES[ROWS].values, IMAGES.values[[2, 0]])
    assert len(IMAGES[ROWS]) == 2


def test_pixels_are_mirrored_left_to_right_where_asked() -> None:
    batch = IMAGES.partly_mirrored(ROWS, torch.tensor([True, False]))
    assert batch.values[0, 0].tolist() == [[25, 24], [27, 26]]
    assert torch.equal(batch.values[1], IMAGES.values[0])


def test_batches_move_to_a_device() -> None:
    meta = torch.device("meta")
    assert IMAGES.to(meta).values.device == meta
    rows = FeatureRows({"one": torch.zeros(2, 5), "two": torch.zeros(2, 7)})
    assert [each.device for each in rows.to(meta).by_backbone.values()] == [meta] * 2
    assert len(rows) == 2


def test_pixels_are_distinguished_from_features() -> None:
    assert pixels_of(IMAGES) is IMAGES.values
    with pytest.raises(TypeError, match="expected images as pixels; found rows"):
        pixels_of(FeatureRows({"one": torch.zeros(1, 5, dtype=torch.int8)}))


def test_where_there_are_no_images_none_are_fetched() -> None:
    with pytest.raises(ValueError, match="found one loaded without them"):
        NoImages()[ROWS]
    with pytest.raises(ValueError, match="found one loaded without them"):
        NoImages().partly_mirrored(ROWS, ROWS > 0)
