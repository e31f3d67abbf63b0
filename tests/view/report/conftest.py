"""A report that tests of several modules look at."""

from pathlib import Path

import pytest

from tests.helpers.reports import make_report


@pytest.fixture(scope="session")
def report(evaluated_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the small run. Read only."""
    folder = tmp_path_factory.mktemp("reported") / "report"
    make_report(evaluated_run, folder)
    return folder
