"""What a run under faults is judged by: each broken promise is noticed, under its name."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults.folding import Row, deadline, folded, histories
from tests.faults.load import Ledger
from tests.faults.seen import Seen
from tests.faults.sink import Mail
from tests.faults.trial import Tables, Topics, Trial
from tests.faults.verdict import PROMISES, broken

OPENED = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOST = OPENED.timestamp()
LAPSED, DONE = "lapsed", "done"
CUSTOMER, PROVIDER = "c", "p"
COMMANDS, SHOP, EXPIRY = "booking.commands.v1", "shop", "sewabazaar/expiry"
ORIGINS = {"create-lapsed": SHOP, "expire": EXPIRY, "paid": "sewabazaar/payments"}


def at(seconds: float) -> str:
    return f"{OPENED + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def event(booking: str, version: int, name: str, cause: str, /, actor: str = "system:booking", **data: Any) -> Seen:
    head = {"ce_id": f"{booking}-{version}", "ce_type": f"sewabazaar.{name}.v1", "ce_aggregateversion": str(version), "ce_actor": actor}
    origin = {"ce_causationid": cause, "ce_causationsource": ORIGINS.get(cause, SHOP), "ce_time": at(version)}
    return Seen(booking, {**head, **origin}, data, at=HOST + version)


def command(offset: int, booking: str, name: str, identity: str, mark: str = "", **data: Any) -> Seen:
    head = {"ce_id": identity, "ce_type": f"sewabazaar.{name}.v1", "ce_source": ORIGINS.get(identity, SHOP)}
    return Seen(booking, {**head, **({"x-ledger": mark} if mark else {})}, data, (COMMANDS, 0, offset), HOST + 1, b"{}")


def made(booking: str, starts: float) -> Seen:
    facts = {"customer": CUSTOMER, "provider": PROVIDER, "duration_minutes": 60, "total_amount": "1500.00", "booking_date": at(starts)}
    return event(booking, 1, "BookingCreated", f"create-{booking}", "customer:c", status="pending", **facts)


DAY = 86_400
CANCEL = {"status": "cancelled", "cancellation_reason": "expired", "expired_at": at(-DAY), "cancelled_at": at(2)}
EVENTS = [
    made(LAPSED, -2 * DAY),
    event(LAPSED, 2, "BookingCancelled", "expire", "system:expiry", **CANCEL),
    made(DONE, -3600),
    event(DONE, 2, "BookingAccepted", "accept", "provider:p", status="confirmed", ends_at=at(0)),
    event(DONE, 3, "DeliveryConfirmed", "confirm", "customer:c", status="awaiting_confirmation", confirmed_by="customer:c"),
    event(DONE, 4, "PaymentRecorded", "paid", status="awaiting_confirmation", captured="1500.00"),
    event(DONE, 5, "BookingCompleted", "paid", status="completed", captured="1500.00"),
]
COMMANDS_SENT = [
    command(0, LAPSED, "CreateBooking", "create-lapsed", "m0"),
    command(1, LAPSED, "ExpireBooking", "expire", expires_at=at(-DAY), expected_version=1, valid_until=at(60)),
    command(2, DONE, "CreateBooking", "create-done", "m2"),
    command(3, DONE, "AcceptBooking", "accept", "m3"),
    command(4, DONE, "AcceptBooking", "accept-again", "m4"),
    command(5, DONE, "ConfirmDelivery", "confirm", "m5"),
    command(6, DONE, "PaintHouse", "bad", "m6"),
]
PAID = Seen(DONE, {"ce_id": "paid", "ce_source": "sewabazaar/payments", "ce_type": "sewabazaar.PaymentCaptured.v1"}, {})
ORIGIN = {"x-src-topic": COMMANDS, "x-src-partition": "0", "x-src-offset": "6"}
BURIED = dataclasses.replace(
    COMMANDS_SENT[6], headers={**COMMANDS_SENT[6].headers, "x-dlq-id": "d", "x-dlq-reason": "unknown-type", **ORIGIN}
)
TOLD = [
    *[(LAPSED, 1, CUSTOMER), (LAPSED, 2, CUSTOMER), (LAPSED, 2, PROVIDER), (DONE, 1, CUSTOMER), (DONE, 2, CUSTOMER), (DONE, 2, PROVIDER)],
    *[(DONE, 3, PROVIDER), (DONE, 5, CUSTOMER), (DONE, 5, PROVIDER)],
]


def receipt(booking: str, version: int, who: str, channel: str, attempt: int = 1) -> Seen:
    about = {"event_id": f"{booking}-{version}", "recipient": who, "channel": channel, "template": "t", "attempt": attempt}
    head = {"ce_id": f"receipt {booking} {version} {who} {channel} {attempt}", "ce_type": "sewabazaar.NotificationSent.v1"}
    return Seen(booking, head, about, at=HOST + version)


RECEIPTS = [receipt(*told, channel) for told in TOLD for channel in ("email", "in-app")]
MAILS = [Mail(f"<{booking} {version} {who}>", f"{who}@x", booking) for booking, version, who in TOLD]
ROWS = {booking: folded(history) for booking, history in histories(EVENTS).items()}
STANDS = {booking: (row.version, row.status) for booking, row in ROWS.items()}
TABLES = Tables(
    ROWS,
    {(SHOP, "accept-again"): "unchanged", (SHOP, "accept"): "handled"},
    {"payments": STANDS},
    dict.fromkeys(ROWS),
    Counter((r.data["event_id"], r.data["recipient"], r.data["channel"], "t", r.name) for r in RECEIPTS),
    Counter((r.key, r.data["recipient"], "t") for r in RECEIPTS if r.data["channel"] == "in-app"),
)
METRICS = """booking_status{status="cancelled"} 1.0
booking_status{status="completed"} 1.0
booking_events_total{category="plumbing",type="BookingCreated"} 2.0
booking_events_total{category="plumbing",type="BookingCancelled"} 1.0
booking_events_total{category="plumbing",type="BookingAccepted"} 1.0
booking_events_total{category="plumbing",type="DeliveryConfirmed"} 1.0
booking_events_total{category="plumbing",type="PaymentRecorded"} 1.0
booking_events_total{category="plumbing",type="BookingCompleted"} 1.0
booking_expiry_lag_seconds_count 1.0
booking_completion_ratio{window="all"} 0.5
booking_auto_cancel_ratio{window="all"} 0.5
"""
MARKS = {f"m{n}" for n in (0, 2, 3, 4, 5, 6)}
LEDGER = Ledger(unreadable={"m6": "unknown-type"}, sent=MARKS, kept=MARKS, people={CUSTOMER: "c@x", PROVIDER: "p@x"})
TOPICS = Topics(COMMANDS_SENT, EVENTS, [], [BURIED], RECEIPTS, [PAID])
GOOD = Trial(LEDGER, TOPICS, MAILS, TABLES, METRICS, (HOST, HOST + 60), [(HOST, 0.0)], HOST + 60)

Change = Callable[[Trial], Trial]


def seen(**changed: Any) -> Change:
    return lambda t: dataclasses.replace(t, topics=dataclasses.replace(t.topics, **changed))


def tables(**changed: Any) -> Change:
    return lambda t: dataclasses.replace(t, tables=dataclasses.replace(t.tables, **changed))


def ledger(**changed: Any) -> Change:
    return lambda t: dataclasses.replace(t, ledger=dataclasses.replace(t.ledger, **changed))


def trial(**changed: Any) -> Change:
    return lambda t: dataclasses.replace(t, **changed)


def with_event(n: int, **data: Any) -> Change:
    changed = dataclasses.replace(EVENTS[n], data={**EVENTS[n].data, **data})
    return seen(events=[*EVENTS[:n], changed, *EVENTS[n + 1 :]])


def refusal(code: str, booking: str, version: int, status: str, cause: str) -> Seen:
    return event(booking, 4, "CommandRejected", cause, code=code, status=status, version=version)


REFUSED = refusal("invalid-transition", LAPSED, 2, "cancelled", "expire")
STRANGE = refusal("invalid-transition", LAPSED, 2, "cancelled", "?")
RIVAL = made("rival", -1800), event("rival", 2, "BookingAccepted", "accept", "provider:p", status="confirmed")
BUSY = [*EVENTS[2:4], *RIVAL]
AGAIN = dataclasses.replace(RECEIPTS[0], headers={**RECEIPTS[0].headers, "ce_id": "again"})
POINTLESS = dataclasses.replace(RECEIPTS[0], headers={**RECEIPTS[0].headers, "ce_type": "sewabazaar.NotificationSuppressed.v1"})
INTERRUPTED = dataclasses.replace(POINTLESS, data={**POINTLESS.data, "attempt": 2})
SHORT = dataclasses.replace(BURIED, raw=b"{")
FIVE = event(LAPSED, 3, "BookingCancelled", "expire", **{**CANCEL, "cancellation_reason": "admin"})
FORGED = dataclasses.replace(EVENTS[1], data={"status": "completed"}, at=HOST + 999)
OTHER_LETTER = dataclasses.replace(BURIED, headers={**BURIED.headers, "x-dlq-id": "e"})
WRONG_PLACE = dataclasses.replace(OTHER_LETTER, headers={**OTHER_LETTER.headers, "x-src-offset": "5", "ce_id": "confirm"})
LATE_COMMANDS = [
    *COMMANDS_SENT,
    command(7, LAPSED, "ExpireBooking", "expire late", expires_at=at(-DAY), expected_version=1, valid_until=at(0)),
    command(8, DONE, "ExpireBooking", "expire early", expires_at=at(-DAY), expected_version=1, valid_until=at(60)),
]
OPEN_ROW = Row(1, "pending", OPENED, None, None, ROWS[DONE].captured, None)
LIES: list[tuple[str, Change]] = [
    ("accounted", seen(commands=COMMANDS_SENT[1:])),
    ("accounted", ledger(sent=MARKS - {"m3"})),
    ("accounted", ledger(kept=MARKS - {"m3"})),
    ("accounted", seen(commands=[*COMMANDS_SENT, command(7, LAPSED, "AcceptBooking", "x")])),
    ("accounted", ledger(commands={DONE: ["accept", "never sent"]})),
    ("one_outcome", tables(settled={})),
    ("one_outcome", tables(settled={(SHOP, "accept-again"): "handled"})),
    ("one_outcome", seen(payments=[PAID, dataclasses.replace(PAID, headers={**PAID.headers, "ce_id": "paid too"})])),
    ("one_outcome_at_most", seen(rejections=[REFUSED])),
    ("one_outcome_at_most", tables(settled={**TABLES.settled, (SHOP, "accept"): "unchanged"})),
    ("one_outcome_at_most", seen(dead=[BURIED, WRONG_PLACE])),
    ("one_outcome_at_most", seen(events=[*EVENTS, event(DONE, 6, "BookingAccepted", "accept", status="completed")])),
    ("nothing_unasked", seen(rejections=[STRANGE])),
    ("refused_for_a_reason", seen(rejections=[refusal("invalid-transition", DONE, 2, "pending", "accept-again")])),
    ("refused_for_a_reason", seen(rejections=[refusal("invalid-transition", DONE, 1, "pending", "accept-again")])),
    ("refused_for_a_reason", seen(rejections=[refusal("version-conflict", LAPSED, 1, "pending", "expire")])),
    ("refused_for_a_reason", seen(rejections=[refusal("stale-command", LAPSED, 1, "pending", "expire")])),
    ("refused_for_a_reason", seen(rejections=[refusal("not-due", LAPSED, 1, "pending", "expire")])),
    ("refused_for_a_reason", seen(rejections=[refusal("slot-taken", DONE, 1, "pending", "accept-again")])),
    ("refused_for_a_reason", seen(rejections=[refusal("forbidden", DONE, 1, "pending", "accept-again")])),
    ("dead_letters", seen(dead=[])),
    ("dead_letters", seen(dead=[dataclasses.replace(BURIED, headers={**BURIED.headers, "x-dlq-reason": "schema"})])),
    ("dead_letters", seen(dead=[BURIED, OTHER_LETTER])),
    ("dead_letters", seen(dead=[BURIED, WRONG_PLACE])),
    ("dead_letters", seen(dead=[SHORT])),
    ("one_voice", seen(events=[*EVENTS, EVENTS[3]])),
    ("one_voice", seen(receipts=[*RECEIPTS, RECEIPTS[3]])),
    ("one_voice", seen(dead=[BURIED, BURIED])),
    ("repetitions_agree", seen(events=[*EVENTS, FORGED])),
    ("repetitions_agree", seen(dead=[BURIED, SHORT])),
    ("first_occurrences_in_order", seen(events=[EVENTS[1], EVENTS[0], *EVENTS[2:]])),
    ("first_occurrences_in_order", seen(events=[*EVENTS[:4], *EVENTS[5:]])),
    ("one_cancel", seen(events=[*EVENTS, FIVE])),
    ("one_cancel", seen(events=[*EVENTS, event(DONE, 6, "BookingCancelled", "late", status="cancelled")])),
    ("one_cancel", seen(events=[*EVENTS, event(DONE, 6, "BookingAccepted", "late", status="confirmed")])),
    ("nothing_early", with_event(1, expired_at=at(-DAY - 1))),
    ("nothing_early", with_event(1, cancelled_at=at(-DAY - 1))),
    ("nothing_early", with_event(0, booking_date=at(-3600))),
    ("nothing_early", trial(clock=[(HOST, -3.0 * DAY)])),
    ("lapses", seen(events=EVENTS[:1])),
    ("no_overlap", seen(events=BUSY)),
    ("state_is_the_log", tables(bookings={**ROWS, LAPSED: OPEN_ROW})),
    ("state_is_the_log", tables(bookings={**ROWS, "another": OPEN_ROW})),
    ("state_is_the_log", tables(copies={"payments": {**STANDS, DONE: (4, "awaiting_confirmation")}})),
    ("deadlines_are_due", tables(deadlines={DONE: OPENED})),
    ("paid_once", seen(payments=[PAID, dataclasses.replace(PAID, headers={**PAID.headers, "ce_id": "paid too"})])),
    ("paid_once", with_event(6, captured="3000.00")),
    ("paid_once", seen(events=EVENTS[:6])),
    ("counted_by_hand", trial(metrics=METRICS + METRICS)),
    ("counted_by_hand", trial(metrics=METRICS.replace("0.5", "0.4"))),
    ("counted_by_hand", trial(metrics=METRICS + 'booking_status{status="pending"} 1.0\n')),
    ("everybody_told", seen(receipts=RECEIPTS[1:])),
    ("everybody_told", seen(receipts=[*RECEIPTS, AGAIN])),
    ("one_receipt", seen(receipts=[*RECEIPTS, AGAIN])),
    ("one_receipt", tables(told=Counter())),
    ("one_receipt", tables(in_app=TABLES.in_app + TABLES.in_app)),
    ("one_letter", trial(mails=[*MAILS, MAILS[0]])),
    ("one_letter", trial(mails=MAILS[1:])),
    ("one_letter", seen(receipts=[POINTLESS, *RECEIPTS[1:]])),
    ("one_letter", trial(mails=[*MAILS, Mail("<x>", "c@x", LAPSED)])),
]


def test_a_good_run_breaks_no_promise() -> None:
    said_again = dataclasses.replace(EVENTS[3], at=HOST + 61)
    tried_again = [receipt(*TOLD[0], "email", 2), *RECEIPTS[1:]]
    assert broken(GOOD) == broken(seen(events=[*EVENTS, said_again])(GOOD)) == {}
    assert broken(trial(mails=[*MAILS, MAILS[0]])(seen(receipts=tried_again)(GOOD))) == {}


def test_a_letter_that_became_pointless_may_have_arrived_by_a_try_that_was_cut_off() -> None:
    assert "one_letter" not in broken(seen(receipts=[INTERRUPTED, *RECEIPTS[1:]])(GOOD))


@pytest.mark.parametrize(("promise", "lie"), LIES)
def test_a_broken_promise_is_noticed(promise: str, lie: Change) -> None:
    assert promise in broken(lie(GOOD))


@pytest.mark.parametrize(
    "refused",
    [
        REFUSED,
        refusal("version-conflict", LAPSED, 2, "cancelled", "expire"),
        refusal("stale-command", LAPSED, 1, "pending", "expire late"),
        refusal("not-due", DONE, 1, "pending", "expire early"),
        refusal("slot-taken", "rival", 1, "pending", "accept-again"),
    ],
)
def test_a_refusal_with_a_reason_is_none_to_complain_of(refused: Seen) -> None:
    assert "refused_for_a_reason" not in broken(seen(commands=LATE_COMMANDS, events=[*EVENTS, RIVAL[0]], rejections=[refused])(GOOD))


def test_every_promise_has_a_lie_that_breaks_it() -> None:
    assert {promise for promise, _ in LIES} == {promise.__name__ for promise in PROMISES}


def test_a_deadline_moves_with_what_people_do_and_not_with_what_the_system_does() -> None:
    history = histories(EVENTS)[DONE]
    assert deadline(history[:1]) == OPENED - timedelta(hours=1) + timedelta(days=1)
    assert deadline(history[:2]) == deadline([*history[:2], event(DONE, 3, "BookingNotesEdited", "n", status="confirmed")])
    assert deadline(history[:2]) == OPENED + timedelta(days=1, seconds=2)
