"""Which failures are worth waiting for.

Permanent is a closed list; whatever is not on it is waited out, because waiting loses nothing.
"""

from enum import Enum

from aiokafka.errors import KafkaError
from asyncpg import InterfaceError, PostgresError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

INTEGRITY = frozenset({"23502", "23503", "23505"})
CHECK_VIOLATION = "23514"
RERUN = frozenset({"40001", "40P01", "23P01"})


class Fault(Enum):
    """What a failure asks for: wait, run again at once, or look for the message to blame."""

    TRANSIENT = "transient"
    CONFLICT = "conflict"
    DATA = "data"
    CODE = "code"


def fault(error: BaseException) -> Fault:
    """Return the kind of `error`; a batch is split for DATA and CODE, and never for the others."""
    if isinstance(error, DBAPIError):
        original = error.orig
        return _database_fault((original.__cause__ if original else None) or original)
    if isinstance(error, ValidationError):
        return Fault.DATA
    if isinstance(error, SQLAlchemyError | KafkaError | OSError | TimeoutError | MemoryError):
        return Fault.TRANSIENT
    return _database_fault(error) if isinstance(error, PostgresError | InterfaceError) else Fault.CODE


def _database_fault(error: BaseException | None) -> Fault:
    if isinstance(error, InterfaceError) and isinstance(error, ValueError):
        return Fault.DATA
    state = str(getattr(error, "sqlstate", "") or "")
    if state in RERUN:
        return Fault.CONFLICT
    names_constraint = state == CHECK_VIOLATION and bool(getattr(error, "constraint_name", None))
    return Fault.DATA if state.startswith("22") or state in INTEGRITY or names_constraint else Fault.TRANSIENT
