"""Write the files of locked packages, with the hash of each file that PyPI has of them.

``make lock`` runs ``python -m benchmarks.lock UV [OPTION ...]`` with the program uv. Versions
that still fit stay, unless an option says otherwise: ``--upgrade-package NAME``, ``--upgrade``.

``requirements-build.lock`` has what builds packages that are published as source alone, and is
installed first. ``requirements-torch.lock`` has PyTorch as PyPI has it, which for Linux means
gigabytes of CUDA's libraries; ``requirements-torch-cpu.lock`` its build for CPUs, which is taken
where pip finds it. ``requirements.lock`` has all others.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = ("app", "dev", "video")
FILES = {
    "requirements-build.lock": r"setuptools",
    "requirements-torch.lock": r"torch|triton|(?:nvidia|cuda)-.*",
    "requirements.lock": r".*",
}
"""Each file, and a pattern of the packages in it that are in none before."""
CPU_FILE = "requirements-torch-cpu.lock"
TORCH = "2.13.0"
TORCH_FOR_CPUS = (
    "84453b69508ec79902f899c5ed9495acb9e2bbe9fda5f1d5d6f19e3c3842e1a7",  # cp311, aarch64
    "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",  # cp311, x86_64
    "6f307c2c32d764ffc6ff6893b801fad6d4752f3e67966cb8abf1843427c02604",  # cp312, aarch64
    "4ca4a9394b0c771238a4f73590fdbbc4debad85ed0fa63d026ae1b085da7d6e2",  # cp312, x86_64
    "0b8f7d0423027ae8b90c7977c627f3379f325363a08224dffad9b4b2d684a83d",  # cp313, aarch64
    "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",  # cp313, x86_64
    "ca021f9eb2f8345c83fa03e3a04587308afb8df71bd472670b3ece00df58621c",  # cp314, aarch64
    "d20fa53ee744502fa4c69818a720b05ca0d37abd055d4f6e66cae155114bc691",  # cp314, x86_64
)
"""SHA-256 of ``torch-2.13.0+cpu-cp3*-cp3*-manylinux_2_28_*.whl``, PyTorch's builds for CPUs.

PyPI has only the build with CUDA for Linux. These are in the index that PyTorch itself keeps.
"""


def resolved(uv: str, options: list[str]) -> str:
    """Text of all packages that ``pyproject.toml`` asks for, on any platform, with hashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        builders, lock = Path(name, "build.in"), Path(name, "lock.txt")
        builders.write_text("\n".join(project["build-system"]["requires"]))
        # The versions that uv prefers; it would keep their hashes too, right or wrong.
        texts = [path.read_text("utf-8") for path in _files() if path.exists()]
        lock.write_text(re.sub(r" \\\n +--hash=\S+", "", "".join(texts)))
        subprocess.run(
            [
                uv, "pip", "compile", ROOT / "pyproject.toml", builders,
                *(part for extra in EXTRAS for part in ("--extra", extra)),
                "--universal", "--fork-strategy", "fewest", "--generate-hashes",
                "--python-version", project["project"]["requires-python"].removeprefix(">="),
                "--no-header", "--no-annotate", "--quiet", "--output-file", lock, *options,
            ],
            check=True,
        )  # fmt: skip
        return lock.read_text("utf-8")


def split(text: str) -> dict[str, str]:
    """Text of each file.

    Raises:
        ValueError: PyTorch has another version than the hashes of its builds for CPUs.
    """
    parts: dict[str, list[str]] = {name: [] for name in FILES}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        package = entry.split("==")[0]
        if package == "torch" and not entry.startswith(f"torch=={TORCH} "):
            raise ValueError(f"TORCH_FOR_CPUS: expected hashes of {entry.split()[0]}")
        name = next(name for name, which in FILES.items() if re.fullmatch(which, package))
        parts[name].append(entry)
    hashes = (f"--hash=sha256:{each}" for each in TORCH_FOR_CPUS)
    parts[CPU_FILE] = [" \\\n    ".join((f"torch=={TORCH}+cpu", *hashes))]
    return {name: "\n".join(entries) + "\n" for name, entries in parts.items()}


def _files() -> list[Path]:
    return [ROOT / name for name in FILES]


if __name__ == "__main__":
    for name, text in split(resolved(sys.argv[1], sys.argv[2:])).items():
        (ROOT / name).write_text(text, "utf-8")
