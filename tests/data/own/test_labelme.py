import json
from pathlib import Path
from typing import Any

import pytest

from objloc.data.own.findings import Finding, Findings
from objloc.data.own.labelme import read_labelme
from objloc.data.own.layout import find_layout
from objloc.data.own.written import WrittenImage
from tests.helpers.own_data import draw_blanks, write_texts


def shape(points: Any, kind: str | None = "rectangle", **more: Any) -> dict[str, Any]:
    return {"label": "mug", "points": points, "shape_type": kind, "flags": {}} | more


RECTANGLE = shape([[10, 20.5], [50, 60]])


def tree(*shapes: Any, **more: Any) -> dict[str, Any]:
    return {
        "version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg",
        "imageData": "not base64", "imageWidth": 100, "imageHeight": 80,
    } | more  # fmt: skip


def read(folder: Path, **trees: Any) -> tuple[list[WrittenImage], list[Finding]]:
    """Write a JSON file for each name and read the folder."""
    draw_blanks(folder, "a.jpg")
    write_texts(folder, {f"{name}.json": json.dumps(each) for name, each in trees.items()})
    findings = Findings()
    return read_labelme(find_layout(folder), findings), list(findings)


@pytest.mark.parametrize(
    "points",
    [
        [[10, 20.5], [50, 60]],
        [[50, 60], [10, 20.5]],
        [[50, 20.5], [10, 60]],
        [[10, 20.5], [50, 20.5], [50, 60], [10, 60]],
    ],
)
def test_a_rectangle_of_two_or_four_corners_in_any_order_is_a_box(
    points: list[list[float]], tmp_path: Path
) -> None:
    (image,), findings = read(tmp_path, a=tree(shape(points)))
    assert list(findings) == []
    assert (image.place, image.image, image.size) == ("a.json", tmp_path / "a.jpg", (100, 80))
    assert image.image_set is None
    assert image.objects is not None
    (found,) = image.objects
    assert (found.place, found.category) == ("a.json: shape 1", "mug")
    assert list(found.box) == [10, 20.5, 50, 60]
    assert found.text == f"({', '.join(str(number) for point in points for number in point)})"
    assert not found.difficult


@pytest.mark.parametrize(
    ("points", "kind", "box"),
    [
        ([[1, 9], [5, 2], [7, 4]], "polygon", (1, 2, 7, 9)),
        ([[1, 9], [5, 2], [7, 4]], None, (1, 2, 7, 9)),
        ([[10, 20], [13, 24]], "circle", (5, 15, 15, 25)),
        ([[5, 0], [10, 5], [5, 10], [0, 5]], "oriented_rectangle", (0, 0, 10, 10)),
        ([[5, 0], [10, 5], [5, 10], [0, 5]], "rotation", (0, 0, 10, 10)),
    ],
)
def test_the_enclosing_box_is_taken_and_counted(
    points: Any, kind: str | None, box: tuple[float, ...], tmp_path: Path
) -> None:
    (image,), (finding,) = read(tmp_path, a=tree(shape(points, kind)))
    assert [each.box for each in image.objects or ()] == [box]
    assert (finding.severity, finding.kind) == ("note", "annotation")
    message = f"shapes of type {kind or 'polygon'}: the enclosing upright box is taken: "
    assert finding.message.startswith(message)


@pytest.mark.parametrize("kind", ["line", "linestrip", "point", "points", "mask"])
def test_other_shapes_are_left_out_and_counted(kind: str, tmp_path: Path) -> None:
    other = shape([[1, 2]], kind)
    (image,), (finding,) = read(tmp_path, a=tree(other, RECTANGLE, other))
    assert [each.place for each in image.objects or ()] == ["a.json: shape 2"]
    assert finding.message.startswith(f"left out: shapes of type {kind} (2 times): ")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("mug", "expected a shape; found 'mug'"),
        (shape([[1, 2], [3, 4]], label=" "), "expected a label; found ' '"),
        (shape([[1, 2], [3, 4]], label=None), "expected a label; found None"),
        (shape([[1, 2], [3, 4]], "star"), "expected a known shape_type; found 'star'"),
        (shape([[1, 2]]), "expected 2 points or more; found [[1, 2]]"),
        (shape([[1, 2], [3, 4]], "polygon"), "expected 3 points or more"),
        (shape([[1, 2], [3, "4"]]), "expected 2 points or more; found [[1, 2], [3, '4']]"),
        (shape([[1, 2], [3, float("nan")]]), "expected 2 points or more"),
        (shape([[1, 2], [3, 10**400]]), "expected 2 points or more"),
        (shape(None), "expected 2 points or more; found None"),
        (shape([[1, 2], [3, 4]], ["rectangle"]), "expected a known shape_type"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_shape_is_an_error_and_the_others_are_read(
    wrong: Any, message: str, tmp_path: Path
) -> None:
    (image,), (finding,) = read(tmp_path, a=tree(RECTANGLE, wrong))
    assert len(image.objects or ()) == 1
    assert (finding.severity, finding.kind) == ("error", "annotation")
    assert (finding.place, finding.message[: len(message)]) == ("a.json: shape 2", message)


@pytest.mark.parametrize(
    ("of_image", "of_shape", "difficult"),
    [
        ({}, {"difficult": True}, True),
        ({"difficult": True}, {}, True),
        ({"difficult": False}, {"difficult": False, "other": True}, False),
        (None, None, False),
    ],
)
def test_the_flag_difficult_counts(
    of_image: Any, of_shape: Any, difficult: bool, tmp_path: Path
) -> None:
    (image,), _ = read(tmp_path, a=tree(RECTANGLE | {"flags": of_shape}, flags=of_image))
    assert [each.difficult for each in image.objects or ()] == [difficult]


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        ((64, 48), (64, 48)), ((64.0, 48), (64, 48)), ((None, 48), None), ((0, 48), None),
        (("64", 48), None),
    ],
)  # fmt: skip
def test_a_size_that_is_not_usable_is_none(
    sides: tuple[Any, Any], size: tuple[int, int] | None, tmp_path: Path
) -> None:
    (image,), _ = read(tmp_path, a=tree(imageWidth=sides[0], imageHeight=sides[1]))
    assert (image.size, image.objects) == (size, ())


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("a.jpg", []),
        ("..\\pictures\\a.jpg", ["name"]),
        ("C:\\mugs\\a.jpg", ["name"]),
        ("renamed.jpg", ["name"]),
        (None, []),
        ("", []),
    ],
)
def test_the_image_is_found_by_its_name_or_the_files(
    name: str | None, notes: list[str], tmp_path: Path
) -> None:
    (image,), findings = read(tmp_path, a=tree(imagePath=name))
    assert image.image == tmp_path / "a.jpg"
    assert [each.kind for each in findings] == notes


def test_names_of_folders_state_the_set(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "train/b.jpg")
    write_texts(tmp_path, {"train/b.json": json.dumps(tree(imagePath="b.jpg"))})
    images, _ = read(tmp_path, a=tree())
    assert {each.place: each.image_set for each in images} == {
        "a.json": None, "train/b.json": "train",
    }  # fmt: skip


def test_an_image_that_is_missing_is_an_error(tmp_path: Path) -> None:
    images, (finding,) = read(tmp_path, b=tree(RECTANGLE, imagePath="b.jpg"))
    assert [each.image for each in images] == [None]
    assert (finding.severity, finding.kind, finding.place) == ("error", "missing", "b.json")
    message = "expected the image 'b.jpg'; found none (imageData is not read)"
    assert finding.message == message


def test_two_files_of_one_image_are_an_error(tmp_path: Path) -> None:
    _, (finding,) = read(tmp_path, a=tree(), b=tree())
    assert (finding.severity, finding.place) == ("error", "b.json")
    assert finding.message == "expected one file for each image; found also a.json"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"shapes": [', "expected JSON; found: "),
        ('{"shapes": {}, "imagePath": "a.jpg"}', "expected shapes to be a list; found {}"),
    ],
)
def test_a_damaged_file_is_one_error(text: str, message: str, tmp_path: Path) -> None:
    draw_blanks(tmp_path, "b.jpg")
    write_texts(tmp_path, {"b.json": text.replace("a.jpg", "b.jpg")})
    images, (finding,) = read(tmp_path, a=tree(RECTANGLE))
    assert {each.place: each.objects is None for each in images} == {
        "a.json": False, "b.json": True,
    }  # fmt: skip
    assert images[1].image == tmp_path / "b.jpg"
    assert (finding.severity, finding.kind, finding.place) == ("error", "corrupt", "b.json")
    assert finding.message.startswith(message)
