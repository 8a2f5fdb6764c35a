"""Short histories without chance, for mistakes that chance seldom meets."""

from contracts.message import Message
from contracts.policies import GracePolicySet
from contracts.topics import BOOKING_COMMANDS
from tests import builders
from tests.simulation.acts import flow
from tests.simulation.history import History
from tests.simulation.living import rest

COMMANDS = "booking.commands"


async def a_lost_dead_letter(history: History) -> None:
    """Kafka loses the dead letter of a record that nobody can read."""
    history.world.log.append(BOOKING_COMMANDS.name, str(builders.BOOKING).encode(), b"{", builders.accept(builders.BOOKING).headers())
    history.world.traps.set("booking send", "lose")
    member = history.member(COMMANDS)
    await history.settle(COMMANDS, member.fetch(history.chance, member.waiting()))
    await rest(history)


async def a_process_that_has_read_ahead(history: History) -> None:
    """A process ends between a batch of one partition and one of another that it has read already."""
    for booking in builders.bookings(12):
        history.upstream.tell(builders.create(booking), history.world.instant)
    member = history.member(COMMANDS)
    first, second = member.waiting()[:2]
    batch, _ahead = member.fetch(history.chance, [first]), member.fetch(history.chance, [second])
    await history.settle(COMMANDS, batch)
    await history.world.start("booking")
    await rest(history)


async def an_unread_policy(history: History) -> None:
    """A scan turns when a policy that lets a booking live longer is published, in force, and not read."""
    world, upstream = history.world, history.upstream
    begins = world.instant
    policy = GracePolicySet(category="*", policy_version=1, effective_at=begins, grace_hours=48, set_by=str(builders.ADMIN))
    upstream.tell(builders.create(builders.BOOKING, booking_date=begins - 23 * builders.HOUR), begins)
    for _ in range(2):
        await flow(history)
    upstream.tell(Message("", "office", "*", begins, builders.ADMIN, policy), begins)
    world.instant += 2 * builders.HOUR
    await history.run("expiry", "scan")
    await history.drain(COMMANDS)
    await history.lookout.check()
