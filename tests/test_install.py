"""The package as an environment has it installed."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_package_is_found_beside_a_clone_of_its_name(tmp_path: Path) -> None:
    # Python looks in the working folder first, and a clone is named as the package is.
    (tmp_path / "objloc" / "data").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", "import objloc.data.photograph"],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
