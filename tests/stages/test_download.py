import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from objloc.data import datasets
from objloc.data.download import CHUNK, Patience
from objloc.data.voc.devkit import open_devkit
from tests.helpers.commands import Result, run_stage, write_params
from tests.helpers.devkits import make_devkit, pack_devkit
from tests.helpers.servers import Files, serving, unused_address

TRAINVAL, TEST = "trainval.tar", "test.tar"


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two archives of one devkit, by name."""
    folder = tmp_path_factory.mktemp("archives")
    trainval = make_devkit(folder / "a", {"train": 3, "val": 2}, trainval=True)
    test = make_devkit(folder / "b", {"test": 2}, first=6)
    return {
        TRAINVAL: pack_devkit(trainval, folder / TRAINVAL).read_bytes(),
        TEST: pack_devkit(test, folder / TEST).read_bytes(),
    }


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository root with a parameter file; nobody waits long before trying again."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    write_params(tmp_path)
    quick = Patience(rounds=2, first_wait=0.01, connect_timeout=300, read_timeout=300)
    monkeypatch.setattr(datasets, "PATIENCE", quick)
    return tmp_path


@pytest.fixture
def server(archives: dict[str, bytes]) -> Iterator[Files]:
    content = {f"/voc/{name}": content for name, content in archives.items()}
    with serving(Files(content)) as files:
        yield files


def write_manifest(root: Path, archives: Mapping[str, bytes], *addresses: str) -> Path:
    manifest = {
        "archives": {
            name: {
                "bytes": len(content),
                "md5": md5_of(content),
                "urls": [f"{address}/{name}" for address in addresses],
            }
            for name, content in archives.items()
        },
        "datasets": {"voc2007": list(archives)},
    }
    path = root / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path


def write_mirror(folder: Path, archives: Mapping[str, bytes], sums: str | None = None) -> Path:
    folder.mkdir()
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    if sums is not None:
        (folder / "MD5SUMS").write_text(sums)
    return folder


def sums_of(archives: Mapping[str, bytes]) -> str:
    return "".join(f"{md5_of(content)}  {name}\n" for name, content in archives.items())


def run(root: Path, *overrides: str, name: str = "voc2007") -> Result:
    sets = [part for each in (f"dataset.name={name}", *overrides) for part in ("--set", each)]
    return run_stage(
        "download",
        root / "manifest.json",
        root / "data" / "devkit",
        "--params",
        root / "params.yaml",
        *sets,
    )


def assert_fetched(root: Path, archives: Mapping[str, bytes], name: str) -> None:
    """The output is exactly the archives and what is said of them."""
    output = root / "data" / "devkit"
    source = json.loads((output / "source.json").read_text())
    assert len(source.pop("checksum")) == 64
    assert source == {
        "name": name,
        "archives": [
            {"name": each, "bytes": len(content), "md5": md5_of(content)}
            for each, content in archives.items()
        ],
    }
    assert {path.name for path in output.iterdir()} == {*archives, "source.json"}
    for each, content in archives.items():
        assert (output / each).read_bytes() == content
    assert [path.name for path in output.parent.iterdir()] == ["devkit"]
    assert open_devkit(output).name == name


def assert_nothing_written(root: Path) -> None:
    data = root / "data"
    assert not data.exists() or list(data.iterdir()) == []


def test_official_addresses_are_used_and_partial_files_leave_no_trace(
    root: Path, server: Files, archives: dict[str, bytes]
) -> None:
    write_manifest(root, archives, f"{unused_address()}/voc", f"{server.url}/voc")
    server.cuts = [CHUNK]
    server.failures = [503]
    result = run(root)
    assert result.status == 0, result.err
    assert_fetched(root, archives, "voc2007")
    assert "voc2007" in result.out
    assert all(name in result.out for name in archives)
    downloads = root / ".objloc" / "downloads"
    assert [path.name for path in downloads.iterdir() if path.suffix != ".lock"] == []


def test_an_interrupted_run_goes_on_though_its_output_was_deleted(
    root: Path, server: Files, archives: dict[str, bytes]
) -> None:
    write_manifest(root, archives, f"{server.url}/voc")
    # The second archive breaks off and its server fails from then on.
    server.cuts = [10**9, CHUNK]
    server.content[f"/voc/{TEST}"] += b"x"
    assert "wrong size" in run(root).error
    assert_nothing_written(root)
    server.content[f"/voc/{TEST}"] = archives[TEST]
    server.log.clear()
    assert run(root).status == 0
    assert_fetched(root, archives, "voc2007")
    # The first archive was kept, and not asked for again.
    assert {path for path, _, _ in server.log} == {f"/voc/{TEST}"}


def test_without_internet_it_says_what_it_tried_and_what_to_do(
    root: Path, archives: dict[str, bytes]
) -> None:
    address = unused_address()
    write_manifest(root, archives, f"{address}/one", f"{address}/two")
    error = run(root).error
    assert f"{address}/one/{TRAINVAL} (connection refused)" in error
    assert f"{address}/two/{TRAINVAL} (connection refused)" in error
    assert error.endswith("dataset.mirror=FOLDER")
    assert_nothing_written(root)


@pytest.mark.parametrize("form", ["relative", "absolute", "address"])
def test_a_folder_is_a_mirror(root: Path, archives: dict[str, bytes], form: str) -> None:
    write_manifest(root, archives, unused_address())
    folder = write_mirror(root / "my mirror", archives)
    mirror = {"relative": "my mirror", "absolute": str(folder), "address": folder.as_uri()}[form]
    result = run(root, f"dataset.mirror={mirror}")
    assert result.status == 0, result.err
    assert_fetched(root, archives, "voc2007")


def test_a_mirrors_file_is_copied_not_linked(root: Path, archives: dict[str, bytes]) -> None:
    write_manifest(root, archives, unused_address())
    folder = write_mirror(root / "mirror", archives)
    assert run(root, "dataset.mirror=mirror").status == 0
    copy = root / "data" / "devkit" / TEST
    assert copy.stat().st_ino != (folder / TEST).stat().st_ino


def test_a_mirrors_own_checksums_are_verified_and_name_the_data(
    root: Path, archives: dict[str, bytes]
) -> None:
    write_manifest(
        root, {name: content + b"official" for name, content in archives.items()}, "http://x"
    )
    write_mirror(root / "mirror", archives, sums_of(archives))
    result = run(root, "dataset.mirror=mirror")
    assert result.status == 0, result.err
    first, second = (md5_of(archives[name])[:8] for name in (TRAINVAL, TEST))
    assert_fetched(root, archives, f"voc2007 (mirror {first}, {second})")


def test_official_archives_keep_their_name_whoever_lists_them(
    root: Path, archives: dict[str, bytes]
) -> None:
    write_manifest(root, archives, "http://x")
    write_mirror(root / "mirror", archives, sums_of(archives))
    assert run(root, "dataset.mirror=mirror").status == 0
    assert_fetched(root, archives, "voc2007")


def test_an_address_as_mirror_is_verified_by_the_manifest(
    root: Path, server: Files, archives: dict[str, bytes]
) -> None:
    write_manifest(root, archives, unused_address())
    # Its own checksums are nobody's business.
    server.content["/voc/MD5SUMS"] = sums_of(dict.fromkeys(archives, b"")).encode()
    assert run(root, f"dataset.mirror={server.url}/voc/").status == 0
    assert_fetched(root, archives, "voc2007")
    assert "/voc/MD5SUMS" not in [path for path, _, _ in server.log]
    shutil.rmtree(root / "data")
    own = {name: content[:-1] + b"x" for name, content in archives.items()}
    server.content = {f"/voc/{name}": content for name, content in own.items()}
    server.content["/voc/MD5SUMS"] = sums_of(own).encode()
    assert (
        f"expected md5 {md5_of(archives[TRAINVAL])}"
        in run(root, f"dataset.mirror={server.url}/voc").error
    )
    assert_nothing_written(root)


def damaged(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize("own_sums", [False, True])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "test.tar: expected an archive with md5 {md5}; found no such file"),
        ("half", "test.tar: "),
        ("flipped", "test.tar: wrong checksum: expected md5 {md5}; found {flipped}"),
    ],
)
def test_a_bad_archive_in_a_mirror_is_refused(
    root: Path, archives: dict[str, bytes], damage: str, message: str, own_sums: bool
) -> None:
    write_manifest(root, archives, "http://x")
    folder = write_mirror(root / "mirror", archives, sums_of(archives) if own_sums else None)
    content = archives[TEST]
    if damage == "missing":
        (folder / TEST).unlink()
    else:
        changed = damaged(content) if damage == "flipped" else content[: len(content) // 2]
        (folder / TEST).write_bytes(changed)
    error = run(root, "dataset.mirror=mirror").error
    expected = message.format(md5=md5_of(content), flipped=md5_of(damaged(content)))
    assert error.startswith(f"{folder}/{expected}")
    if damage == "half":
        assert error.endswith(f"expected {len(content)} bytes; found {len(content) // 2}")
    assert_nothing_written(root)


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        ("", "MD5SUMS: expected a line for trainval.tar; found none"),
        ("nonsense\n", "MD5SUMS: line 1: expected 'MD5  NAME'; found 'nonsense'"),
    ],
)
def test_bad_checksums_of_a_mirror_are_refused(
    root: Path, archives: dict[str, bytes], sums: str, message: str
) -> None:
    write_manifest(root, archives, "http://x")
    write_mirror(root / "mirror", archives, sums)
    assert run(root, "dataset.mirror=mirror").error.endswith(message)
    assert_nothing_written(root)


@pytest.mark.parametrize(
    ("mirror", "message"),
    [
        (
            "nowhere",
            "dataset.mirror: expected a folder with trainval.tar, test.tar; found no folder",
        ),
        ("ftp://x/voc", "dataset.mirror: expected a folder, a file:// or an http(s):// address"),
    ],
)
def test_a_mirror_that_is_none_is_refused(
    root: Path, archives: dict[str, bytes], mirror: str, message: str
) -> None:
    write_manifest(root, archives, "http://x")
    assert run(root, f"dataset.mirror={mirror}").error.startswith(message)
    assert_nothing_written(root)


def test_a_bad_manifest_is_refused(root: Path, archives: dict[str, bytes]) -> None:
    path = root / "manifest.json"
    assert run(root).error == f"{path}: cannot be read: No such file or directory"
    path.write_text("{")
    assert run(root).error.startswith(f"{path}: the file: ")
    manifest = json.loads(write_manifest(root, archives, "http://x").read_text())
    manifest["archives"][TEST]["md5"] = "abc"
    path.write_text(json.dumps(manifest))
    assert run(root).error.startswith(f"{path}: archives.test.tar.md5: ")
    del manifest["archives"][TEST]
    path.write_text(json.dumps(manifest))
    assert run(root).error == f"{path}: archives: expected an entry 'test.tar'; found none"
    assert run(root, name="voc2012").error == (
        f"{path}: datasets: expected an entry 'voc2012'; found voc2007"
    )
    assert_nothing_written(root)


def test_somebody_elses_folder_is_not_replaced(root: Path, archives: dict[str, bytes]) -> None:
    write_manifest(root, archives, "http://x")
    write_mirror(root / "mirror", archives)
    mine = root / "data" / "devkit" / "thesis.tex"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    assert "found a folder of other files" in run(root, "dataset.mirror=mirror").error
    assert mine.read_text() == "years of work"
    mine.unlink()
    assert run(root, "dataset.mirror=mirror").status == 0
    # An earlier output is.
    assert run(root, "dataset.mirror=mirror").status == 0
    assert_fetched(root, archives, "voc2007")


def test_the_embedded_dataset_is_drawn_the_same_each_time(root: Path) -> None:
    output = root / "data" / "devkit"
    drawn = []
    for _ in range(2):
        result = run(root, "dataset.scenes_images={train: 4, val: 2, test: 2}", name="scenes")
        assert result.status == 0, result.err
        drawn.append(
            {
                str(path.relative_to(output)): path.read_bytes()
                for path in sorted(output.rglob("*"))
                if path.is_file()
            }
        )
    assert drawn[0] == drawn[1]
    devkit = open_devkit(output)
    assert devkit.name == "scenes"
    sizes = {name: len(image_ids) for name, image_ids in devkit.image_sets.items()}
    assert sizes == sizes | {"train": 4, "val": 2, "test": 2}
    assert all(devkit.read(image_id).jpeg for image_id in devkit.image_ids)
