"""The platform with a mistake in its services: `python -m tests.faults.mutated "two relays" up`, and `run <service>` for each of them."""

import os
import sys

import pytest

from services.cli.app import main
from services.cli.everything import prepare
from services.cli.known import SERVICES
from services.cli.plan import Service
from services.cli.up import up
from services.runtime.db import open_direct_engine, open_engine
from tests.simulation.mutants import MUTANTS
from tests.simulation.world import Engines


def start(mutant: str, *verb: str) -> None:
    """Run everything, or one service with the mistake in it."""
    if verb == ("up",):
        again = (sys.executable, "-m", "tests.faults.mutated", mutant, "run")
        up([Service(name, service.port) for name, service in SERVICES.items()], prepare, argv=again)
        return
    url, name = os.environ["DATABASE_URL"], f"sewa-{verb[-1]}-{os.environ.get('SEWA_SLOT', '0')}-mutant"
    engines = Engines(open_engine(url, pool_size=2, name=name), open_direct_engine(url, name=name))
    MUTANTS[mutant].make(pytest.MonkeyPatch(), engines)
    sys.argv = ["sewa", *verb]
    main()


if __name__ == "__main__":
    start(*sys.argv[1:])
