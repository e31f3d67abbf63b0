"""Names of images as tools on other machines write them."""

from pathlib import Path

import pytest

from objloc.data.own.file_names import ImageIndex, Match, find_image

FOLDER = Path("/data/mine")


def found(name: str, *images: str, file: str = "result.json") -> Match:
    """The match of a name in a file, both paths relative to the folder."""
    index = ImageIndex(FOLDER, [FOLDER / each for each in images])
    return find_image(index, name, FOLDER / file)


def meant(name: str, *images: str, file: str = "result.json") -> str | None:
    image = found(name, *images, file=file).image
    return None if image is None else image.relative_to(FOLDER).as_posix()


@pytest.mark.parametrize(
    ("name", "images", "file"),
    [
        ("a.jpg", ("a.jpg", "images/a.jpg"), "result.json"),
        ("a.jpg", ("val/a.jpg", "a.jpg"), "val/result.json"),
        ("images/a.jpg", ("images/a.jpg", "other/images/a.jpg"), "annotations/result.json"),
        ("./a.jpg", ("a.jpg", "images/a.jpg"), "result.json"),
        ("../images/a.jpg", ("images/a.jpg", "other/a.jpg"), "annotations/result.json"),
        ("../../mine/images/a.jpg", ("images/a.jpg", "other/a.jpg"), "annotations/result.json"),
        ("/data/mine/images/a.jpg", ("images/a.jpg", "other/images/a.jpg"), "result.json"),
        ("a%20b.jpg", ("a%20b.jpg", "a b.jpg"), "result.json"),
        ("a\\b.jpg", ("a\\b.jpg", "a/b.jpg"), "result.json"),
        ("a b [1] #2 ü.jpg", ("a b [1] #2 ü.jpg",), "result.json"),
    ],
)
def test_a_path_that_is_there_as_written_is_meant(
    name: str, images: tuple[str, ...], file: str
) -> None:
    assert meant(name, *images, file=file) == images[0]
    assert found(name, *images, file=file).note == ""


@pytest.mark.parametrize("images", [("images/Train/Data/a.jpg",), ("a.jpg", "b/a.jpg", "c/a.jpg")])
def test_a_name_below_a_folder_that_it_leaves_out_needs_no_note(images: tuple[str, ...]) -> None:
    match = found("a.jpg", *images)
    assert match == Match(FOLDER / images[0], (FOLDER / images[0],), "")


@pytest.mark.parametrize(
    "name",
    [
        "../../label-studio/data/media/upload/1/top shelf.jpg",
        "images\\top shelf.jpg",
        ".\\images\\top shelf.jpg",
        "..\\..\\label-studio\\media\\upload\\4\\top shelf.jpg",
        "D:\\pictures\\top shelf.jpg",
        "D:/pictures/top shelf.jpg",
        "\\\\server\\pictures\\top shelf.jpg",
        "images/1/top shelf.jpg",
        "/data/upload/1/top shelf.jpg",
        "top%20shelf.jpg",
        "/data/upload/4/top%20shelf.jpg",
        "/data/local-files/?d=pictures/top%20shelf.jpg",
        "/data/local-files/?d=C%3A%5Cpictures%5Ctop%20shelf.jpg",
        "http://localhost:8080/data/local-files/?d=top%20shelf.jpg",
        "https://host.example/bucket/top%20shelf.jpg?X-Token=a/b.jpg&n=1#part",
        "/data/upload/top%20shelf.jpg?width=100",
        "file:///home/someone/top%20shelf.jpg",
        "file:///D:/pictures/top%20shelf.jpg",
        "file://D:\\pictures\\top shelf.jpg",
        "s3://bucket/pictures/top shelf.jpg",
        " top shelf.jpg ",
    ],
)
def test_a_name_of_another_machine_means_the_only_image_of_its_end(name: str) -> None:
    match = found(name, "images/top shelf.jpg", "images/bottom shelf.jpg", "masks/top shelf.png")
    assert match.image == FOLDER / "images/top shelf.jpg"
    assert "another folder or machine" in match.note


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("/home/someone/a/1.jpg", "x/a/1.jpg"),
        ("C:\\b\\1.jpg", "b/1.jpg"),
        ("/data/local-files/?d=set/b/1.jpg", "b/1.jpg"),
        ("http://host/b%20c/1.jpg", "b c/1.jpg"),
    ],
)
def test_the_longest_tail_decides(name: str, meaning: str) -> None:
    assert meant(name, "1.png", "x/a/1.jpg", "b/1.jpg", "b c/1.jpg", "y/1.jpg") == meaning


def test_several_images_that_fit_are_none_and_are_named() -> None:
    match = found("/other/1.jpg", "x/1.jpg", "y/1.jpg", "y/2.jpg")
    assert match.image is None
    assert match.fits == (FOLDER / "x/1.jpg", FOLDER / "y/1.jpg")
    assert found("/other/3.jpg", "x/1.jpg", "y/1.jpg") == Match(None, ())


@pytest.mark.parametrize(
    ("file", "meaning"),
    [
        ("annotations/instances_Train.json", "images/train/1.jpg"),
        ("annotations/instances_valid.json", "images/val/1.jpg"),
        ("annotations/instances_test.json", None),
        ("annotations/instances.json", None),
        ("images/train/labels/instances.json", "images/train/1.jpg"),
    ],
)
def test_of_several_the_one_of_the_files_image_set_or_the_nearest_is_meant(
    file: str, meaning: str | None
) -> None:
    assert meant("1.jpg", "images/train/1.jpg", "images/val/1.jpg", file=file) == meaning


def test_the_image_set_counts_before_the_nearest_and_both_together_decide() -> None:
    images = ("one/train/1.jpg", "one/val/1.jpg", "two/train/1.jpg", "two/val/1.jpg")
    assert meant("1.jpg", *images, file="two/annotations/val.json") == "two/val/1.jpg"
    assert meant("1.jpg", *images, file="two/annotations/all.json") is None


@pytest.mark.parametrize(
    ("name", "image", "what"),
    [
        ("images/SHELF.JPG", "images/shelf.jpg", "letter case"),
        ("D:\\Images\\Shelf.jpeg", "images/shelf.JPEG", "letter case"),
        ("u\u0308ber.jpg", "\u00fcber.jpg", "accents"),
        ("shelf", "shelf.jpg", "extension"),
        ("images/shelf.v2", "shelf.v2.png", "extension"),
    ],
)
def test_a_last_resort_is_noted(name: str, image: str, what: str) -> None:
    match = found(name, image, "other.jpg")
    assert match.image == FOLDER / image
    assert what in match.note


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("Shelf.jpg", ("a/shelf.jpg", "b/SHELF.JPG")),
        ("shelf", ("shelf.jpg", "shelf.png")),
        # A mask is not the picture whose outlines it has.
        ("shelf.jpg", ("shelf.png",)),
        ("", ("shelf.jpg",)),
        ("/", ("shelf.jpg",)),
        ("..", ("shelf.jpg",)),
        ("../secret.jpg", ("shelf.jpg",)),
        ("/etc/passwd", ("shelf.jpg",)),
        ("\0", ("shelf.jpg",)),
    ],
)
def test_a_last_resort_must_be_unique_and_nothing_outside_is_meant(
    name: str, images: tuple[str, ...]
) -> None:
    assert meant(name, *images) is None


def test_images_outside_the_folder_are_never_meant(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    outside = tmp_path / "secret.jpg"
    outside.touch()
    index = ImageIndex(folder, [])
    for name in (str(outside), "../secret.jpg", f"file://{outside}"):
        assert find_image(index, name, folder / "a.json") == Match(None, ())


def test_a_relative_folder_is_no_hindrance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("mine/../mine")
    index = ImageIndex(folder, [folder / "images" / "a.jpg"])
    for name in ("../images/a.jpg", f"{tmp_path}/mine/images/a.jpg", "images\\a.jpg"):
        assert find_image(index, name, folder / "json" / "a.json").image == folder / "images/a.jpg"
