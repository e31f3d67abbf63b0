import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.commands import Result, run_stage, write_params
from tests.helpers.devkits import jpeg_bytes, make_devkit, pack_devkit


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    return make_devkit(tmp_path, {"train": 4, "val": 2, "test": 2}, trainval=True)


def run(devkit: Path, output: Path, *overrides: str) -> Result:
    params = write_params(output.parent)
    sets = [part for each in overrides for part in ("--set", each)]
    return run_stage("shard", devkit, output, "--params", params, *sets)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_archive_and_folder_give_the_same_shards_but_for_the_name(
    devkit: Path, tmp_path: Path
) -> None:
    archive = pack_devkit(devkit, tmp_path / "VOC2007.tar")
    gzipped = tmp_path / "VOC2007.tar.gz"
    gzipped.write_bytes(gzip.compress(archive.read_bytes()))
    for number, path in enumerate((devkit, archive, gzipped)):
        result = run(path, tmp_path / f"out{number}")
        assert result.status == 0, result.err
    assert contents(tmp_path / "out0") == contents(tmp_path / "out1") == contents(tmp_path / "out2")


def test_the_table_counts_images_and_objects(devkit: Path, tmp_path: Path) -> None:
    result = run(devkit, tmp_path / "out")
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert "VOC2007: images / objects (difficult)" in result.out
    lines = {line.split()[1]: line for line in result.out.splitlines() if line.startswith("│")}
    cells = [cell.strip() for cell in lines["cat"].strip("│").split("│")]
    assert cells[0] == "cat"
    for cell, image_set in zip(cells[1:], ("test", "train", "trainval", "val"), strict=True):
        counts = index["statistics"][image_set]["categories"]["cat"]
        expected = f"{counts['images']} / {counts['objects']}"
        assert cell.split(" (")[0] == expected
    assert "shard: 8 of 8 images (100 %)" in result.err


def test_parameters_choose_split_and_size(devkit: Path, tmp_path: Path) -> None:
    result = run(devkit, tmp_path / "out", "shard.split=seeded", "shard.samples_per_shard=2")
    assert result.status == 0, result.err
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert {name: part["samples"] for name, part in index["image_sets"].items()} == {
        "test": 2,
        "train": 5,
        "val": 1,
    }
    assert len(index["image_sets"]["train"]["shards"]) == 3


Damage = Callable[[Path], object]


def annotation(devkit: Path) -> Path:
    return devkit / "VOC2007" / "Annotations" / "000002.xml"


def image(devkit: Path) -> Path:
    return devkit / "VOC2007" / "JPEGImages" / "000002.jpg"


def image_list(devkit: Path) -> Path:
    return devkit / "VOC2007" / "ImageSets" / "Main" / "val.txt"


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


BAD_DEVKITS: dict[str, tuple[Damage, str, str]] = {
    "image without annotation": (
        lambda devkit: annotation(devkit).unlink(),
        "000002.jpg: expected an annotation",
        "found none",
    ),
    "annotation without image": (
        lambda devkit: image(devkit).unlink(),
        "000002.xml: expected an image",
        "found none",
    ),
    "malformed XML": (
        lambda devkit: replace(annotation(devkit), "</annotation>", ""),
        "000002.xml: expected well-formed XML",
        "found: ",
    ),
    "box outside the image": (
        lambda devkit: replace(annotation(devkit), "<xmax>", "<xmax>9"),
        "000002.xml: object 1 'cat': expected a box within the image of 96 x 72 pixels",
        "found (",
    ),
    "box without area": (
        lambda devkit: replace(annotation(devkit), "<ymin>", "<ymin>9"),
        "000002.xml: object 1 'cat': expected a box with an area",
        "found (",
    ),
    "unknown class": (
        lambda devkit: replace(annotation(devkit), "<name>cat", "<name>tiger"),
        "000002.xml: object 1 'tiger': unknown class",
        "expected one of aeroplane",
    ),
    "empty image set": (
        lambda devkit: image_list(devkit).write_text("\n"),
        "val.txt: empty image set",
        "expected at least one image id",
    ),
    "listed image that is not there": (
        lambda devkit: image_list(devkit).write_text("000005\n000099\n"),
        "val.txt: expected images of the devkit",
        "found '000099'",
    ),
    "half an image": (
        lambda devkit: image(devkit).write_bytes(image(devkit).read_bytes()[:-300]),
        "000002.jpg: expected a whole JPEG image",
        "found: ",
    ),
    "image of another size": (
        lambda devkit: image(devkit).write_bytes(jpeg_bytes((96, 71))),
        "000002.xml: expected the image's size, 96 x 71",
        "found 96 x 72",
    ),
    "no image sets": (
        lambda devkit: shutil.rmtree(devkit / "VOC2007" / "ImageSets"),
        "shard.split=devkit: expected image sets",
        "found none",
    ),
    "nothing": (shutil.rmtree, "VOCdevkit: expected a devkit", "found "),
}


@pytest.mark.parametrize("what", BAD_DEVKITS)
def test_a_bad_devkit_is_told_in_one_line_and_leaves_nothing(
    devkit: Path, tmp_path: Path, what: str
) -> None:
    damage, expectation, finding = BAD_DEVKITS[what]
    damage(devkit)
    error = run(devkit, tmp_path / "out").error
    assert expectation in error
    assert finding in error
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_half_an_archive_is_told_and_leaves_nothing(
    devkit: Path, tmp_path: Path, suffix: str
) -> None:
    content = pack_devkit(devkit, tmp_path / "whole.tar").read_bytes()
    if suffix == ".tar.gz":
        content = gzip.compress(content)
    half = tmp_path / f"half{suffix}"
    half.write_bytes(content[: len(content) // 2])
    error = run(half, tmp_path / "out").error
    assert error.startswith(f"{half}: expected a whole ")
    assert not (tmp_path / "out").exists()


def test_an_empty_seeded_set_is_told(devkit: Path, tmp_path: Path) -> None:
    error = run(
        devkit,
        tmp_path / "out",
        "shard.split=seeded",
        "shard.fractions={train: 0.98, val: 0.01, test: 0.01}",
    ).error
    assert error.startswith(
        "shard.fractions.test: expected a share that gives an image or 0; found"
    )
    assert not (tmp_path / "out").exists()


def test_a_url_to_write_is_refused_before_any_work(devkit: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = run_stage("shard", devkit, "s3://bucket/shards", "--params", write_params(tmp_path))
    assert done.status == 1
    assert done.err == (
        "error: s3:/bucket/shards: expected a folder to write; found a URL (copy it there later)\n"
    )
    assert not (tmp_path / "s3:").exists()


def test_shards_by_url_in_place_of_a_devkit_name_the_setting(tmp_path: Path) -> None:
    done = run_stage(
        "shard", "s3://bucket/voc", tmp_path / "out", "--params", write_params(tmp_path)
    )
    assert "expected a devkit; found a URL (with dataset.name=shards and" in done.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["download", "shard"])
def test_help_is_instant(name: str) -> None:
    """Nothing heavy is imported for it: counted in modules, since seconds depend on the machine."""
    code = (
        f"import sys; sys.argv = ['x', '--help']\n"
        f"from stages.{name} import main, run_command\n"
        f"try: run_command(main)\n"
        f"except SystemExit: pass\n"
        f"print([m for m in ('torch', 'numpy', 'PIL', 'lxml', 'requests', 'webdataset', 'pydantic')"
        f" if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "Usage" in run.stdout
    assert run.stdout.splitlines()[-1] == "[]"


def test_as_a_program_a_mistake_is_one_line_and_status_one(tmp_path: Path) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "stages.shard",
            tmp_path / "none",
            tmp_path / "out",
            "--params",
            write_params(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == (
        f"error: {tmp_path}/none: expected a devkit, an archive or a folder; found nothing there\n"
    )
