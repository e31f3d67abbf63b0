"""Animations as files: WebP, GIF or mp4."""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from objloc.errors import ObjlocError
from objloc.files import write_files
from objloc.params import Animate
from objloc.view.contact_sheet import png
from objloc.view.frames import Frame, frames, summary
from objloc.view.subject import SearchSubject

MAX_BYTES = 600_000
"""A file above it is packed again at a lower quality, as long as there is one."""
_QUALITIES = (82, 70, 58, 46, 34)
"""Qualities of WebP, tried in this order."""
_COLOURS = (255, 160, 96, 64, 40)
"""Sizes of GIF's palette, tried in this order."""
_VIDEO_RATE = 24


def require_encoder(kind: str) -> None:
    """Refuse mp4 before any work is done where its encoder is not installed.

    Raises:
        ObjlocError: names the extra to install.
    """
    if kind != "mp4":
        return
    try:
        import imageio_ffmpeg  # noqa: F401, PLC0415
    except ImportError:
        raise ObjlocError(
            "animate.format=mp4: expected the package imageio-ffmpeg; not installed "
            "(pip install -e '.[video]', or use webp or gif)"
        ) from None


def write_animations(searches: list[SearchSubject], folder: Path, params: Animate) -> list[Path]:
    """Write one animation for each search and a contact sheet of how they ended.

    Args:
        searches: at least one.
        folder: gets ``<image id>_<category>.<format>`` and ``contact_sheet.png``.
        params: format, height and speed.

    Returns:
        The files.

    Raises:
        ObjlocError: the folder is not writable; see also ``encode``.
    """
    contents = {"contact_sheet.png": png(summary(searches))}
    for search in searches:
        run = search.trajectory
        contents[f"{run.image_id}_{run.category}.{params.format}"] = _film(search, params)
    return write_files(folder, contents)


def write_animation(search: SearchSubject, folder: Path, name: str | None, params: Animate) -> Path:
    """Write one search's animation.

    Args:
        search: what to show.
        folder: gets ``<name>.<format>``.
        name: None: ``<image id>_<category>``.
        params: format, height and speed.

    Returns:
        The file.

    Raises:
        ObjlocError: a name that is none; the folder is not writable; see also
            ``encode``.
    """
    run = search.trajectory
    name = f"{run.image_id}_{run.category}" if name is None else name
    if not name or name != Path(name).name or name.startswith("."):
        raise ObjlocError(f"--name: expected a file's name without folders; found '{name}'")
    (path,) = write_files(folder, {f"{name}.{params.format}": _film(search, params)})
    return path


def _film(search: SearchSubject, params: Animate) -> bytes:
    return encode(frames(search, params.height, params.frames_per_second), params.format)


def encode(pictures: list[Frame], kind: str) -> bytes:
    """An animation's bytes; the same for the same pictures.

    WebP and GIF are finite files that players repeat (2018's video went on
    until the agent succeeded, for ever with a weak one).

    Args:
        pictures: at least one, all of one size.
        kind: "webp", "gif" or "mp4".

    Raises:
        ObjlocError: the encoder of mp4 is not installed or fails.
    """
    if kind == "gif":
        return _gif(pictures)
    if kind == "mp4":
        return _mp4(pictures)
    return _webp(pictures)


def _milliseconds(pictures: list[Frame]) -> list[int]:
    return [max(20, round(frame.seconds * 1000)) for frame in pictures]


def _webp(pictures: list[Frame]) -> bytes:
    first, *rest = [frame.image for frame in pictures]
    content = b""
    for quality in _QUALITIES:
        stream = io.BytesIO()
        first.save(
            stream,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=_milliseconds(pictures),
            loop=0,
            quality=quality,
            method=2,
            minimize_size=True,
        )
        content = stream.getvalue()
        if len(content) <= MAX_BYTES:
            break
    return content


def _gif(pictures: list[Frame]) -> bytes:
    # One palette for all frames and no dithering: then what does not change
    # between two frames has the same bytes and is left out of the second.
    width, height = pictures[0].image.size
    samples = Image.new("RGB", (width, 2 * height))
    samples.paste(pictures[0].image, (0, 0))
    samples.paste(pictures[-1].image, (0, height))
    durations = _milliseconds(pictures)
    content = b""
    for colours in _COLOURS:
        palette = samples.quantize(colours, Image.Quantize.MEDIANCUT)
        first, *rest = [
            frame.image.quantize(palette=palette, dither=Image.Dither.NONE) for frame in pictures
        ]
        stream = io.BytesIO()
        first.save(stream, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
        content = stream.getvalue()
        if len(content) <= MAX_BYTES:
            break
    return content


def _mp4(pictures: list[Frame]) -> bytes:
    require_encoder("mp4")
    import imageio_ffmpeg  # noqa: PLC0415

    width, height = pictures[0].image.size
    # H.264 with half as many colour samples a side wants even sides.
    size = (width + width % 2, height + height % 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = imageio_ffmpeg.write_frames(
            path,
            size,
            fps=_VIDEO_RATE,
            codec="libx264",
            quality=None,
            macro_block_size=2,
            # One thread and no encoder's name: the same bytes on every run.
            output_params=[
                "-crf", "24", "-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
                "-map_metadata", "-1", "-movflags", "+faststart",
            ],
        )  # fmt: skip
        try:
            writer.send(None)
            for frame in pictures:
                padded = Image.new("RGB", size, frame.image.getpixel((0, 0)))
                padded.paste(frame.image, (0, 0))
                pixels = np.ascontiguousarray(padded)
                for _ in range(max(1, round(frame.seconds * _VIDEO_RATE))):
                    writer.send(pixels)
            writer.close()
            return path.read_bytes()
        except OSError as error:
            reason = " ".join(str(error).split())[:200]
            raise ObjlocError(f"animate.format=mp4: the encoder failed: {reason}") from None
