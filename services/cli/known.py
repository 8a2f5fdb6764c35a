"""The services that this command line runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.booking import app as booking
from services.expiry import app as expiry
from services.notifier import app as notifier
from services.payments import app as payments
from services.runtime.process import Process
from services.runtime.settings import RuntimeSettings

S = TypeVar("S", bound=RuntimeSettings)


@dataclass(frozen=True, slots=True)
class Known(Generic[S]):
    """A service: what it reads from the environment, and its composition root."""

    settings: type[S]
    build: Callable[[S], Process]

    @property
    def port(self) -> int:
        """Where its first copy serves its health, unless a setting says otherwise."""
        return int(self.settings.model_fields["port"].default)


SERVICES: Mapping[str, Known[Any]] = {
    "booking": Known(booking.BookingSettings, booking.build),
    "expiry": Known(expiry.ExpirySettings, expiry.build),
    "notifier": Known(notifier.NotifierSettings, notifier.build),
    "payments": Known(payments.PaymentsSettings, payments.build),
}
