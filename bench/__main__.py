"""`make bench` and `make bench-scan`: everybody in turns, the ratios as a table and as one line of JSON, all of it in a file."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from bench import machine
from bench.comparison import Ratio, Round, medians, ratios
from bench.design import Wrong
from bench.entrants import Entrant, Failed, Line, expiring, floor, ingesting, ours
from services.runtime.clock import host_now
from services.runtime.errors import Halt

RESULTS = Path(__file__).parent / "results.json"
FAILURES = (Failed, Wrong, Halt, KafkaError, SQLAlchemyError, OSError, SubprocessError)
DJANGO = "--settings=bench.peers.by_django.settings"


def entrants(scale: float) -> list[Entrant]:
    """Return who takes part in every round; the slower ones have less to do, since rates are compared."""
    many, others, some, few = (max(1, round(number * scale)) for number in (20_000, 100_000, 2_000, 1_000))
    return [
        ours("expiry", "expiry", f"--due={many}", f"--open={others}"),
        ours("expiry_core", "expiry", f"--due={many}", f"--open={others}", "--core"),
        floor("expiry", {"due": many}),
        expiring("limit_expiry", "limit", ("bench.peers.limit.expiry",), many, others),
        expiring("django_bulk", "django", ("django", "cancel_expired_in_bulk", DJANGO), many, others),
        expiring("django_loop", "django", ("django", "cancel_expired", DJANGO), some, others),
        expiring("celery", "celery", ("bench.peers.by_celery",), some, others),
        expiring("procrastinate", "procrastinate", ("bench.peers.by_procrastinate",), few, others),
        ours("ingest", "ingest", f"--commands={many}"),
        ours("ingest_core", "ingest", f"--commands={many}", "--core"),
        floor("ingest", {"commands": many}),
        ingesting("limit_ingest", "limit", ("bench.peers.limit.ingest",), many),
        ours("ingest_2", "ingest", f"--commands={many}", "--workers=2"),
        ours("ingest_copies", "ingest", f"--commands={many}", "--copies"),
    ]


def main() -> int:
    """Measure what is asked for, say it, and store it. Status 1: a run failed."""
    options = _options()
    if options.scan:
        part, rounds = "scan", [_round([ours("scan", "scan", f"--open={options.open}")])]
    else:
        chosen = [entrant for entrant in entrants(options.scale) if not options.only or entrant.name in options.only]
        part, rounds = "rates", [_round(chosen[:: 1 if n % 2 == 0 else -1]) for n in range(options.rounds)]
        if not options.only or "latency" in options.only:
            rounds.append(_round([ours("latency", "latency", "--rate=100", "--seconds=30")]))
    return _told(part, rounds, options.results or (None if options.only else RESULTS))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often everybody has a turn (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual numbers of bookings (1)")
    parser.add_argument("--only", nargs="*", help="names of those who take part")
    parser.add_argument("--scan", action="store_true", help="time the scan among few and many open bookings instead")
    parser.add_argument("--open", default="1e5,1e6,1e7", help="how many are open when the scan is timed (1e5,1e6,1e7)")
    parser.add_argument(
        "--results", type=Path, help="the file that keeps the figures; default bench/results.json when everybody takes part"
    )
    return parser.parse_args()


def _round(chosen: Sequence[Entrant]) -> dict[str, Line]:
    return {entrant.name: {"command": entrant.command, **_measured(entrant)} for entrant in chosen}


def _measured(entrant: Entrant) -> Line:
    began = time.monotonic()
    try:
        line = entrant.run()
    except FAILURES as error:
        print(f"{entrant.name} failed: {error}", file=sys.stderr, flush=True)
        return {"failed": True}
    told = {name: line[name] for name in ("per_second", "p99", "ratio") if name in line}
    print(f"{entrant.name}: {told} after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return line


def _told(part: str, rounds: Sequence[Round], file: Path | None) -> int:
    """Print what was found, and keep it in `file` unless a run has failed."""
    failed = any("failed" in line for lines in rounds for line in lines.values())
    compared, rates = ratios(rounds), medians(rounds)
    found = {"ratios": [ratio.as_json() for ratio in compared], "per_second": rates}
    if file is not None and not failed:
        _store(part, {**found, "rounds": rounds}, file)
    _show(compared, rates)
    print(json.dumps({"bench": part, **found}))
    return int(failed)


def _store(part: str, found: dict[str, Any], file: Path) -> None:
    """Write what was found into its part of the file; the other part stays."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    taken = {
        "date": host_now().isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "arguments": sys.argv[1:],
        "load_after": os.getloadavg()[0],
    }
    known[part] = {**taken, "hardware": machine.hardware(), "versions": machine.versions(), **found}
    file.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _show(compared: Sequence[Ratio], rates: dict[str, float]) -> None:
    screen = Console(stderr=True, highlight=False)
    table = Table("", "ratio", "aim", "", "rounds", box=None)
    for ratio in compared:
        verdict = {True: "reached", False: "short", None: ""}[ratio.reached]
        table.add_row(ratio.what, f"{ratio.value:.2f}", ratio.wanted, verdict, "  ".join(f"{value:.2f}" for value in ratio.rounds))
    screen.print(table)
    screen.print("per second: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()))


if __name__ == "__main__":
    sys.exit(main())
