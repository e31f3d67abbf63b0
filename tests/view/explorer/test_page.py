import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from objloc.data.sample import Sample, VocObject
from objloc.params import Explore
from objloc.view.explorer import page as page_module
from objloc.view.explorer.page import PAGE, SCRIPTS, TRAJECTORIES, jpeg, page, write_explorer
from objloc.view.explorer.record import record
from objloc.view.explorer.selection import Shown
from tests.helpers.subjects import NAN, TRUTH, make_checkpoint, make_search

CHECKPOINT = make_checkpoint()
DATA = {"name": "drawn", "hash": "ab"}


def written(folder: Path, shards: Path, **params: Any) -> tuple[str, dict[str, Any]]:
    write_explorer(shards, CHECKPOINT, "cd", folder, Explore(images=3, **params))
    known = json.loads((folder / TRAJECTORIES).read_text("utf-8"))
    return (folder / PAGE).read_text("utf-8"), known


def embedded(html: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html)
    assert found
    return json.loads(found[1])


def shown(*searches: Any, image_id: str = "000001") -> Shown:
    objects = (VocObject("cat", TRUTH, difficult=True), VocObject("dog", (0.0, 0.0, 9.5, 9.0)))
    return Shown(Sample(image_id, b"", 200, 100, objects), searches)


def test_the_page_and_the_file_hold_the_same_trajectories(
    tmp_path: Path, shards_folder: Path
) -> None:
    html, known = written(tmp_path, shards_folder)
    assert embedded(html, "data") == known
    assert set(embedded(html, "photographs")) == {image["id"] for image in known["images"]}


def test_the_same_parameters_give_the_same_bytes(tmp_path: Path, shards_folder: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path / name, shards_folder)
    for name in (PAGE, TRAJECTORIES):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_page_asks_for_nothing_from_elsewhere(tmp_path: Path, shards_folder: Path) -> None:
    html, _ = written(tmp_path, shards_folder)
    assert "default-src 'none'" in html
    shell = re.sub(r'<script type="application/json".*?</script>', "", html)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", shell))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href)=\"(?!data:)", shell)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|WebSocket)\s*\(", shell)


def test_every_script_of_the_folder_is_in_the_page() -> None:
    folder = Path(page_module.__file__).parent
    assert {path.name for path in folder.glob("*.js")} == set(SCRIPTS)


def test_what_is_written_of_a_search() -> None:
    search = make_search((0.25, 0.5, 0.75), triggered=True, objects=(VocObject("cat", TRUTH),))
    known = record([shown(search)], CHECKPOINT, "cd", "test", DATA)
    assert known["mdp"]["max_steps"] == 6
    assert known["model"] == {"sha256": "cd"}
    assert known["actions"][-1] == "trigger"
    (image,) = known["images"]
    assert (image["id"], image["width"], image["height"]) == ("000001", 200, 100)
    assert image["objects"] == [
        {"category": "cat", "box": list(TRUTH), "difficult": True},
        {"category": "dog", "box": [0.0, 0.0, 9.5, 9.0], "difficult": False},
    ]
    (told,) = image["searches"]
    assert (told["key"], told["present"], told["success"]) == ("cat", True, True)
    assert (told["headline"], told["final_iou"]) == ("Found the cat", 0.75)
    assert [step["iou"] for step in told["steps"]] == [0.25, 0.5, 0.75]
    assert [step["action"] for step in told["steps"]] == ["smaller", "smaller", "trigger"]
    assert told["steps"][1]["box"] == [10.0, 5.0, 195.0, 95.0]
    assert told["steps"][0]["q_values"] == [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1]


def test_several_searches_for_a_category_have_different_keys() -> None:
    twice = shown(make_search((0.25,)), make_search((0.5,)))
    known = record([twice], CHECKPOINT, "cd", "test", DATA)
    assert [each["key"] for each in known["images"][0]["searches"]] == ["cat", "cat 2"]


def test_values_that_no_network_gave_are_none() -> None:
    blind = make_search((0.25,), q_values=NAN)
    known = record([shown(blind)], CHECKPOINT, "cd", "test", DATA)
    assert known["images"][0]["searches"][0]["steps"][0]["q_values"] == [None] * 9
    assert "NaN" not in page(known, {})


def test_a_name_can_not_end_the_element_it_stands_in() -> None:
    wicked = "</script><script>alert(1)</script><!--"
    known = record([shown(make_search((0.25,)), image_id=wicked)], CHECKPOINT, "c", "test", DATA)
    html = page(known, {wicked: b""})
    assert "alert(1)</script>" not in html
    assert embedded(html, "data")["images"][0]["id"] == wicked


@pytest.mark.parametrize(("size", "expected"), [((600, 300), (120, 60)), ((90, 45), (90, 45))])
def test_photographs_are_scaled_down_never_up(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(jpeg(Image.new("RGB", size), 120, 80))) as image:
        assert (image.format, image.size) == ("JPEG", expected)


def test_what_a_camera_wrote_is_left_out(tmp_path: Path, shards_folder: Path) -> None:
    html, _ = written(tmp_path, shards_folder)
    for encoded in embedded(html, "photographs").values():
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
            assert not image.getexif()


def test_size_and_quality_are_parameters(tmp_path: Path, shards_folder: Path) -> None:
    large, _ = written(tmp_path / "large", shards_folder)
    small, _ = written(tmp_path / "small", shards_folder, max_side=64, quality=10)
    lengths = [sum(map(len, embedded(html, "photographs").values())) for html in (large, small)]
    assert lengths[1] < 0.7 * lengths[0]
