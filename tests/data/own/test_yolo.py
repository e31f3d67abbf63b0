from pathlib import Path

import pytest

from objloc.data.own.findings import Finding, Findings
from objloc.data.own.layout import find_layout
from objloc.data.own.written import WrittenImage
from objloc.data.own.yolo import read_yolo
from tests.helpers.own_data import draw_blanks, write_texts

ROW = "1 0.3 0.5 0.4 0.5\n"
YAML = "names: [cup, mug]\n"


def read(folder: Path) -> tuple[dict[str, WrittenImage], list[Finding]]:
    """Images by the place of their annotation, and the findings."""
    findings = Findings()
    images = read_yolo(find_layout(folder), findings)
    assert len({each.place for each in images}) == len(images)
    return {each.place: each for each in images}, list(findings)


def read_row(folder: Path, row: str, names: str = YAML) -> tuple[WrittenImage, list[Finding]]:
    draw_blanks(folder, "a.jpg")
    write_texts(folder, {"a.txt": row, "data.yaml": names})
    images, findings = read(folder)
    return images["a.txt"], findings


def sets(folder: Path) -> tuple[dict[str, str | None], list[Finding]]:
    """Image sets by the image's path, and the findings."""
    images, findings = read(folder)
    paths = {each.image.relative_to(folder).as_posix(): each for each in images.values()
             if each.image}  # fmt: skip
    return {path: paths[path].image_set for path in sorted(paths)}, findings


def test_a_box_stays_as_it_is_written(tmp_path: Path) -> None:
    image, findings = read_row(tmp_path, "\ufeff\r\n1\t0.3000 0.5 .4 5e-1 \r\n\r\n0 1 1 1 1")
    assert image.image == tmp_path / "a.jpg"
    assert (image.size, image.image_set, findings) == (None, None, [])
    assert image.objects is not None
    first, second = image.objects
    assert (first.place, first.category) == ("a.txt: line 2", "mug")
    assert (first.box, first.text) == ((0.3, 0.5, 0.4, 0.5), "(0.3000, 0.5, .4, 5e-1)")
    assert (second.place, second.category) == ("a.txt: line 4", "cup")
    assert not first.difficult


@pytest.mark.parametrize(
    ("names", "category"),
    [
        ("names:\n  0: cup\n  1: no\n", "no"),
        ("names: {'1': ' mug ', 7: cup}\n", "mug"),
        ("nc: 2\nnames:\n- cup\n- 1.10\n", "1.10"),
        ("nc: '2'\nnames: ['cup', 'a: b']\n", "a: b"),
    ],
)
def test_names_are_a_list_or_a_mapping_of_texts(names: str, category: str, tmp_path: Path) -> None:
    image, findings = read_row(tmp_path, ROW, names)
    assert image.objects is not None
    assert [each.category for each in image.objects] == [category]
    assert not findings


@pytest.mark.parametrize(
    ("row", "box", "times"),
    [
        ("0 0.1 0.2 0.5 0.2 0.3 0.6", (0.3, 0.4, 0.4, 0.4), "outlines"),
        ("0 .5 .2 .7 .4 .5 .6 .3 .4", (0.5, 0.4, 0.4, 0.4), "outlines"),
        ("0 .1 .1 .2 .1 .2 .3 .15 .4 .1 .3", (0.15, 0.25, 0.1, 0.3), "outlines"),
    ],
)
def test_of_outlines_the_enclosing_box_is_taken_and_counted(
    row: str, box: tuple[float, ...], times: str, tmp_path: Path
) -> None:
    image, findings = read_row(tmp_path, f"{row}\n{row}\n")
    assert image.objects is not None
    assert image.objects[0].box == pytest.approx(box)
    assert image.objects[0].text == f"({', '.join(row.split()[1:])})"
    (finding,) = findings
    assert finding.severity == "note"
    assert finding.message.startswith(f"{times} and oriented boxes: the enclosing upright box")
    assert "(2 times)" in finding.message


def test_keypoints_are_left_out_and_counted(tmp_path: Path) -> None:
    row = "1 0.3 0.5 0.4 0.5 0.3 0.5 2 0.4 0.5 1\n"
    image, findings = read_row(tmp_path, row, f"{YAML}kpt_shape: [2, 3]\n")
    assert image.objects is not None
    assert image.objects[0].box == (0.3, 0.5, 0.4, 0.5)
    assert [each.message for each in findings] == ["left out: keypoints: a.txt: line 1"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0.3 0.5 0.4 0.5 0.91", "found a sixth column: a confidence? (detections are no ground"),
        ("0 0.3 0.5 0.4", "expected five columns (class, centre, size) or an outline's pairs"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "or an outline's pairs; found 8"),
        ("2 0.3 0.5 0.4 0.5", "a named class, 0 to 1; found 2 (numbers begin at 0)"),
        ("9 0.3 0.5 0.4 0.5", "a named class, 0 to 1; found 9"),
        ("-1 0.3 0.5 0.4 0.5", "a named class, 0 to 1; found -1"),
        ("mug 0.3 0.5 0.4 0.5", "a named class, 0 to 1; found mug"),
        ("0.5 0.3 0.5 0.4 0.5", "a named class, 0 to 1; found 0.5"),
        ("nan 0.3 0.5 0.4 0.5", "a named class, 0 to 1; found nan"),
        ("0 0.3 0.5 nan 0.5", "expected numbers; found 'nan'"),
        ("0 0.3 0.5 1e308 0.5", "expected numbers; found '1e308'"),
        ("0 0.3 0.5 0,4 0.5", "expected numbers; found '0,4'"),
        ("0, 0.3, 0.5, 0.4, 0.5", "expected numbers; found '0.3,'"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_an_error_and_the_others_are_read(
    row: str, message: str, tmp_path: Path
) -> None:
    image, (finding,) = read_row(tmp_path, f"{ROW}{row}\n{ROW}")
    assert image.objects is not None
    assert len(image.objects) == 2
    assert (finding.severity, finding.kind) == ("error", "annotation")
    assert finding.place == "a.txt: line 2"
    assert message in finding.message


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"data.yaml": "names: [mug\n"}, "expected YAML; found: "),
        (
            {"data.yaml": "names: [cup, mug]\nnc: 3\n"},
            "nc: expected the number of names, 2; found 3",
        ),
        ({"data.yaml": "names: {cup: 0}\n"}, "names: expected a name by number; found cup: 0"),
        ({"data.yaml": "names: [[cup]]\n"}, "names: expected a name by number; found 0: ['cup']"),
        ({"data.yaml": YAML, "obj.names": "mug\ncup\n"}, "of data.yaml: cup, mug; found mug, cup"),
        ({"classes.txt": "cup\n", "x/classes.txt": "mug"}, "of classes.txt: cup; found mug"),
        ({"obj.data": "names = obj.names\n"}, "expected the names of the categories; found none"),
    ],
)
def test_wrong_names_are_one_error(texts: dict[str, str], message: str, tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg", "b.jpg")
    write_texts(tmp_path, {"a.txt": ROW, "b.txt": ROW} | texts)
    images, (finding,) = read(tmp_path)
    assert (finding.severity, finding.kind) == ("error", "category")
    assert message in finding.message
    assert [each.objects for each in images.values()] == [None, None]


def test_equal_names_in_several_files_do_no_harm(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "train/a.jpg")
    names = "cup\r\nmug\r\n\r\n"
    texts = {"data.yaml": YAML, "train/a.txt": ROW, "train/classes.txt": names}
    write_texts(tmp_path, texts)
    images, findings = read(tmp_path)
    assert [len(each.objects or ()) for each in images.values()] == [1]
    assert not findings


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a.JPG", "a.txt"),
        ("images/a.jpg", "labels/a.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("images/my images/a.b.jpg", "labels/my images/a.b.txt"),
        ("JPEGImages/a.jpg", "labels/a.txt"),
        ("pictures/a.jpg", "boxes/a.txt"),
    ],
)
def test_the_labels_of_an_image_are_found(image: str, label: str, tmp_path: Path) -> None:
    draw_blanks(tmp_path, image, image.replace("a.", "c."))
    write_texts(tmp_path, {label: ROW, label.replace("a.", "c."): "", "data.yaml": YAML})
    images, findings = read(tmp_path)
    assert images[label].image == tmp_path / image
    assert sorted(len(each.objects or ()) for each in images.values()) == [0, 1]
    assert not findings


def test_of_labels_of_one_name_those_in_folders_of_the_images_names_count(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "pictures/train/a.jpg", "pictures/val/a.jpg")
    texts = {"boxes/train/a.txt": ROW, "boxes/val/a.txt": ROW + ROW}
    write_texts(tmp_path, texts | {"data.yaml": YAML})
    images, findings = read(tmp_path)
    for name, count in (("train", 1), ("val", 2)):
        image = images[f"boxes/{name}/a.txt"]
        assert image.image == tmp_path / "pictures" / name / "a.jpg"
        assert (image.image_set, len(image.objects or ())) == (name, count)
    assert not findings


def test_an_image_without_labels_holds_nothing_and_labels_without_an_image_are_an_error(
    tmp_path: Path,
) -> None:
    draw_blanks(tmp_path, "images/a.jpg", "images/b.jpg")
    write_texts(tmp_path, {"labels/a.txt": " \n", "labels/c.txt": ROW, "data.yaml": YAML})
    images, findings = read(tmp_path)
    assert {place: each.objects for place, each in images.items() if each.image} == {
        "labels/a.txt": (), "images/b.jpg": (),
    }  # fmt: skip
    assert images["labels/c.txt"].image is None
    missing, empty = findings
    assert (missing.severity, missing.kind, missing.place) == ("error", "missing", "labels/c.txt")
    assert empty.message == "images without a label file hold no objects: images/b.jpg"


def test_a_label_file_of_other_bytes_is_an_error(tmp_path: Path) -> None:
    image, _ = read_row(tmp_path, ROW)
    assert image.objects
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe0\x00")
    images, (finding,) = read(tmp_path)
    assert images["a.txt"].objects is None
    assert (finding.severity, finding.kind, finding.place) == ("error", "corrupt", "a.txt")


def make_sets(folder: Path) -> None:
    draw_blanks(folder, "train/images/a.jpg", "valid/images/a.jpg", "more/images/b.jpg")
    labels = {f"{path}.txt": ROW for path in ("train/labels/a", "valid/labels/a", "more/labels/b")}
    write_texts(folder, labels | {"train.txt": "images/none.jpg\n"})


@pytest.mark.parametrize(
    "paths",
    [
        "train: train/images\nval: [valid/images]\ntest: more/images\n",
        # As Roboflow writes: the YAML file lies one folder higher than it states.
        "train: ../train/images\nval: ../valid/images\ntest: ../more/images/\n",
        "path: ../datasets/mugs\ntrain: train/images\nval: valid/images\ntest: more\n",
        "path: D:\\mugs\ntrain: D:\\mugs\\train\\images\nval: .\\valid\\images\ntest: more\n",
        "train: /content/train/images\nval: /content/valid/images\ntest: /content/more/images\n",
        "train: lists/some.txt\nval: lists/others.txt\ntest: /content/lists/last.txt\n",
    ],
)
def test_the_yaml_file_states_the_sets(paths: str, tmp_path: Path) -> None:
    make_sets(tmp_path)
    lists = {
        "lists/some.txt": "/content/train/images/a.jpg\r\n\r\n",
        "lists/others.txt": "../valid/images/a.jpg\n",
        "lists/last.txt": "./b.jpg",
    }
    write_texts(tmp_path, {"data.yaml": YAML + paths} | lists)
    (tmp_path / "train.txt").unlink()
    found, findings = sets(tmp_path)
    assert found == {
        "more/images/b.jpg": "test", "train/images/a.jpg": "train", "valid/images/a.jpg": "val",
    }  # fmt: skip
    assert not findings


def test_without_statements_folders_state_the_sets(tmp_path: Path) -> None:
    make_sets(tmp_path)
    (tmp_path / "train.txt").unlink()
    write_texts(tmp_path, {"data.yaml": f"{YAML}train:\ndownload: train.sh\n"})
    found, findings = sets(tmp_path)
    assert found == {
        "more/images/b.jpg": None, "train/images/a.jpg": "train", "valid/images/a.jpg": "val",
    }  # fmt: skip
    assert not findings


def test_darknets_lists_state_the_sets(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "obj_train_data/a.jpg", "obj_train_data/b.jpg", "c.jpg")
    texts = {
        "obj.data": "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nbackup = b/\n",
        "obj.names": "cup\nmug\n", "obj_train_data/a.txt": ROW,
        "train.txt": "data/obj_train_data/a.jpg\n", "valid.txt": "data/obj_train_data/b.jpg\n",
    }  # fmt: skip
    write_texts(tmp_path, texts)
    expected = {"c.jpg": None, "obj_train_data/a.jpg": "train", "obj_train_data/b.jpg": "val"}
    assert sets(tmp_path)[0] == expected
    (tmp_path / "obj.data").unlink()
    assert sets(tmp_path)[0] == expected


def test_a_folder_does_not_add_to_a_set_that_is_stated(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "images/train/a.jpg", "images/train/b.jpg", "images/test/c.jpg")
    texts = {"labels/train/a.txt": ROW, "few.txt": "images/train/a.jpg\n"}
    write_texts(tmp_path, texts | {"data.yaml": f"{YAML}train: few.txt\n"})
    assert sets(tmp_path)[0] == {
        "images/test/c.jpg": "test", "images/train/a.jpg": "train", "images/train/b.jpg": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("paths", "severity", "place", "message"),
    [
        ("val: ../valid/images\n", "warning", "data.yaml",
         "val: expected a folder of images or a list; found no '../valid/images'"),
        ("test: ../test/images\n", "note", "data.yaml", "test: expected a folder of images"),
        ("val: val.txt\n", "warning", "data.yaml", "found no 'val.txt'"),
        ("val: all.txt\n", "error", "all.txt",
         "lists 2 images that are not there: b.jpg, x/c.jpg"),
        ("val: train/images\n", "warning", "",
         "1 images are in several of the sets train, val: they count in none"),
    ],
)  # fmt: skip
def test_wrong_sets_are_found(
    paths: str, severity: str, place: str, message: str, tmp_path: Path
) -> None:
    draw_blanks(tmp_path, "train/images/a.jpg")
    texts = {"train/labels/a.txt": ROW, "all.txt": "b.jpg\nx/c.jpg\n"}
    write_texts(tmp_path, texts | {"data.yaml": f"{YAML}train: ../train/images\n{paths}"})
    found, (finding,) = sets(tmp_path)
    assert (finding.severity, finding.place) == (severity, place)
    assert message in finding.message
    assert found == {"train/images/a.jpg": None if "several" in message else "train"}
