"""Write what ``objloc doctor`` compares a machine with.

Run ``python -m benchmarks.fingerprint`` on the machine that makes the published figures,
after each change of the default agent, of its code or of a package.
"""

from benchmarks.running import ROOT
from objloc.files import write_json
from objloc.learning.fingerprint import PUBLISHED, fingerprint
from objloc.network.device import CPU, machine_of
from objloc.params import load_params


def main() -> None:
    """Make the fingerprint of the default agent and write it."""
    agent = load_params(ROOT / "params.yaml").agent
    write_json(
        PUBLISHED,
        {
            "agent": agent.model_dump(mode="json"),
            "fingerprint": fingerprint(agent)._asdict(),
            "machine": machine_of(CPU),
        },
    )


if __name__ == "__main__":
    main()
