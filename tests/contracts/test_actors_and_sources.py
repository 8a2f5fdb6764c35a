"""Who may speak for whom."""

import json
from dataclasses import replace

import pytest

from contracts.actors import KINDS, Actor
from contracts.message import Message
from contracts.wire import Sources, Unreadable
from tests.contracts import examples

PERSON = "11111111-1111-4111-8111-111111111111"


def one(kind: str) -> Actor:
    return Actor(kind, PERSON if kind in ("customer", "provider", "admin") else "somebody")


@pytest.mark.parametrize("kind", KINDS)
def test_an_actor_is_read_as_it_is_written(kind: str) -> None:
    assert Actor.parse(str(one(kind))) == one(kind)
    assert one(kind).is_person == (kind in ("customer", "provider", "admin"))


def test_a_service_of_ours_is_an_actor() -> None:
    assert str(Actor.system("expiry")) == "system:expiry"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "should be one of"),
        ("customer", "needs a canonical lower-case UUID"),
        (f"customer:{PERSON}x", "needs a canonical lower-case UUID"),
        (f"customer:{PERSON}\n", "needs a canonical lower-case UUID"),
        (f"admin:{PERSON.replace('1', 'A')}", "needs a canonical lower-case UUID"),
        ("upstream:", "needs a name"),
        ("system:two words", "needs a name"),
        (f"Customer:{PERSON}", "should be one of"),
        ("robot:r2", "should be one of"),
    ],
)
def test_a_malformed_actor_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Actor.parse(text)


@pytest.mark.parametrize("kind", KINDS)
def test_by_default_any_source_speaks_for_any_kind_but_system(kind: str) -> None:
    assert Sources.parse(None).allows("shop", one(kind)) == (kind != "system")


@pytest.mark.parametrize("setting", [None, "{}", '{"shop": ["customer"]}', '{"sewabazaar/expiry": []}'])
def test_our_services_always_speak_in_their_own_name(setting: str | None) -> None:
    sources = Sources.parse(setting)
    assert sources.allows("sewabazaar/expiry", Actor.system("expiry"))
    assert not sources.allows("sewabazaar/expiry", Actor.system("directory"))
    assert not sources.allows("expiry", Actor.system("expiry"))


def test_a_map_lets_its_sources_speak_for_their_kinds_only() -> None:
    sources = Sources.parse(json.dumps({"shop": ["customer", "upstream"], "robot": ["system"], "mute": []}))
    assert sources.allows("shop", one("customer"))
    assert sources.allows("shop", one("upstream"))
    assert not sources.allows("shop", one("admin"))
    assert not sources.allows("mute", one("customer"))
    assert not sources.allows("unlisted", one("customer"))
    assert not sources.allows("sewabazaar/api", one("customer"))
    assert sources.allows("robot", Actor.system("expiry"))


@pytest.mark.parametrize("setting", ["", "no", "[]", '"shop"', '{"shop": "customer"}', '{"shop": ["root"]}', '{"": []}', '{"a": [["b"]]}'])
def test_a_wrong_setting_is_refused_by_name(setting: str) -> None:
    with pytest.raises(ValueError, match="SEWA_SOURCES"):
        Sources.parse(setting)


def test_our_own_topics_carry_facts_about_anybody() -> None:
    cancelled = examples.message(examples.BY_NAME["BookingCancelled"], actor=Actor.system("expiry"))
    for setting in (None, '{"shop": ["customer"]}'):
        assert isinstance(examples.record(cancelled).decoded(Sources.parse(setting)), Message)


def test_on_open_topics_our_services_speak_in_their_own_name_only() -> None:
    accept = examples.message(examples.BY_NAME["AcceptBooking"], source="sewabazaar/booking")
    with pytest.raises(Unreadable) as caught:
        examples.record(replace(accept, actor=Actor.system("expiry"))).decoded()
    assert caught.value.reason == "actor-not-allowed"
    assert isinstance(examples.record(replace(accept, actor=Actor.system("booking"))).decoded(), Message)


@pytest.mark.parametrize("kind", ["customer", "provider", "upstream", "system"])
def test_policies_are_set_by_admins_only(kind: str) -> None:
    with pytest.raises(Unreadable) as caught:
        examples.record(examples.message(examples.BY_NAME["GracePolicySet"], actor=one(kind), source="sewabazaar/somebody")).decoded()
    assert caught.value.reason == "actor-not-allowed"
