"""The movement types of the simulated system: what each does to stock, and what takes it back.

Owns the table. Must not know: rows, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass

from erp_sync.simulators.sap.books import BLOCKED, FREE, INSPECTION


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement type. `take` and `give` are stock types, "" for none; `codes` the transactions that allow it."""

    reverse: str
    take: str = ""
    give: str = ""
    codes: tuple[str, ...] = ("03",)
    against: str = ""
    sign: int = 1

    @property
    def crosses(self) -> bool:
        """Whether it may lead from one plant to another: of the transfers only the one made for it."""
        return self.codes != ("04",) or self.reverse in ("301", "302")


MOVEMENTS: dict[str, Movement] = {
    "101": Movement("102", give=FREE, codes=("01", "02"), against="receipt"),
    "102": Movement("101", take=FREE, codes=("01", "02"), against="receipt", sign=-1),
    "122": Movement("123", take=FREE, codes=("01", "02"), against="receipt", sign=-1),
    "123": Movement("122", give=FREE, codes=("01", "02"), against="receipt"),
    "201": Movement("202", take=FREE, against="cost"),
    "202": Movement("201", give=FREE, against="cost"),
    "261": Movement("262", take=FREE, against="order"),
    "262": Movement("261", give=FREE, against="order", sign=-1),
    "531": Movement("532", give=FREE, codes=("05",), against="order", sign=0),
    "532": Movement("531", take=FREE, codes=("05",), against="order", sign=0),
    "551": Movement("552", take=FREE),
    "552": Movement("551", give=FREE),
    "553": Movement("554", take=INSPECTION),
    "554": Movement("553", give=INSPECTION),
    "555": Movement("556", take=BLOCKED),
    "556": Movement("555", give=BLOCKED),
    "301": Movement("302", take=FREE, give=FREE, codes=("04",)),
    "302": Movement("301", take=FREE, give=FREE, codes=("04",)),
    "311": Movement("312", take=FREE, give=FREE, codes=("04",)),
    "312": Movement("311", take=FREE, give=FREE, codes=("04",)),
    "321": Movement("322", take=INSPECTION, give=FREE, codes=("04",)),
    "322": Movement("321", take=FREE, give=INSPECTION, codes=("04",)),
    "323": Movement("324", take=INSPECTION, give=INSPECTION, codes=("04",)),
    "325": Movement("326", take=BLOCKED, give=BLOCKED, codes=("04",)),
    "343": Movement("344", take=BLOCKED, give=FREE, codes=("04",)),
    "344": Movement("343", take=FREE, give=BLOCKED, codes=("04",)),
    "349": Movement("350", take=BLOCKED, give=INSPECTION, codes=("04",)),
    "350": Movement("349", take=INSPECTION, give=BLOCKED, codes=("04",)),
    "501": Movement("502", give=FREE, codes=("05",)),
    "502": Movement("501", take=FREE, codes=("05",)),
    "561": Movement("562", give=FREE, codes=("05",)),
    "562": Movement("561", take=FREE, codes=("05",)),
}
#: Movement types whose place is the other one when they take back a transfer between places.
BACKWARDS = {"302", "312", "324", "326"}
#: How a document's item may name the stock it is received into or returned from.
USABILITY = {"F": FREE, "X": INSPECTION, "2": INSPECTION, "S": BLOCKED, "3": BLOCKED}
