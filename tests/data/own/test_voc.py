from pathlib import Path

import pytest

from objloc.data.own.findings import Findings
from objloc.data.own.layout import find_layout
from objloc.data.own.voc import read_voc
from objloc.data.own.written import WrittenImage
from objloc.data.sample import Part
from tests.helpers.own_data import draw_blanks, write_texts

OBJECT = (
    "<object><name> cat </name>{}<bndbox><xmin>10.50</xmin><ymin>20</ymin><xmax>50</xmax>"
    "<ymax>6e1</ymax></bndbox></object>"
)
SIZE = "<size><width>100</width><height>80</height></size>"


def xml(inside: str = "", size: str = SIZE) -> str:
    return f"<annotation>{size}{OBJECT.format(inside)}</annotation>"


def read(folder: Path) -> tuple[list[WrittenImage], dict[str, list[str]], Findings]:
    layout, findings = find_layout(folder), Findings()
    images, sets = read_voc(layout, findings)
    return images, {name: [path.name for path in paths] for name, paths in sets.items()}, findings


def messages(findings: Findings) -> list[str]:
    return [f"{each.severity} {each.place}: {each.message}" for each in findings]


def test_an_object_is_kept_as_it_is_written(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg")
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
    part = f"<part><name>ear</name>{box}</part>"
    write_texts(tmp_path, {"a.xml": xml(f"<difficult>True</difficult><pose>Left</pose>{part}")})
    (image,), _, findings = read(tmp_path)
    assert messages(findings) == []
    assert (image.place, image.image, image.size) == ("a.xml", tmp_path / "a.jpg", (100, 80))
    (found,) = image.objects or ()
    assert (found.place, found.category) == ("a.xml: object 1", "cat")
    assert tuple(found.box) == (10.5, 20, 50, 60)
    assert found.text == "(10.50, 20, 50, 6e1)"
    assert (found.difficult, found.truncated, found.pose) == (True, False, "Left")
    assert found.parts == (Part("ear", (1, 2, 3, 4)),)


@pytest.mark.parametrize(
    "size",
    ["", "<size/>", "<size><width>0</width><height>0</height></size>",
     "<size><width>null</width><height>80</height></size>"],
)  # fmt: skip
def test_without_a_usable_size_the_pictures_own_counts(tmp_path: Path, size: str) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, {"a.xml": xml(size=size)})
    (image,), _, findings = read(tmp_path)
    assert image.size is None
    assert messages(findings) == ["note : no size is declared: the picture's own counts: a.xml"]


def test_flags_that_nothing_uses_may_say_anything(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, {"a.xml": xml("<occluded>partly</occluded>")})
    (image,), _, findings = read(tmp_path)
    assert image.objects
    assert messages(findings) == [
        "note : <occluded> that is neither 0 nor 1 is read as 0: a.xml: object 1"
    ]


def test_a_flag_that_scoring_uses_may_not(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, {"a.xml": xml("<difficult>partly</difficult>")})
    (image,), _, findings = read(tmp_path)
    assert image.objects == ()
    assert messages(findings) == [
        "error a.xml: object 1: expected <difficult> to be 0 or 1; found 'partly'"
    ]


def make_devkit(folder: Path, lists: dict[str, str], *names: str) -> None:
    draw_blanks(folder / "JPEGImages", *(f"{name}.jpg" for name in names))
    write_texts(folder / "Annotations", {f"{name}.xml": xml() for name in names})
    write_texts(folder / "ImageSets" / "Main", {f"{name}.txt": lists[name] for name in lists})


@pytest.mark.parametrize(
    "line",
    ["IMG 1 (2)", "IMG 1 (2).jpg", "./IMG 1 (2)", "JPEGImages/IMG 1 (2).jpg",
     "C:\\photos\\IMG 1 (2).jpg", "elsewhere/IMG 1 (2)"],
)  # fmt: skip
def test_a_list_may_call_an_image_by_any_path(tmp_path: Path, line: str) -> None:
    make_devkit(tmp_path, {"train": f"{line}\n", "val": "b"}, "IMG 1 (2)", "b")
    _, sets, findings = read(tmp_path)
    assert sets == {"train": ["IMG 1 (2).jpg"], "val": ["b.jpg"]}
    assert list(findings) == []


def test_images_in_folders_are_listed_by_path(tmp_path: Path) -> None:
    make_devkit(tmp_path, {"train": "job 1/a\njob 2/a\n"}, "job 1/a", "job 2/a")
    images, sets, findings = read(tmp_path)
    assert sets == {"train": ["a.jpg", "a.jpg"]}
    assert [each.image and each.image.parent.name for each in images] == ["job 1", "job 2"]
    assert list(findings) == []


def test_names_of_sets_become_plain(tmp_path: Path) -> None:
    make_devkit(tmp_path, {"train set": "a", "more/val": "b"}, "a", "b")
    _, sets, findings = read(tmp_path)
    assert sets == {"more_val": ["b.jpg"], "train_set": ["a.jpg"]}
    assert "note ImageSets/Main: image set 'train set' becomes 'train_set'" in messages(findings)


def test_lists_of_categories_make_a_set_that_has_no_list(tmp_path: Path) -> None:
    make_devkit(tmp_path, {"cat_train": "a 1\nb -1\n", "val": "c"}, "a", "b", "c")
    _, sets, findings = read(tmp_path)
    assert sets == {"train": ["a.jpg", "b.jpg"], "val": ["c.jpg"]}
    assert messages(findings) == [
        "note ImageSets/Main: image set 'train' is made of the lists of its categories"
    ]


def test_a_line_that_names_no_image_is_an_error(tmp_path: Path) -> None:
    make_devkit(tmp_path, {"train": "a\nb 3\n"}, "a", "b")
    _, _, findings = read(tmp_path)
    assert messages(findings) == [
        "error ImageSets/Main/train.txt: expected names of images, one a line; found 1 lines that "
        "name none: b 3"
    ]


def test_a_listed_image_without_an_annotation_is_empty(tmp_path: Path) -> None:
    make_devkit(tmp_path, {"train": "a\nempty\n"}, "a")
    draw_blanks(tmp_path / "JPEGImages", "empty.jpg", "other.jpg")
    images, sets, findings = read(tmp_path)
    assert {each.place: each.objects and len(each.objects) for each in images} == {
        "Annotations/a.xml": 1, "JPEGImages/empty.jpg": (), "JPEGImages/other.jpg": None,
    }  # fmt: skip
    assert sets == {"train": ["a.jpg", "empty.jpg"]}
    assert messages(findings) == [
        "note : listed images without an annotation are empty: JPEGImages/empty.jpg"
    ]
