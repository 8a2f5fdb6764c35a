"""What is promised of letters: everybody is told, once, and every receipt is true. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.faults.seen import Seen, first_occurrences
from tests.faults.trial import Trial

BOTH, CUSTOMER, PROVIDER = (0, 1), (0,), (1,)
TOLD: Mapping[str, tuple[int, ...]] = {
    "BookingCreated": CUSTOMER,
    "BookingSubmitted": PROVIDER,
    "BookingAccepted": BOTH,
    "BookingRescheduled": BOTH,
    "BookingCancelled": BOTH,
    "ConfirmationRequested": CUSTOMER,
    "DeliveryConfirmed": PROVIDER,
    "BookingCompleted": BOTH,
}


def everybody_told(t: Trial) -> Iterator[str]:
    """Each party hears of each event that concerns it, on every channel that reaches it, once."""
    told = Counter((r.data["event_id"], r.data["recipient"], r.data["channel"]) for r in first_occurrences(t.topics.receipts))
    for history in t.histories.values():
        parties = history[0].data["customer"], history[0].data["provider"]
        for event in history:
            for who in (parties[n] for n in TOLD.get(event.name, ())):
                for channel in ("in-app", *(["email"] if who in t.ledger.people else [])):
                    if (n := told[event.headers["ce_id"], who, channel]) != 1:
                        yield f"{who} was told {n} times of {event.name} of {event.key}, by {channel}"


def one_receipt(t: Trial) -> Iterator[str]:
    """A letter has one receipt, which the send ledger agrees with; what was sent in the app lies there."""
    receipts = first_occurrences(t.topics.receipts)
    told = Counter((*_letter(r), r.name) for r in receipts)
    letters = Counter(map(_letter, receipts))
    yield from (f"letter {letter} has {n} receipts" for letter, n in letters.items() if n > 1)
    yield from _differences("receipts", told, "send ledger", t.tables.told)
    sent = Counter((r.key, *_letter(r)[1::2]) for r in receipts if _sent(r, "in-app"))
    yield from _differences("receipts", sent, "app", t.tables.in_app)


def _differences(name: str, one: Counter[tuple[str, ...]], other_name: str, other: Counter[tuple[str, ...]]) -> Iterator[str]:
    for key in sorted(one.keys() | other.keys()):
        if one[key] != other[key]:
            yield f"{key} is {one[key]} times in the {name}, and {other[key]} times in the {other_name}"


def one_letter(t: Trial) -> Iterator[str]:
    """An e-mail goes out again only under its Message-ID, and no more often than its receipt says that it was tried.

    What was given up, or pointless by a second try, may have arrived by the first.
    """
    address = t.ledger.people
    receipts = [r for r in first_occurrences(t.topics.receipts) if r.data["channel"] == "email"]
    tried: Counter[tuple[str, str]] = Counter()
    for receipt in receipts:
        tried[address[receipt.data["recipient"]], receipt.key] += receipt.data["attempt"]
    taken = Counter((m.to, m.booking) for m in t.mails)
    yield from (
        f"{n} e-mails to {to} about {booking}, in {tried[to, booking]} tries"
        for (to, booking), n in taken.items()
        if n > tried[to, booking]
    )
    sent = Counter((address[r.data["recipient"]], r.key) for r in receipts if _sent(r, "email"))
    perhaps = Counter((address[r.data["recipient"]], r.key) for r in receipts if not _sent(r, "email") and r.data["attempt"] > 1)
    arrived = Counter((m.to, m.booking) for m in {m.id: m for m in t.mails}.values())
    for about in sent.keys() | arrived.keys():
        if not sent[about] <= arrived[about] <= sent[about] + perhaps[about]:
            yield f"of the e-mails to {about[0]} about {about[1]} {sent[about]} are said to be sent, and {arrived[about]} arrived"


def _letter(receipt: Seen) -> tuple[str, ...]:
    return tuple(str(receipt.data[name]) for name in ("event_id", "recipient", "channel", "template"))


def _sent(receipt: Seen, channel: str) -> bool:
    return receipt.name == "NotificationSent" and receipt.data["channel"] == channel
