"""A report that tests of several modules look at."""

from pathlib import Path

import pytest

from tests.helpers.reports import make_report
from tests.helpers.shared import made_once


@pytest.fixture(scope="session")
def report(evaluated_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the small run. Read only."""

    def make(folder: Path) -> None:
        make_report(evaluated_run, folder / "report")

    return made_once(tmp_path_factory, "reported", make) / "report"
