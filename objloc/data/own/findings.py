"""Findings about a user's folder: what is refused, doubtful, changed or left out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from objloc.errors import ObjlocError, printable
from objloc.wording import abridged, counted

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One finding about a folder.

    Attributes:
        severity: ``error`` (the pipeline refuses it, or figures would be wrong), ``warning``
            (it may be intended) or ``note``.
        kind: a word for the class of finding, such as ``missing``.
        place: path of the file within the folder; empty for the whole folder.
        message: the expected and the found state.
    """

    severity: Severity
    kind: str
    place: str
    message: str

    def __post_init__(self) -> None:
        """Make place and message printable."""
        object.__setattr__(self, "place", printable(self.place))
        object.__setattr__(self, "message", printable(self.message))


class Findings:
    """Collector of findings, in the order of their first report."""

    def __init__(self, known: Iterable[Finding] = ()) -> None:
        self._found: list[Finding] = list(known)
        self._errors = [each for each in self._found if each.severity == "error"]
        self._counted: dict[tuple[Severity, str, str], list[str]] = {}

    def error(self, kind: str, place: str, message: str) -> None:
        """Report what the pipeline refuses."""
        finding = Finding("error", kind, place, message)
        self._found.append(finding)
        self._errors.append(finding)

    def warning(self, kind: str, place: str, message: str) -> None:
        """Report what may be intended."""
        self._found.append(Finding("warning", kind, place, message))

    def note(self, kind: str, place: str, message: str) -> None:
        """Report what does no harm."""
        self._found.append(Finding("note", kind, place, message))

    def damage(self, kind: str, place: str, error: ObjlocError) -> None:
        """Report a file that can't be read; the message need not repeat the place."""
        self.error(kind, place, str(error).removeprefix(f"{place}: "))

    def count(self, kind: str, message: str, place: str, severity: Severity = "note") -> None:
        """Count an event that may occur at many places; one finding names it, number and places."""
        self._counted.setdefault((severity, kind, message), []).append(place)

    def __iter__(self) -> Iterator[Finding]:
        yield from self._found
        for (severity, kind, message), places in self._counted.items():
            where = abridged(list(dict.fromkeys(places)), _SHOWN)
            times = f" ({len(places)} times)" if len(places) > 1 else ""
            yield Finding(severity, kind, "", f"{message}{times}: {where}")

    def raise_first(self, folder: str, hint: str) -> None:
        """Refuse the folder if there is an error.

        Raises:
            ObjlocError: the first error, and the number of the others.
        """
        if self._errors:
            first, *more = self._errors
            others = f"; {counted(len(more), 'more error')}" if more else ""
            raise ObjlocError(f"{first.place or folder}: {first.message} ({hint}{others})")
