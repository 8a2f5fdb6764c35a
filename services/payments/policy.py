"""What a cancellation costs: the policy in force, the fee, and what goes back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import assert_never

from contracts.events import BookingCancelled

ZERO, CENT = Decimal("0.00"), Decimal("0.01")
EVERY_CATEGORY = "*"


@dataclass(frozen=True, slots=True)
class Policy:
    """The fees of a category, or of every category without a policy of its own, from `effective_at` on, inclusive."""

    category: str
    version: int
    effective_at: datetime
    cancel_fee_percent: Decimal = Decimal(0)
    free_cancel_hours: Decimal = Decimal(24)
    no_show_fee_percent: Decimal = Decimal(0)

    def percent(self, cancelled: BookingCancelled) -> Decimal:
        """Return what part of the captured money is kept."""
        match cancelled.cancellation_reason:
            case "customer":
                return self.cancel_fee_percent if self._is_late(cancelled) else Decimal(0)
            case "no_show_customer":
                return self.no_show_fee_percent
            case "expired" | "declined" | "provider" | "admin" | "maintenance" | "payment-failed" | "no_show_provider":
                return Decimal(0)
            case _:
                assert_never(cancelled.cancellation_reason)

    def _is_late(self, cancelled: BookingCancelled) -> bool:
        return cancelled.cancelled_at > cancelled.booking_date - timedelta(hours=float(self.free_cancel_hours))


UNSET = Policy(EVERY_CATEGORY, 0, datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Owed:
    """How money is divided: `amount` goes back, `fee` is kept."""

    amount: Decimal
    fee: Decimal = ZERO


def in_force(policies: Iterable[Policy], category: str, at: datetime) -> Policy:
    """Return the policy of `category` at the instant `at`: its own, else the default one, else version 0; whole, whatever the pin."""
    effective = [policy for policy in policies if policy.effective_at <= at]
    for scope in (category, EVERY_CATEGORY):
        if of_scope := [policy for policy in effective if policy.category == scope]:
            return max(of_scope, key=lambda policy: policy.version)
    return UNSET


def depends_on_policy(cancelled: BookingCancelled) -> bool:
    """Return whether a policy may set a fee for this cancellation."""
    return cancelled.cancellation_reason in {"customer", "no_show_customer"}


def fee(amount: Decimal, percent: Decimal) -> Decimal:
    """Return `percent` of `amount`, rounded half-up to the cent."""
    return (amount * percent / 100).quantize(CENT, ROUND_HALF_UP)


def refund(amount: Decimal, cancelled: BookingCancelled, policy: Policy) -> Owed:
    """Divide `amount`, captured for a booking that was cancelled, under `policy`."""
    kept = fee(amount, policy.percent(cancelled))
    return Owed(amount - kept, kept)
