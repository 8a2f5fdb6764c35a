"""What must hold after every step of a history, and what must hold once everything is quiet, written from the promises."""

from collections.abc import Callable, Iterator

from tests.simulation.about_bookings import (
    folded_log_equals_tables,
    gapless_versions,
    no_overlap,
    nothing_early,
    one_cancel,
    slots_are_taken,
)
from tests.simulation.about_messages import (
    buried_once,
    dead_for_a_reason,
    first_occurrences_in_order,
    one_letter,
    one_outcome,
    one_outcome_at_most,
    one_voice,
)
from tests.simulation.about_money import all_money_back, money_counted_once, one_capture
from tests.simulation.about_refusals import refused_for_a_reason
from tests.simulation.about_rest import (
    all_published,
    everybody_told,
    index_follows,
    nothing_overdue,
    replayed_log_equals_tables,
    sent_is_there,
)
from tests.simulation.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]
ALWAYS: tuple[Check, ...] = (
    gapless_versions,
    one_cancel,
    nothing_early,
    no_overlap,
    folded_log_equals_tables,
    slots_are_taken,
    first_occurrences_in_order,
    one_voice,
    one_letter,
    one_outcome,
    one_outcome_at_most,
    buried_once,
    dead_for_a_reason,
    one_capture,
    money_counted_once,
)
AT_REST: tuple[Check, ...] = (
    refused_for_a_reason,
    all_published,
    everybody_told,
    sent_is_there,
    nothing_overdue,
    index_follows,
    all_money_back,
    replayed_log_equals_tables,
)
