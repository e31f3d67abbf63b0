"""Hostile images: of a stated size, within the limit, or of another format."""

import io
import struct
import zlib
from functools import partial
from pathlib import Path

from benchmarks.reliability import inputs
from benchmarks.reliability.case import BAD, Case, zipped
from benchmarks.reliability.isolated import MIB
from objloc.data.images import open_image


def images() -> tuple[Case, ...]:
    """Headers that lie, and files of another format."""
    side = 10**5
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bmp = bytearray(_saved("BMP"))
    bmp[18:26] = struct.pack("<ii", side, side)
    gif = bytearray(_saved("GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    jpeg = bytearray(_saved("JPEG"))
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = struct.pack(">HH", 65500, 65500)
    text = _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(64 * MIB)))
    noted = _saved("PNG")
    contents = {
        "PNG of 10,000 megapixels": png + _chunk(b"IDAT", zlib.compress(bytes(100))),
        "BMP of 10,000 megapixels": bytes(bmp),
        "GIF of 4,295 megapixels": bytes(gif),
        "JPEG of 4,290 megapixels": bytes(jpeg),
        "PPM of 10,000 megapixels": f"P6 {side} {side} 255\n".encode(),
        "PNG with 64 MiB of text": noted[:33] + text + noted[33:],
        "PNG cut short": _saved("PNG")[:-40],
        "PostScript called .jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "SVG called .jpg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "WMF called .jpg": b"\xd7\xcd\xc6\x9a" + bytes(60),
        "program called .jpg": b"\x7fELF" + bytes(60),
        "archive called .jpg": zipped(),
    }
    return tuple(Case(name, partial(_read_image, each)) for name, each in contents.items())


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def _saved(kind: str) -> bytes:
    stream = io.BytesIO()
    inputs.picture().save(stream, kind)
    return stream.getvalue()


def _read_image(content: bytes, folder: Path) -> None:
    path = folder / f"{BAD}.jpg"
    path.write_bytes(content)
    open_image(path)


def large_images() -> tuple[Case, ...]:
    """Images just within the limit: they are read, at a bounded price."""
    kinds = {"RGB": (8, 2, 3), "RGBA": (8, 6, 4), "16-bit grey": (16, 0, 2), "1-bit": (1, 0, 1 / 8)}
    return tuple(
        Case(f"PNG of {name}", partial(_read_large, *form), refused=False)
        for name, form in kinds.items()
    )


def _read_large(depth: int, colours: int, length: float, folder: Path) -> None:
    width, height = 8800, 10000
    path = folder / "large.png"
    row = bytes(1 + int(width * length))
    packer = zlib.compressobj(9)
    squeezed = [*(packer.compress(row) for _ in range(height)), packer.flush()]
    head = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", b"".join(squeezed)), _chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    if open_image(path).size != (width, height):
        raise ValueError("another size")
