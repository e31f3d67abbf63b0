import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from objloc.data.check.check import check_folder
from objloc.params import Dataset
from objloc.view.check_sheet import TILES, sheet_of
from tests.helpers.commands import run_objloc
from tests.helpers.own_data import make_flat


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images beside XML files, in order. Read only."""
    return make_flat(tmp_path_factory.mktemp("own") / "pets", 60)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    told = run_objloc("data", "check", *arguments)
    return told.status, told.out, told.err


def test_a_folder_in_order_is_told_so_with_status_0(pets: Path) -> None:
    before = sorted(pets.iterdir())
    status, out, _ = run(pets)
    assert status == 0
    assert "images      60, 60 of them annotated" in out
    assert "boxes       corners" in out
    assert "result      in order: 1 note" in out
    assert sorted(pets.iterdir()) == before


def test_an_error_has_status_1_and_is_named(pets: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pets, tmp_path / "pets")
    for number in range(1, 13):
        (folder / f"{number:06}.jpg").write_bytes(b"")
    status, out, _ = run(folder)
    assert status == 1
    assert "error   corrupt     000001.jpg: expected an image; found an empty file" in out
    assert "… and 2 more (--all)" in out
    assert "NOT in order: 12 errors" in out
    assert "000012.jpg" not in out
    assert "000012.jpg" in run(folder, "--all")[1]


def test_json_holds_the_whole_report(pets: Path) -> None:
    status, out, _ = run(pets, "--json")
    assert status == 0
    told = json.loads(out)
    assert told["passed"]
    assert told["layout"] == "voc"
    assert told == json.loads(json.dumps(check_folder(pets, Dataset()).report.as_json()))


def test_a_folder_of_nothing_is_a_mistake_in_one_line(tmp_path: Path) -> None:
    status, out, err = run(tmp_path)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith(f"error: {tmp_path}: expected images with VOC's XML files, COCO's")


def test_a_contact_sheet_is_written_where_told(pets: Path, tmp_path: Path) -> None:
    photograph = next(pets.glob("*.jpg"))
    before = photograph.read_bytes()
    status, _, err = run(pets, "--sheet", photograph)
    assert (status, photograph.read_bytes()) == (1, before)
    assert err == (
        f"error: --sheet: expected a file outside {pets}; found {photograph}, one of its own\n"
    )
    target = tmp_path / "sheet.png"
    assert run(pets, "--sheet", target)[0] == 0
    with Image.open(target) as image:
        assert image.format == "PNG"
        assert image.width > 1000


def test_images_with_wrong_boxes_come_first_and_in_red(pets: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pets, tmp_path / "pets")
    path = folder / "000050.xml"
    path.write_text(path.read_text().replace("<xmax>", "<xmax>9", 1))
    checked = check_folder(folder, Dataset())
    assert not checked.report.passed
    red = [(255, 92, 92)]
    sheet, plain = sheet_of(checked), sheet_of(check_folder(pets, Dataset()))
    pixels = [set(each.crop((0, 0, 240, 300)).get_flattened_data()) for each in (sheet, plain)]
    assert set(red) & pixels[0]
    assert not set(red) & pixels[1]
    assert TILES == 24
