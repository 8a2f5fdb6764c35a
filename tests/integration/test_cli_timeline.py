"""`sewa timeline`: one booking's story, from the log that the service wrote."""

import pytest

from contracts.ids import new_id
from tests.builders import accept, cancel, create, expire
from tests.integration.booking_service import opened
from tests.integration.cli_process import NOBODY, Done, sewa


@pytest.fixture
async def lived(database_url: str) -> tuple[dict[str, str], str, str]:
    """An environment, a booking that its customer cancelled, and one that expired."""
    cancelled, expired = new_id(), new_id()
    async with opened(database_url) as service:
        await service.settle(create(cancelled, notes="\033[31mring the bell"), accept(cancelled), cancel(cancelled, reason="fell ill"))
        assert await service.settle(create(expired), expire(expired)) == ["handled", "handled"]
    return {"DATABASE_URL": database_url}, str(cancelled), str(expired)


def told(environment: dict[str, str], *arguments: str) -> Done:
    done = sewa(environment, "timeline", *arguments)
    assert (done.code, done.err) == (0, "")
    return done


def test_programs_read_who_did_what_and_why(lived: tuple[dict[str, str], str, str]) -> None:
    environment, cancelled, _ = lived
    shown = told(environment, cancelled, "--json").json
    assert [(e["version"], e["type"], e["from_status"], e["to_status"]) for e in shown["results"]] == [
        (1, "BookingCreated", None, "created"),
        (2, "BookingSubmitted", "created", "pending"),
        (3, "BookingAccepted", "pending", "confirmed"),
        (4, "BookingCancelled", "confirmed", "cancelled"),
    ]
    last = shown["results"][-1]
    assert (last["actor"]["role"], last["via"], last["reason"], last["at"]) == ("customer", "kafka", "fell ill", "2026-11-20T06:00:00Z")


def test_people_read_it_in_words_with_local_times(lived: tuple[dict[str, str], str, str]) -> None:
    environment, cancelled, expired = lived
    shown = told(environment, cancelled).out
    assert f"booking {cancelled}: cancelled, version 4" in shown
    assert "accepted  pending → confirmed" in shown
    assert "2026-11-20T06:00:00Z, Fri 20 Nov 2026 11:45:00 in Asia/Kathmandu" in shown
    assert "cancellation note fell ill" in shown
    assert r"notes \x1b[31mring the bell" in shown
    elsewhere = told({**environment, "SEWA_TIMEZONE": "Europe/Berlin"}, expired).out
    assert "Fri 20 Nov 2026 07:00:00 in Europe/Berlin" in elsewhere
    assert "by system expiry, asked by" in elsewhere


def test_a_booking_that_nobody_knows_is_exit_code_1(database_url: str) -> None:
    unknown = str(new_id())
    done = sewa({"DATABASE_URL": database_url}, "timeline", unknown)
    assert (done.code, done.out, done.err) == (1, "", f"sewa: there is no booking {unknown}\n")


def test_what_is_no_id_is_exit_code_2() -> None:
    done = sewa({"DATABASE_URL": f"postgresql://{NOBODY}/booking"}, "timeline", "booking-7", "--json")
    assert (done.code, done.out) == (2, "")
    assert "valid UUID" in done.err
