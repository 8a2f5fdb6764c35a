"""What must hold once everything is quiet: nothing was lost, nobody forgotten, nothing left undone, and replay gives what there is."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import reduce
from uuid import UUID

from contracts.actors import Actor
from contracts.message import type_of
from contracts.topics import BOOKING_EVENTS
from services.booking.state import Occurred, evolve
from tests.simulation.about_bookings import deadline, policies
from tests.simulation.about_messages import letter
from tests.simulation.evidence import Evidence, Logged, firsts, instant

EVENTS = {type_of(contract).split(".")[1]: contract for contract in BOOKING_EVENTS.carries}
OPEN = {"pending", "confirmed"}
ANSWERS = {"ConfirmationRequested", "BookingDisputed", "DeliveryConfirmed", "BookingOverridden"}
PREPAYMENT = timedelta(hours=1)


def all_published(e: Evidence) -> Iterator[str]:
    """At rest the topic has every event of the log."""
    told = {event.headers["ce_id"] for event in e.topics["booking.events.v1"]}
    yield from (f"version {each.version} of {each.booking} was never published" for each in e.log if each.event not in told)


def everybody_told(e: Evidence) -> Iterator[str]:
    """At rest each party has heard of every cancellation and completion in the app and by mail, once."""
    told = Counter((event, who, channel) for event, who, channel, _ in map(letter, firsts(e.topics["notification.receipts.v1"])))
    parties = {each.booking: (each.data["customer"], each.data["provider"]) for each in e.log if each.name == "BookingCreated"}
    for logged in e.log:
        for wanted in ((logged.event, who, channel) for who in parties[logged.booking] for channel in ("in-app", "email")):
            if logged.name in {"BookingCancelled", "BookingCompleted"} and told[wanted] != 1:
                yield f"{logged.name} of {logged.booking} was told {told[wanted]} times: {wanted}"


def sent_is_there(e: Evidence) -> Iterator[str]:
    """At rest what the ledger calls sent has gone out by mail or lies in the app, and nothing else lies there."""
    if unsent := e.letters["email"] - {mail.strip("<>").partition("@")[0] for mail in e.mails}:
        yield f"never went out by mail: {unsent}"
    if e.shown != e.letters["in-app"]:
        yield f"in the app the ledger lacks {e.shown - e.letters['in-app']}, and nobody sees {e.letters['in-app'] - e.shown}"


def nothing_overdue(e: Evidence) -> Iterator[str]:
    """At rest nothing waits for what time alone brings about: expiry, the end of a pre-payment that never came, a confirmation."""
    rules = policies(e)
    for booking, history in e.histories().items():
        status, asked = history[-1].data["status"], [each for each in history if each.name in ANSWERS]
        if status in OPEN and (due := deadline(history, rules, e.now)) <= e.now:
            yield f"{booking} is {status} at {e.now}, past its deadline {due}"
        if status == "created" and history[0].at + PREPAYMENT <= e.now:
            yield f"{booking} still waits for its pre-payment"
        if status == "awaiting_confirmation" and instant(asked[-1].data.get("auto_confirm_at") or "9999-01-01T00:00:00Z") <= e.now:
            yield f"{booking} still waits for an answer"


def index_follows(e: Evidence) -> Iterator[str]:
    """At rest the deadline index and the accounts have followed every booking to its last version."""
    rules = policies(e)
    for booking, history in e.histories().items():
        due = deadline(history, rules, e.now) if history[-1].data["status"] in OPEN else None
        if e.index.get(booking) != (history[-1].version, due):
            yield f"{booking} is in the deadline index as {e.index.get(booking)}, not as {history[-1].version, due}"
        if e.accounts.get(booking) != history[-1].version:
            yield f"the account of {booking} stands at {e.accounts.get(booking)}, not at {history[-1].version}"


def replayed_log_equals_tables(e: Evidence) -> Iterator[str]:
    """At rest the services' own replay of the log gives every column of every booking."""
    for booking, history in e.histories().items():
        replayed = reduce(evolve, map(_occurred, history), None)
        if replayed != e.bookings.get(booking):
            yield f"{booking}: replay gives {replayed}, the table has {e.bookings.get(booking)}"


def _occurred(logged: Logged) -> Occurred:
    data = EVENTS[logged.name].model_validate_json(logged.payload)
    return Occurred(UUID(logged.booking), logged.version, logged.at, Actor.parse(logged.actor), data)  # type: ignore[arg-type]
