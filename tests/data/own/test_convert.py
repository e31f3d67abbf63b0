import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objloc.data.datasets import gather
from objloc.data.shards import write_shards
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError
from objloc.params import Dataset, Shard
from tests.helpers.devkits import make_devkit
from tests.helpers.own_data import CATEGORIES, change_json, make_coco, make_flat, turned


def converted(folder: Path) -> Path:
    """Convert a folder as the download stage does."""
    out = folder.parent / "out"
    gather(Dataset(name="folder", path=str(folder)), Path("no manifest"), out)
    return out


def refused(folder: Path) -> str:
    with pytest.raises(ObjlocError) as error:
        converted(folder)
    assert not (folder.parent / "out").exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_xml_beside_images_becomes_a_devkit_of_the_same_samples(tmp_path: Path) -> None:
    source = make_devkit(tmp_path / "source", {"train": 6}, CATEGORIES, year="ANY")
    folder = make_flat(tmp_path / "pets", 6)
    devkit, original = open_devkit(converted(folder)), open_devkit(source)
    assert devkit.name == "folder pets"
    assert devkit.image_sets == {}
    assert devkit.image_ids == original.image_ids
    for image_id in devkit.image_ids:
        # Box by box and byte by byte.
        assert devkit.read(image_id) == original.read(image_id)


def test_a_devkit_of_ones_own_keeps_its_image_sets_and_any_categories(tmp_path: Path) -> None:
    folder = make_devkit(tmp_path / "kit", categories=CATEGORIES, year="VOC2007", trainval=True)
    main = folder / "VOC2007" / "ImageSets" / "Main"
    (main / "robot_train.txt").write_text("000001  1\n000002 -1\n")
    (folder / "VOC2007" / "SegmentationClass").mkdir()
    Image.new("L", (4, 4)).save(folder / "VOC2007" / "SegmentationClass" / "000001.png")
    devkit = open_devkit(converted(folder))
    assert {name: len(ids) for name, ids in devkit.image_sets.items()} == {
        "train": 12, "val": 6, "test": 6, "trainval": 18,
    }  # fmt: skip
    categories = {item.category for each in devkit.image_ids for item in devkit.read(each).objects}
    assert categories == set(CATEGORIES)


def test_two_years_with_the_same_names_stay_apart(tmp_path: Path) -> None:
    for year, seed in (("A", 1), ("B", 2)):
        make_devkit(tmp_path / "kit", {"train": 2}, CATEGORIES, seed, year=year)
    devkit = open_devkit(converted(tmp_path / "kit"))
    assert len(devkit.image_ids) == len(devkit.image_sets["train"]) == 4
    assert len({devkit.read(each).jpeg for each in devkit.image_ids}) == 4


def test_folders_named_after_sets_are_image_sets(tmp_path: Path) -> None:
    flat = make_flat(tmp_path / "flat", 6)
    folder = tmp_path / "mine"
    for number, path in enumerate(sorted(flat.glob("*.jpg"))):
        name = ("Train", "valid", "test")[number % 3]
        for kind, each in (("images", path), ("labels", path.with_suffix(".xml"))):
            (folder / kind / name).mkdir(parents=True, exist_ok=True)
            # The same names in every set.
            each.rename(folder / kind / name / f"photo {number // 3}{each.suffix}")
    out = converted(folder)
    devkit = open_devkit(out)
    assert {name: len(ids) for name, ids in devkit.image_sets.items()} == {
        "train": 2, "val": 2, "test": 2,
    }  # fmt: skip
    assert devkit.image_sets["val"] == ("images_valid_photo_0", "images_valid_photo_1")
    rows = (out / "VOCdevkit" / "OWN" / "files.csv").read_text().splitlines()
    assert rows[0] == "image_id,file"
    assert "images_valid_photo_1,images/valid/photo 1.jpg" in rows


def test_coco_becomes_the_boxes_that_it_says(tmp_path: Path) -> None:
    folder = make_coco(tmp_path / "coco")
    devkit = open_devkit(converted(folder))
    assert {name: len(ids) for name, ids in devkit.image_sets.items()} == {
        "train": 8, "val": 8, "test": 8,
    }  # fmt: skip
    for name in ("train", "valid", "test"):
        tree = json.loads((folder / name / "_annotations.coco.json").read_text())
        names = {each["id"]: each["name"] for each in tree["categories"]}
        for image in tree["images"]:
            own = [each for each in tree["annotations"] if each["image_id"] == image["id"]]
            sample = devkit.read(image["file_name"].removesuffix(".jpg"))
            assert [item.category for item in sample.objects] == [
                names[each["category_id"]] for each in own
            ]
            assert [item.difficult for item in sample.objects] == [
                each["iscrowd"] == 1 for each in own
            ]
            for item, each in zip(sample.objects, own, strict=True):
                x, y, width, height = each["bbox"]
                np.testing.assert_allclose(item.box, (x, y, x + width, y + height), atol=1e-3)


def test_one_json_beside_a_folder_of_images_is_found(tmp_path: Path) -> None:
    made = make_coco(tmp_path / "made", ("all",))
    folder = tmp_path / "mine"
    (folder / "annotations").mkdir(parents=True)
    (made / "all" / "_annotations.coco.json").rename(folder / "annotations" / "instances.json")
    (made / "all").rename(folder / "images")
    devkit = open_devkit(converted(folder))
    assert len(devkit.image_ids) == 8
    assert devkit.image_sets == {}


def test_it_can_be_sharded_by_chance(tmp_path: Path) -> None:
    out = converted(make_flat(tmp_path / "pets"))
    index = write_shards(open_devkit(out), tmp_path / "shards", Shard(split="seeded"))
    assert index.data == "folder pets, seeded split 0"
    assert index.categories == CATEGORIES
    assert set(index.image_sets) == {"train", "val", "test"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_other_kinds_of_images_become_jpegs_of_nearly_the_same_pixels(
    tmp_path: Path, kind: str
) -> None:
    folder = make_flat(tmp_path / "pets", 2)
    path = folder / "000001.jpg"
    with Image.open(path) as image:
        before = image.convert("RGB")
    options = {"lossless": True} if kind == "WEBP" else {}
    before.save(path.with_suffix(f".{kind.lower()}"), kind, **options)
    path.unlink()
    jpeg = open_devkit(converted(folder)).read("000001").jpeg
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        difference = np.abs(np.asarray(image, dtype=float) - np.asarray(before, dtype=float))
    assert difference.mean() < 2


def test_a_photograph_whose_boxes_count_upright_pixels_is_turned(tmp_path: Path) -> None:
    folder = make_flat(tmp_path / "pets", 2)
    turned(folder / "000001.jpg", 6)
    turned(folder / "000002.jpg", 6)
    xml = (folder / "000001.xml").read_text()
    # 96 x 72 in the file; this tool saw it as 72 x 96.
    swapped = xml.replace("<width>96", "<width>72").replace("<height>72", "<height>96")
    swapped = re.sub(r"<object>.*</object>", "", swapped, flags=re.DOTALL)
    (folder / "000001.xml").write_text(swapped)
    devkit = open_devkit(converted(folder))
    upright, as_filed = devkit.read("000001"), devkit.read("000002")
    assert (upright.width, upright.height) == (72, 96)
    assert (as_filed.width, as_filed.height) == (96, 72)
    assert as_filed.jpeg == (folder / "000002.jpg").read_bytes()
    with Image.open(folder / "000001.jpg") as image:
        wanted = np.asarray(image.transpose(Image.Transpose.ROTATE_270), dtype=float)
    with Image.open(io.BytesIO(upright.jpeg)) as image:
        assert image.getexif().get(274, 1) == 1
        assert np.abs(np.asarray(image, dtype=float) - wanted).mean() < 2


def test_names_that_shards_cannot_hold_are_made_plain(tmp_path: Path) -> None:
    folder = make_flat(tmp_path / "pets", 4)
    for old, new in (
        ("000001", "my.cat (1)"), ("000002", "my_cat_1_"), ("000003", "猫"), ("000004", "x" * 120)
    ):  # fmt: skip
        for suffix in (".jpg", ".xml"):
            (folder / f"{old}{suffix}").rename(folder / f"{new}{suffix}")
    ids = open_devkit(converted(folder)).image_ids
    assert len(set(ids)) == 4
    assert {"image", "my_cat_1_", "my_cat_1_-2"} < set(ids)


def break_half(folder: Path) -> None:
    (folder / "000003.xml").unlink()


def break_other_half(folder: Path) -> None:
    (folder / "000003.jpg").unlink()


def break_image(folder: Path) -> None:
    path = folder / "000003.jpg"
    path.write_bytes(path.read_bytes()[:400])


def break_size(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text(path.read_text().replace("<width>96", "<width>95"))


def break_box(folder: Path) -> None:
    path = folder / "000003.xml"
    path.write_text(re.sub(r"<xmin>[^<]*", "<xmin>400", path.read_text(), count=1))


def break_all(folder: Path) -> None:
    for path in folder.glob("*.xml"):
        path.unlink()


def add_json(folder: Path) -> None:
    (folder / "labels.json").write_text(
        '{"images": [], "annotations": [{"bbox": [1, 2, 3, 4]}], "categories": [{"id": 1}]}'
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_half, "000003.jpg: expected an annotation; found none (dataset.unannotated"),
        (break_other_half, "000003.xml: expected an image of the same name; found none (objloc"),
        (break_image, "000003.jpg: the image is damaged"),
        (break_size, "000003.xml: expected the image's size, 96 x 72; found 95 x 72"),
        (break_box, "000003.xml: object 1: 'traffic light' (400, "),
        (break_all, "expected images with VOC's XML files, COCO's JSON"),
        (add_json, "found both: 000001.xml and labels.json"),
    ],
)
def test_a_broken_folder_is_refused_by_name(tmp_path: Path, change: object, message: str) -> None:
    folder = make_flat(tmp_path / "pets", 4)
    assert callable(change)
    change(folder)
    assert message in refused(folder)


def test_half_a_json_is_refused(tmp_path: Path) -> None:
    folder = make_coco(tmp_path / "coco")
    path = folder / "train" / "_annotations.coco.json"
    path.write_text(path.read_text()[:300])
    assert "_annotations.coco.json: expected JSON; found" in refused(folder)


def test_what_is_left_out_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_coco(tmp_path / "coco")
    boxes = [[1, 1, 5, 0], [1, 1, 5, 5]]
    change_json(
        folder / "train" / "_annotations.coco.json",
        {
            "annotations": [
                {"id": n, "image_id": 0, "category_id": 5, "bbox": box}
                for n, box in enumerate(boxes)
            ]
        },
    )
    devkit = open_devkit(converted(folder))
    assert [item.box for item in devkit.read("000001").objects] == [(1, 1, 6, 6)]
    assert "left out: boxes without an area in the image" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_reported_by_its_parameter(tmp_path: Path) -> None:
    for path, message in (
        ("nowhere", "dataset.path: expected a folder of images; found no folder"),
        (None, "dataset.path: expected a folder of images, as dataset.name=folder; found None"),
        (" ", "dataset.path: expected a folder of images, as dataset.name=folder; found ' '"),
    ):
        with pytest.raises(ObjlocError, match=message):
            gather(Dataset(name="folder", path=path), Path("x"), tmp_path / "out")
