import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objloc.data.check.check import check_folder
from objloc.data.check.duplicates import fingerprint, same_bytes, same_to_the_eye
from objloc.data.sample import VOC_CATEGORIES
from objloc.errors import ObjlocError
from objloc.params import Dataset
from tests.helpers.check_reports import about, report_of, rewrite_boxes
from tests.helpers.devkits import make_devkit
from tests.helpers.own_data import CATEGORIES, change_json, make_coco, turned


def test_a_folder_in_order_passes(pets: Path) -> None:
    report = report_of(pets)
    assert report.passed
    assert (report.layout, report.images, report.annotated) == ("voc", 60, 60)
    assert list(report.categories) == list(CATEGORIES)
    assert report.image_sets == {}
    assert {each.severity for each in report.findings} == {"note"}
    written = sum(path.read_text().count("<object>") for path in pets.glob("*.xml"))
    assert report.objects == written


def test_a_devkit_is_reported_by_image_set_and_category(tmp_path: Path) -> None:
    folder = make_devkit(tmp_path, {"train": 40, "val": 12, "test": 12}, trainval=True)
    report = report_of(folder)
    assert report.passed
    assert report.image_sets == {"test": 12, "train": 40, "trainval": 52, "val": 12}
    cats = report.categories["cat"]
    assert cats["trainval"] == cats["train"] + cats["val"]


def test_coco_is_recognised(tmp_path: Path) -> None:
    report = report_of(make_coco(tmp_path / "coco"))
    assert report.layout == "coco"
    assert report.passed
    assert report.image_sets == {"test": 8, "train": 8, "val": 8}
    assert report.convention is not None
    assert (report.convention.name, report.convention.fits) == ("corner_size", True)
    assert "3 images are annotated without an object" in [each.message for each in report.findings]


def damage_missing(folder: Path) -> None:
    (folder / "000003.xml").unlink()


def damage_missing_image(folder: Path) -> None:
    (folder / "000003.jpg").unlink()


def damage_empty_image(folder: Path) -> None:
    (folder / "000003.jpg").write_bytes(b"")


def damage_empty_xml(folder: Path) -> None:
    (folder / "000003.xml").write_bytes(b"")


def damage_text(folder: Path) -> None:
    (folder / "000003.jpg").write_text("not an image")


def damage_half(folder: Path) -> None:
    path = folder / "000003.jpg"
    path.write_bytes(path.read_bytes()[:500])


def damage_xml(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text(path.read_text()[:200])


def damage_dtd(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "b">]>' + path.read_text())


def damage_number(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text(re.sub("<xmin>[^<]*", "<xmin>left", path.read_text(), count=1))


def damage_name(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text(re.sub("<name>[^<]*</name>", "", path.read_text(), count=1))


def damage_size(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text(path.read_text().replace("<width>96", "<width>960"))


def damage_swapped(folder: Path) -> None:
    rewrite_boxes(folder, lambda a, b, c, d, _w, _h: (c, d, a, b), "000003.xml")


def damage_outside(folder: Path) -> None:
    rewrite_boxes(folder, lambda a, b, c, d, w, _h: (a, b, w + 30, d), "000003.xml")  # noqa: ARG005


def damage_category(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text(re.sub("<name>[^<]*", "<name>rob/ot", path.read_text(), count=1))


@pytest.mark.parametrize(
    ("damage", "kind", "file", "message"),
    [
        (damage_missing, "missing", "000003.jpg", "expected an annotation; found none"),
        (
            damage_missing_image,
            "missing",
            "000003.xml",
            "expected an image of the same name; found none",
        ),
        (damage_empty_image, "corrupt", "000003.jpg", "expected an image; found an empty file"),
        (damage_empty_xml, "corrupt", "000003.xml", "expected an annotation; found an empty file"),
        (damage_text, "corrupt", "000003.jpg", "expected an image (JPEG, PNG"),
        (damage_half, "corrupt", "000003.jpg", "the image is damaged"),
        (damage_xml, "corrupt", "000003.xml", "expected well-formed XML"),
        (damage_dtd, "corrupt", "000003.xml", "expected XML without a DTD"),
        (
            damage_number,
            "annotation",
            "000003.xml",
            "expected <xmin> to be a number; found 'left'",
        ),
        (damage_name, "annotation", "000003.xml", "expected a category; found no <name>"),
        (damage_size, "size", "000003.xml", "expected the image's size, 96 x 72; found 960 x 72"),
        (damage_swapped, "box", "000003.xml", "the far corner comes first (swapped?)"),
        (damage_outside, "box", "000003.xml", "reaches beyond the image of 96 x 72"),
        (damage_category, "category", "000003.xml", "category 'rob/ot': expected letters"),
    ],
)
def test_damage_is_reported_by_file(
    folder: Path, damage: Callable[[Path], None], kind: str, file: str, message: str
) -> None:
    damage(folder)
    report = report_of(folder)
    assert not report.passed
    wrong = report.of("error")
    assert {each.kind for each in wrong} == {kind}
    assert all(each.place.startswith(file) for each in wrong)
    assert any(message in each.message for each in wrong)


def test_a_cameras_orientation_is_reported(folder: Path) -> None:
    turned(folder / "000001.jpg", 6)
    turned(folder / "000002.jpg", 3)
    report = report_of(folder)
    assert report.passed
    findings = [(each.severity, each.place) for each in about(report, "orientation")]
    assert findings == [("warning", "000001.xml"), ("note", "000001.jpg"), ("note", "000002.jpg")]


def test_names_that_differ_only_in_spelling_are_reported(folder: Path) -> None:
    path = folder / "000001.xml"
    path.write_text(re.sub("<name>[^<]*", "<name>Traffic-Light", path.read_text(), count=1))
    (finding,) = about(report_of(folder), "category")
    assert finding.severity == "warning"
    assert "'Traffic-Light', 'traffic light'" in finding.message


def test_a_box_annotated_twice_is_reported(folder: Path) -> None:
    path = folder / "000001.xml"
    (first,) = re.findall(r"<object>.*?</object>", path.read_text(), flags=re.DOTALL)[:1]
    path.write_text(path.read_text().replace(first, first + first, 1))
    (finding,) = about(report_of(folder), "box")
    assert (finding.severity, finding.place) == ("warning", "000001.xml")
    assert "is annotated 2 times" in finding.message


def spread(flat: Path, folder: Path) -> Path:
    """Copy images and XML files into folders named after image sets."""
    for number, path in enumerate(sorted(flat.glob("*.jpg"))):
        part = folder / ("train", "val", "test")[number % 3]
        part.mkdir(parents=True, exist_ok=True)
        for each in (path, path.with_suffix(".xml")):
            shutil.copy(each, part / each.name)
    return folder


def test_the_same_image_in_two_sets_is_reported(pets: Path, tmp_path: Path) -> None:
    folder = spread(pets, tmp_path / "sets")
    assert about(report_of(folder), "duplicate") == []
    for suffix in (".jpg", ".xml"):
        shutil.copy(folder / "train" / f"000001{suffix}", folder / "test" / f"again{suffix}")
    with Image.open(folder / "train" / "000004.jpg") as image:
        image.point([min(255, round(1.1 * level)) for level in range(256)] * 3).save(
            folder / "val" / "brighter.jpg", quality=60
        )
    shutil.copy(folder / "train" / "000004.xml", folder / "val" / "brighter.xml")
    findings = about(report_of(folder), "duplicate")
    assert [(each.severity, each.place) for each in findings] == [
        ("error", "test/again.jpg"), ("warning", "train/000004.jpg"),
    ]  # fmt: skip
    assert "the same bytes as train/000001.jpg (sets test, train)" in findings[0].message
    assert "looks like val/brighter.jpg (sets train, val)" in findings[1].message


def test_without_sets_the_same_image_twice_is_a_warning(folder: Path) -> None:
    for suffix in (".jpg", ".xml"):
        shutil.copy(folder / f"000001{suffix}", folder / f"again{suffix}")
    (finding,) = about(report_of(folder), "duplicate")
    assert finding.severity == "warning"


def test_lists_are_held_against_the_images(tmp_path: Path) -> None:
    folder = make_devkit(tmp_path, {"train": 40, "val": 12, "test": 12})
    main = folder / "VOC2007" / "ImageSets" / "Main"
    (main / "val.txt").write_text((main / "val.txt").read_text() + "000001\n000001\nnowhere\n")
    (main / "none.txt").write_text("\n")
    report = report_of(folder)
    findings = {(each.kind, each.message) for each in report.of("error")}
    assert (
        "missing",
        "expected names of images, one a line; found 1 lines that name none: nowhere",
    ) in findings
    assert ("sets", "lists twice: 000001.jpg") in findings
    assert ("empty", "an empty list") in {(each.kind, each.message) for each in report.findings}
    shared = [message for kind, message in findings if kind == "duplicate"]
    assert shared == ["image sets train and val share 1 images, "
                      "VOC2007/JPEGImages/000001.jpg first"]  # fmt: skip


def test_too_few_images_are_reported(tmp_path: Path) -> None:
    folder = make_devkit(tmp_path, {"train": 6, "test": 2}, VOC_CATEGORIES[:8])
    findings = {each.message for each in about(report_of(folder), "few")}
    assert "8 images; fewer than 50 teach little" in findings
    assert "image set 'test' has 2 images; figures on it mean little" in findings
    assert any("is in no image of test" in each for each in findings)
    assert any(re.fullmatch(r"'bird' is in \d images to learn from", each) for each in findings)


def test_broken_coco_is_reported_by_entry(tmp_path: Path) -> None:
    folder = make_coco(tmp_path / "coco")
    (folder / "train" / "000001.jpg").unlink()
    path = folder / "valid" / "_annotations.coco.json"
    annotations = json.loads(path.read_text())["annotations"]
    annotations[0]["category_id"] = 99
    annotations[1]["bbox"][2] = 1000
    change_json(path, {"annotations": annotations})
    Image.new("RGB", (9, 9)).save(folder / "test" / "unlisted.png")
    report = report_of(folder)
    findings = [
        f"{each.severity} {each.kind} {each.place} {each.message}" for each in report.findings
    ]
    wanted = (
        "error missing train/_annotations.coco.json: image '000001.jpg' expected one image file "
        "of this name; found none",
        "error annotation valid/_annotations.coco.json: annotation 0 expected a known category_id",
        "error box valid/_annotations.coco.json: annotation 1 ",
        "note unused  left out: images without an annotation (dataset.unannotated): "
        "test/unlisted.png",
    )
    for line in wanted:
        assert any(each.startswith(line) for each in findings), line


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "expected a folder of images; found nothing there"),  # noqa: ARG005
        (lambda path: path.write_text("x"), "expected a folder of images; found a file"),
        (lambda path: path.mkdir(), "found 0 images and no annotation"),
    ],
)
def test_what_is_no_folder_of_annotated_images_is_refused(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "pets")
    with pytest.raises(ObjlocError) as error:
        check_folder(tmp_path / "pets", Dataset())
    assert message in str(error.value)


def test_a_folder_of_archives_is_reported_as_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "VOCtest.tar").write_bytes(b"")
    with pytest.raises(ObjlocError, match=r"unpack the archives first"):
        check_folder(tmp_path, Dataset())


def test_fingerprints_know_an_image_again_but_not_another() -> None:
    generator = np.random.default_rng(0)

    def picture() -> Image.Image:
        coarse = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)

    pictures = [picture() for _ in range(30)]
    smaller = [each.resize((80, 60)) for each in pictures]
    white = [Image.new("RGB", (50, 50), (level, level, level)) for level in (0, 250, 255)]
    prints = [fingerprint(str(n), each) for n, each in enumerate([*pictures, *smaller, *white])]
    found = same_to_the_eye(prints)
    assert set(found) <= {(number, number + 30) for number in range(30)}
    assert len(found) >= 28
    again = [fingerprint("a", pictures[0]), fingerprint("b", pictures[1]),
             fingerprint("a", pictures[0])]  # fmt: skip
    assert same_bytes(again) == [(0, 2)]
    assert same_to_the_eye(again) == []
