"""Which failures are waited out, which run again at once, and which blame a message: permanent is a closed list."""

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, NodeNotReadyError
from asyncpg.exceptions._base import DataError as ClientDataError
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError, InvalidRequestError, PendingRollbackError, TimeoutError as PoolTimeout

from services.booking.errors import BrokenHistory
from services.runtime.errors import ClientStuck, Halt, Misconfigured, OffsetsLost, SlotTaken, StartFailed
from services.runtime.faults import Fault, fault


def wrapped(error: BaseException) -> DBAPIError:
    """The error as it comes through SQLAlchemy: a driver's exception around asyncpg's."""
    driver = Exception(str(error))
    driver.__cause__ = error
    return DBAPIError("select 1", None, driver)


def named(error: asyncpg.PostgresError, constraint: str) -> asyncpg.PostgresError:
    error.constraint_name = constraint
    return error


def invalid() -> ValidationError:
    class Model(BaseModel):
        number: int

    try:
        Model(number="x")  # type: ignore[arg-type]
    except ValidationError as error:
        return error
    raise AssertionError


DATABASE = [
    (asyncpg.DataError, Fault.DATA),
    (asyncpg.DivisionByZeroError, Fault.DATA),
    (asyncpg.CharacterNotInRepertoireError, Fault.DATA),
    (asyncpg.NotNullViolationError, Fault.DATA),
    (asyncpg.ForeignKeyViolationError, Fault.DATA),
    (asyncpg.UniqueViolationError, Fault.DATA),
    (asyncpg.CheckViolationError, Fault.TRANSIENT),
    (asyncpg.SerializationError, Fault.CONFLICT),
    (asyncpg.DeadlockDetectedError, Fault.CONFLICT),
    (asyncpg.ExclusionViolationError, Fault.CONFLICT),
    (asyncpg.DiskFullError, Fault.TRANSIENT),
    (asyncpg.TooManyConnectionsError, Fault.TRANSIENT),
    (asyncpg.ReadOnlySQLTransactionError, Fault.TRANSIENT),
    (asyncpg.QueryCanceledError, Fault.TRANSIENT),
    (asyncpg.LockNotAvailableError, Fault.TRANSIENT),
    (asyncpg.AdminShutdownError, Fault.TRANSIENT),
    (asyncpg.CannotConnectNowError, Fault.TRANSIENT),
    (asyncpg.InsufficientPrivilegeError, Fault.TRANSIENT),
    (asyncpg.UndefinedTableError, Fault.TRANSIENT),
    (asyncpg.ConnectionDoesNotExistError, Fault.TRANSIENT),
    (asyncpg.InterfaceError, Fault.TRANSIENT),
    (ClientDataError, Fault.DATA),
]


@pytest.mark.parametrize(("error", "expected"), DATABASE)
def test_the_databases_answer_decides(error: type[Exception], expected: Fault) -> None:
    assert fault(wrapped(error("no"))) is expected
    assert fault(error("no")) is expected


def test_a_check_violation_blames_the_message_only_when_it_names_a_constraint() -> None:
    assert fault(wrapped(named(asyncpg.CheckViolationError("no"), "version_counts_from_1"))) is Fault.DATA
    assert fault(wrapped(named(asyncpg.CheckViolationError("no partition of relation"), ""))) is Fault.TRANSIENT


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("no route"), Fault.TRANSIENT),
        (ConnectionResetError(), Fault.TRANSIENT),
        (TimeoutError(), Fault.TRANSIENT),
        (MemoryError(), Fault.TRANSIENT),
        (KafkaConnectionError(), Fault.TRANSIENT),
        (NodeNotReadyError(), Fault.TRANSIENT),
        (MessageSizeTooLargeError(), Fault.TRANSIENT),
        (PoolTimeout("no connection is free"), Fault.TRANSIENT),
        (PendingRollbackError("rolled back"), Fault.TRANSIENT),
        (InvalidRequestError("closed"), Fault.TRANSIENT),
        (DBAPIError("select 1", None, OSError("gone")), Fault.TRANSIENT),
        (DBAPIError("select 1", None, None), Fault.TRANSIENT),  # type: ignore[arg-type]
        (invalid(), Fault.DATA),
        (ValueError("ours"), Fault.CODE),
        (KeyError("ours"), Fault.CODE),
        (RecursionError(), Fault.CODE),
        (AssertionError(), Fault.CODE),
        (RuntimeError("underneath"), Fault.CODE),
        (BrokenHistory("ours"), Fault.CODE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_failures_are_waited_out_unless_our_own_code_raised_them(error: Exception, expected: Fault) -> None:
    assert fault(error) is expected


def test_what_stops_the_process_is_told_apart() -> None:
    assert issubclass(Misconfigured, StartFailed)
    assert {StartFailed, SlotTaken, OffsetsLost, ClientStuck} == {
        kind for kind in Halt.__subclasses__() if kind.__module__ == Halt.__module__
    }
