"""What a calendar must not say: two things about one day, or something about a day of another year."""

from collections import Counter
from collections.abc import Iterator

from contracts.policies import CalendarPublished, NamedDay


def problems(data: CalendarPublished) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a calendar that is well formed: the field, and what about it."""
    named = {"holidays": data.holidays, "working_days": data.working_days, "closures": data.closures}
    for field, days in named.items():
        yield from _days(field, days, data.years)
    for day in sorted({d.date for d in data.working_days} & {d.date for d in data.closures}):
        yield "closures", f"{day} is a working day too"
    for day, times in sorted(Counter(weekend.from_ for weekend in data.weekends).items()):
        if times > 1:
            yield "weekends", f"{times} of them hold from {day}"


def _days(field: str, days: tuple[NamedDay, ...], years: tuple[int, int]) -> Iterator[tuple[str, str]]:
    for day, times in sorted(Counter(d.date for d in days).items()):
        if times > 1:
            yield field, f"{day} is there {times} times"
        if not years[0] <= day.year <= years[1]:
            yield field, f"{day} is outside of the years {years[0]} to {years[1]}"
