import io
import sys

import pytest

from objloc import progress as progress_module
from objloc.progress import LINE_EVERY, progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def test_in_a_log_a_line_comes_now_and_then_and_at_the_end(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("a.tar", 400_000_000, "bytes", start=100_000_000) as advance:
        for _ in range(3):
            clock.now += LINE_EVERY / 3
            advance(20_000_000)
        assert capsys.readouterr().err == ("a.tar: 160.0 of 400.0 MB (40 %), 4.0 MB/s, 1:00 left\n")
        clock.now += 1
        advance(240_000_000)
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == "a.tar: 400.0 of 400.0 MB (100 %), 18.8 MB/s\n"
    assert LINE_EVERY <= 30


def test_images_are_counted_whole(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("shard", 3, "images") as advance:
        clock.now += 2
        advance(3)
    assert capsys.readouterr().err == "shard: 3 of 3 images (100 %), 2 images/s\n"


def test_no_last_line_claims_what_was_not_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        with progress("shard", 3, "images") as advance:
            advance(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert capsys.readouterr().err == ""


def test_on_a_terminal_a_bar_shows_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress("a.tar", 4_000_000, "bytes") as advance:
        advance(1_000_000)
    shown = terminal.getvalue()
    assert "a.tar" in shown
    assert "4.0 MB" in shown
    assert "━" in shown
    assert "/s" in shown or "?" in shown
