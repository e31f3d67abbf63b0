"""Look the locked packages up in the database of known vulnerabilities.

``make audit`` runs ``python -m benchmarks.audit PIP_AUDIT`` with the program pip-audit, whose
own exit status is 0 for packages that it could not look up. Exit status: 0 if all were looked
up and none is known to be vulnerable, 1 if one is, 2 if some could not be looked up.
"""

import json
import subprocess
import sys
from typing import Any

from benchmarks.lock import FILES, ROOT


def main(program: str) -> int:
    """Print the vulnerable packages, or that there is none; the exit status."""
    done = subprocess.run(
        [
            program, "--require-hashes", "--disable-pip", "--progress-spinner", "off",
            "--format", "json", *(part for name in FILES for part in ("--requirement", name)),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        why = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"not audited: the database of vulnerabilities cannot be asked: {why}")
        return 2
    return report(packages)


def report(packages: list[dict[str, Any]]) -> int:
    """Print what pip-audit found of each package; the exit status."""
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    known = [(each, flaw) for each in packages for flaw in each.get("vulns", ())]
    for package, flaw in known:
        fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {flaw['id']}; mended in {fixed}")
    if skipped:
        some = "" if len(skipped) == len(packages) else f": {', '.join(skipped)}"
        print(
            f"not audited: {len(skipped)} of {len(packages)} packages, which the database of "
            f"vulnerabilities does not answer for from here{some}"
        )
    if not known and not skipped:
        print(f"{len(packages)} packages, none known to be vulnerable")
    return 1 if known else 2 if skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
