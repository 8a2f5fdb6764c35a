"""Money as an upstream payments service and an upstream shop see it: through the topics, on the whole platform."""

import asyncio
import random
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.eventually import eventually
from tests.faults.load import booking_id, instant, line, write
from tests.faults.seen import Seen, first_occurrences, read_topic
from tests.platform import SEWA, Platform, started

pytestmark = pytest.mark.timeout(240)
SHOP, CARD = "upstream:shop", "card"
CUSTOMER, PROVIDER = f"customer:{uuid4()}", f"provider:{uuid4()}"
YESTERDAY = instant(datetime.now(UTC) - timedelta(hours=5))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with started(tmp_path_factory.mktemp("platform")) as running:
        yield running


def created(booking: str, **facts: object) -> dict[str, object]:
    usual = {"service": str(uuid4()), "category": "cleaning", "booking_date": YESTERDAY, "duration_minutes": 60, "total_amount": "1500.00"}
    people = {"customer": CUSTOMER.partition(":")[2], "provider": PROVIDER.partition(":")[2]}
    return line("CreateBooking", booking, CUSTOMER, {**people, **usual, **facts})


def paid(name: str, booking: str, amount: str, **more: object) -> dict[str, object]:
    facts = {"payment_id": f"p-{booking}", "amount": amount, "currency": "NPR", "payment_method": CARD}
    told = {"gateway_reference": f"{name}-{uuid4()}", "processed_at": YESTERDAY} if name != "PaymentFailed" else {}
    return line(name, booking, SHOP, {**facts, **told, **more})


def say(platform: Platform, *lines: dict[str, object]) -> None:
    done = subprocess.run(
        [SEWA, "publish", "-"], input=write(list(lines)).encode(), env=platform.environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def said(platform: Platform, topic: str, booking: str) -> list[Seen]:
    """What is on a topic about a booking, repetitions aside."""
    bootstrap = f"127.0.0.1:{platform.environment['SEWA_KAFKA_PORT']}"
    return [seen for seen in first_occurrences(asyncio.run(read_topic(bootstrap, topic))) if seen.key == booking]


def comes_to(platform: Platform, booking: str, *names: str) -> list[dict[str, Any]]:
    """The booking's events, once they are these."""

    def enough() -> list[Seen]:
        events = said(platform, "booking.events.v1", booking)
        assert [event.headers["ce_type"].split(".")[1] for event in events] == list(names)
        return events

    return [event.data for event in eventually(enough, within=40, every=0.5)]


def new_booking() -> str:
    return booking_id(random.Random())


def test_a_pre_paid_booking_is_asked_for_once_authorised_and_completed_once_captured(platform: Platform) -> None:
    booking = new_booking()
    say(platform, created(booking, prepaid=True, payment_method=CARD), paid("PaymentAuthorized", booking, "1500.00"))
    comes_to(platform, booking, "BookingCreated", "PaymentRecorded", "BookingSubmitted")
    say(platform, line("AcceptBooking", booking, PROVIDER, {}), line("DeliverService", booking, PROVIDER, {"photos": []}))
    say(platform, line("ConfirmDelivery", booking, CUSTOMER, {"rating": 5}), paid("PaymentCaptured", booking, "1500.00"))
    asked = ("BookingCreated", "PaymentRecorded", "BookingSubmitted", "BookingAccepted", "ServiceDelivered", "ConfirmationRequested")
    eventually(lambda: said(platform, "booking.events.v1", booking)[-1].data["status"] == "completed", within=40, every=0.5)
    events = [seen.headers["ce_type"].split(".")[1] for seen in said(platform, "booking.events.v1", booking)]
    assert tuple(events[: len(asked)]) == asked
    assert sorted(events[len(asked) :]) == ["BookingCompleted", "DeliveryConfirmed", "PaymentRecorded"]


def test_a_booking_paid_afterwards_is_completed_when_the_cash_is_captured(platform: Platform) -> None:
    booking = new_booking()
    steps = [line("AcceptBooking", booking, PROVIDER, {}), line("DeliverService", booking, PROVIDER, {"photos": []})]
    say(platform, created(booking), *steps, line("ConfirmDelivery", booking, CUSTOMER, {}))
    eventually(lambda: said(platform, "booking.events.v1", booking)[-1].data["status"] == "completed", within=40, every=0.5)
    (capture,) = said(platform, "payment.events.v1", booking)
    assert (capture.headers["ce_actor"], capture.data["payment_method"], capture.data["amount"]) == ("system:payments", "cash", "1500.00")


def test_money_that_comes_for_a_cancelled_booking_is_given_back_once_and_in_full(platform: Platform) -> None:
    booking, late = new_booking(), paid("PaymentCaptured", new_booking(), "1500.00")
    say(platform, created(booking, payment_method=CARD), line("CancelBooking", booking, CUSTOMER, {"reason": "no longer needed"}))
    say(platform, *[{**late, "subject": booking}] * 3)
    (request,) = eventually(
        lambda: [seen for seen in said(platform, "payment.events.v1", booking) if "RefundRequested" in seen.headers["ce_type"]],
        within=40,
        every=0.5,
    )
    assert (request.data["amount"], request.data["fee"]) == ("1500.00", "0.00")
    say(platform, paid("RefundSettled", booking, "1500.00", refund_id=request.data["refund_id"], payment_id=request.data["payment_id"]))
    names = ("BookingCreated", "BookingSubmitted", "BookingCancelled", "PaymentRecorded", "PaymentRecorded", "PaymentRecorded")
    recorded = comes_to(platform, booking, *names)
    assert [event["payment_status"] for event in recorded[3:]] == ["captured", "refund_pending", "refunded"]
    assert {event["status"] for event in recorded[2:]} == {"cancelled"}


def test_a_pre_payment_that_fails_for_good_ends_the_booking(platform: Platform) -> None:
    booking = new_booking()
    failed = paid("PaymentFailed", booking, "1500.00", stage="authorize", terminal=True, code="card-declined", attempt=1)
    say(platform, created(booking, prepaid=True, payment_method=CARD), failed)
    events = comes_to(platform, booking, "BookingCreated", "PaymentRecorded", "BookingCancelled")
    assert events[-1]["cancellation_reason"] == "payment-failed"
