"""The typed fact catalogue: everything a routing rule may look at, and how each may be compared.

Pure. Owns fact codes, kinds, operators, choices and aliases; how values are read and compared is in comparing.py.
Must not know rules, models, or where a fact's value was found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from routing_app import words


class Kind(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    MINUTES = "minutes"
    MONEY = "money"
    BOOL = "bool"
    CODES = "code list"


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    CONTAINS = "contains"
    BEGINS_WITH = "begins_with"
    LESS_THAN = "less_than"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    AT_LEAST = "at_least"
    BETWEEN = "between"
    YES = "yes"
    NO = "no"
    INCLUDES = "includes"
    INCLUDES_ANY = "includes_any"
    INCLUDES_NONE = "includes_none"
    KNOWN = "known"


OPERATOR_WORDS: Final[Mapping[str, str]] = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.ONE_OF: "is one of",
    Operator.NONE_OF: "is none of",
    Operator.CONTAINS: "contains",
    Operator.BEGINS_WITH: "begins with",
    Operator.LESS_THAN: "is under",
    Operator.AT_MOST: "is at most",
    Operator.MORE_THAN: "is over",
    Operator.AT_LEAST: "is at least",
    Operator.BETWEEN: "is between",
    Operator.YES: "yes",
    Operator.NO: "no",
    Operator.INCLUDES: "includes",
    Operator.INCLUDES_ANY: "includes one of",
    Operator.INCLUDES_NONE: "includes none of",
    Operator.KNOWN: "is known",
}

_TEXT_OPERATORS = (
    Operator.IS,
    Operator.IS_NOT,
    Operator.ONE_OF,
    Operator.NONE_OF,
    Operator.BEGINS_WITH,
    Operator.CONTAINS,
    Operator.KNOWN,
)
_CHOICE_OPERATORS = (
    Operator.IS,
    Operator.IS_NOT,
    Operator.ONE_OF,
    Operator.NONE_OF,
    Operator.BEGINS_WITH,
    Operator.KNOWN,
)
_NUMBER_OPERATORS = (
    Operator.LESS_THAN,
    Operator.AT_MOST,
    Operator.MORE_THAN,
    Operator.AT_LEAST,
    Operator.BETWEEN,
    Operator.IS,
    Operator.KNOWN,
)
OPERATORS: Final[Mapping[Kind, tuple[Operator, ...]]] = {
    Kind.TEXT: _TEXT_OPERATORS,
    Kind.CHOICE: _CHOICE_OPERATORS,
    Kind.NUMBER: _NUMBER_OPERATORS,
    Kind.MINUTES: _NUMBER_OPERATORS,
    Kind.MONEY: _NUMBER_OPERATORS,
    Kind.BOOL: (Operator.YES, Operator.NO, Operator.KNOWN),
    Kind.CODES: (Operator.INCLUDES, Operator.INCLUDES_ANY, Operator.INCLUDES_NONE, Operator.KNOWN),
}
NUMERIC: Final = frozenset({Kind.NUMBER, Kind.MINUTES, Kind.MONEY})
WITHOUT_VALUE: Final = frozenset({Operator.YES, Operator.NO, Operator.KNOWN})


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a rule may ask about. `source` names the list of codes the plant keeps, `choices` a fixed one."""

    code: str
    label: str
    kind: Kind
    help: str = ""
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    source: str = ""

    @property
    def operators(self) -> tuple[Operator, ...]:
        return OPERATORS[self.kind]


def _pairs(words_of: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(words_of.items())


_GRADES = (("none", "none"), ("information", "information"), ("warning", "warning"), ("error", "error"))
_TIERS = (("A", "A"), ("B", "B"), ("C", "C"), ("stock", "stock"))
_SOURCES = (("bought", "bought"), ("made", "made"))
_WEEKDAYS = tuple((day, day.capitalize()) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
_CHANNELS = tuple(
    (code, label)
    for code, label in (
        ("form", "station form"),
        ("api", "API"),
        ("email", "e-mail"),
        ("chat", "chat"),
        ("edi", "EDI"),
        ("machine", "machine"),
        ("webhook", "webhook"),
        ("file", "file"),
    )
)

_CATALOGUE: Final[tuple[Fact, ...]] = (
    Fact("type", "type", Kind.CHOICE, "The exception type.", choices=_pairs(words.TYPES), source="types"),
    Fact("site", "site", Kind.CHOICE, "Code of the site it happened on.", source="sites"),
    Fact("area", "area", Kind.CHOICE, "Code of the area.", source="areas"),
    Fact("work_centre", "work centre", Kind.CHOICE, "Code of the line or cell.", source="work_centres"),
    Fact("work_unit", "work unit", Kind.CHOICE, "Code of the machine or station.", source="work_units"),
    Fact(
        "reason", "reason", Kind.CHOICE, "Reason code, for example MEC-LEAK; a rule may name its beginning."
    ),
    Fact("kind", "kind", Kind.TEXT, "Kind inside the type: stopped, slow, stopped_now, soon, DATE-EARLIER."),
    Fact(
        "severity", "severity", Kind.CHOICE, "How bad the event itself is.", choices=_pairs(words.SEVERITIES)
    ),
    Fact("item_group", "item group", Kind.CHOICE, "Group of the item concerned.", source="item_groups"),
    Fact("item_source", "item source", Kind.CHOICE, "Is the item bought or made?", choices=_SOURCES),
    Fact(
        "customer_tier",
        "customer tier",
        Kind.CHOICE,
        "Tier of the linked customer; stock is a work order nobody ordered.",
        choices=_TIERS,
    ),
    Fact(
        "hours_to_due",
        "slack to the promise",
        Kind.NUMBER,
        "Promised date less projected ship date of the linked sales line, in hours; negative is late. Without a "
        "line, the work order's need-by less its planned end; of a late purchase, the start of the work that waits "
        "less the supplier's date.",
        unit="h",
    ),
    Fact("window_min", "response window", Kind.MINUTES, "Minutes until the best option lapses.", unit="min"),
    Fact(
        "run_out_min", "time to run-out", Kind.MINUTES, "Minutes until the material is used up.", unit="min"
    ),
    Fact("quantity", "quantity", Kind.NUMBER, "The affected or missing amount, in the item's unit."),
    Fact(
        "value_at_risk",
        "value at risk",
        Kind.MONEY,
        "In the site's currency: what is left of the linked promise at its price, else the affected quantity at its "
        "standard cost.",
    ),
    Fact("shift", "shift", Kind.CHOICE, "Code of the shift it happened in.", source="shifts"),
    Fact("weekday", "weekday", Kind.CHOICE, "Of the shift's day, local time.", choices=_WEEKDAYS),
    Fact(
        "hour",
        "hour of the day",
        Kind.NUMBER,
        "Local time of the site as hours, 13.5 is half past one; with the weekday it makes a window.",
        unit="h",
    ),
    Fact("channel", "channel", Kind.CHOICE, "How the first signal came in.", choices=_CHANNELS),
    Fact("confidence", "confidence", Kind.NUMBER, "How sure the reading is, 0 to 1."),
    Fact("repeats_24h", "the count of openings in 24 hours", Kind.NUMBER, "The same key, this one included."),
    Fact("repeats_7d", "the count of openings in 7 days", Kind.NUMBER, "The same key, this one included."),
    Fact("repeats_30d", "the count of openings in 30 days", Kind.NUMBER, "The same key, this one included."),
    Fact("bottleneck", "the unit is a bottleneck", Kind.BOOL),
    Fact("line_stopped", "a whole line stands", Kind.BOOL),
    Fact("units_down_5min", "the count of units of the area down within 5 minutes", Kind.NUMBER),
    Fact("shipped", "suspect lots have shipped", Kind.BOOL),
    Fact("customer_stopped", "the customer's line is stopped", Kind.BOOL),
    Fact("safety_characteristic", "a safety or regulatory characteristic is concerned", Kind.BOOL),
    Fact("supplier_lot", "the lot came from a supplier", Kind.BOOL),
    Fact("operation_running", "the operation is running", Kind.BOOL),
    Fact(
        "sole_certificate",
        "only one person holds the certificate",
        Kind.BOOL,
        "Or nobody does: valid that day, of those who work at the site, for any of the skills asked for.",
    ),
    Fact(
        "single_source",
        "there is a single source",
        Kind.BOOL,
        "The bought item comes from one supplier alone, by purchase orders and lots, and has no approved substitute.",
    ),
    Fact("grade", "grade of the change", Kind.CHOICE, "From the order-change table.", choices=_GRADES),
    Fact("order_state", "state of the order", Kind.NUMBER, "0 quoted to 9 closed; 7 is picked."),
    Fact("answer_by_min", "time to answer", Kind.MINUTES, "Minutes until the answer is due.", unit="min"),
    Fact(
        "long_lead",
        "long-lead components are concerned",
        Kind.BOOL,
        "A bought part of the item, or the item itself, takes longer to get than there is time: until the date a "
        "change asks for or the promise, for what is missing until it runs out.",
    ),
    Fact("free_stock_other_site", "the other site has free stock", Kind.BOOL),
    Fact(
        "other_site_need_h",
        "the time until the other site needs it",
        Kind.NUMBER,
        "Until its next planned work begins that takes or makes the item a shortage, delay, hold, complaint or "
        "engineering change is about.",
        unit="h",
    ),
    Fact("commit_at_risk", "a promise would be missed", Kind.BOOL),
    Fact("staffed", "the area is staffed now", Kind.BOOL, "False outside the area's shifts."),
    Fact("linked", "it is linked to something in the plant", Kind.BOOL),
    Fact("order_within_24h", "the unit has an order in the next 24 h", Kind.BOOL),
    Fact(
        "planned_stop",
        "the stop was planned",
        Kind.BOOL,
        "The unit stood as planned when it was reported, or the reason says so.",
    ),
    Fact(
        "owner_records_10min",
        "the count of records to one person in 10 minutes",
        Kind.NUMBER,
        "This one included. Before it has an owner: of whoever got most, among those given this type at this site.",
    ),
    Fact("customer", "customer", Kind.CHOICE, "Code of the customer.", source="customers"),
    Fact("supplier", "supplier", Kind.CHOICE, "Code of the supplier.", source="suppliers"),
    Fact("item", "item", Kind.CHOICE, "Code of the item."),
    Fact(
        "skills",
        "skills asked for",
        Kind.CODES,
        "Certificates it is about: the one reported missing, the stopped operation's, or those a crew's work needs.",
    ),
)
CATALOGUE: Final[Mapping[str, Fact]] = {fact.code: fact for fact in _CATALOGUE}

#: Names other documents and screens use for the same facts; read on the way in, never stored.
ALIASES: Final[Mapping[str, str]] = {
    "slack_h": "hours_to_due",
    "opens_7d": "repeats_7d",
    "tier": "customer_tier",
    "unit": "work_unit",
    "exception_type": "type",
}


def canonical(code: str) -> str:
    """The catalogue's own name for a fact given under any of its names."""
    return ALIASES.get(code, code)
