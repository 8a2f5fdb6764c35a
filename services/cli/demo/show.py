"""`sewa demo`: the whole story on the real platform, for who sees it the first time."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

import typer
from rich.live import Live

from contracts.actors import Actor
from contracts.directory import Directory
from contracts.ids import new_id
from contracts.message import Message
from contracts.topics import BOOKING_EVENTS
from services.booking.reports import Period, report
from services.cli.clients import administering, partitions_of, producing, reading
from services.cli.demo.audience import Audience
from services.cli.demo.cast import ZONE, Cast, cast_of
from services.cli.demo.play import BRISK, Pace, Play
from services.cli.demo.screen import Scene
from services.cli.demo.script import SOURCE, stories
from services.cli.demo.stage import Stage, staged
from services.cli.output import AsJson, console, print_json, quiet_logs
from services.cli.sending import Sender
from services.runtime.clock import host_now
from services.runtime.errors import Halt

EVENING, MORNING = 18, 7
DAYS = 7
Fast = Annotated[bool, typer.Option("--fast", help="Without pauses to look.")]
app = typer.Typer(add_completion=False)
Seed = Annotated[int, typer.Option(help="Another number makes other people do other things.")]


@dataclass(frozen=True, slots=True)
class Summary:
    """What it came to."""

    bookings: Mapping[str, int]
    letters: int
    totals: Mapping[str, Any]


@app.command()
def demo(*, seed: Seed = 1, fast: Fast = False, as_json: AsJson = False) -> None:
    """Play a few days at the bazaar in under two minutes: bookings are made, accepted, delivered, confirmed, paid and completed.

    What nobody acts on is cancelled when the clock is moved on, and everybody gets letters. It runs on a platform of its own, in a new
    folder that is removed at the end, and touches nothing else. Ctrl-C ends it.
    """
    quiet_logs()
    opens = evening_of(host_now())
    with _screen(quiet=as_json) as show:
        show("Starting PostgreSQL, Apache Kafka and the services …")
        began = time.monotonic()
        with staged(opens, lambda line: show(f"Starting PostgreSQL, Apache Kafka and the services … {line}")) as stage:
            summary = asyncio.run(_played(stage, opens, seed, show, BRISK if fast else Pace()))
    if as_json:
        print_json(asdict(summary))
    else:
        _tell(summary, time.monotonic() - began)


def evening_of(host: datetime) -> datetime:
    """Return six in the evening of that day in Kathmandu."""
    local = host.astimezone(ZoneInfo(ZONE))
    return local.replace(hour=EVENING, minute=0, second=0, microsecond=0).astimezone(UTC)


async def _played(stage: Stage, opens: datetime, seed: int, show: Callable[[Any], object], pace: Pace) -> Summary:
    chance = random.Random(seed)  # noqa: S311 - a play
    everybody = cast_of(chance)
    told = stories(everybody, chance, opens + timedelta(hours=24 - EVENING + MORNING))
    scene = Scene(Audience({story.id: story for story in told}, stage.mail))
    async with producing(stage.kafka) as producer, reading(stage.kafka) as consumer, administering(stage.kafka) as admin:
        consumer.assign(await partitions_of(admin, [BOOKING_EVENTS.name]))
        play = Play(stage, opens, scene, Sender(producer, _refused), consumer, chance, lambda: show(scene), pace)
        await play.run(introductions(everybody, opens))
    day = opens.astimezone(ZoneInfo(ZONE)).date()
    figures = await report(stage.database, Period(day, day + timedelta(days=DAYS), ZONE), stage.clock.now())
    return Summary(dict(scene.audience.counts), scene.audience.letters_sent, cast(Mapping[str, Any], figures["totals"]))


def introductions(everybody: Cast, now: datetime) -> list[Message[Directory]]:
    """Return what the directory is told, as messages."""
    actor = Actor("upstream", SOURCE)
    said = {str(data.required_subject()): data for data in everybody.introductions()}
    return [Message(id=str(new_id()), source=SOURCE, subject=key, time=now, actor=actor, data=data) for key, data in said.items()]


def _refused(_line: int, why: str) -> None:
    message = f"Apache Kafka does not take a message of the demo: {why}"
    raise Halt(message)


@contextmanager
def _screen(*, quiet: bool) -> Iterator[Callable[[Any], object]]:
    """Yield what shows a frame: on a terminal in place, elsewhere only what is new of its title."""
    screen = console()
    if screen.is_terminal and not quiet:
        with Live(console=screen, auto_refresh=False, screen=False) as live:
            yield lambda frame: live.update(frame, refresh=True)
        return
    shown: set[str] = set()

    def show(frame: Any) -> None:
        line = frame.title if isinstance(frame, Scene) else str(frame).partition("…")[0]
        if not quiet and line and line not in shown:
            shown.add(line)
            screen.print(line)

    yield show


def _tell(summary: Summary, seconds: float) -> None:
    totals, ended = summary.totals, ", ".join(f"{number} {status}" for status, number in sorted(summary.bookings.items()))
    screen = console()
    for line in (
        f"{totals['total']} bookings: {ended}; {summary.letters} e-mails to customers and providers",
        f"of those that ended {totals['completion_rate']} % were completed, {totals['auto_cancellation_rate']} % lapsed",
        f"average value {totals['currency']} {totals['average_booking_value']}, revenue {totals['revenue_net']}",
        f"mean rating {totals['satisfaction']['mean']} of {totals['satisfaction']['count']} customers",
        f"{seconds:.0f} s. Now yourself: `make up` in one terminal, `sewa publish` and `sewa status` in another.",
    ):
        screen.print(line)
