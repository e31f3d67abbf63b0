import io
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from objloc.data.voc.annotation import read_annotation
from objloc.search.localiser import Localiser
from tests.helpers.commands import run_objloc
from tests.helpers.runs import make_run
from tests.helpers.servers import Files, serving, unused_address
from tests.helpers.stores import make_samples


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an agent that always finds a cat, and photographs."""
    make_run(tmp_path / "data", trigger=1000.0)
    (tmp_path / "model.pt").write_bytes((tmp_path / "data/train/checkpoint.pt").read_bytes())
    (tmp_path / "photos").mkdir()
    for sample in make_samples(3):
        (tmp_path / "photos" / f"{sample.image_id}.jpg").write_bytes(sample.jpeg)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def predict(*arguments: str | Path) -> Any:
    return run_objloc("predict", "--model", "model.pt", *arguments)


def test_a_folder_gives_a_table_and_three_files_for_each_picture(folder: Path) -> None:
    told = predict("photos", "--output", "found")
    assert told.status == 0
    lines = told.out.splitlines()
    assert lines[0].split() == [
        "image", "category", "score", "steps", "xmin", "ymin", "xmax", "ymax",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert lines[1].split()[1] == "cat"
    assert lines[1].split()[3:] == ["1", "0.0", "0.0", "120.0", "90.0"]
    assert told.err == "9 files in found\n"
    names = {f"00000{number}.{kind}" for number in range(3) for kind in ("jpg", "json", "xml")}
    assert {path.name for path in (folder / "found").iterdir()} == names


def test_the_files_say_what_the_localiser_says(folder: Path) -> None:
    assert predict("photos/000001.jpg", "--max-windows", "40").status == 0
    result = Localiser.load("model.pt")("photos/000001.jpg", max_windows=40)
    written = folder / "predictions"
    assert json.loads((written / "000001.json").read_text()) == result.as_json()
    annotation = read_annotation((written / "000001.xml").read_bytes(), "it", official=True)
    assert (annotation.width, annotation.height) == (120, 90)
    assert [item.category for item in annotation.objects] == result.labels
    boxes = np.array([item.box for item in annotation.objects])
    np.testing.assert_allclose(boxes, result.xyxy, atol=1e-9)
    with Image.open(written / "000001.jpg") as picture:
        assert picture.size == (480, 360)


@pytest.mark.usefixtures("folder")
def test_a_minimum_score_leaves_boxes_out() -> None:
    told = predict("photos/000000.jpg", "--no-files", "--min-score", "1e9")
    assert "nothing found in" in told.out
    every = predict("photos/000000.jpg", "--no-files", "--min-score=-inf")
    assert " cat " in every.out


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--max-windows", "10001", "max_windows: expected at most 10000; found 10001"),
        ("--min-score", "nan", "min_score: expected a number; found nan"),
        ("--output", "model.pt", "model.pt: expected a folder; found a file"),
    ],
)
def test_a_wrong_option_is_told_once_for_all_pictures(
    option: str, value: str, message: str
) -> None:
    assert predict("photos", option, value).error == message


def test_json_is_one_document_and_nothing_else(folder: Path) -> None:
    told = predict("photos/000000.jpg", "nothing.jpg", "--json", "--no-files")
    assert told.status == 3
    document = json.loads(told.out)
    assert document["model"] == "model.pt"
    (image,) = document["images"]
    assert (image["source"], image["files"]) == ("photos/000000.jpg", [])
    assert image["boxes"][0]["voc"] == [1, 1, 120, 90]
    (failed,) = document["failed"]
    assert failed["source"] == "nothing.jpg"
    assert told.err == f"error: {failed['error']}\n"
    assert not (folder / "predictions").exists()


@pytest.mark.usefixtures("folder")
def test_a_table_has_no_head_if_nothing_was_searched() -> None:
    told = predict("nothing.jpg")
    assert (told.status, told.out) == (1, "")
    assert "nothing.jpg: cannot be read" in told.error
    # What fails first takes the head from none.
    told = predict("nothing.jpg", "photos/000001.jpg")
    assert [line.split()[0] for line in told.out.splitlines()] == ["image", "000001.jpg"]


def test_an_address_is_searched_too(folder: Path) -> None:
    content = (folder / "photos" / "000000.jpg").read_bytes()
    with serving(Files({"/a/holiday.jpg": content})) as files:
        assert predict(f"{files.url}/a/holiday.jpg").status == 0
    assert (folder / "predictions" / "holiday.xml").is_file()
    told = predict(f"{unused_address()}/holiday.jpg")
    assert told.error.endswith("holiday.jpg: cannot be fetched: connection refused")


def test_pictures_of_one_name_do_not_replace_each_other(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "photos" / "000000.jpg").rename(folder / "more" / "000001.jpg")
    assert predict("photos/000001.jpg", "more", "more/000001.jpg").status == 0
    names = {path.stem for path in (folder / "predictions").iterdir()}
    assert names == {"000001", "000001_2", "000001_3"}


def test_nothing_found_is_no_mistake(folder: Path) -> None:
    told = predict("photos/000000.jpg", "--categories", "dog", "--max-windows", "3")
    assert told.status == 0
    assert told.out.splitlines()[1] == "000000.jpg  nothing found in 3 windows"
    assert b"<object>" not in (folder / "predictions" / "000000.xml").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["photos", "--categories", "cat,zebra"], "categories: expected some of cat, dog; .*zebra"),
        (["photos", "--categories", ","], "categories: expected .*; found none"),
        (["photos", "--output", "photos"], "--output: expected another folder than the pictures'"),
        (["photos", "--output", "model.pt"], "model.pt: expected a folder; found a file"),
        (["empty"], r"empty: expected images \(.*\); found none"),
        (["photos", "--model", "none.pt"], "none.pt: no such checkpoint"),
        (["photos", "--model", "victor"], "model 'victor': .*expected MLflow's store; found none"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(
    folder: Path, arguments: list[str], told: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").touch()
    before = sorted(folder.rglob("*"))
    result = predict(*arguments)
    assert result.status == 1
    lines = result.err.splitlines()
    assert re.search(told, lines[0])
    assert all(line.startswith("error: ") for line in lines)
    assert sorted(folder.rglob("*")) == before


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(width: int, height: int, depth: int, rows: bytes) -> bytes:
    """A PNG in colour, written by hand: Pillow writes none of 16 bits."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(rows), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in chunks
    )


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.new("RGB", (70, 50)), "JPEG", exif=exif)


GREY = Image.fromarray(np.full((50, 70), 40_000, dtype=np.uint16))
FRAMES = [Image.new("RGB", (70, 50), colour) for colour in ("red", "blue")]
ANIMATION = saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:])
DEEP = png(70, 50, 16, (b"\0" + struct.pack(">HHH", 65535, 32768, 0) * 70) * 50)


@pytest.mark.parametrize(
    ("name", "content", "size"),
    [
        ("animated.gif", ANIMATION, (70, 50)),
        ("print.jpg", saved(Image.new("CMYK", (70, 50)), "JPEG"), (70, 50)),
        ("grey16.png", saved(GREY, "PNG"), (70, 50)),
        ("colour16.png", DEEP, (70, 50)),
        ("turned.jpg", turned(), (50, 70)),
        ("tiny.png", saved(Image.new("RGB", (1, 1)), "PNG"), (1, 1)),
        ("strip.png", saved(Image.new("RGB", (3000, 1)), "PNG"), (3000, 1)),
        ("see-through.png", saved(Image.new("RGBA", (70, 50)), "PNG"), (70, 50)),
    ],
)
def test_unusual_pictures_are_searched(
    folder: Path, name: str, content: bytes, size: tuple[int, int]
) -> None:
    (folder / name).write_bytes(content)
    told = predict(name, "--categories", "cat")
    assert told.status == 0, told.err
    written = json.loads((folder / "predictions" / name).with_suffix(".json").read_text())
    assert (written["width"], written["height"]) == size
    assert [box["voc"] for box in written["boxes"]] == [[1, 1, *size]]
    with Image.open((folder / "predictions" / name).with_suffix(".jpg")) as picture:
        assert max(picture.size) >= 480


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("text.jpg", b"Dear Sir,\nthis is a letter.\n", "expected an image .*found something else"),
        ("zero.jpg", b"", "expected an image; found an empty file"),
        ("half.jpg", saved(Image.new("RGB", (300, 200)), "JPEG")[:700], "the image is damaged"),
        ("huge.png", png(40_000, 40_000, 8, b""), "expected at most 89 megapixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line_and_the_others_are_searched(
    folder: Path, name: str, content: bytes, told: str
) -> None:
    (folder / "photos" / name).write_bytes(content)
    result = predict("photos")
    assert result.status == 3
    first, last = result.err.splitlines()
    assert first.startswith(f"error: photos/{name}: ")
    assert re.search(told, first)
    assert last == "9 files in predictions"
    alone = predict(f"photos/{name}")
    assert alone.status == 1
    assert re.search(told, alone.error)
