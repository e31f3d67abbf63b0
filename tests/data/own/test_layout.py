import json
from pathlib import Path

import pytest

from objloc.data.own.kinds import xml_kind
from objloc.data.own.layout import Layout, find_layout, set_of
from objloc.errors import ObjlocError
from tests.helpers.own_data import draw_blanks, write_texts

VOC = "<annotation><filename>a.jpg</filename></annotation>"
CVAT = "<annotations><version>1.1</version><meta/><image id='0' name='a.jpg'/></annotations>"
VIDEO = "<annotations><meta><task><image/></task></meta><track id='0' label='mug'/></annotations>"
COCO = json.dumps({"images": [], "annotations": [{"bbox": [1, 2, 3, 4]}], "categories": []})
CAPTIONS = json.dumps({"images": [], "annotations": [{"caption": "A mug."}]})
LABELME = json.dumps({"shapes": [], "imagePath": "a.jpg", "imageData": "QUJD"})
ROW = "0 0.5 0.5 0.2 0.2\n"
KINDS = {
    "voc": {"a.xml": VOC},
    "coco": {"labels.json": COCO},
    "cvat": {"annotations.xml": CVAT},
    "labelme": {"a.json": LABELME},
    "yolo": {"a.txt": ROW, "classes.txt": "mug\n"},
}


def names(layout: Layout, paths: tuple[Path, ...]) -> list[str]:
    return [layout.relative(path) for path in paths]


def refused(folder: Path) -> str:
    with pytest.raises(ObjlocError) as error:
        find_layout(folder)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{folder}: ")


def note(layout: Layout) -> str:
    (found,) = layout.notes
    assert (found.severity, found.kind) == ("note", "layout")
    return found.message


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised(kind: str, tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg", ".hidden/b.jpg", "__MACOSX/a.jpg")
    write_texts(tmp_path, KINDS[kind] | {".hidden/c.xml": VOC, "__MACOSX/a.xml": VOC})
    layout = find_layout(tmp_path)
    assert (layout.kind, layout.notes) == (kind, ())
    assert names(layout, layout.images) == ["a.jpg"]
    assert names(layout, layout.annotations) == [next(iter(KINDS[kind]))]


@pytest.mark.parametrize(
    ("name", "text", "parsed"),
    [
        ("data.yaml", "names: [no, 1.0]\nnc: 2\n", {"names": ["no", "1.0"], "nc": "2"}),
        ("any.yml", "names:\n  0: mug\n", {"names": {"0": "mug"}}),
        ("sub/classes.txt", "\ufeffmug\r\n\r\ncup\r\n\r\n", ["mug", "", "cup"]),
        ("obj.names", "mug\ncup", ["mug", "cup"]),
        ("voc.names", "mug", ["mug"]),
        ("_darknet.labels", "mug", ["mug"]),
    ],
)
def test_yolos_names_are_found_and_read_as_texts(
    name: str, text: str, parsed: object, tmp_path: Path
) -> None:
    draw_blanks(tmp_path, "images/a.jpg")
    write_texts(tmp_path, {"labels/a.txt": ROW, name: text, "hyp.yaml": "lr: 0.1\n"})
    layout = find_layout(tmp_path)
    assert layout.kind == "yolo"
    assert names(layout, layout.annotations) == ["labels/a.txt"]
    assert dict(layout.documents) == {tmp_path / name: parsed}


def test_yolos_texts_are_told_apart(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "images/a.jpg", "images/b.jpg", "c.jpg")
    texts = {
        "images/a.txt": "mug 0.5 0.5\n", "labels/b.txt": "", "elsewhere.txt": f"\n{ROW}",
        "obj.data": "train = data/train.txt\nnames=data/obj.names\n", "obj.names": "mug",
        "train.txt": "data/images/a.jpg\n", "README.txt": "5 words for those who read\n",
    }  # fmt: skip
    write_texts(tmp_path, texts)
    layout = find_layout(tmp_path)
    assert names(layout, layout.annotations) == ["elsewhere.txt", "images/a.txt", "labels/b.txt"]
    assert names(layout, layout.lists) == ["train.txt"]
    parsed = {"train": "data/train.txt", "names": "data/obj.names"}
    assert layout.documents[tmp_path / "obj.data"] == parsed


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"annotations.xml": VIDEO}, "CVAT for video, annotations.xml (export it as"),
        ({"p.json": json.dumps({"_via_img_metadata": {}})}, "VIA's own format, p.json (export"),
        ({"p.json": json.dumps({"a.jpg1": {"filename": "a.jpg", "regions": []}})}, "VIA's own"),
        ({"p.csv": "filename,region_shape_attributes\n"}, "VIA's own format, p.csv"),
        ({"p.json": json.dumps([{"data": {}, "annotations": []}])}, "Label Studio's own JSON"),
        ({"meta.json": json.dumps({"classes": [], "tags": []})}, "Supervisely's own JSON"),
        ({"a.jpg.json": json.dumps({"objects": [], "size": {}})}, "Supervisely's own JSON"),
        ({"x.json": json.dumps({"infos": {}, "categories": {}, "items": []})}, "Datumaro's own"),
        ({"x.json": json.dumps([{"image": "a.jpg", "annotations": []}])}, "CreateML's JSON"),
        ({"x.json": json.dumps([{"image_id": 1, "bbox": [], "score": 1}])}, "COCO's results"),
        ({"train.tfrecord": ""}, "TFRecord, train.tfrecord"),
        ({"train.csv": "filename,width,height,class,xmin\n"}, "a table of boxes as CSV"),
        ({"more.ZIP": ""}, "1 images and no annotation (unpack the archives first)"),
        ({"data.yaml": "names: [mug]"}, "(names of categories in data.yaml, but no label file)"),
        ({"odd.xml": "<project/>"}, "1 images and no annotation (odd.xml: of a form that is"),
        ({"odd.json": "[]"}, "1 images and no annotation (odd.json: of a form that is"),
        ({"a.txt": "a picture of five mugs here\n"}, "1 images and no annotation"),
    ],
)  # fmt: skip
def test_other_files_are_refused_by_name(texts: dict[str, str], found: str, tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, texts)
    message = refused(tmp_path)
    assert message.startswith("expected images with VOC's XML files, COCO's JSON, YOLO's labels")
    assert f"found {found}" in message or found in message.partition("no annotation")[2]


def test_labels_without_names_are_refused(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, {"a.txt": ROW})
    assert refused(tmp_path).startswith("expected data.yaml or classes.txt with the names of YOLO")


def test_segmentations_alone_are_refused(tmp_path: Path) -> None:
    draw_blanks(tmp_path, "JPEGImages/a.jpg", "SegmentationClass/a.png")
    assert refused(tmp_path).endswith("no annotation (segmentations are not read: export boxes)")


def test_no_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "expected a folder of images; found nothing there"
    write_texts(tmp_path, {"file": ""})
    assert refused(tmp_path / "file") == "expected a folder of images; found a file"


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("voc", "coco", "VOC's XML files or COCO's JSON; found both: a.xml and labels.json"),
        ("voc", "cvat", "VOC's XML files or CVAT's XML; found both: a.xml and annotations.xml"),
        ("coco", "cvat", "COCO's JSON or CVAT's XML; found both: labels.json and annotations.xml"),
    ],
)
def test_two_complete_kinds_contradict(one: str, other: str, found: str, tmp_path: Path) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, KINDS[one] | KINDS[other])
    assert refused(tmp_path) == f"expected {found}"


@pytest.mark.parametrize(
    ("kind", "beside", "message"),
    [
        ("voc", KINDS["yolo"], "YOLO's labels: a.txt"),
        ("voc", {"b.txt": ROW}, "YOLO's labels: b.txt"),
        ("voc", KINDS["labelme"], "labelme's JSON files: a.json"),
        ("voc", {"captions.json": CAPTIONS}, "COCO's JSON without boxes: captions.json"),
        ("voc", {"b.xml": "<project/>"}, "XML that is no annotation: b.xml"),
        ("coco", KINDS["yolo"], "YOLO's labels: a.txt"),
        ("coco", {"a.xml": "<metadata/>"}, "XML that is no annotation: a.xml"),
        ("cvat", {"a.xml": VIDEO}, "CVAT for video: a.xml"),
        ("cvat", {"notes.json": "{}"}, "JSON that holds no boxes: notes.json"),
        ("labelme", {"a.txt": ROW}, "YOLO's labels: a.txt"),
        ("yolo", {"via.csv": "region_shape_attributes"}, "VIA's own format: via.csv"),
    ],
)
def test_a_note_names_what_is_passed_over(
    kind: str, beside: dict[str, str], message: str, tmp_path: Path
) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, KINDS[kind] | beside)
    layout = find_layout(tmp_path)
    assert layout.kind == kind
    assert note(layout) == f"passed over {message}"
    assert names(layout, layout.annotations) == [next(iter(KINDS[kind]))]


@pytest.mark.parametrize(
    ("texts", "kind", "annotations"),
    [
        ({"a.xml": "<annotation><size>"}, "voc", ["a.xml"]),
        ({"a.xml": "<annota"}, "voc", ["a.xml"]),
        ({"a.xml": ""}, "voc", ["a.xml"]),
        ({"a.xml": "none of it"}, "voc", ["a.xml"]),
        ({"a.xml": "<dataset/>"}, "voc", ["a.xml"]),
        ({"a.xml": VOC, "b.xml": "<"}, "voc", ["a.xml", "b.xml"]),
        ({"a.xml": f"<!--{' ' * 2**17}-->{VOC}"}, "voc", ["a.xml"]),
        ({"1.xml": CVAT, "2.xml": "<annotations><im"}, "cvat", ["1.xml", "2.xml"]),
        ({"l.json": COCO[:30]}, "coco", ["l.json"]),
        ({"a.json": LABELME[:30]}, "labelme", ["a.json"]),
        ({"a.txt": ROW, "d.yaml": "names: [mug\n"}, "yolo", ["a.txt"]),
    ],
)
def test_a_damaged_file_is_of_the_kind_that_reports_it(
    texts: dict[str, str], kind: str, annotations: list[str], tmp_path: Path
) -> None:
    draw_blanks(tmp_path, "a.jpg")
    write_texts(tmp_path, texts)
    layout = find_layout(tmp_path)
    assert (layout.kind, names(layout, layout.annotations)) == (kind, annotations)
    for path, tree in layout.documents.items():
        assert isinstance(tree, ObjlocError)
        assert str(tree).startswith(f"{layout.relative(path)}: expected ")


@pytest.mark.parametrize(
    "text",
    [
        VOC.encode("utf-16"),
        f"\ufeff<!-- {'long ' * 2000} -->\n{VOC}".encode(),
        b"<?xml version='1.0' encoding='iso-8859-1'?><annotation><name>\xe4</name></annotation>",
    ],
)
def test_the_root_is_found_in_any_encoding_and_behind_a_comment(
    text: bytes, tmp_path: Path
) -> None:
    (tmp_path / "b.xml").write_bytes(text)
    assert find_layout(tmp_path).kind == "voc"


def test_a_file_of_many_entities_is_damaged_and_one_of_a_dtd_elsewhere_is_not(
    tmp_path: Path,
) -> None:
    entities = "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 50}'>" for n in range(9))
    start = f"<!DOCTYPE a [<!ENTITY e0 'x'>{entities}]>"
    write_texts(
        tmp_path,
        {
            "bomb.xml": f"{start}<annotations><b>&e9;</b><image/></annotations>",
            "outside.xml": '<!DOCTYPE a SYSTEM "none.dtd"><annotations><image/></annotations>',
        },
    )
    kinds = [xml_kind(tmp_path / name) for name in ("bomb.xml", "outside.xml")]
    assert kinds == ["damaged", "cvat"]


def test_image_data_is_not_kept(tmp_path: Path) -> None:
    write_texts(tmp_path, KINDS["labelme"])
    (tree,) = find_layout(tmp_path).documents.values()
    assert tree == {"shapes": [], "imagePath": "a.jpg"}


def test_of_a_devkit_with_xml_three_folders_count(tmp_path: Path) -> None:
    draw_blanks(
        tmp_path, "A/JPEGImages/x/a.jpg", "A/AnnotationsVisualization/a.jpg", "B/JPEGImages/a.jpg",
        "A/SegmentationClass/a.png", "C/b.jpg",
    )  # fmt: skip
    texts = {
        "A/Annotations/x/a.xml": VOC, "A/ImageSets/Main/train set.txt": "x/a\n",
        "A/ImageSets/Main/job/val.txt": "x/a\n", "A/ImageSets/Layout/val.txt": "x/a\n",
        "A/labels/a.txt": ROW, "A/class_names.txt": "mug\n", "A/train.json": COCO,
    }  # fmt: skip
    write_texts(tmp_path, texts)
    layout = find_layout(tmp_path)
    assert layout.kind == "voc"
    assert names(layout, layout.images) == ["A/JPEGImages/x/a.jpg", "B/JPEGImages/a.jpg"]
    assert names(layout, layout.annotations) == ["A/Annotations/x/a.xml"]
    lists = ["A/ImageSets/Main/job/val.txt", "A/ImageSets/Main/train set.txt"]
    assert names(layout, layout.lists) == lists
    assert note(layout) == (
        "passed over, no part of a devkit with boxes: A/AnnotationsVisualization, "
        "A/SegmentationClass, A/labels, A/train.json, C"
    )


@pytest.mark.parametrize("kind", ["coco", "cvat", "labelme", "yolo"])
def test_of_a_devkit_without_xml_the_images_of_one_folder_count(kind: str, tmp_path: Path) -> None:
    draw_blanks(tmp_path, "kit/JPEGImages/a.jpg", "kit/Visualization/a.jpg", "other/b.jpg")
    texts = {f"kit/labels/{name}": text for name, text in KINDS[kind].items()}
    write_texts(tmp_path, texts)
    layout = find_layout(tmp_path)
    assert layout.kind == kind
    assert names(layout, layout.images) == ["kit/JPEGImages/a.jpg", "other/b.jpg"]
    assert note(layout) == "passed over, images of a devkit outside JPEGImages: kit/Visualization"


def test_a_folder_below_one_of_that_name_is_no_devkit(tmp_path: Path) -> None:
    folder = tmp_path / "JPEGImages" / "mine"
    draw_blanks(folder, "images/a.jpg")
    write_texts(folder, {"xml/a.xml": VOC})
    assert len(find_layout(folder).images) == len(find_layout(folder).annotations) == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("train", "train"), ("images/Valid/x", "val"), ("a/train2017", "train"),
        ("instances_val", "val"), ("Testing", "test"), ("train/val", None), ("trains", None),
        (".", None),
    ],
)  # fmt: skip
def test_words_of_a_path_state_its_set(path: str, expected: str | None) -> None:
    assert set_of(Path(path)) == expected
