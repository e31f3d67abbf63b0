import gzip
import shutil
from pathlib import Path

import pytest
from PIL import Image

from objloc.checksums import write_sums
from objloc.data.sample import Sample, VocObject
from objloc.data.source import FetchedArchive, Source, write_source
from objloc.data.voc import devkit as devkit_module
from objloc.data.voc.devkit import Devkit, open_devkit
from objloc.errors import ObjlocError
from objloc.files import file_hash
from tests.helpers.devkits import (
    annotation_xml,
    jpeg_bytes,
    make_devkit,
    pack_devkit,
    write_image,
    write_image_set,
)

IMAGES = {"train": 4, "val": 2, "test": 3}


def samples_of(devkit: Devkit) -> list[Sample]:
    return [devkit.read(image_id) for image_id in devkit.image_ids]


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    """Nine images of VOC2007; train 1 to 4, val 5 and 6, test 7 to 9."""
    return make_devkit(tmp_path / "made", IMAGES, trainval=True)


def test_a_sample_holds_the_image_as_it_is_and_the_objects(tmp_path: Path) -> None:
    year = tmp_path / "pets" / "VOCdevkit" / "VOC2012"
    jpeg = jpeg_bytes((120, 90))
    objects = [("cat", (3, 4.5, 60, 70), True, False), ("dog", (1, 1, 120, 90), False, True)]
    write_image(
        year, "2008_000001", jpeg, annotation_xml("VOC2012", "2008_000001", (120, 90), objects)
    )
    write_image_set(year, "train", ["2008_000001"])
    assert open_devkit(tmp_path / "pets").read("2008_000001") == Sample(
        "2008_000001",
        jpeg,
        120,
        90,
        (
            VocObject("cat", (2, 3.5, 60, 70), difficult=True),
            VocObject("dog", (0, 0, 120, 90), truncated=True),
        ),
    )


def test_the_image_sets_are_the_devkits(devkit: Path) -> None:
    opened = open_devkit(devkit)
    numbers = [f"{number:06}" for number in range(1, 10)]
    assert opened.image_sets == {
        "test": tuple(numbers[6:]),
        "train": tuple(numbers[:4]),
        "trainval": tuple(numbers[:6]),
        "val": tuple(numbers[4:6]),
    }
    assert opened.image_ids == tuple(numbers)


def test_lists_of_a_category_are_no_image_sets(devkit: Path) -> None:
    main = devkit / "VOC2007" / "ImageSets" / "Main"
    (main / "cat_train.txt").write_text("000001  1\n000002 -1\n000003  0\n000004  1\n")
    # The category "train" has lists too; and one of a set without it may be empty.
    (main / "train_train.txt").write_text("000001 -1\r\n")
    (main / "dog_val.txt").write_text("")
    assert sorted(open_devkit(devkit).image_sets) == ["test", "train", "trainval", "val"]


def test_image_ids_come_in_order_whatever_the_lists_order(devkit: Path) -> None:
    write_image_set(devkit / "VOC2007", "val", ["000006", "", "  000005 "])
    assert open_devkit(devkit).image_sets["val"] == ("000005", "000006")


def test_archive_folder_and_year_folder_give_the_same_samples(devkit: Path, tmp_path: Path) -> None:
    archive = pack_devkit(devkit, tmp_path / "archives" / "devkit.tar")
    gzipped = tmp_path / "devkit.tar.gz"
    gzipped.write_bytes(gzip.compress(archive.read_bytes()))
    expected = samples_of(open_devkit(devkit))
    assert len(expected) == 9
    for path in (devkit.parent, devkit / "VOC2007", archive, gzipped, archive.parent):
        opened = open_devkit(path)
        assert samples_of(opened) == expected
        assert opened.image_sets == open_devkit(devkit).image_sets


def test_archives_of_a_folder_are_merged(tmp_path: Path) -> None:
    trainval = make_devkit(tmp_path / "a", {"train": 3, "val": 2}, trainval=True)
    test = make_devkit(tmp_path / "b", {"test": 2}, first=6)
    pack_devkit(trainval, tmp_path / "both" / "trainval.tar")
    pack_devkit(test, tmp_path / "both" / "test.tar")
    opened = open_devkit(tmp_path / "both")
    assert {name: len(ids) for name, ids in opened.image_sets.items()} == {
        "test": 2,
        "train": 3,
        "trainval": 5,
        "val": 2,
    }
    assert len(samples_of(opened)) == 7


@pytest.mark.parametrize("as_archives", [False, True])
def test_years_are_united_set_by_set(tmp_path: Path, as_archives: bool) -> None:
    make_devkit(tmp_path, {"train": 3, "val": 2})
    make_devkit(tmp_path, {"train": 2}, year="VOC2012", first=8)
    path = tmp_path
    if as_archives:
        path = tmp_path / "archives"
        pack_devkit(tmp_path / "VOCdevkit", path / "all.tar")
    assert open_devkit(path).image_sets == {
        "train": ("000001", "000002", "000003", "000008", "000009"),
        "val": ("000004", "000005"),
    }


def test_a_devkit_without_image_sets_has_all_its_images(devkit: Path) -> None:
    shutil.rmtree(devkit / "VOC2007" / "ImageSets")
    opened = open_devkit(devkit)
    assert opened.image_sets == {}
    assert len(opened.image_ids) == 9


def test_images_outside_the_image_sets_do_not_count(devkit: Path) -> None:
    main = devkit / "VOC2007" / "ImageSets" / "Main"
    for name in ("val", "trainval"):
        (main / f"{name}.txt").unlink()
    assert "000005" not in open_devkit(devkit).image_ids


def test_data_is_named_by_its_source_file_folder_or_years(devkit: Path, tmp_path: Path) -> None:
    archive = pack_devkit(devkit, tmp_path / "archives" / "my-pets.v1.tar")
    assert open_devkit(archive).name == "my-pets"
    assert open_devkit(archive.parent).name == "archives"
    assert open_devkit(devkit).name == "VOC2007"
    assert open_devkit(devkit.parent).name == "made"
    write_source(devkit.parent, Source(name="scenes", archives=()))
    assert open_devkit(devkit.parent).name == "scenes"


def test_archives_that_the_source_names_must_be_there(devkit: Path, tmp_path: Path) -> None:
    archive = pack_devkit(devkit, tmp_path / "archives" / "a.tar")
    size = archive.stat().st_size
    fetched = FetchedArchive(name="a.tar", bytes=size, md5=file_hash(archive, "md5"))
    write_source(archive.parent, Source(name="x", archives=(fetched,)))
    assert open_devkit(archive.parent).name == "x"
    write_source(
        archive.parent,
        Source(name="x", archives=(FetchedArchive(name="b.tar", bytes=1, md5="0" * 32), fetched)),
    )
    with pytest.raises(ObjlocError, match=r"b.tar: expected the archive that source.json names"):
        open_devkit(archive.parent)
    wrong = FetchedArchive(name="a.tar", bytes=size + 1, md5="0" * 32)
    write_source(archive.parent, Source(name="x", archives=(wrong,)))
    with pytest.raises(ObjlocError, match=f"a.tar: expected {size + 1} bytes; found {size}"):
        open_devkit(archive.parent)
    wrong = FetchedArchive(name="a.tar", bytes=size, md5="0" * 32)
    write_source(archive.parent, Source(name="x", archives=(wrong,)))
    with pytest.raises(ObjlocError, match=r"a\.tar: damaged: expected md5 000"):
        open_devkit(archive.parent)


def test_files_that_changed_since_they_were_written_are_named(devkit: Path) -> None:
    folder = devkit.parent
    whole = samples_of(open_devkit(folder))
    write_source(folder, Source(name="VOC2007", archives=(), files=write_sums(folder)))
    assert samples_of(open_devkit(folder)) == whole
    year = devkit / "VOC2007"
    for path in (year / "JPEGImages" / "000001.jpg", year / "Annotations" / "000001.xml"):
        content = path.read_bytes()
        path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
        opened = open_devkit(folder)
        with pytest.raises(ObjlocError, match=f"{path}: damaged: expected sha256"):
            opened.read("000001")
        path.write_bytes(content)
    lists = year / "ImageSets" / "Main" / "val.txt"
    text = lists.read_text()
    lists.write_text(text.splitlines()[0])
    with pytest.raises(ObjlocError, match=f"{lists}: damaged: expected sha256"):
        open_devkit(folder)
    lists.write_text(text)
    (year / "ImageSets" / "Main" / "more.txt").write_text(text)
    with pytest.raises(ObjlocError, match=r"more.txt: expected only files that SHA256SUMS lists"):
        open_devkit(folder)


def test_an_image_without_annotation_is_named(devkit: Path) -> None:
    (devkit / "VOC2007" / "Annotations" / "000003.xml").unlink()
    with pytest.raises(ObjlocError, match=r"000003.jpg: expected an annotation Annotations/000003"):
        open_devkit(devkit)


def test_an_annotation_without_image_is_named(devkit: Path) -> None:
    (devkit / "VOC2007" / "JPEGImages" / "000003.jpg").unlink()
    with pytest.raises(ObjlocError, match=r"000003.xml: expected an image JPEGImages/000003.jpg"):
        open_devkit(devkit)


def test_a_listed_image_that_is_not_there_is_named(devkit: Path) -> None:
    write_image_set(devkit / "VOC2007", "val", ["000005", "000077"])
    with pytest.raises(
        ObjlocError, match=r"val.txt: expected images of the devkit, one id a line; found '000077'"
    ):
        open_devkit(devkit)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "val.txt: empty image set; expected at least one image id"),
        (b" \r\n\n", "val.txt: empty image set; expected at least one image id"),
        (
            b"000005\n000006 1\n",
            "val.txt: expected images of the devkit, one id a line; found '000006 1', "
            "which has neither image nor annotation",
        ),
        (b"000005\n000005\n", "val.txt: expected each image once; found '000005' twice"),
        (b"\xff\xfe0\x000\x00", "val.txt: expected a text of image ids; found other bytes"),
    ],
)
def test_a_bad_image_set_is_refused(devkit: Path, content: bytes, message: str) -> None:
    (devkit / "VOC2007" / "ImageSets" / "Main" / "val.txt").write_bytes(content)
    with pytest.raises(ObjlocError) as caught:
        open_devkit(devkit)
    assert str(caught.value).endswith(message)


def test_a_byte_order_mark_is_no_part_of_an_image_id(devkit: Path) -> None:
    (devkit / "VOC2007" / "ImageSets" / "Main" / "val.txt").write_bytes(b"\xef\xbb\xbf000005\r\n")
    assert open_devkit(devkit).image_sets["val"] == ("000005",)


def test_an_image_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    make_devkit(tmp_path, {"train": 2})
    make_devkit(tmp_path, {"train": 1}, year="VOC2012", first=2)
    with pytest.raises(ObjlocError, match=r"000002\.\w+: expected each image once; found also"):
        open_devkit(tmp_path)


@pytest.mark.parametrize("image_id", ["a.b", "a b", "-a", "__a__", "ä"])
def test_an_image_id_that_shards_cannot_carry_is_refused(devkit: Path, image_id: str) -> None:
    xml = annotation_xml("VOC2007", image_id, (96, 72), [])
    write_image(devkit / "VOC2007", image_id, jpeg_bytes(), xml)
    with pytest.raises(ObjlocError, match="expected an image id of letters, digits, _ and -"):
        open_devkit(devkit)


@pytest.mark.parametrize("made", ["nothing", "folder", "file", "empty"])
def test_what_is_no_devkit_is_refused(tmp_path: Path, made: str) -> None:
    path = tmp_path / "x"
    expected = {
        "nothing": "x: expected a devkit, an archive or a folder; found nothing there",
        "folder": "found neither",
        "file": "x: expected a whole tar archive; found: ",
        "empty": "x: expected images in JPEGImages; found none",
    }[made]
    if made == "folder":
        path.mkdir()
    elif made == "file":
        path.write_bytes(b"not an archive" * 1000)
    elif made == "empty":
        (path / "VOC2007" / "JPEGImages").mkdir(parents=True)
    with pytest.raises(ObjlocError) as caught:
        open_devkit(path)
    assert expected in str(caught.value)


def replace_image(devkit: Path, content: bytes) -> None:
    (devkit / "VOC2007" / "JPEGImages" / "000001.jpg").write_bytes(content)


def test_half_an_image_is_refused(devkit: Path) -> None:
    whole = (devkit / "VOC2007" / "JPEGImages" / "000001.jpg").read_bytes()
    opened = open_devkit(devkit)
    assert opened.read("000001").jpeg == whole
    for fraction in (0.1, 0.5, 0.95):
        replace_image(devkit, whole[: int(len(whole) * fraction)])
        with pytest.raises(
            ObjlocError,
            match=r"000001.jpg: expected a whole JPEG image; found: |"
            r"000001.jpg: expected a JPEG image",
        ):
            open_devkit(devkit).read("000001")


def test_another_kind_of_image_is_refused(devkit: Path, tmp_path: Path) -> None:
    Image.new("RGB", (96, 72)).save(tmp_path / "x.png")
    replace_image(devkit, (tmp_path / "x.png").read_bytes())
    with pytest.raises(ObjlocError, match=r"000001.jpg: expected a JPEG image; found something"):
        open_devkit(devkit).read("000001")


def test_an_image_of_another_size_than_annotated_is_refused(devkit: Path) -> None:
    replace_image(devkit, jpeg_bytes((72, 96)))
    with pytest.raises(ObjlocError) as caught:
        open_devkit(devkit).read("000001")
    assert str(caught.value).endswith(
        "000001.xml: expected the image's size, 72 x 96; found 96 x 72"
    )


def test_an_image_of_too_many_pixels_is_refused_undecoded(
    devkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_devkit(devkit)
    monkeypatch.setattr(devkit_module, "MAX_PIXELS", 96 * 72)
    opened.read("000001")
    monkeypatch.setattr(devkit_module, "MAX_PIXELS", 96 * 72 - 1)
    with pytest.raises(ObjlocError, match=r"000001.jpg: expected at most 0 megapixels; found more"):
        opened.read("000001")


@pytest.mark.parametrize("pixels", [96 * 72 - 1, (96 * 72 - 1) // 2])
def test_pillows_own_limit_is_reported_too(
    devkit: Path, monkeypatch: pytest.MonkeyPatch, pixels: int
) -> None:
    opened = open_devkit(devkit)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
    with pytest.raises(ObjlocError, match=r"000001.jpg: expected at most 50 megapixels"):
        opened.read("000001")


def test_an_unknown_image_id_is_refused(devkit: Path) -> None:
    with pytest.raises(ObjlocError, match="expected an image id of the devkit; found '999999'"):
        open_devkit(devkit).read("999999")


def test_only_official_years_are_held_to_the_official_categories(tmp_path: Path) -> None:
    make_devkit(tmp_path / "a", {"train": 1}, ["unicorn"], year="SCENES")
    assert open_devkit(tmp_path / "a").read("000001").objects[0].category == "unicorn"
    make_devkit(tmp_path / "b", {"train": 1}, ["unicorn"], year="VOC2012")
    with pytest.raises(ObjlocError, match="unknown class; expected one of aeroplane, bicycle"):
        open_devkit(tmp_path / "b").read("000001")
