"""The promises that a run has to keep, by name. They share no code with the system."""

from collections.abc import Callable, Iterator

from tests.faults.of_bookings import (
    counted_by_hand,
    deadlines_are_due,
    first_occurrences_in_order,
    lapses,
    no_overlap,
    nothing_early,
    one_cancel,
    paid_once,
    state_is_the_log,
)
from tests.faults.of_letters import everybody_told, one_letter, one_receipt
from tests.faults.of_messages import (
    accounted,
    dead_letters,
    nothing_unasked,
    one_outcome,
    one_outcome_at_most,
    one_voice,
    repetitions_agree,
)
from tests.faults.of_refusals import refused_for_a_reason
from tests.faults.trial import Trial

Promise = Callable[[Trial], Iterator[str]]
PROMISES: tuple[Promise, ...] = (
    accounted,
    one_outcome,
    one_outcome_at_most,
    nothing_unasked,
    refused_for_a_reason,
    dead_letters,
    one_voice,
    repetitions_agree,
    first_occurrences_in_order,
    one_cancel,
    nothing_early,
    lapses,
    no_overlap,
    state_is_the_log,
    deadlines_are_due,
    paid_once,
    counted_by_hand,
    everybody_told,
    one_receipt,
    one_letter,
)


def broken(trial: Trial) -> dict[str, list[str]]:
    """Return what contradicts each promise that was not kept, by its name."""
    return {promise.__name__: found for promise in PROMISES if (found := list(promise(trial)))}
