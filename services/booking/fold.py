"""A batch of commands and payment facts folded in memory: each decided on the state that the ones before it left."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from contracts.commands import CreateBooking
from contracts.ids import new_id
from contracts.message import Message
from contracts.rejections import CommandRejected
from services.booking.lifecycle import SYSTEM, Cause, Facts, Refusal, Unchanged, allowed, is_party, unfold
from services.booking.state import Booking, BookingEvent, Occurred, Slot
from services.booking.store import SOURCE, Logged
from services.runtime.errors import brief
from services.runtime.outcomes import Burial, Fate, Outcome

log = structlog.get_logger()
ATTEMPTS = 3
Command = Message[Cause]


class Fold:
    """The bookings of a batch as they are now, and what has to be written because of it."""

    def __init__(
        self, now: datetime, bookings: dict[UUID, Booking], busy: Iterable[Slot], auto_confirm_after: timedelta | None = None
    ) -> None:
        """Begin with locked `bookings` and the `busy` slots of the locked providers; `now` is the batch's business instant."""
        self.now, self.bookings, self._auto_confirm_after = now, bookings, auto_confirm_after
        self.events: list[Logged] = []
        self.rejections: list[Message[CommandRejected]] = []
        self._busy: dict[UUID, dict[UUID, Slot]] = defaultdict(dict)
        for slot in busy:
            self._busy[slot.provider][slot.booking] = slot

    def settle(self, command: Command) -> Outcome:
        """Decide one command and note what follows. A failure of our own code buries the command, not its booking."""
        booking = self.bookings.get(command.booking)
        if booking is None and not isinstance(command.data, CreateBooking):
            return Fate.PARKED
        failure = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._decide(booking, command)
            except Exception as error:  # noqa: BLE001 - whatever our own code raises is this command's fate, not its batch's
                failure = brief(error)
                log.warning(
                    "command_failed",
                    booking=command.subject,
                    command=command.name,
                    attempt=attempt,
                    error=failure,
                    correlation_id=command.correlation_id,
                )
        return Burial("poison", failure, ATTEMPTS)

    def _decide(self, booking: Booking | None, command: Command) -> Outcome:
        steps = unfold(booking, command, Facts(tuple(self._busy_for(booking).values()), self._auto_confirm_after), self.now)
        if isinstance(steps, Unchanged):
            return Fate.UNCHANGED
        if isinstance(steps, Refusal):
            self.rejections.append(rejection(booking, command, steps, self.now))
            return Fate.REFUSED
        events = [Logged(published(occurred, command), command.payload_hash) for occurred, _ in steps]
        self._keep(steps[-1][1])
        self.events += events
        return Fate.HANDLED

    def _busy_for(self, booking: Booking | None) -> Mapping[UUID, Slot]:
        return self._busy[booking.provider] if booking else {}

    def _keep(self, booking: Booking) -> None:
        self.bookings[booking.id] = booking
        if booking.taken:
            self._busy[booking.provider][booking.id] = booking.taken
        else:
            self._busy[booking.provider].pop(booking.id, None)


def published(occurred: Occurred, command: Command) -> Message[BookingEvent]:
    """Return `occurred` as the event message that `command` caused."""
    return Message(
        id=str(new_id()),
        source=SOURCE,
        subject=str(occurred.booking),
        time=occurred.at,
        actor=occurred.actor,
        data=occurred.data,
        correlation_id=command.correlation_id or command.id,
        causation_id=command.id,
        causation_source=command.source,
        aggregate_version=occurred.version,
        traceparent=command.traceparent,
    )


def rejection(booking: Booking | None, command: Command, refusal: Refusal, now: datetime) -> Message[CommandRejected]:
    """Return the recorded answer to a refused command; who is no party learns nothing of the booking."""
    shown = booking if booking and is_party(booking, command.actor) else None
    return Message(
        id=str(new_id()),
        source=SOURCE,
        subject=command.subject,
        time=now,
        actor=SYSTEM,
        data=CommandRejected(
            command_id=command.id,
            command_source=command.source,
            command_type=command.type,
            payload_hash=command.payload_hash.hex(),
            code=refusal.code,
            detail=refusal.detail,
            status=shown.status if shown else None,
            version=shown.version if shown else None,
            allowed=tuple(allowed(shown, command.actor)),
            actor=str(command.actor),
        ),
        correlation_id=command.correlation_id or command.id,
        causation_id=command.id,
        causation_source=command.source,
        aggregate_version=shown.version if shown else None,
        traceparent=command.traceparent,
    )
