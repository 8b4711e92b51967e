"""How hard an order change is: the state of the order against what is asked.

Pure table. N none, I information, W warning, E error; states run from 0 (quoted) to 9 (closed). Must not know where a
state was read.
"""

from datetime import datetime, timedelta
from typing import Final

#: Easiest first.
GRADES: Final = ("none", "information", "warning", "error")
_WORDS: Final = {"N": "none", "I": "information", "W": "warning", "E": "error"}
_KINDS: Final = (
    "DATE-EARLIER",
    "DATE-LATER",
    "QTY-UP",
    "QTY-DOWN",
    "CANCEL",
    "CONFIG",
    "SHIP-TO/MODE",
    "ADD",
)
_TABLE: Final = (
    "NNNNNNNN",
    "ININIINI",
    "INIIIINI",
    "WIWIWWNW",
    "WIWWWEIW",
    "WIWWEEIW",
    "IIWIWEIW",
    "IWEWEEWE",
    "EEEEEEEE",
    "EEEEEEEE",
)
RELEASED: Final = 3
ORDER_STATES: Final = {"planned": 2, "released": 3, "running": 5, "finished": 6, "cancelled": 9}
LAST: Final = 9
#: Workdays in which nothing is easily changed any more.
FROZEN_DAYS: Final = 2


def workdays_after(moment: datetime, days: int) -> datetime:
    """The moment that many workdays (Monday to Friday) later."""
    while days > 0:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5
    return moment


def grade_of(kind: str, state: int | None) -> str:
    """`none`, `information`, `warning` or `error`; empty when the state is not known. Price is always information."""
    if state is None:
        return ""
    state = max(0, min(LAST, state))
    if kind == "PRICE":
        return "warning" if state >= 8 else "information"
    if kind == "NEW":
        kind = "ADD"
    if kind not in _KINDS:
        return ""
    return _WORDS[_TABLE[state][_KINDS.index(kind)]]
