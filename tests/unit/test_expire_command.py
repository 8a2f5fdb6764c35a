"""The id of an ExpireBooking: the same finding is one message, and two bookings never share one."""

from datetime import timedelta

from contracts.ids import new_id
from services.expiry.grace import Facts, Policy
from services.expiry.policies import Policies
from services.expiry.store import Entry
from services.expiry.sweep import expire_command
from tests.builders import NOW, SCAN, TICK, after, create, outcome

POLICIES = Policies(Policy("*", 24.0))
LAPSED = Facts("pending", "plumbing", NOW - timedelta(days=2), NOW - timedelta(days=3))


def test_the_same_finding_is_the_same_message() -> None:
    entry = Entry(new_id(), 2, LAPSED)
    assert expire_command(entry, POLICIES, NOW, SCAN) == expire_command(entry, POLICIES, NOW, SCAN)


def test_bookings_with_equal_facts_get_messages_of_their_own() -> None:
    first, second = (expire_command(Entry(new_id(), 2, LAPSED), POLICIES, NOW, SCAN) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.data == second.data
    assert first.id != second.id


def test_nothing_is_asked_for_a_microsecond_before_the_deadline() -> None:
    deadline = LAPSED.booking_date + timedelta(hours=24)
    entry = Entry(new_id(), 2, LAPSED)
    assert expire_command(entry, POLICIES, deadline, SCAN) is not None
    assert expire_command(entry, POLICIES, deadline - timedelta(microseconds=1), SCAN) is None


def test_a_command_that_was_asked_for_before_a_change_is_refused_once_the_change_is_in_force() -> None:
    changes_at, more = NOW + timedelta(seconds=2), Policy("*", 72, version=1, effective_at=NOW + timedelta(seconds=2))
    booking = after(create(new_id(), booking_date=LAPSED.booking_date))
    command = expire_command(Entry(booking.id, 2, LAPSED), Policies(Policy("*", 24), published={"*": (more,)}), NOW, SCAN)
    assert command is not None
    assert outcome(booking, command, now=changes_at - TICK) == "cancelled"
    assert outcome(booking, command, now=changes_at) == "stale-command"
