"""The next version of a policy or calendar, made from what somebody names and what is known, and checked before anything happens."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError

from contracts.policies import CalendarPublished, GracePolicySet
from contracts.values import instant_text
from services.expiry.calendar_checks import problems
from services.expiry.errors import NotAcceptable, Problem
from services.expiry.grace import EVERY_CATEGORY, Policy
from services.expiry.policies import Policies
from services.expiry.published import AnyPolicy, Version, number_of, rank

A = TypeVar("A", GracePolicySet, CalendarPublished)
AHEAD = timedelta(seconds=60)
OF_SETTINGS = ("grace_hours", "quiet_hours", "adjust", "timezone", "calendar", "reminders")
FIELDS = (*OF_SETTINGS, "pin", "cancel_fee_percent", "free_cancel_hours", "no_show_fee_percent")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for a category or `*`: `fields` by name as in JSON, the others stay as they are; from 60 s on without an instant."""

    category: str
    fields: Mapping[str, object]
    set_by: str
    reason: str | None = None
    effective_at: datetime | None = None
    policy_version: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Every version of everything, what is still on its way to the topic included."""

    defaults: Policies
    versions: Sequence[Version]

    @property
    def calendars(self) -> set[str]:
        """The names of all calendars, those that come with the service included."""
        return self.defaults.calendars.keys() | {v.data.calendar for v in self.versions if isinstance(v.data, CalendarPublished)}

    def after(self, data: AnyPolicy) -> "Known":
        """Return what would be known if `data` were published."""
        return replace(self, versions=[*self.versions, Version(data)])

    def newest(self, subject: str) -> AnyPolicy | None:
        """Return the highest version of a subject."""
        return next((v.data for v in reversed(self.versions) if v.subject == subject), None)

    def base(self, category: str) -> Mapping[str, object]:
        """Return the fields that stay as long as nobody names others: the newest of the category, else of `*`, else of the settings."""
        newest = self.newest(category) or self.newest(EVERY_CATEGORY)
        if newest is None:
            return of_settings(self.defaults.by_category.get(category, self.defaults.default))
        return {name: value for name, value in newest.model_dump(mode="json").items() if name in FIELDS}


def of_settings(policy: Policy) -> Mapping[str, object]:
    """Return the fields of a policy of version 0; those that settings do not know have the contract's defaults."""
    return {name: getattr(policy, name) for name in OF_SETTINGS}


def draft(known: Known, wish: Wish, now: datetime) -> GracePolicySet:
    """Return the message that `wish` asks for. Raises NotAcceptable with every field that is wrong."""
    newest = known.newest(wish.category)
    stands = newest.policy_version if isinstance(newest, GracePolicySet) else 0
    _refuse_unknown(wish.fields, FIELDS)
    made = {
        **known.base(wish.category),
        **wish.fields,
        "category": wish.category,
        "policy_version": stands + 1 if wish.policy_version is None else wish.policy_version,
        "effective_at": instant_text(wish.effective_at or now + AHEAD),
        "set_by": wish.set_by,
        "reason": wish.reason,
    }
    data = _read(GracePolicySet, made)
    _refuse(
        ("set_by", "only an admin sets policies, admin:<uuid>", not data.set_by.startswith("admin:")),
        ("policy_version", f"{data.policy_version} is not higher than {stands}", data.policy_version <= stands),
        ("grace_hours", "less than a microsecond", not timedelta(hours=data.grace_hours)),
        ("quiet_hours", "less than a microsecond", data.quiet_hours is not None and not timedelta(hours=data.quiet_hours)),
        ("calendar", f"there is no calendar {data.calendar}", data.calendar is not None and data.calendar not in known.calendars),
    )
    return data


def calendar_draft(known: Known, document: Mapping[str, object], now: datetime) -> CalendarPublished:
    """Return the message that publishes `document`, from 60 s on where it names no instant. Raises NotAcceptable."""
    _refuse_unknown(document, CalendarPublished.model_fields | {"from": None})
    data = _read(CalendarPublished, {"effective_at": instant_text(now + AHEAD), **document})
    newest = known.newest(data.required_subject())
    stands = number_of(newest) if newest else ""
    shipped = [version.version for version in known.defaults.calendars.get(data.calendar, ())]
    _refuse(
        ("calendar_version", f"{data.calendar_version} is the one that comes with the service", data.calendar_version in shipped),
        ("calendar_version", f"{data.calendar_version} is not higher than {stands}", rank(data.calendar_version) <= rank(stands)),
        *((field, problem, True) for field, problem in problems(data)),
    )
    return data


def _read(contract: type[A], made: Mapping[str, object]) -> A:
    try:
        return contract.model_validate_json(json.dumps(made), by_alias=True, by_name=False)
    except ValidationError as error:
        raise NotAcceptable(*(Problem(".".join(map(str, e["loc"])) or "data", e["msg"]) for e in error.errors())) from error


def _refuse_unknown(given: Mapping[str, object], fields: Sequence[str] | Mapping[str, object]) -> None:
    _refuse(*((name, "there is no such field", name not in fields) for name in given))


def _refuse(*checks: tuple[str, str, bool]) -> None:
    if problems := [Problem(field, message) for field, message, wrong in checks if wrong]:
        raise NotAcceptable(*problems)
