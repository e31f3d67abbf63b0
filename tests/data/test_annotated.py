from pathlib import Path

from objloc.data.annotated import open_annotated
from objloc.data.coco2017.archives import CocoArchives
from objloc.data.voc.devkit import Devkit
from tests.helpers.coco_archives import make_archives


def test_each_form_is_recognised(devkit_folder: Path, tmp_path: Path) -> None:
    devkit = open_annotated(devkit_folder)
    coco = open_annotated(make_archives(tmp_path / "coco", {"train": 1, "val": 1}))
    assert isinstance(devkit, Devkit)
    assert isinstance(coco, CocoArchives)
    assert {file.year for file in devkit.images.values()} == {"VOC2007"}
    assert {file.year for file in coco.images.values()} == {"2017"}
