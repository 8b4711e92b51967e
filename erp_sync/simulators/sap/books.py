"""The simulated system's memory: rows, number ranges, ETags, stock, enqueue locks, and taking a change back.

Owns the state and its primitive moves. Every change goes through `transaction`, which restores all of it when the
change is refused, as a database would. Must not know: HTTP, what a change means. Not thread-safe: one event loop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core import clock
from erp_sync.simulators.sap.metadata import entities
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import NUMBERS, Row, shown

Key = tuple[Any, ...]
#: material, plant, storage location, batch, stock type
StockKey = tuple[str, str, str, str, str]

FREE, INSPECTION, BLOCKED = "01", "02", "07"
STOCK_NAMES = {FREE: "Unrestricted-use", INSPECTION: "Quality inspection", BLOCKED: "Blocked"}

#: first number of each range
RANGES = {
    "confirmation": 100,
    "count": 1,
    "document": 4900000001,
    "defect": 1,
    "lot": 10000000001,
    "notification": 10000001,
    "reservation": 50001,
}


class Books:
    """All of it. `tables` is entity name -> key -> row."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Key, Row]] = {name: {} for name in entities()}
        self.stock: dict[StockKey, Decimal] = {}
        self.numbers: dict[str, int] = dict(RANGES)
        self.versions: dict[tuple[str, Key], int] = {}
        #: object -> (user, until); `until` None holds until released
        self.locks: dict[str, tuple[str, datetime | None]] = {}
        self.storage: dict[str, set[str]] = {}
        #: what was received against an order line, what an operation still owes, ...
        self.totals: dict[tuple[str, ...], Decimal] = {}
        self.periods: set[str] = set()
        self.equipment: set[str] = set()
        #: code group, code
        self.defect_codes: set[tuple[str, str]] = set()
        self._undo: list[Callable[[], object]] = []
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: on any exception everything is as before, number ranges apart (they leave gaps)."""
        depth, self._depth = len(self._undo), self._depth + 1
        try:
            yield
        except BaseException:
            while len(self._undo) > depth:
                self._undo.pop()()
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._undo.clear()

    def number(self, name: str) -> str:
        """The next number of a range."""
        value = self.numbers.setdefault(name, 1)
        self.numbers[name] = value + 1
        return str(value)

    def put(self, name: str, row: Row) -> Row:
        """A new row; the key must be complete in it."""
        entity = entities()[name]
        for field in entity.fields.keys() & NUMBERS & row.keys():
            row[field] = shown(field, str(row[field] or ""))
        key = tuple(row[part] for part in entity.key)
        if key in self.tables[name]:
            raise ValueError(f"{name} {key} exists")
        self.tables[name][key] = row
        self.versions[name, key] = 1
        self._undo.append(lambda: self.tables[name].pop(key))
        return row

    def drop(self, name: str, row: Row) -> None:
        """Delete a row."""
        key = tuple(row[part] for part in entities()[name].key)
        del self.tables[name][key]
        self._undo.append(lambda: self.tables[name].__setitem__(key, row))

    def get(self, name: str, key: Key) -> Row | None:
        return self.tables[name].get(key)

    def find(self, name: str, **wanted: Any) -> list[Row]:
        """Rows that hold these values, by key."""
        asked = wanted.items()
        found = [key for key, row in self.tables[name].items() if all(row.get(k) == v for k, v in asked)]
        return [self.tables[name][key] for key in sorted(found)]

    def change(self, name: str, row: Row, values: Row) -> None:
        """Write values into a row and give it a new ETag."""
        before = dict(row)
        key = tuple(row[part] for part in entities()[name].key)
        version = self.versions.get((name, key), 1)

        def back() -> None:
            row.clear()
            row.update(before)
            self.versions[name, key] = version

        self._undo.append(back)
        row.update(values)
        self.versions[name, key] = version + 1
        if "LastChangeDateTime" in entities()[name].fields:
            one = entities()[name].fields["LastChangeDateTime"]
            row["LastChangeDateTime"] = clock.now() if one.kind == "t" else stamp(clock.now())

    def etag(self, name: str, row: Row) -> str:
        """`W/"..."` of the row as it is now."""
        key = tuple(row[part] for part in entities()[name].key)
        told = f"{name}|{key}|{self.versions.get((name, key), 1)}"
        return f'W/"{hashlib.sha256(told.encode()).hexdigest()[:24]}"'

    def lock(self, what: str, user: str, seconds: float | None) -> None:
        """An enqueue lock on an object (`order:1000123`, `material:RM-1`) by another user."""
        self.locks[what] = (user, None if seconds is None else clock.now() + timedelta(seconds=seconds))

    def unlock(self, what: str) -> None:
        self.locks.pop(what, None)

    def must_be_free(self, what: str, code: str, text: str) -> None:
        """Refuse when somebody else holds the object; `{user}` in the text is the holder."""
        user, until = self.locks.get(what, ("", None))
        if user and (until is None or clock.now() < until):
            raise Refusal(code, text.format(user=user))

    def on_hand(self, key: StockKey) -> Decimal:
        return self.stock.get(key, Decimal(0))

    def move(self, key: StockKey, quantity: Decimal) -> None:
        """Add to (or, negative, take from) one stock; what reaches nought is forgotten."""
        self._shift(self.stock, key, quantity)
        self._undo.append(lambda: self._shift(self.stock, key, -quantity))

    def total(self, *what: str) -> Decimal:
        return self.totals.get(what, Decimal(0))

    def add(self, quantity: Decimal, *what: str) -> None:
        """Add to a running total."""
        self._shift(self.totals, what, quantity)
        self._undo.append(lambda: self._shift(self.totals, what, -quantity))

    @staticmethod
    def _shift(held: dict[Any, Decimal], key: Any, quantity: Decimal) -> None:
        left = held.get(key, Decimal(0)) + quantity
        if left:
            held[key] = left
        else:
            held.pop(key, None)


def stamp(moment: datetime) -> str:
    """YYYYMMDDhhmmss."""
    return moment.strftime("%Y%m%d%H%M%S")


def time_of(moment: datetime) -> str:
    """The time of day as V2 writes it."""
    return moment.strftime("PT%HH%MM%SS")


def day_of(moment: datetime) -> datetime:
    """Midnight of the day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
