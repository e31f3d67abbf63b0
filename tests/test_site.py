"""The documentation as a site: built strictly, without anything from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks import figures
from benchmarks.site import present
from objloc import __version__
from tests.helpers.imports import ROOT

PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make site` builds it. Read only."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_is_built_strictly(site: Path) -> None:
    built = {path.stem for path in site.glob("*.html")}
    assert {name.removesuffix(".md") for name in PAGES} <= built


def test_a_page_of_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?(?:https?:)?//"
        r"|<link[^>]*\srel=[\"']?(?:stylesheet|preconnect|preload|icon)[^>]*href=[\"']?(?:https?:)?//"
    )
    for path in site.glob("*.html"):
        assert not loaded.search(path.read_text(encoding="utf-8")), path.name
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", path.read_text("utf-8"))


def test_the_nav_leads_to_every_page() -> None:
    nav = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]

    def pages(entries: list[Any]) -> list[str]:
        found: list[str] = []
        for entry in entries:
            ((_, target),) = entry.items()
            found += pages(target) if isinstance(target, list) else [target]
        return found

    listed = pages(present(nav, ROOT / "docs"))
    assert sorted(listed) == PAGES


def test_a_nav_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    nav = [
        {"A": "a.md"},
        {"B": "b.md"},
        {"C": [{"A": "a.md"}, {"B": "b.md"}]},
        {"D": [{"B": "b.md"}]},
    ]
    assert present(nav, tmp_path) == [{"A": "a.md"}, {"C": [{"A": "a.md"}]}]


def test_the_figures_are_those_of_the_code() -> None:
    old = [path.name for path, text in figures.figures() if path.read_text("utf-8") != text]
    assert old == [], "run: python -m benchmarks.figures"


def test_the_citation_names_the_dissertation_the_paper_and_the_version() -> None:
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == __version__
    kinds = {each["type"]: each for each in citation["references"]}
    assert kinds["thesis"]["year"] == 2018
    assert kinds["thesis"]["institution"]["name"] == "University of Glasgow"
    assert kinds["conference-paper"]["doi"] == "10.1109/ICCV.2015.286"
    assert kinds["conference-paper"]["year"] == 2015
