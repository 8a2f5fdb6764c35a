"""The rule: when a customer is offered other slots, which ones, and in what order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import islice
from uuid import UUID

from contracts.actors import Actor
from contracts.commands import SuggestRebooking
from contracts.directory import ProviderLeaveSet
from contracts.events import BookingCancelled, Event
from contracts.ids import derived_id
from contracts.message import Message
from contracts.parts import Suggestion
from services.directory.facts import Booking, Offer, Provider
from services.directory.slots import Interval

SOURCE = "sewabazaar/directory"
SAME_PROVIDER, OTHER_PROVIDERS = 3, 3
HORIZON = timedelta(days=14)
Rank = tuple[bool, Fraction]
Unranked = partial[Suggestion]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the customer of `booking` needs another slot: `lost` is the time that its provider does not have.

    Under one `key` a booking is answered once. "Next" counts from `at`.
    """

    key: str
    booking: Booking
    lost: Interval
    at: datetime
    message_id: str
    message_source: str
    correlation_id: str

    @property
    def still_to_come(self) -> bool:
        """Whether anybody else could do it at the same time."""
        return self.booking.booking_date >= self.at

    @classmethod
    def cancelled(cls, event: Message[Event], booking: Booking) -> "Cause":
        """Return the cause that an event is, after which `booking` stands as it does."""
        return cls(f"event:{event.id}", booking, booking.slot, event.time, event.id, event.source, event.correlation_id or event.id)

    @classmethod
    def leave(cls, message: Message[ProviderLeaveSet], booking: Booking, lost: Interval, now: datetime) -> "Cause":
        """Return the cause that a leave is for a booking it hits; the same leave set again is the same cause."""
        leave = message.data
        key = f"leave:{leave.id}:{leave.from_}:{leave.to}"
        return cls(key, booking, lost, now, message.id, message.source, message.correlation_id or message.id)


@dataclass(frozen=True, slots=True)
class Market:
    """What is on offer, and by whom; `ranked` has what is active of each category, best first."""

    offers: Mapping[UUID, Offer]
    providers: Mapping[UUID, Provider]
    ranked: Mapping[str, Sequence[Offer]]

    @classmethod
    def of(cls, offers: Iterable[Offer], providers: Iterable[Provider]) -> "Market":
        """Rank offers by mean rating and completion rate of their providers (none last), then price, provider and id."""
        known, by_category = {provider.id: provider for provider in providers}, defaultdict[str, list[Offer]](list)
        market = cls({offer.id: offer for offer in offers}, known, by_category)
        for offer in sorted(market.offers.values(), key=market.place):
            if offer.active:
                by_category[offer.category].append(offer)
        return market

    def provider(self, id_: UUID) -> Provider:
        """Return a provider, known or not."""
        return self.providers.get(id_, Provider(id_))

    def place(self, offer: Offer) -> tuple[Rank, Rank, Decimal, UUID, UUID]:
        """Return what puts `offer` before or behind others."""
        figures = self.provider(offer.provider).figures
        return _highest_first(figures.mean_rating), _highest_first(figures.completion_rate), offer.price, offer.provider, offer.id


def _highest_first(figure: Decimal | Fraction | None) -> Rank:
    return figure is None, -Fraction(figure or 0)


def needs_another_slot(data: Event) -> bool:
    """Return whether an event is a decline, a provider's cancel or the expiry of a request that was never answered."""
    if not isinstance(data, BookingCancelled):
        return False
    unanswered = data.cancellation_reason == "expired" and data.previous_status == "pending"
    return unanswered or data.cancellation_reason in {"declined", "provider"}


def suggest(cause: Cause, market: Market) -> tuple[Suggestion, ...]:
    """Return what to offer, best first: the provider's next free slots, then others who are free at the same time."""
    found = [*islice(_same_provider(cause, market), SAME_PROVIDER), *islice(_other_providers(cause, market), OTHER_PROVIDERS)]
    return tuple(unranked(rank=rank) for rank, unranked in enumerate(found, 1))


def _same_provider(cause: Cause, market: Market) -> Iterator[Unranked]:
    booking, provider = cause.booking, market.provider(cause.booking.provider)
    offer = market.offers.get(booking.service)
    if not provider.active or (offer and not offer.active):
        return
    price = (offer.price, offer.currency) if offer else (booking.total_amount, booking.currency)
    duration = booking.ends_at - booking.booking_date
    for slot in provider.diary.without(cause.lost).free_slots(cause.at, cause.at + HORIZON, duration):
        yield partial(
            Suggestion,
            kind="same_provider",
            provider=provider.id,
            service=booking.service,
            booking_date=slot.begins_at,
            ends_at=slot.ends_at,
            total_amount=price[0],
            currency=price[1],
            rating=_rating(provider),
        )


def _other_providers(cause: Cause, market: Market) -> Iterator[Unranked]:
    """Yield one suggestion for each provider: the cheapest service of the category for which there is time."""
    begins_at, told = cause.booking.booking_date, {cause.booking.provider}
    if not cause.still_to_come:
        return
    for offer in market.ranked.get(cause.booking.category, ()):
        provider, slot = market.provider(offer.provider), Interval(begins_at, begins_at + offer.duration)
        if provider.id in told or not provider.active or not provider.diary.is_free(slot):
            continue
        told.add(provider.id)
        yield partial(
            Suggestion,
            kind="other_provider",
            provider=provider.id,
            service=offer.id,
            booking_date=slot.begins_at,
            ends_at=slot.ends_at,
            total_amount=offer.price,
            currency=offer.currency,
            rating=_rating(provider),
        )


def _rating(provider: Provider) -> float | None:
    mean = provider.figures.mean_rating
    return None if mean is None else float(mean)


def command(cause: Cause, suggestions: tuple[Suggestion, ...]) -> Message[SuggestRebooking]:
    """Return the command; its id follows from the cause and the booking, whatever is suggested."""
    booking = str(cause.booking.id)
    return Message(
        id=str(derived_id("suggestions", cause.key, booking)),
        source=SOURCE,
        subject=booking,
        time=cause.at,
        actor=Actor.system("directory"),
        data=SuggestRebooking(suggestions=suggestions),
        correlation_id=cause.correlation_id,
        causation_id=cause.message_id,
        causation_source=cause.message_source,
    )
