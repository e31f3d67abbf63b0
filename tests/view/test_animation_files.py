import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from objloc.errors import ObjlocError
from objloc.params import Animate
from objloc.view import animation_files as film
from objloc.view.animation_files import encode, require_encoder, write_animation, write_animations
from objloc.view.frames import Frame, frames
from tests.helpers.subjects import make_search, photograph


def opened(content: bytes) -> list[tuple[Image.Image, int]]:
    """Frames and how long each is shown, in milliseconds."""
    shown = []
    with Image.open(io.BytesIO(content)) as file:
        assert file.info["loop"] == 0
        for number in range(getattr(file, "n_frames", 1)):
            file.seek(number)
            file.load()
            shown.append((file.convert("RGB"), int(file.info["duration"])))
    return shown


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_an_animation_reads_back_frame_by_frame(kind: str) -> None:
    pictures = frames(make_search((0.2, 0.3, 0.7)), 200, 2.0)
    shown = opened(encode(pictures, kind))
    assert [milliseconds for _, milliseconds in shown] == [500, 500, 500, 4000]
    for (image, _), picture in zip(shown, pictures, strict=True):
        difference = np.abs(np.asarray(image).astype(int) - np.asarray(picture.image).astype(int))
        assert difference.mean() < 4


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_same_pictures_give_the_same_bytes(kind: str) -> None:
    pictures = frames(make_search(), 200, 2.0)
    assert encode(pictures, kind) == encode(pictures, kind)


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_a_search_of_fifty_steps_is_a_finite_and_modest_file(kind: str) -> None:
    boxes = tuple((2.0 * n, n, 190 - n / 2, 95 - n / 4) for n in range(50))
    search = make_search((0.3,) * 50, boxes=boxes, triggered=False, picture=textured())
    content = encode(frames(search, 240, 2.0), kind)
    assert len(opened(content)) == 51
    assert len(content) <= film.MAX_BYTES


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_a_file_that_is_too_large_is_packed_again(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = frames(make_search(picture=textured()), 200, 2.0)
    large = encode(pictures, kind)
    monkeypatch.setattr(film, "MAX_BYTES", len(large) - 1)
    small = encode(pictures, kind)
    assert len(small) < len(large)
    monkeypatch.setattr(film, "MAX_BYTES", 1)
    assert len(encode(pictures, kind)) <= len(small)


def textured() -> Image.Image:
    """Something with as much detail as a photograph."""
    noise = np.random.default_rng(0).integers(0, 90, (30, 40, 3)).astype(np.uint8)
    soft = Image.fromarray(noise).resize((400, 300), Image.Resampling.BICUBIC)
    return Image.blend(soft, photograph(400, 300), 0.5)


def test_mp4_without_its_encoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    require_encoder("webp")
    require_encoder("gif")
    with pytest.raises(ObjlocError, match=r"\[video\]") as caught:
        require_encoder("mp4")
    assert "\n" not in str(caught.value)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands for imageio-ffmpeg and writes down what it is given."""
    seen: dict[str, Any] = {"frames": []}

    def write_frames(path: Path, size: tuple[int, int], **options: Any) -> Iterator[None]:
        seen.update(size=size, options=options)
        while True:
            try:
                pixels = yield
            except GeneratorExit:
                Path(path).write_bytes(b"video")
                return
            if seen.get("fails"):
                raise OSError("no such codec\nand more")
            seen["frames"].append(pixels)

    module = ModuleType("imageio_ffmpeg")
    module.write_frames = write_frames  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", module)
    return seen


def test_mp4_repeats_frames_for_as_long_as_they_are_shown(recorder: dict[str, Any]) -> None:
    first, second = (Image.new("RGB", (31, 21), colour) for colour in ("red", "blue"))
    assert encode([Frame(first, 0.5), Frame(second, 2.0)], "mp4") == b"video"
    rate = recorder["options"]["fps"]
    assert recorder["size"] == (32, 22)
    assert len(recorder["frames"]) == round(0.5 * rate) + round(2 * rate)
    assert all(pixels.shape == (22, 32, 3) for pixels in recorder["frames"])
    assert recorder["frames"][0][5, 5].tolist() == [255, 0, 0]
    assert recorder["frames"][-1][5, 5].tolist() == [0, 0, 255]


def test_a_failing_encoder_is_told_in_one_line(recorder: dict[str, Any]) -> None:
    recorder["fails"] = True
    with pytest.raises(ObjlocError, match="no such codec and more") as caught:
        encode([Frame(photograph(), 0.5)], "mp4")
    assert "\n" not in str(caught.value)


def test_animations_lie_beside_their_contact_sheet(tmp_path: Path) -> None:
    write_animations([make_search()], tmp_path / "out", Animate(height=100, format="gif"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "000001_cat.gif",
        "contact_sheet.png",
    ]


def test_a_single_animation_bears_the_name_it_is_given(tmp_path: Path) -> None:
    write_animation(make_search(), tmp_path, "my cat", Animate(height=100))
    write_animation(make_search(), tmp_path, None, Animate(height=100))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["000001_cat.webp", "my cat.webp"]


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden", "/a"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ObjlocError, match="--name"):
        write_animation(make_search(), tmp_path, name, Animate(height=100))
    assert list(tmp_path.iterdir()) == []
