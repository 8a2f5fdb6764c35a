"""The next version of a policy or calendar: what is not named stays, and what is wrong is named before anything happens."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.policies import CalendarPublished, GracePolicySet
from services.expiry.drafts import Known, Wish, calendar_draft, draft
from services.expiry.errors import NotAcceptable
from services.expiry.grace import Policy
from services.expiry.plan import plan
from services.expiry.policies import Policies
from services.expiry.published import Version, rank
from services.expiry.views import announced, in_force
from tests.builders import ADMIN, NOW

SETTINGS = Policies(Policy("*", 24, reminders=(24, 2)), {"painting": Policy("painting", 6, 3)})
DAYS_OFF: dict[str, Any] = {
    "calendar": "NP",
    "calendar_version": "np-2027.1",
    "years": [2026, 2027],
    **{name: [] for name in ("weekends", "holidays", "working_days", "closures")},
}


def known(*versions: GracePolicySet | CalendarPublished) -> Known:
    return Known(SETTINGS, [Version(data) for data in versions])


def wish(category: str, **fields: object) -> Wish:
    return Wish(category, fields, str(ADMIN))


def set_(to: Known, category: str, **fields: object) -> GracePolicySet:
    return draft(to, wish(category, **fields), NOW)


def test_what_is_not_named_stays_as_the_settings_have_it() -> None:
    data = set_(known(), "painting", grace_hours=12)
    assert (data.policy_version, data.grace_hours, data.quiet_hours, data.reminders) == (1, 12, 3, (24, 2))
    assert (data.pin, data.cancel_fee_percent, data.effective_at) == ("live", 0, NOW + timedelta(seconds=60))


def test_what_is_not_named_stays_as_the_newest_version_of_the_category_has_it_else_that_of_all() -> None:
    everybody = set_(known(), "*", grace_hours=48, cancel_fee_percent=10)
    own = set_(known(everybody), "plumbing", quiet_hours=1)
    assert (own.policy_version, own.grace_hours, own.cancel_fee_percent) == (1, 48, 10)
    next_ = set_(known(everybody, own), "plumbing", grace_hours=2)
    assert (next_.policy_version, next_.grace_hours, next_.quiet_hours) == (2, 2, 1)
    assert set_(known(everybody, own, next_), "plumbing", quiet_hours=None).quiet_hours is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"grace_hours": 8761}, "grace_hours"),
        ({"grace_hours": 0}, "grace_hours"),
        ({"grace_hours": float("nan")}, "grace_hours"),
        ({"grace_hours": 1e-12}, "grace_hours"),
        ({"grace_hours": "two"}, "grace_hours"),
        ({"quiet_hours": -1}, "quiet_hours"),
        ({"timezone": "Asia/Atlantis"}, "timezone"),
        ({"calendar": "XX"}, "calendar"),
        ({"adjust": "sideways"}, "adjust"),
        ({"pin": "tomorrow"}, "pin"),
        ({"reminders": [24, 0]}, "reminders.1"),
        ({"cancel_fee_percent": 101}, "cancel_fee_percent"),
        ({"graze_hours": 24}, "graze_hours"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, object], field: str) -> None:
    with pytest.raises(NotAcceptable) as refused:
        draft(known(), wish("plumbing", **fields), NOW)
    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"category": "Plum bing"}, "category"), ({"set_by": "customer:" + ADMIN.id}, "set_by"), ({"policy_version": 1}, "policy_version")],
)
def test_what_is_said_of_a_version_is_checked_too(change: dict[str, Any], field: str) -> None:
    there = known(set_(known(), "plumbing", grace_hours=2))
    asked = {"category": "plumbing", "fields": {"grace_hours": 3}, "set_by": str(ADMIN), **change}
    with pytest.raises(NotAcceptable, match=f"^{field}: "):
        draft(there, Wish(**asked), NOW)


def test_the_calendar_that_comes_with_the_service_is_known_and_so_is_one_that_was_published() -> None:
    assert set_(known(), "plumbing", calendar="NP").calendar == "NP"
    other = calendar_draft(known(), {**DAYS_OFF, "calendar": "IN"}, NOW)
    assert set_(known(other), "plumbing", calendar="IN").calendar == "IN"


def test_a_calendar_has_to_have_a_higher_version_than_the_newest() -> None:
    there = known(calendar_draft(known(), {**DAYS_OFF, "calendar_version": "np-2026.9"}, NOW))
    assert calendar_draft(there, {**DAYS_OFF, "calendar_version": "np-2026.10"}, NOW).calendar_version == "np-2026.10"
    with pytest.raises(NotAcceptable, match=r"calendar_version: np-2026\.9 is not higher than np-2026\.9"):
        calendar_draft(there, {**DAYS_OFF, "calendar_version": "np-2026.9"}, NOW)


@pytest.mark.parametrize(
    ("field", "value"), [("years", [2027, 2026]), ("weekends", [{"from": "2026-01-01", "days": ["x"]}]), ("holidays", [{}])]
)
def test_a_wrong_field_of_a_calendar_is_named(field: str, value: object) -> None:
    with pytest.raises(NotAcceptable) as refused:
        calendar_draft(known(), {**DAYS_OFF, field: value}, NOW)
    assert all(problem.field.partition(".")[0] in {field, "data"} for problem in refused.value.problems)


def test_versions_of_calendars_are_compared_by_the_numbers_in_them() -> None:
    assert rank("np-2026.10") > rank("np-2026.9") > rank("np-2026")


def test_the_policy_in_force_is_shown_whole_and_what_is_announced_beside_it() -> None:
    own = set_(known(), "plumbing", grace_hours=2)
    assert (in_force(known(own), "plumbing", NOW)["policy_version"], in_force(known(own), "painting", NOW)["grace_hours"]) == (0, 6)
    assert announced(known(own), "plumbing", NOW) == [own.model_dump(mode="json")]
    assert in_force(known(own), "plumbing", own.effective_at) == own.model_dump(mode="json")
    assert announced(known(own), "plumbing", own.effective_at) == []


def test_a_plan_has_no_gaps_and_changes_only_with_what_dates_bookings() -> None:
    first, fees = Policy("plumbing", 24, version=1, effective_at=NOW), Policy("plumbing", 24, version=2, effective_at=NOW)
    pinned = Policy("plumbing", 2, version=3, effective_at=NOW, pin="at_creation")
    before, same, split = (
        plan(Policies(Policy("*", 24), published={"plumbing": p}), NOW) for p in ((first,), (first, fees), (first, fees, pinned))
    )
    assert before.text == same.text != split.text
    assert [(s.category, s.rule.policy.grace_hours) for s in split.spans] == [("plumbing", 24), ("plumbing", 2), ("", 24)]
    assert split.spans[0].before == split.spans[1].since == NOW
