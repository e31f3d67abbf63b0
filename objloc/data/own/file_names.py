"""Find the image that a name from another machine means."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote

from objloc.data.images import ENDINGS
from objloc.data.own.layout import set_of

_Parts = tuple[str, ...]
_OTHER_MACHINE = "the name is of another folder or machine; its end decides"


@dataclass(frozen=True)
class Match:
    """The answer to a name.

    Attributes:
        image: path of the image; None if none, or several, fit.
        fits: images that fit, one or several; empty if none.
        note: what of the name was not as the folder has it; empty if the whole name fits.
    """

    image: Path | None
    fits: tuple[Path, ...]
    note: str = ""


class ImageIndex:
    """Images of a folder by their names.

    Args:
        folder: the folder.
        images: paths of its images, below ``folder``; a name never means another file.
    """

    def __init__(self, folder: Path, images: Iterable[Path]) -> None:
        self.folder = folder
        self._root = normpath(folder.absolute().as_posix())
        self._parts = {path: path.relative_to(folder).parts for path in images}
        self._by_path = {"/".join(parts): path for path, parts in self._parts.items()}
        self._indices: dict[Callable[[str], str], dict[str, list[tuple[_Parts, Path]]]] = {}

    def direct(self, name: str, base: str) -> Path | None:
        """The image whose path, from ``base`` (within the folder) or absolute, is ``name``."""
        path = normpath(f"{self._root}/{base}/{name}" if not name.startswith("/") else name)
        return self._by_path.get(path.removeprefix(f"{self._root}/"))

    def longest_tail(self, parts: _Parts, form: Callable[[str], str]) -> tuple[list[Path], int]:
        """Images that share the longest tail with a path, and its number of parts.

        Args:
            parts: the path's parts, the file's name last.
            form: equal forms count as equal parts.
        """
        if form not in self._indices:
            index: dict[str, list[tuple[_Parts, Path]]] = defaultdict(list)
            for path, own in self._parts.items():
                formed = tuple(map(form, own))
                index[formed[-1]].append((formed, path))
            self._indices[form] = index
        wanted = tuple(map(form, parts))
        fits: list[Path] = []
        longest = 0
        for own, path in self._indices[form].get("".join(wanted[-1:]), ()):
            length = _shared_tail(own, wanted)
            if length > longest:
                fits, longest = [], length
            if length == longest:
                fits.append(path)
        return fits, longest

    def nearest(self, fits: list[Path], base: Path, image_set: str | None) -> list[Path]:
        """Those of several images in folders of the set, if there are any; of them the nearest.

        Args:
            fits: the images.
            base: folder of the file that names the image, within the folder.
            image_set: image set that the file's name states; None if none.
        """
        if len(fits) < 2:
            return fits
        paths = {path: Path(*self._parts[path]) for path in fits}
        if image_set is not None:
            fits = [path for path in fits if set_of(paths[path].parent) == image_set] or fits
        for above in (base, *base.parents):
            below = [path for path in fits if paths[path].is_relative_to(above)]
            if below:
                return below
        return fits


def find_image(index: ImageIndex, name: str, file: Path) -> Match:
    r"""Find the image that a name in a file means.

    A name is relative to the file's folder or the whole folder, or comes from another
    machine: it may begin with folders, a drive or an address that are not there, and have
    back-slashes or an address's escapes. The longest tail of the name that an image has
    decides. If several have it, the images in folders of the image set that the file's name
    states are preferred, then those nearest to the file. If none has it, letter case,
    composition of accents and a missing file name extension do not count.

    Args:
        index: the folder's images.
        name: such as ``images/a.jpg``, ``..\media\a.jpg`` or ``http://host/a%20b.jpg``.
        file: path of the file that has the name, below the index's folder.
    """
    base, image_set = _origin(file, index.folder)
    readings = list(_readings(name))
    for reading in readings:
        for folder in dict.fromkeys((base.as_posix(), ".")):
            if image := index.direct(reading, folder):
                return Match(image, (image,), "" if reading == name else _OTHER_MACHINE)
    for form, what in _FORMS:
        tails = [
            (*index.longest_tail(_parts_of(reading), form), reading)
            for reading in readings
            if form is not _without_ending or Path(reading).suffix.lower() not in ENDINGS
        ]
        fits, length, reading = max(tails, key=lambda tail: tail[1], default=([], 0, ""))
        if fits:
            fits = index.nearest(fits, base, image_set)
            whole = "/".join(_parts_of(reading)[-length:]) == name
            note = what or ("" if whole else _OTHER_MACHINE)
            return Match(fits[0] if len(fits) == 1 else None, tuple(fits), note)
    return Match(None, ())


@cache
def _origin(file: Path, folder: Path) -> tuple[Path, str | None]:
    within = file.relative_to(folder)
    return within.parent, set_of(within.with_suffix(""))


def _readings(name: str) -> Iterator[str]:
    """The name as it is, with slashes, and without an address's escapes and query."""
    plain = name.strip()
    # Label Studio's local files: /data/local-files/?d=folder/a.jpg
    inner = re.search(r"[?&]d=([^&#]+)", plain)
    address = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", plain)
    cut = inner.group(1) if inner else plain
    if address and not inner:
        cut = re.split(r"[?#]", plain[address.end() :])[0]
        cut = "/" + (cut if address.group().lower() == "file://" else cut.partition("/")[2])
    forms = [name, plain, _slashed(plain), _slashed(cut), _slashed(unquote(cut))]
    if "?" in cut:
        forms.append(_slashed(unquote(cut.partition("?")[0])))
    yield from dict.fromkeys(forms)


def _slashed(name: str) -> str:
    r"""``D:\a\b.jpg`` as ``/a/b.jpg``."""
    return re.sub(r"^/*[A-Za-z]:(?=/)", "", name.replace("\\", "/"))


def _parts_of(name: str) -> _Parts:
    """Parts of a path, without the steps upwards that lead out of its beginning."""
    return tuple(part for part in normpath(name).split("/") if part not in ("", ".", ".."))


def _shared_tail(one: _Parts, other: _Parts) -> int:
    length = 0
    for mine, yours in zip(reversed(one), reversed(other), strict=False):
        if mine != yours:
            break
        length += 1
    return length


def _same(part: str) -> str:
    return part


def _folded(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())


def _without_ending(part: str) -> str:
    path = Path(part)
    return _folded(path.stem if path.suffix.lower() in ENDINGS else part)


_FORMS: tuple[tuple[Callable[[str], str], str], ...] = (
    (_same, ""),
    (_folded, "only letter case or the composition of accents differs"),
    (_without_ending, "the name lacks the file name extension"),
)
"""Forms in which names are compared, and what differs if they are equal in this form."""
