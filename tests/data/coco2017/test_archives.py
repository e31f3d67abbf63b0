"""COCO by name: through a mirror to an evaluated model, from a miniature of its archives."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from objloc.data.coco2017.archives import open_coco
from objloc.data.shards import open_annotated
from objloc.errors import ObjlocError
from tests.helpers.coco_archives import (
    empty_table,
    image_entry,
    make_archives,
    write_annotations,
    write_images,
)
from tests.helpers.commands import run_stage
from tests.helpers.devkits import jpeg_bytes
from tests.helpers.imports import ROOT
from tests.helpers.projects import TINY, edit
from tests.helpers.servers import Files, serving

NAMES = ("train2017.zip", "val2017.zip", "annotations_trainval2017.zip")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archives(tmp_path_factory.mktemp("coco"))


def test_the_sets_are_the_official_ones_and_images_are_unchanged(archives: Path) -> None:
    coco = open_annotated(archives)
    assert {file.year for file in coco.images.values()} == {"2017"}
    assert {name: len(ids) for name, ids in coco.image_sets.items()} == {"train": 12, "val": 6}
    assert coco.image_sets["val"][0] == "000000000139"
    with zipfile.ZipFile(archives / "val2017.zip") as packed:
        assert coco.read("000000000139").jpeg == packed.read("val2017/000000000139.jpg")
    first, last = coco.read("000000000139"), coco.read(coco.image_sets["val"][-1])
    assert [each.category for each in first.objects if each.difficult] == ["person"]
    assert last.objects == ()
    with pytest.raises(ObjlocError, match="expected an image id of COCO; found '139'"):
        coco.read("139")


def test_from_a_mirror_to_an_evaluated_model(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    contents = {name: (archives / name).read_bytes() for name in NAMES}
    manifest = tmp_path / "manifest.json"
    with serving(Files({f"/coco/{name}": each for name, each in contents.items()})) as files:
        entries = {
            name: {
                "bytes": len(content),
                "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
                "urls": [f"http://localhost/{name}"],
            }
            for name, content in contents.items()
        }
        manifest.write_text(json.dumps({"archives": entries, "datasets": {"coco2017": NAMES}}))
        shutil.copy(ROOT / "params.yaml", tmp_path)
        edit(tmp_path, TINY)
        changes = {
            "dataset": {"name": "coco2017", "mirror": f"{files.url}/coco"},
            "train": {"categories": ["cat", "dog"]},
            "evaluate": {"image_sets": ["val"]},
        }
        edit(tmp_path, changes)
        options = ("--params", str(tmp_path / "params.yaml"))
        run_stage("download", manifest, tmp_path / "devkit", *options)
    run_stage("shard", tmp_path / "devkit", tmp_path / "shards", *options)
    run_stage("train", tmp_path / "shards", tmp_path / "train", *options)
    run_stage("evaluate", tmp_path / "shards", tmp_path / "train" / "checkpoint.pt",
              tmp_path / "evaluate", *options)  # fmt: skip
    index = json.loads((tmp_path / "shards" / "index.json").read_text())
    assert index["data"] == "coco2017"
    assert index["categories"] == ["cat", "dog", "person"]
    assert index["statistics"]["val"]["categories"]["person"]["difficult"] == 1
    metrics = json.loads((tmp_path / "evaluate" / "metrics.json").read_text())
    assert metrics["val"]["data"]["name"] == "coco2017"


def small(folder: Path, name: str = "000000000139.jpg", size: tuple[int, int] = (64, 48)) -> Path:
    """Archives of one image each."""
    folder.mkdir()
    tables = {"train": empty_table(), "val": empty_table()}
    tables["train"]["images"].append(image_entry(9, "000000000009.jpg", 64, 48))
    tables["val"]["images"].append(image_entry(139, "000000000139.jpg", *size))
    write_annotations(folder, tables)
    write_images(folder, "train", {"000000000009.jpg": jpeg_bytes((64, 48))})
    write_images(folder, "val", {name: jpeg_bytes((64, 48))})
    return folder


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ObjlocError,
        match=r"val2017\.zip: expected val2017/000000000139\.jpg, which is annotated; found none",
    ):
        open_coco(small(tmp_path / "a", name="000000000140.jpg"))
    coco = open_coco(small(tmp_path / "b", size=(48, 64)))
    with pytest.raises(
        ObjlocError, match=r"annotation of .*: expected the image's size, 64 x 48; found 48 x 64"
    ):
        coco.read("000000000139")
    folder = small(tmp_path / "c")
    write_images(folder, "val", {f"{n:012}.jpg": jpeg_bytes((64, 48)) for n in (139, 140)})
    with pytest.raises(ObjlocError, match=r"140\.jpg: expected an annotated image; found no entry"):
        open_coco(folder)
    shutil.copy(folder / "train2017.zip", folder / "annotations_trainval2017.zip")
    with pytest.raises(
        ObjlocError, match=r"expected annotations/instances_train2017\.json; found none"
    ):
        open_coco(folder)
