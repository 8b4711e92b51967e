"""Arithmetic on stretches of time. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

Stretch = tuple[datetime, datetime]


def clip(stretches: Iterable[Stretch], start: datetime | None, end: datetime) -> list[Stretch]:
    """The parts of `stretches` inside [start, end); no start means from the beginning. Empty parts are dropped."""
    found = []
    for begin, finish in stretches:
        low = begin if start is None else max(begin, start)
        high = min(finish, end)
        if low < high:
            found.append((low, high))
    return found


def without(stretches: Iterable[Stretch], holes: Iterable[Stretch]) -> list[Stretch]:
    """`stretches` with every part that lies in one of `holes` cut out."""
    rest = list(stretches)
    for low, high in holes:
        pieces: list[Stretch] = []
        for begin, finish in rest:
            if high <= begin or finish <= low:
                pieces.append((begin, finish))
                continue
            if begin < low:
                pieces.append((begin, low))
            if high < finish:
                pieces.append((high, finish))
        rest = pieces
    return rest


def total(stretches: Iterable[Stretch]) -> timedelta:
    """Their summed length; they must not overlap."""
    return sum((finish - begin for begin, finish in stretches), timedelta())
