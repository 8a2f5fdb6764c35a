"""Database connections that break: before a statement or a commit, or after it, when only the word of it is lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.simulation.traps import Traps

Commit = Callable[[Any], None]


@contextmanager
def breakable(engine: AsyncEngine, traps: Traps) -> Iterator[None]:
    """Have `traps` decide about the connections of `engine`: `lose` breaks one before, `doubt` after the server has done its part."""

    def before(_connection: Any, cursor: Any, *_: Any) -> None:
        if traps.cut("statement") == "lose":
            _sever(cursor._adapt_connection)

    def after(_connection: Any, cursor: Any, *_: Any) -> None:
        if traps.cut("answer") == "doubt":
            _sever(cursor._adapt_connection, notice=True)

    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for moment, listener in (("before_cursor_execute", before), ("after_cursor_execute", after)):
            event.listen(engine.sync_engine, moment, listener)
            stack.callback(event.remove, engine.sync_engine, moment, listener)
        dialect = engine.sync_engine.dialect
        patch.setattr(dialect, "do_commit", partial(_commit, traps, dialect.do_commit))
        yield


def _commit(traps: Traps, commit: Commit, connection: Any) -> None:
    effect = traps.cut("committing")
    if effect == "lose":
        _sever(connection)
    commit(connection)
    if effect == "doubt":
        _sever(connection, notice=True)


def _sever(connection: Any, *, notice: bool = False) -> None:
    """Break the connection, which is told at its next use; at once if it is to `notice`."""
    connection.driver_connection._transport.abort()
    if notice:
        connection.cursor().execute("select 1")
