"""The plan of a run under faults: one seed decides it, and no kind is left out."""

from collections import Counter

import pytest

from tests.faults.injectors import KINDS
from tests.faults.plan import MODES, PLACES, POINTS, PROFILES, RECORDS, Profile, planned


@pytest.mark.parametrize("name", PROFILES)
def test_a_seed_gives_the_same_plan_every_time_and_another_seed_another(name: str) -> None:
    assert planned(1, PROFILES[name]) == planned(1, PROFILES[name]) != planned(2, PROFILES[name])


@pytest.mark.parametrize("seed", range(20))
def test_the_shortest_run_has_every_kind_and_every_point_and_every_place(seed: int) -> None:
    faults = planned(seed, PROFILES["smoke"])
    ways = [fault.how for fault in faults]
    links = [fault.how.split() for fault in faults if fault.kind == "link"]
    assert {fault.kind for fault in faults} == set(KINDS)
    assert {*POINTS, *RECORDS, "immediate-stop", "backend-kills"} <= set(ways)
    assert {mode for mode, _ in links} == set(MODES)
    assert {place for _, place in links} == set(PLACES)


def test_a_longer_run_has_every_link_in_every_mode_and_every_service_as_a_victim() -> None:
    faults = planned(1, PROFILES["gate"])
    counted = Counter(fault.how for fault in faults if fault.kind == "link")
    assert counted == {f"{mode} {place}": 3 for mode in MODES for place in PLACES}
    assert Counter(f.victim for f in faults if f.kind == "kill") == dict.fromkeys({f.victim for f in faults if f.kind == "kill"}, 5)


@pytest.mark.parametrize("profile", PROFILES.values())
def test_while_a_run_is_to_be_calm_only_an_unreadable_record_and_a_copy_come(profile: Profile) -> None:
    faults = planned(3, profile)
    assert {fault.how for fault in faults if fault.at < profile.calm} == {"bad-json", "duplicate"}
    assert all(fault.at <= profile.seconds for fault in faults)
