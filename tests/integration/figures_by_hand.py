"""The figures counted by hand: plain Python over the events of the log, slow and obvious, sharing no code with the service."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

NEPAL = ZoneInfo("Asia/Kathmandu")
DAY = timedelta(days=1)
LOG = "select booking, version, split_part(type, '.', 2), payload::text, actor, at from booking.log order by booking, version"
Keyed = Callable[["Told", date], str]


@dataclass
class Asked:
    """A request to a provider."""

    at: datetime
    ended_at: datetime | None = None
    ending: str = ""


@dataclass
class Told:
    """What the events of one booking tell."""

    category: str = ""
    provider: str = ""
    amount: Fraction = Fraction(0)
    booked_for: datetime = datetime(9000, 1, 1, tzinfo=UTC)
    status: str = ""
    reason: str = ""
    rating: int | None = None
    asked: list[Asked] = field(default_factory=list)
    settled: list[tuple[datetime, Fraction, Fraction]] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    @property
    def day(self) -> date:
        return self.booked_for.astimezone(NEPAL).date()

    @property
    def kind(self) -> str:
        """How it ended, `open` while it has not."""
        if self.status == "cancelled":
            return self.reason if self.reason in {"expired", "maintenance"} else "cancelled_other"
        return self.status if self.status == "completed" else "open"

    def hears(self, name: str, data: dict[str, Any], actor: str, at: datetime) -> None:
        before, self.status = self.status, data["status"]
        self.events.append(name)
        self._facts(name, data)
        self._request(before, name, data, actor, at)
        if name == "PaymentRecorded":
            amount = Fraction(data["amount"] or 0)
            self.settled.append((at, amount * (data["kind"] == "PaymentCaptured"), amount * (data["kind"] == "RefundSettled")))

    def _facts(self, name: str, data: dict[str, Any]) -> None:
        if name == "BookingCreated":
            self.category, self.provider, self.amount = data["category"], data["provider"], Fraction(data["total_amount"])
        if name in {"BookingCreated", "BookingRescheduled", "BookingOverridden"}:
            self.booked_for = datetime.fromisoformat(data["booking_date"])
        if name == "BookingCancelled":
            self.reason = data["cancellation_reason"]
            if data["expired_at"]:
                late = datetime.fromisoformat(data["cancelled_at"]) - datetime.fromisoformat(data["expired_at"])
                self.lags.append(late.total_seconds())
        if name == "BookingOverridden" and data["status"] == "cancelled":
            self.reason = "admin"
        if name in {"DeliveryConfirmed", "ReviewAdded"} and data["rating"]:
            self.rating = data["rating"]

    def _request(self, before: str, name: str, data: dict[str, Any], actor: str, at: datetime) -> None:
        if before == "pending" and self.status != "pending":
            request = self.asked[-1]
            request.ended_at = at
            declined = name == "BookingCancelled" and data["cancellation_reason"] == "declined"
            if actor.startswith("provider:") and (declined or name == "BookingAccepted"):
                request.ending = "answered"
            elif name == "BookingCancelled":
                request.ending = data["cancellation_reason"]
        if before != "pending" and self.status == "pending":
            self.asked.append(Asked(at))


def told(rows: Iterable[Sequence[Any]]) -> list[Told]:
    """Return what the rows of LOG tell, a booking each."""
    bookings: dict[Any, Told] = defaultdict(Told)
    for booking, _, name, payload, actor, at in rows:
        bookings[booking].hears(name, json.loads(payload), actor, at)
    return list(bookings.values())


def two_places(value: Fraction) -> str:
    """Round half away from nought, which is half-up for what is not negative."""
    cents = floor(abs(value) * 100 + Fraction(1, 2))
    return f"{'-' if value < 0 and cents else ''}{cents // 100}.{cents % 100:02}"


def ratio(part: Fraction | int, whole: int) -> str | None:
    return two_places(Fraction(part) / whole) if whole else None


def exactly(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1), 1_000_000)


def responses(asked: Sequence[Asked], now: datetime) -> dict[str, Any]:
    took = sorted(exactly(a.ended_at - a.at) for a in asked if a.ended_at and a.ending == "answered")
    n, day = len(took), 24 * 3600
    withdrawn = [a for a in asked if a.ended_at and a.ending == "customer" and a.ended_at - a.at <= DAY]
    due = [a for a in asked if (a.ending in {"answered", "expired"} or now - a.at > DAY) and a not in withdrawn]
    return {
        "answered": n,
        "mean_seconds": ratio(sum(took, Fraction(0)), n),
        "median_seconds": two_places((took[(n - 1) // 2] + took[n // 2]) / 2) if n else None,
        "p90_seconds": two_places(took[ceil(Fraction(9, 10) * n) - 1]) if n else None,
        "response_rate_24h": ratio(100 * sum(t <= day for t in took), len(due)),
    }


def cohort(bookings: Sequence[Told], captured: Fraction, refunded: Fraction, now: datetime) -> dict[str, Any]:
    kinds = [b.kind for b in bookings]
    n = {kind: kinds.count(kind) for kind in ("completed", "expired", "maintenance", "cancelled_other", "open")}
    resolved, total = len(kinds) - n["open"], len(kinds)
    other = n["maintenance"] + n["cancelled_other"]
    rates = {"completion_rate": n["completed"], "auto_cancellation_rate": n["expired"], "other_cancellation_rate": other}
    ratings = [b.rating for b in bookings if b.rating]
    return {
        "total": total,
        "resolved": resolved,
        **n,
        **{name: ratio(100 * part, resolved) for name, part in rates.items()},
        **{f"{name}_of_total": ratio(100 * part, total) for name, part in rates.items()},
        "average_booking_value": ratio(sum((b.amount for b in bookings if b.kind == "completed"), Fraction(0)), n["completed"]),
        "currency": "NPR",
        "revenue_gross": two_places(captured),
        "revenue_net": two_places(captured - refunded),
        "satisfaction": {"mean": ratio(sum(ratings), len(ratings)), "count": len(ratings)},
        "provider_response": responses([a for b in bookings for a in b.asked], now),
    }


KEYS: dict[str, Keyed] = {
    "category": lambda told, _: told.category,
    "provider": lambda told, _: told.provider,
    "day": lambda _, day: day.isoformat(),
    "month": lambda _, day: day.isoformat()[:7],
}


def by_hand(bookings: Sequence[Told], first: date, last: date, now: datetime, group_by: str | None = None) -> dict[str, Any]:
    """Return what `sewa analytics` should say of [first, last)."""
    inside = [b for b in bookings if first <= b.day < last]
    settled = [(b, at.astimezone(NEPAL).date(), captured, refunded) for b in bookings for at, captured, refunded in b.settled]
    settled = [one for one in settled if first <= one[1] < last and one[2] + one[3]]

    def shown(key: str | None) -> dict[str, Any]:
        keyed: Keyed = KEYS[group_by] if group_by and key is not None else lambda *_: ""
        money = [one for one in settled if keyed(one[0], one[1]) == (key or "")]
        captured, refunded = sum((m[2] for m in money), Fraction(0)), sum((m[3] for m in money), Fraction(0))
        return cohort([b for b in inside if keyed(b, b.day) == (key or "")], captured, refunded, now)

    keyed = KEYS[group_by] if group_by else None
    keys = sorted({keyed(b, b.day) for b in inside} | {keyed(one[0], one[1]) for one in settled}) if keyed else []
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "timezone": "Asia/Kathmandu",
        "as_of": now.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z",
        "totals": shown(None),
        "groups": [{"key": key, **shown(key)} for key in keys],
    }


Samples = dict[tuple[str, tuple[str, ...]], float]


def samples_by_hand(bookings: Sequence[Told], today: date) -> Samples:
    """Return what the business series should say, by name and values of labels."""
    found: Samples = defaultdict(float)
    for status in ("created", "pending", "confirmed", "service_delivered", "awaiting_confirmation", "completed", "cancelled"):
        found["booking_status", (status,)] = sum(b.status == status for b in bookings)
    for booking in bookings:
        for event in booking.events:
            found["booking_events_total", (event, booking.category)] += 1
    for window, chosen in {"all": bookings, "30d": [b for b in bookings if today - 29 * DAY <= b.day <= today]}.items():
        kinds = [b.kind for b in chosen if b.kind != "open"]
        if kinds:
            found["booking_completion_ratio", (window,)] = kinds.count("completed") / len(kinds)
            found["booking_auto_cancel_ratio", (window,)] = kinds.count("expired") / len(kinds)
    if values := [b.amount for b in bookings if b.kind == "completed"]:
        found["booking_value_npr", ()] = float(sum(values) / len(values))
    answers = [float(exactly(a.ended_at - a.at)) for b in bookings for a in b.asked if a.ended_at and a.ending == "answered"]
    _observe(found, "provider_response_seconds", answers, [60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800])
    lags = [lag for b in bookings for lag in b.lags]
    _observe(found, "booking_expiry_lag_seconds", lags, [0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600, 21600, 86400])
    return found


def _observe(found: Samples, name: str, values: Sequence[float], bounds: Sequence[float]) -> None:
    for bound in bounds:
        found[f"{name}_bucket", (str(float(bound)),)] = sum(value <= bound for value in values)
    found[f"{name}_bucket", ("+Inf",)] = found[f"{name}_count", ()] = len(values)
    found[f"{name}_sum", ()] = sum(values)
