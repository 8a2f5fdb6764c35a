"""Mistakes and what notices them: the simulation has to notice every one of them within a few seeds."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.simulation import directed, plumbing_mistakes as plumbing, rule_mistakes as rules
from tests.simulation.history import History
from tests.simulation.world import Engines

LOST = ("one_outcome", "dead_for_a_reason", "everybody_told", "index_follows")  # a command; an event: then there is a gap, or the end


@dataclass(frozen=True)
class Mutant:
    """A mistake, the invariants that may be the first to break, and how many seeds are tried; or the one history that goes `through` it."""

    make: Callable[[pytest.MonkeyPatch, Engines], None]
    broken: tuple[str, ...]
    seeds: int = 40
    through: Callable[[History], Awaitable[None]] | None = None


MUTANTS: Mapping[str, Mutant] = {
    "offset before commit": Mutant(plumbing.offset_before_commit, LOST),
    "no inbox check": Mutant(plumbing.no_inbox_check, ("one_outcome", "one_outcome_at_most")),
    "inbox in another transaction": Mutant(plumbing.inbox_in_another_transaction, ("one_outcome",)),
    "relay by id > last": Mutant(plumbing.relay_by_last_id, ("first_occurrences_in_order", "all_published", "one_outcome")),
    "no version check on expire": Mutant(rules.no_version_check_on_expire, ("nothing_early",)),
    "two relays": Mutant(plumbing.two_relays, ("one_voice",)),
    "ledger key without channel": Mutant(rules.ledger_key_without_channel, ("everybody_told",)),
    "a group reset that sends again": Mutant(rules.group_reset_that_sends_again, ("one_letter", "one_voice")),
    "all positions committed": Mutant(plumbing.all_positions_committed, LOST, through=directed.a_process_that_has_read_ahead),
    "unawaited dead letter": Mutant(plumbing.unawaited_dead_letter, ("one_outcome",), through=directed.a_lost_dead_letter),
    "host clock in expiry": Mutant(rules.host_clock_in_expiry, ("nothing_early",)),
    "swallowed error": Mutant(plumbing.swallowed_error, LOST),
    "acknowledged without asking": Mutant(plumbing.acknowledged_unasked, ("first_occurrences_in_order", "all_published", "one_outcome")),
    "dropped instead of parked": Mutant(rules.orphans_at_once, ("one_outcome",)),
    "a lost connection is poison": Mutant(plumbing.lost_connection_is_poison, ("dead_for_a_reason",)),
    "policies read at leisure": Mutant(rules.policies_read_at_leisure, ("nothing_early",), through=directed.an_unread_policy),
    "no check of overlaps at all": Mutant(rules.no_overlap_check, ("no_overlap", "slots_are_taken")),
    "overlaps left to the constraint": Mutant(rules.overlap_left_to_the_constraint, ("comes_to_rest",)),
    "a time refused without need": Mutant(rules.refused_without_need, ("refused_for_a_reason",)),
    "slots never freed": Mutant(rules.slots_never_freed, ("slots_are_taken",)),
    "letters shown to nobody": Mutant(rules.shown_to_nobody, ("sent_is_there",)),
    "buried twice": Mutant(plumbing.buried_twice, ("buried_once",)),
    "an expiry asked for once": Mutant(rules.refusals_forgotten, ("nothing_overdue",)),
    "captured twice": Mutant(rules.captured_twice, ("one_capture",)),
    "copies of money counted": Mutant(rules.copies_counted, ("money_counted_once",)),
    "late money kept": Mutant(rules.late_money_kept, ("all_money_back",)),
    "a column forgotten": Mutant(rules.column_forgotten, ("replayed_log_equals_tables",)),
}
