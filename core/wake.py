"""Wake-ups: "there is work in table X", said after commit, by name.

Owns the word, not the worker: which task a name starts is written once, where the product is composed. A lost
wake-up costs a sweep's delay and nothing else, because the work itself lies in a table with a due column.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from core import clock

Waker = Callable[[str], None]
_waker: list[Waker] = []


@dataclass(frozen=True)
class _Promise:
    """A wake-up waiting for its commit; equal to any other of the same name, so one commit wakes once."""

    name: str

    def __call__(self) -> None:
        for waker in _waker:
            waker(self.name)


def register_waker(waker: Waker) -> None:
    """Install the one function that turns a name into a started task; the last one given counts."""
    _waker[:] = [waker]


def wake(name: str) -> None:
    """After the current transaction commits (now, if there is none), wake what works on `name`.

    Inside a moved clock nothing is woken: a rehearsed past is driven by its rehearser.
    """
    if clock.moved():
        return
    promise = _Promise(name)
    connection = transaction.get_connection()
    live = set(connection.savepoint_ids)
    # Django drops the promises of a rolled-back savepoint, so an equal one still listed will fire.
    if any(entry[1] == promise and entry[0] <= live for entry in connection.run_on_commit):
        return
    transaction.on_commit(promise)
