"""What a run under faults has to answer for, besides what the examiner asks anyway: pure, and with no code of the system."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.examiner import Evidence, Seen, first_occurrences
from tests.faults.load import Ledger

LOAD = "shop"


@dataclass(frozen=True)
class Trial:
    """The evidence of a run, the commands topic, how many attempts at e-mails came after first ones, and when nothing was wrong yet."""

    evidence: Evidence
    ledger: Ledger
    commands: list[Seen]
    mails: list[str]
    spare_attempts: int
    calm: tuple[float, float]

    def findings(self) -> Mapping[str, list[str]]:
        """Return what contradicts each promise, by its name; a promise that is kept has an empty list."""
        return {
            **self.evidence.findings(self.ledger),
            "one_outcome_at_most": self._outcomes(),
            "nothing_unasked": self._unasked(),
            "lapses": self._lapses(),
            "one_letter": self._mails(),
            "one_voice": self._voices(),
            "dead_letters": self._dead_letters(),
        }

    def _outcomes(self) -> list[str]:
        """A message is answered by one kind of outcome, and every event that it causes happens once."""
        events, rejections = first_occurrences(self.evidence.events), first_occurrences(self.evidence.rejections)
        caused = Counter((e.headers["ce_causationsource"], e.headers["ce_causationid"], e.headers["ce_type"]) for e in events + rejections)
        refused = {r.headers["ce_causationid"] for r in rejections}
        both = sorted({e.headers["ce_causationid"] for e in events} & refused)
        return [f"{cause} had {n} times {kind}" for (_, cause, kind), n in caused.items() if n > 1] + [f"{c} had two answers" for c in both]

    def _unasked(self) -> list[str]:
        known = {command for commands in self.ledger.commands.values() for command in commands}
        causes = {e.headers["ce_causationid"] for e in self.evidence.events if e.headers["ce_causationsource"] == LOAD}
        return [f"{cause} was never sent" for cause in causes - known]

    def _lapses(self) -> list[str]:
        """Whatever nobody acts on is cancelled, and nothing else."""
        events = first_occurrences(self.evidence.events)
        expired = {e.key for e in events if e.data.get("cancellation_reason") == "expired"}
        missing, early = self.ledger.lapsing.keys() - expired, expired - self.ledger.lapsing.keys()
        return [f"{key} has not lapsed" for key in sorted(missing)] + [f"{key} was not to lapse" for key in sorted(early)]

    def _mails(self) -> list[str]:
        """An e-mail goes out again only in an attempt of its own, which somebody wrote down before."""
        again = len(self.mails) - len(set(self.mails))
        told = {r.headers["ce_id"] for r in self.evidence.receipts if r.data["channel"] == "email" and "NotificationSent" in _kind(r)}
        twice = [f"{again} e-mails went out again, in {self.spare_attempts} attempts"] if again > self.spare_attempts else []
        return twice + (
            [f"{len(told)} e-mails are said to be sent, {len(set(self.mails))} arrived"] if len(told) > len(set(self.mails)) else []
        )

    def _voices(self) -> list[str]:
        """While nothing is wrong nothing is said again."""
        begin, end = self.calm
        said: Counter[str] = Counter(e.headers["ce_id"] for e in self.evidence.events if begin <= e.at < end)
        return [f"event {event} was said {n} times while nothing was wrong" for event, n in said.items() if n > 1]

    def _dead_letters(self) -> list[str]:
        """Exactly what is not to be understood is buried, once for each place where it lies, and for the right reason."""
        wanted = {
            c.place: self.ledger.unreadable[m] for c in self.commands if (m := c.headers.get("x-ledger", "")) in self.ledger.unreadable
        }
        buried = {d.headers["x-dlq-id"]: (_origin(d), d.headers["x-dlq-reason"]) for d in self.evidence.dead}
        found = Counter(buried.values())
        missing = [f"{place} is not buried as {why}" for place, why in wanted.items() if not found[place, why]]
        surplus = [f"{place} is buried as {why}, {n} times" for (place, why), n in found.items() if n > 1 or wanted.get(place) != why]
        return missing + surplus


def _kind(seen: Seen) -> str:
    return seen.headers["ce_type"]


def _origin(letter: Seen) -> tuple[str, int, int]:
    headers = letter.headers
    return headers["x-src-topic"], int(headers["x-src-partition"]), int(headers["x-src-offset"])
