import errno
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from objloc.data.download import CHUNK, Download, Patience, download
from objloc.errors import ObjlocError
from tests.helpers.servers import Files, serving, unused_address

CONTENT = bytes(range(256)) * 4000
OTHER = CONTENT[::-1]
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
CUT = 20 * CHUNK
QUICK = Patience(rounds=3, first_wait=0.01, connect_timeout=300, read_timeout=300)


@pytest.fixture
def server() -> Iterator[Files]:
    with serving(Files({"/a.tar": CONTENT})) as files:
        yield files


def wanted(folder: Path, *urls: str) -> Download:
    return Download("a.tar", len(CONTENT), MD5, urls, folder, QUICK)


def fetch(folder: Path, *urls: str) -> bytes:
    want = wanted(folder, *urls)
    assert download(want) == want.target
    assert not want.part.exists()
    assert not want.note.exists()
    return want.target.read_bytes()


def left_behind(folder: Path, content: bytes, **note: str) -> None:
    """A partial download, as an interrupted one leaves it."""
    want = wanted(folder)
    folder.mkdir(exist_ok=True)
    want.part.write_bytes(content)
    if note:
        want.note.write_text(json.dumps(note))


def failure(folder: Path, *urls: str) -> str:
    with pytest.raises(ObjlocError) as caught:
        download(wanted(folder, *urls))
    assert not wanted(folder).target.exists()
    return str(caught.value)


def test_a_file_is_fetched_once(server: Files, tmp_path: Path) -> None:
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert server.log == [("/a.tar", None, None)]
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert len(server.log) == 1


def test_a_cut_download_goes_on_where_it_stopped(server: Files, tmp_path: Path) -> None:
    server.cuts = [CUT + 5, 10 * CHUNK]
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert server.log == [
        ("/a.tar", None, None),
        ("/a.tar", f"bytes={CUT}-", '"one"'),
        ("/a.tar", f"bytes={CUT + 10 * CHUNK}-", '"one"'),
    ]


def test_a_killed_download_goes_on_in_the_next_process(server: Files, tmp_path: Path) -> None:
    url = f"{server.url}/a.tar"
    left_behind(tmp_path, CONTENT[:500_000], url=url, ETag='"one"')
    assert fetch(tmp_path, url) == CONTENT
    assert server.log == [("/a.tar", "bytes=500000-", '"one"')]


def test_a_date_is_the_validator_where_the_tag_is_weak(server: Files, tmp_path: Path) -> None:
    server.etag, server.modified = 'W/"one"', "Tue, 06 Nov 2007 10:00:00 GMT"
    server.cuts = [CUT]
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert server.log[1] == ("/a.tar", f"bytes={CUT}-", server.modified)


def test_a_file_that_changed_on_the_server_starts_again(server: Files, tmp_path: Path) -> None:
    url = f"{server.url}/a.tar"
    left_behind(tmp_path, OTHER[:500_000], url=url, ETag='"zero"')
    assert fetch(tmp_path, url) == CONTENT
    assert server.log == [("/a.tar", "bytes=500000-", '"zero"')]


def test_halves_of_different_versions_are_noticed_and_fetched_again(
    server: Files, tmp_path: Path
) -> None:
    server.etag = None
    url = f"{server.url}/a.tar"
    left_behind(tmp_path, OTHER[:500_000], url=url)
    assert fetch(tmp_path, url) == CONTENT
    assert server.log == [("/a.tar", "bytes=500000-", None), ("/a.tar", None, None)]


def test_a_server_without_ranges_starts_again(server: Files, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [CUT]
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert [asked for _, asked, _ in server.log] == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize(
    "content_range", ["bytes 0-1023999/1024000", f"bytes {CUT}-1023998/1023999", "nonsense"]
)
def test_an_answer_of_other_bytes_than_asked_for_is_not_appended(
    server: Files, tmp_path: Path, content_range: str
) -> None:
    server.cuts = [CUT]
    server.content_range = content_range
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert [asked for _, asked, _ in server.log] == [None, f"bytes={CUT}-", None]


@pytest.mark.parametrize("extra", [0, 1, 5000])
def test_a_partial_file_that_is_whole_or_too_long_is_no_trouble(
    server: Files, tmp_path: Path, extra: int
) -> None:
    left_behind(tmp_path, CONTENT + bytes(extra))
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert len(server.log) == min(extra, 1)


def test_a_whole_file_that_was_damaged_is_fetched_again(server: Files, tmp_path: Path) -> None:
    wanted(tmp_path).target.write_bytes(OTHER)
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT


def test_a_server_in_trouble_is_asked_again(server: Files, tmp_path: Path) -> None:
    server.failures = [503, 429]
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert len(server.log) == 3


def test_a_server_that_stays_in_trouble_is_given_up(server: Files, tmp_path: Path) -> None:
    server.failures = [503] * 100
    url = f"{server.url}/a.tar"
    message = failure(tmp_path, url)
    assert len(server.log) == QUICK.rounds
    assert message == (
        f"a.tar: expected {len(CONTENT)} bytes with md5 {MD5}; tried {url} (HTTP 503); without "
        f"internet, name a folder or address that holds the archives: dataset.mirror=FOLDER"
    )


def test_new_bytes_renew_the_patience(server: Files, tmp_path: Path) -> None:
    server.cuts = [100_000] * 9
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert len(server.log) == 10 > QUICK.rounds


def test_other_addresses_are_tried_in_turn_and_all_are_reported(
    server: Files, tmp_path: Path
) -> None:
    dead = f"{unused_address()}/a.tar"
    missing = f"{server.url}/b.tar"
    assert fetch(tmp_path / "a", dead, missing, f"{server.url}/a.tar") == CONTENT
    assert [path for path, _, _ in server.log] == ["/b.tar", "/a.tar"]
    message = failure(tmp_path / "b", dead, missing)
    assert f"tried {dead} (connection refused); {missing} (HTTP 404);" in message
    # A missing file is not requested again.
    assert [path for path, _, _ in server.log][2:] == ["/b.tar"]


def test_an_address_without_a_host_is_reported_shortly(tmp_path: Path) -> None:
    message = failure(tmp_path, "http://objloc.invalid/a.tar")
    assert "http://objloc.invalid/a.tar (" in message
    assert "\n" not in message
    assert "Traceback" not in message
    assert len(message) < 400


def test_a_part_is_completed_from_another_address(server: Files, tmp_path: Path) -> None:
    dead = f"{unused_address()}/a.tar"
    left_behind(tmp_path, CONTENT[:500_000], url=dead, ETag='"zero"')
    assert fetch(tmp_path, dead, f"{server.url}/a.tar") == CONTENT
    # The other server's tag does not matter here: size and checksum decide.
    assert server.log == [("/a.tar", "bytes=500000-", None)]


@pytest.mark.parametrize(
    ("cuts", "requests"),
    # At once; or, if the pieces may not have fitted, after a second attempt in four pieces.
    [([], 1), ([CUT] * 50, 8)],
)
def test_a_wrong_checksum_is_refused_and_nothing_kept(
    server: Files, tmp_path: Path, cuts: list[int], requests: int
) -> None:
    server.content["/a.tar"] = OTHER
    server.cuts = cuts
    message = failure(tmp_path, f"{server.url}/a.tar")
    md5 = hashlib.md5(OTHER, usedforsecurity=False).hexdigest()
    assert f"(wrong checksum: expected md5 {MD5}, found {md5})" in message
    assert len(server.log) == requests
    assert not wanted(tmp_path).part.exists()


def test_a_page_instead_of_the_file_is_refused_before_it_is_read(
    server: Files, tmp_path: Path
) -> None:
    server.content["/a.tar"] = b"<html>please log in</html>"
    message = failure(tmp_path, f"{server.url}/a.tar")
    assert f"(wrong size: expected {len(CONTENT)} bytes, found 26)" in message
    assert len(server.log) == 1


def test_no_more_than_the_expected_bytes_are_taken(server: Files, tmp_path: Path) -> None:
    server.content["/a.tar"] = CONTENT * 2
    server.headers = {"Content-Length": "", "Connection": "close"}
    message = failure(tmp_path, f"{server.url}/a.tar")
    assert "(wrong size: found more bytes than expected)" in message
    assert not wanted(tmp_path).part.exists()


Stall = Callable[..., None]


@pytest.fixture
def stall(server: Files, monkeypatch: pytest.MonkeyPatch) -> Stall:
    """Let the first answers stop, each after a number of bytes, which a system can hold.

    The client loses patience with those at once, but not before all their bytes have come: a
    busy machine is not taken for a silent server.
    """
    get = requests.get

    def stop(*sizes: int) -> None:
        server.stalls = list(sizes)

        def impatient(url: str, **options: Any) -> requests.Response:
            response = get(url, **options)
            if len(server.log) <= len(sizes):
                server.silent.acquire()
                connection: Any = response.raw.connection
                connection.sock.settimeout(0.01)
            return response

        monkeypatch.setattr("objloc.data.download.requests.get", impatient)

    return stop


def test_a_server_that_stalls_is_left_and_asked_for_the_rest(
    server: Files, stall: Stall, tmp_path: Path
) -> None:
    stall(2 * CHUNK, CHUNK)
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert [asked for _, asked, _ in server.log] == [
        None, f"bytes={2 * CHUNK}-", f"bytes={3 * CHUNK}-",
    ]  # fmt: skip


def test_a_server_that_stalls_at_once_is_given_up(
    server: Files, stall: Stall, tmp_path: Path
) -> None:
    stall(*[0] * 9)
    told = failure(tmp_path, f"{server.url}/a.tar")
    assert re.search(r"tried .*/a\.tar \(no answer in time\)", told)
    assert len(server.log) == QUICK.rounds


def test_redirects_are_followed_but_not_round_and_round(server: Files, tmp_path: Path) -> None:
    server.redirects = {"/old.tar": "/a.tar", "/one.tar": "/two.tar", "/two.tar": "/one.tar"}
    assert fetch(tmp_path / "a", f"{server.url}/old.tar") == CONTENT
    url = f"{server.url}/one.tar"
    assert f"tried {url} (too many redirects)" in failure(tmp_path / "b", url)


def test_a_page_of_unknown_length_is_no_archive(server: Files, tmp_path: Path) -> None:
    url = f"{server.url}/a.tar"
    server.content["/a.tar"] = b"<html>please log in</html>"
    server.headers = {"Content-Length": "", "Connection": "close"}
    assert f"tried {url} (" in failure(tmp_path, url)
    assert len(server.log) == 1 + QUICK.rounds
    # What is left of the page spoils no later download.
    server.content["/a.tar"], server.headers = CONTENT, {}
    assert fetch(tmp_path, url) == CONTENT


def test_a_full_disk_keeps_what_has_arrived(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = wanted(tmp_path, f"{server.url}/a.tar")

    def full(*_: object) -> None:
        want.part.write_bytes(CONTENT[:CUT])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("objloc.data.download._copy", full)
        with pytest.raises(ObjlocError, match="cannot be written: No space left on device"):
            download(want)
    assert fetch(tmp_path, f"{server.url}/a.tar") == CONTENT
    assert server.log[-1] == ("/a.tar", f"bytes={CUT}-", '"one"')


def test_a_packed_answer_is_refused(server: Files, tmp_path: Path) -> None:
    server.headers = {"Content-Encoding": "gzip"}
    assert "wrong size" in failure(tmp_path, f"{server.url}/a.tar")


def test_two_that_want_the_same_file_fetch_it_once(server: Files, tmp_path: Path) -> None:
    server.cuts = [CUT]
    want = wanted(tmp_path, f"{server.url}/a.tar")
    threads = [threading.Thread(target=download, args=(want,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert want.target.read_bytes() == CONTENT
    assert len(server.log) == 2


def test_a_folder_that_cannot_be_made_is_reported(server: Files, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ObjlocError, match="file/x: cannot be written: Not a directory"):
        download(wanted(tmp_path / "file" / "x", f"{server.url}/a.tar"))


def test_waits_double_up_to_a_limit_and_differ_by_chance() -> None:
    patience = Patience(first_wait=2.0, max_wait=10.0)
    for attempt, usual in ((1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (9, 10.0)):
        waits = [patience.wait(attempt) for _ in range(50)]
        assert usual * 0.5 <= min(waits) < max(waits) <= usual * 1.5
