"""`sewa dead-letters`: what lies there, listed and shown whole."""

import base64

import pytest

from contracts.deadletters import DeadLetterReason
from contracts.topics import DEAD_LETTERS
from services.runtime.deadletters import dead_letter
from services.runtime.outbox import Outgoing
from services.runtime.outcomes import Burial, Record
from tests.integration.cli_process import send, sewa

HEADERS = (("ce_type", b"sewabazaar.CreateBooking.v1"), ("odd", b"\xff"), ("none", None))


def letter(
    offset: int, reason: DeadLetterReason = "bad-json", topic: str = "booking.commands.v1", value: bytes | None = b"{nonsense"
) -> Outgoing:
    record = Record(topic, 2, offset, 1_780_000_000_000, b"the-key", value, HEADERS)
    return dead_letter(record, Burial(reason, f"problem {offset}"), "booking.commands")


@pytest.fixture
def buried(environment: dict[str, str]) -> dict[str, str]:
    letters = [letter(0), letter(1, "schema"), letter(2, "bad-json", "payment.events.v1"), letter(3, value=b"\xff\x00")]
    send(environment["KAFKA_BOOTSTRAP_SERVERS"], letters)
    return environment


def test_the_list_tells_what_where_and_why_newest_first(buried: dict[str, str]) -> None:
    listed = sewa(buried, "dead-letters", "list", "--json").json
    assert [one["offset"] for one in listed] == [3, 2, 1, 0]
    oldest = listed[-1]
    assert (len(oldest.pop("id")), oldest.pop("at")[-1]) == (36, "Z")
    assert oldest == {
        "reason": "bad-json",
        "error": "problem 0",
        "attempts": 1,
        "group": "booking.commands",
        "topic": "booking.commands.v1",
        "partition": 2,
        "offset": 0,
        "key": "the-key",
        "ce_type": "sewabazaar.CreateBooking.v1",
    }


@pytest.mark.parametrize(
    ("chosen", "offsets"),
    [(["--reason", "schema"], [1]), (["--topic", "payment.events.v1"], [2]), (["--limit", "2"], [3, 2]), (["--reason", "poison"], [])],
)
def test_the_list_can_be_narrowed(chosen: list[str], offsets: list[int], buried: dict[str, str]) -> None:
    assert [one["offset"] for one in sewa(buried, "dead-letters", "list", *chosen, "--json").json] == offsets


def test_people_get_whole_ids_and_no_colours_in_a_pipe(buried: dict[str, str]) -> None:
    ids = [one["id"] for one in sewa(buried, "dead-letters", "list", "--json").json]
    done = sewa(buried, "dead-letters", "list", "--limit", "3")
    assert [line.split()[0] for line in done.out.splitlines() if line[0] != " "] == [*ids[:3], "4"]
    assert done.out.endswith("4 dead letters, the newest 3 shown\n")
    assert "\033" not in done.out


def test_a_letter_buried_twice_by_a_crash_is_listed_once(environment: dict[str, str]) -> None:
    send(environment["KAFKA_BOOTSTRAP_SERVERS"], [letter(0), letter(0)])
    assert len(sewa(environment, "dead-letters", "list", "--json").json) == 1


def test_a_letter_is_shown_whole_with_bytes_as_base64(buried: dict[str, str]) -> None:
    newest = sewa(buried, "dead-letters", "list", "--json").json[0]
    shown = sewa(buried, "dead-letters", "show", newest["id"], "--json").json
    assert shown["value"] == {"value": base64.b64encode(b"\xff\x00").decode(), "encoding": "base64"}
    assert shown["key"] == {"value": "the-key", "encoding": "utf-8"}
    headers = {header.pop("name"): header for header in shown["headers"]}
    assert headers["odd"] == {"value": base64.b64encode(b"\xff").decode(), "encoding": "base64"}
    assert headers["none"]["value"] in {"", None}
    assert headers["x-dlq-id"]["value"] == newest["id"]


def test_people_see_the_text_of_a_letter_but_no_commands_to_their_terminal(environment: dict[str, str]) -> None:
    send(environment["KAFKA_BOOTSTRAP_SERVERS"], [letter(0, value="नल \033[31m[bold]red".encode())])
    (listed,) = sewa(environment, "dead-letters", "list", "--json").json
    shown = sewa(environment, "dead-letters", "show", listed["id"]).out
    assert shown.splitlines()[-1] == "नल \\x1b[31m[bold]red"


def test_a_letter_that_somebody_else_put_there_is_known_by_its_place(environment: dict[str, str]) -> None:
    send(environment["KAFKA_BOOTSTRAP_SERVERS"], [Outgoing(0, DEAD_LETTERS.name, None, [], b"{}")])
    (listed,) = sewa(environment, "dead-letters", "list", "--json").json
    assert sewa(environment, "dead-letters", "show", listed["id"]).code == 0
    assert (listed["reason"], listed["offset"], listed["key"]) == (None, None, None)


def test_an_unknown_id_is_said_plainly(buried: dict[str, str]) -> None:
    done = sewa(buried, "dead-letters", "show", "no-such-id")
    assert (done.code, done.out) == (1, "")
    assert done.err == "sewa: there is no dead letter no-such-id: `sewa dead-letters list` has the ids\n"
