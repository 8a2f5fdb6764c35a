"""The business series, made of the figures in the database."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import accumulate
from typing import get_args

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import Status
from services.booking import figures_store, parking
from services.booking.analytics import Bookings, standing_of
from services.booking.figures import APART, EVENTS, LAG_BOUNDS, LAGS, RESPONSE_BOUNDS, RESPONSES, STANDINGS, Figure, bound
from services.runtime.exhibit import Reading, gauge

WINDOW_DAYS = 30


def reading(zone: tzinfo) -> Reading:
    """Return what folds the figures and reads the series; local days are those of `zone`."""

    async def read(connection: AsyncConnection, now: datetime) -> Sequence[Metric]:
        while await figures_store.fold(connection):
            pass
        return await series(connection, now, zone)

    return read


async def series(connection: AsyncConnection, now: datetime, zone: tzinfo) -> Sequence[Metric]:
    """Return the series at the business instant `now`, whatever is folded."""
    today = now.astimezone(zone).date()
    figures = await figures_store.read(connection, today - timedelta(days=WINDOW_DAYS - 1), today)
    return families(figures, await parking.count_parked(connection))


def families(figures: Sequence[Figure], parked: int) -> list[Metric]:
    """Return every series that the booking service exports from one process at a time."""
    windows = {f"{WINDOW_DAYS}d": standing_of(figures, ("true",)), "all": standing_of(figures)}
    return [
        _events(figures),
        _statuses(figures),
        _ratios("booking_completion_ratio", "Completed of the bookings that ended", {w: (b.completed, b) for w, b in windows.items()}),
        _ratios("booking_auto_cancel_ratio", "Expired of the bookings that ended", {w: (b.expired, b) for w, b in windows.items()}),
        _value(windows["all"]),
        _histogram("provider_response_seconds", "From a request to its provider's answer", figures, RESPONSES, RESPONSE_BOUNDS),
        _histogram("booking_expiry_lag_seconds", "From a booking's deadline to its cancellation", figures, LAGS, LAG_BOUNDS),
        gauge("parked_commands", "Commands that wait for their booking", parked),
        gauge("replay_active", "Whether state is being rebuilt from events", 0),
        GaugeMetricFamily("replay_divergence", "Bookings that differ from their events, as of the last verification"),
    ]


def _events(figures: Iterable[Figure]) -> Metric:
    family = CounterMetricFamily("booking_events", "Events of bookings", labels=["type", "category"])
    for figure in figures:
        if figure.series == EVENTS:
            family.add_metric(figure.labels, figure.number)
    return family


def _statuses(figures: Iterable[Figure]) -> Metric:
    counts = Counter(dict.fromkeys(get_args(Status), 0))
    for figure in figures:
        if figure.series == STANDINGS:
            counts["cancelled" if figure.labels[1] in APART else figure.labels[1]] += figure.number
    family = GaugeMetricFamily("booking_status", "Bookings by status", labels=["status"])
    for status, number in counts.items():
        family.add_metric([status], number)
    return family


def _ratios(name: str, about: str, windows: Mapping[str, tuple[int, Bookings]]) -> Metric:
    """Return a ratio of those that ended for each window; none where none did."""
    family = GaugeMetricFamily(name, about, labels=["window"])
    for window, (part, bookings) in windows.items():
        if bookings.resolved:
            family.add_metric([window], part / bookings.resolved)
    return family


def _value(bookings: Bookings) -> Metric:
    family = GaugeMetricFamily("booking_value_npr", "Average amount of completed bookings, in NPR")
    if bookings.valued:
        family.add_metric([], float(bookings.value / bookings.valued))
    return family


def _histogram(name: str, about: str, figures: Iterable[Figure], series: str, bounds: Sequence[float]) -> Metric:
    found = {figure.labels[0]: figure for figure in figures if figure.series == series}
    names = [bound(b) for b in (*bounds, float("inf"))]
    counts = accumulate(found[b].number if b in found else 0 for b in names)
    total = sum(float(figure.amount) for figure in found.values())
    return HistogramMetricFamily(name, about, buckets=list(zip(names, counts, strict=True)), sum_value=total)
