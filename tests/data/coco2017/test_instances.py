"""Boxes of COCO's annotation files, by hand."""

import json
from collections.abc import Callable

import pytest

from objloc.data.coco2017.instances import read_instances
from objloc.data.sample import VocObject
from objloc.errors import ObjlocError
from tests.helpers.coco_archives import CATEGORIES, Table, add_object, empty_table, image_entry

CAT, DOG = 17, 18


def one_image() -> Table:
    table = empty_table()
    table["images"].append(image_entry(139, "000000000139.jpg", 64, 48))
    add_object(table, 139, CAT, (10, 5, 30.5, 20))
    return table


def read(table: object) -> list[VocObject]:
    found = read_instances(json.dumps(table).encode(), "a.json")
    return found.images["000000000139.jpg"].objects


def test_there_are_eighty_categories() -> None:
    found = read_instances(json.dumps(one_image()).encode(), "a.json")
    assert len(found.categories) == len(CATEGORIES) == 80
    assert (found.categories[0], found.categories[-1]) == ("person", "toothbrush")


def test_boxes_are_corners_crowds_are_difficult_and_borders_cut() -> None:
    table = one_image()
    add_object(table, 139, DOG, (0, 0, 64, 48), crowd=True)
    add_object(table, 139, DOG, (60, 40, 64.4, 50))
    add_object(table, 139, DOG, (5, 5, 5, 9))
    found = read_instances(json.dumps(table).encode(), "a.json")
    assert found.images["000000000139.jpg"].objects == [
        VocObject("cat", (10, 5, 30.5, 20)),
        VocObject("dog", (0, 0, 64, 48), difficult=True),
        VocObject("dog", (60, 40, 64, 48)),
    ]
    assert (found.without_area, found.cut) == (1, 1)


def changed(*keys: str | int, value: object) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        node: Table = table
        for key in keys[:-1]:
            node = node[key]  # type: ignore[index]
        node[keys[-1]] = value  # type: ignore[index]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("annotations", 0, "category_id", value=12),
         r"a\.json: annotations\[0\]: expected a known category_id; found 12"),
        (changed("annotations", 0, "image_id", value=7),
         r"a\.json: annotations\[0\]: expected a known image_id; found 7"),
        (changed("annotations", 0, "bbox", value=[1, 2, 3]), r"a\.json: annotations\.0\.bbox"),
        (changed("annotations", 0, "bbox", value=[1, 2, -3, 4]), r"a\.json: annotations\.0\.bbox"),
        (changed("annotations", 0, "bbox", value=[1, 2, float("nan"), 4]),
         r"a\.json: annotations\.0\.bbox"),
        (changed("annotations", 0, "iscrowd", value=2), r"annotations\.0\.iscrowd"),
        (changed("images", 0, "file_name", value="../000000000139.jpg"), r"images\.0\.file_name"),
        (changed("images", 0, "width", value=0), r"images\.0\.width"),
        (changed("categories", 1, "id", value=1), r"expected each category id once; found 1 twice"),
        (changed("categories", 1, "name", value="person"), r"expected each category's name once"),
        (changed("categories", 1, "name", value="<b>"), r"categories\.1\.name"),
        (changed("images", value={}), r"a\.json: images"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_reported_in_one_line(change: Callable[[Table], None], message: str) -> None:
    table = one_image()
    change(table)
    with pytest.raises(ObjlocError, match=message) as error:
        read(table)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_such_json_is_reported_in_one_line(content: bytes) -> None:
    with pytest.raises(ObjlocError, match=r"^a\.json: ") as error:
        read_instances(content, "a.json")
    assert "\n" not in str(error.value)


def test_an_image_occurs_once() -> None:
    table = one_image()
    table["images"].append(image_entry(140, "000000000139.jpg", 64, 48))
    with pytest.raises(ObjlocError, match="expected each image's file_name once"):
        read(table)
