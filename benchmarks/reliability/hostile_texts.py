"""Hostile archives and XML: a member that is no plain file, a text that reaches out."""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.reliability import inputs
from benchmarks.reliability.case import BAD, Case
from benchmarks.reliability.isolated import MIB
from objloc import params
from objloc.data.own.reader import FolderReader
from objloc.data.voc.annotation import read_annotation
from objloc.data.voc.archives import Scratch, list_archive
from objloc.errors import ObjlocError

MARK = "a text that nothing may read"
_JPEG = f"VOC2007/JPEGImages/{BAD}.jpg"
_XML = f"VOC2007/Annotations/{BAD}.xml"


def archives() -> tuple[Case, ...]:
    """Members of tar archives."""

    def special(kind: bytes, target: str = "") -> Callable[[Path], None]:
        info = tarfile.TarInfo(_JPEG)
        info.type, info.linkname = kind, target
        return lambda folder: _read_archive(_packed(folder, info))

    def declared(name: str, size: int) -> Callable[[Path], None]:
        info = tarfile.TarInfo(name)
        info.size = size
        return lambda folder: _read_archive(_packed(folder, info))

    def elsewhere(name: str) -> Callable[[Path], None]:
        def read(folder: Path) -> None:
            inside = folder / "inside"
            inside.mkdir()
            _read_archive(_packed(inside, tarfile.TarInfo(name)))
            if [each.name for each in folder.iterdir()] != ["inside"]:
                raise ValueError("written outside its folder")

        return read

    return (
        Case("symbolic link to a file", special(tarfile.SYMTYPE, "/etc/hostname")),
        Case("symbolic link out of the folder", special(tarfile.SYMTYPE, "../../../secret")),
        Case("hard link", special(tarfile.LNKTYPE, "VOC2007/JPEGImages/other.jpg")),
        Case("character device", special(tarfile.CHRTYPE)),
        Case("block device", special(tarfile.BLKTYPE)),
        Case("named pipe", special(tarfile.FIFOTYPE)),
        Case("sparse file", _read_sparse),
        Case("picture of a terabyte", declared(_JPEG, 2**40)),
        Case("annotation of a terabyte", declared(_XML, 2**40)),
        Case("128 MiB of zeros in 128 KiB of gzip", _read_bomb),
        Case("absolute name", elsewhere(f"/{_JPEG}"), refused=False),
        Case("name that leads upwards", elsewhere(f"../{_JPEG}"), refused=False),
        Case("name that leads upwards later", elsewhere(f"VOC2007/../../{_JPEG}"), refused=False),
        Case("archive in the archive", elsewhere(f"{_JPEG}.tar"), refused=False),
    )


def _packed(folder: Path, info: tarfile.TarInfo, content: bytes = b"") -> Path:
    """An archive of one member, whose header may state another size than that of the content."""
    path = folder / "some.tar"
    padding = bytes(-len(content) % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + content + padding)
    return path


def _read_archive(path: Path) -> None:
    for file in list_archive(path, Scratch()):
        file.read()


def _read_sparse(folder: Path) -> None:
    holes = b"1\n0\n5\n".ljust(512, b"\0") + b"12345"
    info = tarfile.TarInfo(_JPEG)
    info.size = len(holes)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": info.name,
        "GNU.sparse.realsize": str(2**40),
    }
    path = folder / "some.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(holes))
    _read_archive(path)


def _read_bomb(folder: Path) -> None:
    path = folder / f"{BAD}.tar.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(128):
            file.write(bytes(MIB))
    _read_archive(path)


def annotations() -> tuple[Case, ...]:
    """XML of VOC and CVAT."""

    def both(name: str, change: Callable[[str, Path], str]) -> Iterator[Case]:
        for form, text in (("VOC", inputs.voc_xml()), ("CVAT", inputs.cvat_xml())):
            yield Case(f"{name}, {form}", partial(_read_xml, text.decode(), change))

    def dtd(subset: str, reference: str = "&e;") -> Callable[[str, Path], str]:
        def change(text: str, folder: Path) -> str:
            start, end = text.split("<annotation", 1)
            subset_of = subset.replace("SECRET", (folder / "secret").as_uri())
            body = end.replace("cat", reference, 1)
            return f"{start}<!DOCTYPE annotation {subset_of}><annotation{body}"

        return change

    nested = "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 10}'>" for n in range(9))
    return (
        *both("entity of a file", dtd("[<!ENTITY e SYSTEM 'SECRET'>]")),
        *both("entity of an address", dtd("[<!ENTITY e SYSTEM 'http://127.0.0.1:9/'>]")),
        *both("entities of entities", dtd(f"[<!ENTITY e0 'x'>{nested}]", "&e9;")),
        *both("parameter entity", dtd("[<!ENTITY % e SYSTEM 'SECRET'> %e;]", "cat")),
        *both("document type elsewhere", dtd("SYSTEM 'SECRET'", "cat")),
        *both("ten thousand levels", lambda text, _: text.replace("<name", "<a>" * 10**4 + "<name")
              .replace("<image", "<a>" * 10**4 + "<image", 1)),
        Case("megabytes of text", partial(_read_xml, inputs.voc_xml().decode(),
             lambda text, _: text.replace("cat", "c" * 2 * MIB, 1))),
        Case("inclusion of a file", _read_inclusion),
    )  # fmt: skip


def _read_xml(text: str, change: Callable[[str, Path], str], folder: Path) -> None:
    (folder / "secret").write_text(MARK)
    hostile = change(text, folder)
    given = folder / "given"
    given.mkdir()
    inputs.picture().save(given / f"{BAD}.png")
    (given / f"{BAD}.xml").write_text(hostile)
    if "<annotations>" not in text and len(hostile) < MIB:
        _must_refuse(lambda: read_annotation(hostile.encode(), BAD, official=False))
    reader = FolderReader(given, params.Dataset())
    if any(MARK in str(each) for each in (*reader.images, *reader.findings)):
        raise ValueError("a file outside was read")
    reader.findings.raise_first(str(given), "")


def _must_refuse(read: Callable[[], object]) -> None:
    try:
        read()
    except ObjlocError:
        return
    raise ValueError("read")


def _read_inclusion(folder: Path) -> None:
    (folder / "secret").write_text(MARK)
    inner = f"<xi:include href='{(folder / 'secret').as_uri()}' parse='text'/>"
    text = inputs.voc_xml().decode().replace("cat", inner, 1)
    text = text.replace("<annotation", "<annotation xmlns:xi='http://www.w3.org/2001/XInclude'", 1)
    _read_xml(text, lambda text, _: text, folder)
