import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser
from objloc.search.time_limit import check_time, time_limit
from tests.helpers.subjects import make_checkpoint

AGENT = Localiser(make_checkpoint())
PHOTO = Image.linear_gradient("L").resize((90, 60)).convert("RGB")


def test_a_search_ends_at_the_limit_in_one_line_and_the_next_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr("objloc.search.time_limit.time.monotonic", lambda: next(ticks))
    told = "search: expected an answer within 5 seconds, the limit; it takes longer"
    with time_limit(5), pytest.raises(ObjlocError, match=f"^{told}$"):
        AGENT(PHOTO, None, 500)
    # One tick before the limit begins, then one a look: it was stopped in the middle.
    assert next(ticks) < 10
    assert AGENT(PHOTO, None, 60).windows == 60


def test_a_search_within_the_limit_is_the_same_search() -> None:
    with time_limit(1e6):
        limited = AGENT(PHOTO, None, 60)
    assert limited.as_json() == AGENT(PHOTO, None, 60).as_json()


def test_a_limit_holds_for_its_own_thread() -> None:
    with time_limit(-1), ThreadPoolExecutor(1) as other:
        with pytest.raises(ObjlocError):
            check_time()
        other.submit(check_time).result()
    check_time()
