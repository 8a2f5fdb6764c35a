"""`sewa expiry explain`, `sewa expiry audit` and `sewa calendar`, as their users run them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.ids import new_id
from contracts.policies import CalendarPublished
from services.expiry import published
from services.runtime.db import open_engine
from services.runtime.outbox import outgoing
from tests.builders import accept, create, expire
from tests.expirations import cancelled, message, random_lapses
from tests.integration.booking_service import opened
from tests.integration.cli_process import NOBODY, Done, send, sewa

REHEARSED = int(os.environ.get("SEWA_REHEARSAL", "1000"))
STRIKE = CalendarPublished.model_validate_json(
    """{"calendar": "NP", "calendar_version": "np-2026.2", "effective_at": "2026-01-01T00:00:00Z", "years": [2026, 2026],
        "weekends": [{"from": "1900-01-01", "days": ["sat"]}], "holidays": [], "working_days": [],
        "closures": [{"date": "2026-11-22", "name": "Strike"}]}"""
)


def told(environment: dict[str, str], *arguments: str, code: int = 0) -> Done:
    done = sewa(environment, *arguments)
    assert done.code == code, done.err
    return done


@pytest.fixture
async def lived(database_url: str) -> tuple[dict[str, str], str, str]:
    """An environment, a booking that is open, and one that expired."""
    alive, expired = new_id(), new_id()
    async with opened(database_url) as service:
        await service.settle(create(alive), accept(alive), create(expired), expire(expired))
    return {"DATABASE_URL": database_url, "AUTO_CANCEL_GRACE_PERIOD": "48"}, str(alive), str(expired)


def test_an_open_booking_is_explained_as_of_any_instant(lived: tuple[dict[str, str], str, str]) -> None:
    environment, alive, _ = lived
    early = told(environment, "expiry", "explain", alive, "--json", "--as-of", "2026-11-21T00:00:00Z").json
    assert (early["status"], early["eligible"], early["expires_at"]) == ("confirmed", False, "2026-11-22T06:00:00Z")
    assert [term["anchor"] for term in early["terms"]] == ["booking_date", "last_status_update"]
    late = told(environment, "expiry", "explain", alive, "--as-of", "2026-11-22T06:00:00Z").out
    assert "due since 2026-11-22T06:00:00Z (Sun 22 Nov 2026 11:45:00)" in late
    assert "✓ deadline_reached  reached 0:00:00 before" in late


def test_of_an_expired_booking_the_decision_is_told(lived: tuple[dict[str, str], str, str]) -> None:
    environment, _, expired = lived
    shown = told(environment, "expiry", "explain", expired, "--json").json
    assert (shown["status"], shown["expires_at"], shown["decision"]["expires_at"]) == ("cancelled", None, "2026-11-20T05:00:00Z")
    assert shown["policy"]["grace_hours"] == 24
    assert "expired: its deadline was 2026-11-20T05:00:00Z" in told(environment, "expiry", "explain", expired).out


def test_what_nobody_knows_or_not_yet_is_exit_code_1(lived: tuple[dict[str, str], str, str]) -> None:
    environment, alive, _ = lived
    unknown = str(new_id())
    assert told(environment, "expiry", "explain", unknown, code=1).err == f"sewa: there is no booking {unknown}\n"
    before = told(environment, "expiry", "explain", alive, "--as-of", "2026-01-01T00:00:00Z", code=1)
    assert before.err == f"sewa: there is no booking {alive} at 2026-01-01T00:00:00Z yet\n"


async def test_a_published_calendar_is_the_one_in_force(database_url: str) -> None:
    engine, environment = open_engine(database_url, pool_size=1, name="test"), {"DATABASE_URL": database_url}
    async with engine.begin() as connection:
        await published.hear(connection, [STRIKE])
    await engine.dispose()
    listed = told(environment, "calendar", "show", "--json").json["results"]
    assert [(c["calendar_version"], c["source"], c["in_force"]) for c in listed] == [
        ("np-2026.1", "shipped", False),
        ("np-2026.2", "published", True),
    ]
    assert "2026-11-22  Sun  closure  Strike" in told(environment, "calendar", "show", "NP").out


def test_a_calendar_that_contradicts_itself_is_not_published(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "NP.json"
    overlapping = {"calendar_version": "np-2026.3", "working_days": [day.model_dump(mode="json") for day in STRIKE.closures]}
    file.write_text(json.dumps({**STRIKE.model_dump(mode="json"), **overlapping}))
    environment = {"DATABASE_URL": database_url, "KAFKA_BOOTSTRAP_SERVERS": NOBODY}
    refused = told(environment, "calendar", "publish", str(file), code=2)
    assert refused.err == "sewa: closures: 2026-11-22 is a working day too\n"


@pytest.mark.timeout(3600)
def test_every_auto_cancellation_of_a_rehearsal_computes_to_the_same_again_but_the_one_that_was_tampered_with(clean_kafka: str) -> None:
    """So many as SEWA_REHEARSAL says, one of them there twice."""
    lapse, *_ = lapses = list(random_lapses(20261124, REHEARSED))
    records, environment = [outgoing(message(lapse)) for lapse in lapses], {"KAFKA_BOOTSTRAP_SERVERS": clean_kafka}
    send(clean_kafka, [*records, records[0]])
    found = told(environment, "expiry", "audit", "--json").json
    assert found == {"events": REHEARSED + 1, "audited": REHEARSED, "differences": []}
    later = message(replace(lapse, booking=replace(lapse.booking, version=9)), cancelled(lapse))
    send(clean_kafka, [outgoing(later)])
    done = told(environment, "expiry", "audit", code=1)
    assert f"{lapse.booking.id} version 10: evidence.observed_version is {lapse.booking.version}, and computes to 9\n" in done.out
