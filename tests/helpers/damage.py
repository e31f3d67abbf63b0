"""Files that stages read, damaged on purpose: made, read and compared."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from objloc import params
from objloc.checksums import SUMS_FILE, write_sums
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.data.shards import write_shards
from objloc.data.source import FetchedArchive, Source, write_source
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError
from objloc.evaluation.read import read_evaluation
from objloc.files import file_hash
from objloc.network.backbones.catalogue import info_of
from objloc.network.backbones.stored_maps import StoredMaps
from objloc.network.checkpoint import load_checkpoint, load_tensors
from objloc.network.device import CPU
from objloc.network.feature_store import (
    FEATURES_FILE,
    MIRRORED_FILE,
    FeatureIndex,
    making,
    open_features,
    write_feature_index,
)
from objloc.network.write_features import RowFile
from objloc.params import Encoder
from tests.helpers.devkits import make_devkit, pack_devkit
from tests.helpers.evaluations import make_checkpoint

IMAGES = {"train": 3, "val": 2, "test": 1}
ENCODER = Encoder(kind="pretrained", image_size=32)
HASH = "ab" * 32


@dataclass(frozen=True)
class Stored:
    """A folder, what its reader makes of it, and the files in it that are damaged."""

    folder: Path
    read: Callable[[Path], Any]
    names: tuple[str, ...]


def devkit_of(folder: Path) -> Any:
    opened = open_devkit(folder)
    return opened.name, opened.image_sets, [opened.read(each) for each in opened.image_ids]


def shards_of(folder: Path) -> Any:
    return read_index(folder), [list(read_samples(folder, name)) for name in IMAGES]


def features_of(folder: Path) -> Any:
    found = []
    for image_set, memory_mb in (("train", 0), ("val", 1000)):
        maps: StoredMaps = open_features(folder, image_set, HASH, ENCODER, memory_mb)
        rows = torch.arange(len(maps.rows))
        found.append(maps[rows].tolist())
        if image_set == "train":
            found.append(maps.partly_mirrored(rows, rows >= 0).tolist())
    return found


def checkpoint_of(folder: Path) -> Any:
    found = load_checkpoint(folder / "checkpoint.pt")
    state = {name: value.tolist() for name, value in found.state.items()}
    return replace(found, state={}), state


def state_of(folder: Path) -> Any:
    found = load_tensors(folder / "resume.pt")
    return {name: getattr(value, "tolist", lambda v=value: v)() for name, value in found.items()}


def evaluation_of(folder: Path) -> Any:
    found = read_evaluation(folder, "val")
    # All that matters of the images here is what they are called.
    store: Any = SimpleNamespace(image_ids=[image_id for image_id, _ in found.episodes])
    triggered = {
        name: {key: value.tolist() if hasattr(value, "tolist") else value
               for key, value in vars(each).items()}
        for name, each in found.detections("triggered", store).items()
    }  # fmt: skip
    return found.metrics, found.episodes, triggered


def make_archive(folder: Path) -> Stored:
    devkit = make_devkit(folder.with_name("packed"), IMAGES)
    archive = pack_devkit(devkit, folder / "voc.tar")
    fetched = FetchedArchive(
        name="voc.tar", bytes=archive.stat().st_size, md5=file_hash(archive, "md5")
    )
    write_source(folder, Source(name="voc2007", archives=(fetched,)))
    return Stored(folder, devkit_of, ("voc.tar", "source.json"))


def make_drawn(folder: Path) -> Stored:
    year = make_devkit(folder, IMAGES) / "VOC2007"
    write_source(folder, Source(name="scenes", archives=(), files=write_sums(folder)))
    parts = ("Annotations/000001.xml", "JPEGImages/000001.jpg", "ImageSets/Main/train.txt")
    inside = [(year / part).relative_to(folder).as_posix() for part in parts]
    return Stored(folder, devkit_of, (*inside, "source.json", SUMS_FILE))


def make_shards(folder: Path) -> Stored:
    write_shards(open_devkit(make_devkit(folder / "made", IMAGES)), folder / "out", params.Shard())
    return Stored(folder / "out", shards_of, ("train-000000.tar", "index.json"))


def make_features(folder: Path) -> Stored:
    folder.mkdir()
    length = info_of(ENCODER).length(32)
    drawn = np.random.default_rng(0).integers(-128, 128, (6, length), np.int8)
    checksums = []
    for name, rows in ((FEATURES_FILE, drawn[:4]), (MIRRORED_FILE, drawn[4:])):
        with RowFile(folder / name, len(rows), length) as file:
            file.add(torch.from_numpy(rows))
        checksums.append(file.checksums)
    index = FeatureIndex(
        ENCODER.backbone, info_of(ENCODER).weights, "float32", 32, HASH, 4, 2,
        {"train": [1, 0], "val": [2, 3]}, checksums[0], checksums[1], making(ENCODER, 4, CPU),
    )  # fmt: skip
    write_feature_index(folder, index)
    return Stored(folder, features_of, (FEATURES_FILE, MIRRORED_FILE, "index.json"))


def make_model(folder: Path) -> Stored:
    make_checkpoint(folder / "checkpoint.pt")
    return Stored(folder, checkpoint_of, ("checkpoint.pt",))


def make_state(folder: Path) -> Stored:
    folder.mkdir()
    state = {"phase": 0, "weights": torch.rand(50, 40), "updates": torch.arange(3), "loss": 0.25}
    torch.save(state, folder / "resume.pt")
    return Stored(folder, state_of, ("resume.pt",))


MAKERS = {
    "archive": make_archive,
    "drawn or converted devkit": make_drawn,
    "shards": make_shards,
    "features": make_features,
    "checkpoint": make_model,
    "resume state": make_state,
}


def damages(content: bytes, chance: random.Random, flips: int, cuts: int) -> list[bytes]:
    """Copies of a file, each with a flipped bit or cut short."""
    found = []
    for _ in range(flips):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        found.append(bytes(damaged))
    return found + [content[: chance.randrange(len(content))] for _ in range(cuts)]


@dataclass(frozen=True)
class Damaged:
    """What became of damaged copies of a file.

    Attributes:
        noticed: number of those that were refused by name.
        equal: number of those from which the same was read.
        bad: descriptions of the others.
    """

    noticed: int
    equal: int
    bad: tuple[str, ...]


def damaged(stored: Stored, name: str, flips: int, cuts: int) -> Damaged:
    """Damage a file many times, and read its folder after each.

    Args:
        stored: the folder; afterwards it is as before.
        name: the file's.
        flips: number of copies with a flipped bit.
        cuts: number of copies that are cut short.
    """
    path = stored.folder / name
    whole, content = stored.read(stored.folder), path.read_bytes()
    noticed, equal, bad = 0, 0, []
    for number, copy in enumerate(damages(content, random.Random(name), flips, cuts)):
        path.write_bytes(copy)
        try:
            same = stored.read(stored.folder) == whole
        except ObjlocError as error:
            noticed += 1
            if str(path) not in str(error):
                bad.append(f"damage {number} of {name} is called: {error}")
        else:
            equal += same
            if not same:
                bad.append(f"damage {number} of {name} changed what is read")
    path.write_bytes(content)
    if stored.read(stored.folder) != whole:
        bad.append(f"{name}: not read as before")
    return Damaged(noticed, equal, tuple(bad))


def evaluation_in(run: Path, folder: Path) -> Stored:
    """A copy of a run's evaluation, with checksums."""
    shutil.copytree(run / "evaluate", folder)
    write_sums(folder)
    names = ("metrics.json", "episodes.csv", "detections/triggered/comp3_det_val_cat.txt")
    return Stored(folder, evaluation_of, names)
