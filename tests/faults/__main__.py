"""`python -m tests.faults --profile gate --seed 7`: a run with its progress, and its report at the end."""

import argparse
import asyncio
import logging
import random
import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.faults.plan import PROFILES
from tests.faults.run import Report, run
from tests.faults.stage import UP

SHOWN = 5


def told(report: Report, repeat: str) -> str:
    """Return a report for people."""
    counters = [f"  {name:<42}{report.reached[name]:>4} of {number}" for name, number in sorted(report.planned.items())]
    broken = [f"  {promise}: {problem}" for promise, found in report.rest.broken.items() for problem in found[:SHOWN]]
    times = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in report.seconds.items())
    return "\n".join(
        [
            *counters,
            f"sent on purpose: {_listed(report.sent)}",
            f"points passed: {_listed(report.points)}",
            f"answers: {_listed(report.rest.answers)}",
            f"not reached: {', '.join(report.unreached) or 'nothing'}",
            f"still waiting: {report.rest.waiting or 'nothing'}",
            *(["broken:", *broken] if broken else []),
            f"{report.verdict.upper()}: seed {report.seed}, {times}. To repeat: {repeat}",
        ]
    )


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(numbers.items()))


def main() -> None:
    """Run, and exit with 0 only when the run was clean."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="smoke")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--minutes", type=float, help="another length of the profile")
    parser.add_argument("--mutant", help="run with this mistake in the services: the run is to be broken")
    parser.add_argument("--home", type=Path, help="an empty folder for everything; default a temporary one")
    chosen = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that a broker is away is no news here
    profile = PROFILES[chosen.profile].lasting(chosen.minutes * 60) if chosen.minutes else PROFILES[chosen.profile]
    argv = (sys.executable, "-m", "tests.faults.mutated", chosen.mutant, "up") if chosen.mutant else UP
    with tempfile.TemporaryDirectory(prefix="sewa-faults-") as folder:
        home = chosen.home or Path(folder)
        home.mkdir(exist_ok=True)
        print(f"seed {chosen.seed}", flush=True)
        report = asyncio.run(run(chosen.seed, profile, home.resolve(), lambda line: print(line, flush=True), argv))
    options = {"profile": chosen.profile, "seed": chosen.seed, "minutes": chosen.minutes, "mutant": chosen.mutant}
    repeat = [
        ".venv/bin/python",
        "-m",
        "tests.faults",
        *(word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))),
    ]
    print(told(report, shlex.join(repeat)))
    sys.exit(report.verdict != "clean")


if __name__ == "__main__":
    main()
