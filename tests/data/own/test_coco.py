"""COCO's JSON in the forms that tools write; pixels are not read here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from objloc.data.own.coco.read import read_coco
from objloc.data.own.findings import Finding, Findings
from objloc.data.own.layout import Layout
from objloc.data.own.written import WrittenImage, WrittenObject
from objloc.errors import ObjlocError

FOLDER = Path("/data/mine")
BOX = [10, 20, 30, 40]
Tree = dict[str, Any]


def image(number: Any = 1, name: str = "a.jpg", **more: Any) -> Tree:
    return {"id": number, "file_name": name, "width": 100, "height": 80} | more


def annotation(number: Any = 1, image_id: Any = 1, category_id: Any = 1, **more: Any) -> Tree:
    return {"id": number, "image_id": image_id, "category_id": category_id, "bbox": BOX} | more


def category(number: Any = 1, name: Any = "cat") -> Tree:
    return {"id": number, "name": name, "supercategory": "none"}


def coco(images: Any = None, annotations: Any = None, categories: Any = None, **more: Any) -> Tree:
    """One image with one cat, unless stated otherwise."""
    return {
        "images": [image()] if images is None else images,
        "annotations": [annotation()] if annotations is None else annotations,
        "categories": [category()] if categories is None else categories,
    } | more


def read(
    documents: Mapping[str, Any], files: Sequence[str] = ("a.jpg", "b.jpg")
) -> tuple[list[WrittenImage], list[Finding]]:
    """Images and findings of JSON files of a folder."""
    paths = {FOLDER / name: tree for name, tree in documents.items()}
    images = tuple(FOLDER / name for name in files)
    layout = Layout(FOLDER, "coco", images, tuple(paths), documents=paths)
    findings = Findings()
    return read_coco(layout, findings), list(findings)


def objects(tree: Tree) -> list[WrittenObject]:
    """Objects of a file's images; nothing in it may be refused."""
    images, findings = read({"c.json": tree})
    assert [each for each in findings if each.severity == "error"] == []
    return [each for one in images for each in one.objects or ()]


def told(findings: Sequence[Finding], *severities: str) -> list[str]:
    return [
        f"{each.place}: {each.message}"
        for each in findings
        if not severities or each.severity in severities
    ]


def errors(tree: Any, *files: str) -> list[str]:
    return told(read({"c.json": tree}, files or ("a.jpg", "b.jpg"))[1], "error")


def notes(tree: Tree) -> str:
    """All notes, a line each; there must be neither errors nor warnings."""
    findings = read({"c.json": tree})[1]
    assert {each.severity for each in findings} <= {"note"}
    return "\n".join(told(findings))


def test_a_plain_file_is_read_as_written_and_nothing_is_reported() -> None:
    tree = coco(
        [image(7, "b.jpg"), image(3, "a.jpg", width=64, height=48)],
        [annotation(1, 3, bbox=[0.5, 1, 2.25, 3]), annotation(2, 7, 18), annotation(3, 3, 18)],
        [category(1), category(18, " traffic light ")],
    )
    images, findings = read({"annotations/c.json": tree})
    assert findings == []
    assert images == [
        WrittenImage(
            "annotations/c.json: image 'b.jpg'",
            FOLDER / "b.jpg",
            (
                WrittenObject(
                    "annotations/c.json: annotation 2",
                    "traffic light",
                    (10, 20, 30, 40),
                    "[10, 20, 30, 40]",
                ),
            ),
            (100, 80),
        ),
        WrittenImage(
            "annotations/c.json: image 'a.jpg'",
            FOLDER / "a.jpg",
            (
                WrittenObject(
                    "annotations/c.json: annotation 1",
                    "cat",
                    (0.5, 1, 2.25, 3),
                    "[0.5, 1, 2.25, 3]",
                ),
                WrittenObject(
                    "annotations/c.json: annotation 3",
                    "traffic light",
                    (10, 20, 30, 40),
                    "[10, 20, 30, 40]",
                ),
            ),
            (64, 48),
        ),
    ]


# Categories


@pytest.mark.parametrize(
    ("categories", "note"),
    [
        ([category(0, "pets"), category()], "no annotation uses: 'pets'"),
        ([category(0, "cat"), category()], "unused categories that have a used one's name"),
        ([category(1), category(0, "cat"), category(5, "cat ")], "used one's name (2 times)"),
        ([category(1), category(1)], ""),
        ([category(0, None), category()], ""),
        ([{"name": "dog"}, category()], "category without an id"),
        ([category(), category(2, "dog"), category(3, "cow")], "uses: 'dog', 'cow'"),
    ],
)
def test_categories_that_nothing_uses_are_left_out_with_a_note(
    categories: list[Tree], note: str
) -> None:
    tree = coco(categories=categories)
    assert [each.category for each in objects(tree)] == ["cat"]
    assert note in notes(tree)
    assert bool(notes(tree)) == bool(note)


def test_a_category_that_another_file_uses_is_not_called_unused() -> None:
    both = [category(), category(2, "dog")]
    documents = {
        "train.json": coco(categories=both),
        "val.json": coco([image(1, "b.jpg")], [annotation(1, 1, 2)], both),
    }
    assert read(documents)[1] == []


def test_one_name_may_have_another_id_in_another_file() -> None:
    documents = {
        "train.json": coco(),
        "val.json": coco([image(1, "b.jpg")], [annotation(1, 1, 0)], [category(0)]),
    }
    images, findings = read(documents)
    assert findings == []
    assert [each.category for one in images for each in one.objects or ()] == ["cat", "cat"]


def test_a_number_as_name_of_a_category_is_text() -> None:
    assert objects(coco(categories=[category(1, 7)]))[0].category == "7"


@pytest.mark.parametrize(
    ("categories", "category_ids", "error"),
    [
        (
            [category(0), category(1)],
            (0, 1, 1),
            "c.json: category 'cat': expected one id for each used name; "
            "found 0 (1 time) and 1 (2 times)",
        ),
        (
            [category(1), category(1, "dog")],
            (1,),
            "c.json: annotation 0: expected category 1 to have one name; found 'cat' and 'dog'",
        ),
        (
            [category(1, None), category(2, "dog")],
            (1,),
            "c.json: annotation 0: expected category 1 to have one name; found none",
        ),
        (
            [category()],
            (1, None, 9),
            "c.json: annotation 1: expected a known category_id; found null "
            "(and 1 more: annotation 2 9)",
        ),
        ([category(), "dog"], (1,), 'c.json: categories[1]: expected an object; found "dog"'),
        ({"1": "cat"}, (1,), 'c.json: categories: expected a list; found {"1": "cat"}'),
    ],
)
def test_categories_that_contradict_are_refused(
    categories: Any, category_ids: Sequence[Any], error: str
) -> None:
    annotations = [annotation(n, 1, each) for n, each in enumerate(category_ids)]
    assert errors(coco(annotations=annotations, categories=categories))[0] == error


# Ids


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        (1, 1.0), (1.0, 1), (1, "1"), ("1", 1), (1, "1.0"), ("1.0", 1), (139, "000000000139"),
        ("000000000139", 139), ("1", "1"), ("a-b", "a-b"), ("a-b", " a-b "), (-1, "-1"),
        (2**60 + 1, str(2**60 + 1)), (0, "0"),
    ],
)  # fmt: skip
def test_ids_in_two_forms_meet(declared: Any, used: Any) -> None:
    tree = coco([image(declared)], [annotation(1, used)])
    assert len(objects(tree)) == 1
    assert ("written in two forms" in notes(tree)) == (declared != used)
    tree = coco(annotations=[annotation(1, 1, used)], categories=[category(declared)])
    assert len(objects(tree)) == 1


def test_a_mixture_of_forms_means_the_id_as_written_if_it_is_there() -> None:
    tree = coco(
        [image(0, "a.jpg"), image("0", "b.jpg")],
        [annotation(1, 0), annotation(2, "0", bbox=[1, 1, 1, 1])],
    )
    images = read({"c.json": tree})[0]
    assert [[each.place for each in one.objects or ()] for one in images] == [
        ["c.json: annotation 1"],
        ["c.json: annotation 2"],
    ]


@pytest.mark.parametrize("used", ["00", "0.0", None, True, 0.5, [0], {"id": 0}, "9" * 5000])
def test_an_id_that_is_ambiguous_or_none_is_refused(used: Any) -> None:
    tree = coco([image(0, "a.jpg"), image("0", "b.jpg")], [annotation(1, 0), annotation(2, used)])
    (error,) = errors(tree)
    assert error.startswith("c.json: annotation 2: expected an image_id of the file's images; ")


def test_annotations_without_an_image_are_counted() -> None:
    annotations = [annotation(), *({"id": n, "item_id": 1, "category_id": 1, "bbox": BOX}
                                   for n in (5, 6, 7, 8, 9))]  # fmt: skip
    assert errors(coco(annotations=annotations)) == [
        "c.json: annotation 5: expected an image_id of the file's images; found null "
        "(and 4 more: annotation 6, annotation 7, annotation 8 and 1 more)"
    ]


def test_ids_of_annotations_may_repeat_or_miss() -> None:
    annotations = [annotation(1), annotation(1, category_id=1, bbox=[1, 1, 2, 2])]
    annotations.append({key: annotation()[key] for key in ("image_id", "category_id", "bbox")})
    assert [each.place for each in objects(coco(annotations=annotations))] == [
        "c.json: annotation 1",
        "c.json: annotation 1",
        "c.json: annotation annotations[2]",
    ]


# Images


@pytest.mark.parametrize(
    ("sides", "size", "note"),
    [
        ({"width": 100, "height": 80}, (100, 80), ""),
        ({"width": 100.0, "height": 80}, (100, 80), "floating-point"),
        ({"width": "100", "height": " 80.0 "}, (100, 80), "text"),
        ({"width": None, "height": None}, None, "the image file's own size counts"),
        ({"width": 0, "height": 0}, None, "own size counts"),
        ({"width": 100, "height": None}, None, "own size counts"),
        ({"width": -100, "height": 80}, None, "own size counts"),
        ({"width": 100.5, "height": 80}, None, "own size counts"),
        ({"width": True, "height": True}, None, "own size counts"),
        ({"width": float("nan"), "height": 80}, None, "own size counts"),
        ({"width": 10**400, "height": 80}, None, "own size counts"),
        ({"width": "wide", "height": "1_0"}, None, "own size counts"),
        ({"width": [100], "height": {}}, None, "own size counts"),
    ],
)
def test_sizes_in_any_form(sides: Tree, size: tuple[int, int] | None, note: str) -> None:
    tree = coco([image() | sides])
    assert read({"c.json": tree})[0][0].size == size
    assert note in notes(tree)
    assert bool(notes(tree)) == bool(note)
    assert len(objects(tree)) == 1


def test_missing_sizes_are_counted() -> None:
    images = [{"id": n, "file_name": name} for n, name in enumerate(("a.jpg", "b.jpg"))]
    assert "(2 times): c.json: image 'a.jpg', c.json: image 'b.jpg'" in notes(
        coco(images, [annotation(1, 0), annotation(2, 1)])
    )


@pytest.mark.parametrize(
    ("images", "error"),
    [
        ([image(), image(1, "b.jpg")], "images[1]: expected each id once; found 1 again"),
        ([image(), image(2)], "image 'a.jpg': expected each image once in a file; found it again"),
        ([image(), image(2, "./a.jpg")], "image './a.jpg': expected each image once in a file"),
        ([image(), image(None, "b.jpg")], "images[1]: expected an id; found {"),
        ([image(), {"id": 2, "file_name": 5}], "images[1]: expected a file_name; found {"),
        ([image(), {"id": 2}], 'images[1]: expected a file_name; found {"id": 2}'),
        ([image(), "b.jpg"], 'images[1]: expected an object; found "b.jpg"'),
        (None, "images: expected a list; found null"),
    ],
)
def test_entries_of_images_that_are_no_images_are_refused(images: Any, error: str) -> None:
    assert f"c.json: {error}" in errors(coco() | {"images": images})[0]


def test_missing_files_of_annotated_images_are_refused_and_counted() -> None:
    images = [image(n, f"{name}.jpg") for n, name in enumerate("abcd")]
    annotations = [annotation(n, n) for n in range(4)]
    tree = coco(images, annotations)
    assert errors(tree) == [
        "c.json: image 'c.jpg': expected one image file of this name; found none "
        "(and 1 more: image 'd.jpg')"
    ]
    found = read({"c.json": tree})[0]
    assert [each.image and each.image.name for each in found] == ["a.jpg", "b.jpg", None, None]
    assert [len(each.objects or ()) for each in found] == [1, 1, 1, 1]


def test_missing_files_of_images_without_annotations_lose_nothing_and_are_counted() -> None:
    images, findings = read({"c.json": coco([image(), image(2, "c.jpg"), image(3, "d.jpg")])})
    assert [each.image for each in images] == [FOLDER / "a.jpg"]
    assert told(findings) == [
        ": left out: images without annotations whose file is not there (2 times): "
        "c.json: image 'c.jpg', c.json: image 'd.jpg'"
    ]
    assert findings[0].severity == "warning"


def test_a_name_that_fits_several_images_is_refused_and_both_are_named() -> None:
    (error,) = errors(coco([image(1, "/else/a.jpg")]), "x/a.jpg", "y/a.jpg")
    assert error.endswith("found 2 that fit: x/a.jpg, y/a.jpg")
    (error,) = errors(coco([image(1, "/else/a.jpg")], []), "x/a.jpg", "y/a.jpg")
    assert error.endswith("found 2 that fit: x/a.jpg, y/a.jpg")


def test_the_path_that_some_tools_add_decides_between_several() -> None:
    tree = coco([image(1, "a.jpg", path="/datasets/y/a.jpg")])
    images, findings = read({"json/c.json": tree}, ("x/a.jpg", "y/a.jpg"))
    assert images[0].image == FOLDER / "y/a.jpg"
    assert "another folder or machine" in told(findings, "note")[0]


def test_images_are_found_by_names_of_another_machine_with_a_counted_note() -> None:
    images = [image(1, "D:\\pictures\\a.jpg"), image(2, "D:\\pictures\\b.jpg")]
    tree = coco(images, [annotation(), annotation(2, 2)])
    found, findings = read({"c.json": tree}, ("images/a.jpg", "images/b.jpg"))
    assert [each.image for each in found] == [FOLDER / "images/a.jpg", FOLDER / "images/b.jpg"]
    (note,) = told(findings)
    assert "another folder or machine; its end decides (2 times)" in note


# Boxes and flags


@pytest.mark.parametrize(
    ("entry", "box", "text", "note"),
    [
        ({"bbox": [1, 2.5, 3, 4]}, (1, 2.5, 3, 4), "[1, 2.5, 3, 4]", ""),
        ({"bbox": ["10.5", "1", 2, " 3e0 "]}, (10.5, 1, 2, 3), '["10.5", "1", 2, " 3e0 "]', "text"),
        ({"bbox": [0, 0, 0, 0]}, (0, 0, 0, 0), "[0, 0, 0, 0]", ""),
        ({"bbox": [-4, 1, 104, 1e-3]}, (-4, 1, 104, 1e-3), "[-4, 1, 104, 0.001]", ""),
        ({"segmentation": [[1, 2, 5, 2, 5, 9]]}, (1, 2, 4, 7), "[1.0, 2.0, 4.0, 7.0]", "polygons"),
        ({"bbox": [], "segmentation": [[1, 2, 5, 2, 5, 9]]}, (1, 2, 4, 7), "", "polygons"),
        ({"bbox": None, "segmentation": [1, 2, 5, 2, 5, 9]}, (1, 2, 4, 7), "", "polygons"),
        ({"segmentation": [[1, 2], [5, 2], [5, 9]]}, (1, 2, 4, 7), "", "polygons"),
        (
            {"segmentation": [[1, 2, 5, 2, 5, 9], [0, 3, 1, 3, 1, 4.5]]},
            (0, 2, 5, 7),
            "",
            "polygons",
        ),
        (
            {"bbox": [0, 0, 0, 0], "segmentation": [[1, 2, 5, 2, 5, 9]]},
            (1, 2, 4, 7),
            "",
            "polygons",
        ),
        ({"bbox": BOX, "segmentation": {"counts": [1], "size": [1, 1]}}, (10, 20, 30, 40), "", ""),
    ],
)
def test_boxes_in_any_form(entry: Tree, box: tuple[float, ...], text: str, note: str) -> None:
    one = {"id": 1, "image_id": 1, "category_id": 1} | entry
    tree = coco(annotations=[one])
    (found,) = objects(tree)
    assert found.box == box
    assert found.text.startswith(text)
    assert note in notes(tree)
    assert bool(notes(tree)) == bool(note)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"bbox": [1, 2, 3]}, "[1, 2, 3]"),
        ({"bbox": [1, 2, 3, 4, 45]}, "[1, 2, 3, 4, 45]"),
        ({"bbox": [1, 2, 3, None]}, "[1, 2, 3, null]"),
        ({"bbox": [1, 2, 3, True]}, "[1, 2, 3, true]"),
        ({"bbox": [1, 2, 3, float("nan")]}, "[1, 2, 3, NaN]"),
        ({"bbox": [1, 2, 3, float("inf")]}, "[1, 2, 3, Infinity]"),
        ({"bbox": [1, 2, 3, 1e308]}, "[1, 2, 3, 1e+308]"),
        ({"bbox": [1, 2, 3, "wide"]}, '[1, 2, 3, "wide"]'),
        ({"bbox": [[1, 2, 3, 4]]}, "[[1, 2, 3, 4]]"),
        ({"bbox": {"x": 1}}, '{"x": 1}'),
        ({"bbox": "1 2 3 4"}, '"1 2 3 4"'),
        ({}, "none"),
        ({"bbox": None, "segmentation": []}, "none"),
        ({"segmentation": [[1, 2, 3, 4]]}, "none"),
        ({"segmentation": [[1, 2, 3], [4, 5, 6]]}, "none"),
        ({"segmentation": [[1, 2, 3, "x", 5, 6]]}, "none"),
        ({"segmentation": {"counts": "ab", "size": [80, 100]}}, "a mask and no bbox"),
    ],
)
def test_an_annotation_without_a_good_box_is_refused(entry: Tree, found: str) -> None:
    one = {"id": 2, "image_id": 1, "category_id": 1} | entry
    assert errors(coco(annotations=[annotation(), one])) == [
        f"c.json: annotation 2: expected bbox to be four numbers; found {found}"
    ]


def test_entries_of_annotations_that_are_no_objects_are_refused() -> None:
    assert errors(coco(annotations=[annotation(), None, 5])) == [
        "c.json: annotations[1]: expected an object; found null (and 1 more: annotations[2] 5)"
    ]
    assert errors(coco(annotations={"1": annotation()}))[0].startswith(
        "c.json: annotations: expected a list; found {"
    )


@pytest.mark.parametrize(
    ("value", "difficult"),
    [
        (0, False), (1, True), (False, False), (True, True), ("0", False), ("1", True),
        ("True", True), ("false", False), ("yes", True), ("Unspecified", False), ("", False),
        (None, False), (1.0, True), (0.0, False),
    ],
)  # fmt: skip
def test_crowds_in_any_form_are_difficult(value: Any, difficult: bool) -> None:
    tree = coco(annotations=[annotation(iscrowd=value)])
    assert objects(tree)[0].difficult == difficult
    assert notes(tree) == ""


@pytest.mark.parametrize(
    ("entry", "note"),
    [
        ({"ignore": 1}, "'ignore' is read as difficult"),
        ({"difficult": "true"}, "'difficult' is read as difficult"),
        ({"attributes": {"difficult": True}}, "'difficult' is read as difficult"),
        ({"iscrowd": 0, "ignore": True}, "'ignore' is read as difficult"),
    ],
)
def test_other_flags_make_an_object_difficult_with_a_note(entry: Tree, note: str) -> None:
    tree = coco(annotations=[annotation(**entry)])
    assert objects(tree)[0].difficult
    assert note in notes(tree)


def test_attributes_state_truncation_and_occlusion() -> None:
    attributes = {"occluded": True, "truncated": "False", "rotation": 0.0, "colour": "red"}
    (found,) = objects(coco(annotations=[annotation(attributes=attributes, truncated=1)]))
    assert (found.difficult, found.truncated, found.occluded) == (False, True, True)
    (found,) = objects(coco(annotations=[annotation(attributes=["red"])]))
    assert (found.difficult, found.truncated, found.occluded) == (False, False, False)


def test_a_flag_of_unknown_words_is_read_as_false_with_a_note() -> None:
    tree = coco(annotations=[annotation(iscrowd="perhaps"), annotation(2, ignore=[])])
    assert not any(each.difficult for each in objects(tree))
    assert "'iscrowd' that is neither true nor false is read as false" in notes(tree)
    assert "'ignore' that is neither true nor false is read as false" in notes(tree)


# Several files

CAPTIONS = {"images": [image()], "annotations": [{"id": 1, "image_id": 1, "caption": "a cat"}]}
PANOPTIC = {
    "images": [image()],
    "annotations": [
        {"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 5, "bbox": BOX}]}
    ],
    "categories": [category()],
}
MASKS = {
    "id": 1, "image_id": 1, "category_id": 1, "segmentation": {"counts": "ab", "size": [80, 100]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "severity", "message"),
    [
        (CAPTIONS, "note", "no categories and no boxes (1 image, 1 annotation)"),
        (CAPTIONS | {"categories": []}, "note", "no categories and no boxes"),
        ({"images": [image()], "categories": [category()]}, "note", "no boxes (1 image, 0 ann"),
        (coco(annotations=[], categories=[]), "note", "no categories and no boxes"),
        (PANOPTIC, "note", "no boxes"),
        (coco(annotations=[MASKS]), "note", "no boxes (1 image, 1 annotation)"),
        (coco(categories=[]), "warning", "no categories (1 image, 1 annotation)"),
        (coco() | {"categories": None}, "warning", "no categories"),
    ],
)
def test_a_file_without_categories_or_boxes_is_passed_over(
    tree: Tree, severity: str, message: str
) -> None:
    images, findings = read({"a_first.json": tree, "instances.json": coco()})
    assert len(images) == 1
    assert len(images[0].objects or ()) == 1
    (finding,) = findings
    assert (finding.severity, finding.place) == (severity, "a_first.json")
    assert message in finding.message
    images, findings = read({"alone.json": tree})
    assert images == []
    assert told(findings, "error") == [
        ": expected a JSON file with categories and annotations that have boxes; "
        "found 1 file without"
    ]


def test_images_of_a_file_that_is_passed_over_are_not_without_objects() -> None:
    captions = CAPTIONS | {"images": [image(), image(2, "b.jpg")]}
    images, _ = read({"captions.json": captions, "instances.json": coco()})
    assert [each.image for each in images] == [FOLDER / "a.jpg"]


def test_cocos_own_folder_is_read() -> None:
    documents: dict[str, Any] = {}
    for number, part in enumerate(("train2017", "val2017"), start=1):
        entry = [image(number, f"{number:012d}.jpg")]
        one = annotation(1, number)
        person = annotation(1, number, 2)
        both = [category(), category(2, "person")]
        folder = "annotations"
        documents |= {
            f"{folder}/captions_{part}.json": CAPTIONS | {"images": entry},
            f"{folder}/image_info_{part}.json": {"images": entry, "categories": both},
            f"{folder}/instances_{part}.json": coco(entry, [one, person], both),
            f"{folder}/person_keypoints_{part}.json": coco(
                entry, [person | {"keypoints": [1, 2, 2]}], [category(2, "person")]
            ),
        }
    files = ("train2017/000000000001.jpg", "val2017/000000000002.jpg")
    images, findings = read(documents, files)
    assert [each.image for each in images] == [FOLDER / name for name in files]
    assert [each.image_set for each in images] == ["train", "val"]
    assert [[one.category for one in each.objects or ()] for each in images] == [
        ["cat", "person"]
    ] * 2
    assert {each.severity for each in findings} == {"note"}
    assert (
        "annotations/person_keypoints_val2017.json: 1 image in "
        "annotations/instances_val2017.json too: the boxes of both count, 1 equal one once"
    ) in told(findings)


def test_of_two_files_about_one_picture_all_boxes_count_and_equal_ones_once() -> None:
    twice = [annotation(1), annotation(2)]
    others = [annotation(1, bbox=[10.0, 20.0, 30.0, 40.0]), annotation(2, bbox=[1, 1, 5, 5]),
              annotation(3, category_id=2)]  # fmt: skip
    documents = {
        "cats.json": coco([image(width=None)], twice),
        "dogs.json": coco(annotations=others, categories=[category(), category(2, "dog")]),
    }
    ((found,), findings) = read(documents)
    assert [(each.category, each.box) for each in found.objects or ()] == [
        ("cat", (10, 20, 30, 40)),
        ("cat", (10, 20, 30, 40)),
        ("cat", (1, 1, 5, 5)),
        ("dog", (10, 20, 30, 40)),
    ]
    assert found.size == (100, 80)
    assert "dogs.json: 1 image in cats.json too: the boxes of both count, 1 equal one once" in told(
        findings, "note"
    )


def test_a_file_without_annotations_declares_images_without_objects_that_no_other_has() -> None:
    documents = {
        "a_empty.json": coco([image(), image(2, "b.jpg")], []),
        "instances.json": coco(),
    }
    images, findings = read(documents)
    assert [(each.image, len(each.objects or ())) for each in images] == [
        (FOLDER / "a.jpg", 1),
        (FOLDER / "b.jpg", 0),
    ]
    assert told(findings) == ["a_empty.json: 1 image in instances.json too: this file has no boxes"]


def test_a_picture_of_two_image_sets_is_refused() -> None:
    documents = {"train/coco.json": coco(), "val/coco.json": coco()}
    assert told(read(documents, ["images/a.jpg"])[1], "error") == [
        "val/coco.json: image 'a.jpg': expected each image in one image set; "
        "found it in train/coco.json (train) and val/coco.json (val)"
    ]
    assert told(read(documents, ["train/a.jpg", "val/a.jpg"])[1]) == []
    documents = {"all.json": coco(), "val.json": coco()}
    ((found,), findings) = read(documents, ["images/a.jpg"])
    assert found.image_set == "val"
    assert told(findings, "error") == []


@pytest.mark.parametrize(
    ("json", "file", "image_set"),
    [
        ("annotations/instances_Train.json", "images/a.jpg", "train"),
        ("valid/_annotations.coco.json", "valid/a.jpg", "val"),
        ("result.json", "images/test/a.jpg", "test"),
        ("train.json", "all/a.jpg", "train"),
        ("train.json", "test/a.jpg", "train"),
        ("result.json", "images/a.jpg", None),
        ("trainval.json", "images/a.jpg", None),
    ],
)
def test_names_of_the_file_or_else_of_the_pictures_folder_state_the_image_set(
    json: str, file: str, image_set: str | None
) -> None:
    ((found,), findings) = read({json: coco()}, [file])
    assert found.image == FOLDER / file
    assert found.image_set == image_set
    assert findings == []


def test_pictures_of_one_name_in_several_sets_are_kept_apart() -> None:
    parts = ("Test", "Train", "Validation")
    documents = {f"annotations/instances_{part}.json": coco() for part in parts}
    images, findings = read(documents, [f"images/{part}/a.jpg" for part in parts])
    assert findings == []
    assert [each.image for each in images] == [FOLDER / f"images/{part}/a.jpg" for part in parts]
    assert [each.image_set for each in images] == ["test", "train", "val"]


def test_a_damaged_file_is_refused_with_its_reason() -> None:
    damaged = ObjlocError("b.json: expected JSON; found: Expecting value")
    images, findings = read({"a.json": coco(), "b.json": damaged})
    assert len(images) == 1
    assert findings == [
        Finding("error", "corrupt", "b.json", "expected JSON; found: Expecting value")
    ]
