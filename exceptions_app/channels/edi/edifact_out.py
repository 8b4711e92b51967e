"""EDIFACT written: CONTRL about what came, ORDRSP about what was decided (D.96A unless told otherwise).

Envelopes count themselves; signs with a meaning are released. Level C of ISO 9735 letters (UNOC).
"""

from datetime import datetime
from decimal import Decimal
from typing import Final

from exceptions_app.channels.edi.answers import (
    Acknowledgement,
    Addresses,
    Answer,
    AnswerLine,
    Status,
    clean,
)
from exceptions_app.channels.edi.grading import plain
from exceptions_app.channels.edi.partners import EDIFACT_UNITS

_SPECIAL: Final = ("?", "+", ":", "'")
#: 1225 function, 4343 kind of response.
_FUNCTIONS: Final[dict[Status, str]] = {"accepted": "29", "countered": "4", "rejected": "27"}
_RESPONSES: Final[dict[Status, str]] = {"accepted": "AP", "countered": "CA", "rejected": "RE"}
#: 0085 error codes of our faults.
_ERRORS: Final = {
    "edi.unt_count": "29", "edi.unz_count": "29", "edi.une_count": "29", "edi.unt_reference": "28",
    "edi.unz_reference": "28", "edi.une_reference": "28", "edi.unt": "13", "edi.unz": "13", "edi.une": "13",
    "edi.outside": "15", "edi.partner": "23",
}  # fmt: skip
_UNSPECIFIED: Final = "18"
_REJECTED: Final = "4"
_TAKEN: Final = "7"

Value = str | tuple[str, ...]


def write_ordrsp(answer: Answer, to: Addresses, *, control: int, at: datetime) -> str:
    """An ORDRSP to an order or a change, in an interchange of its own. `at` is aware, in the zone to write."""
    function = answer.countered if answer.status == "countered" else _FUNCTIONS[answer.status]
    rows: list[list[Value]] = [
        ["BGM", "231", answer.reference or str(control), function, _RESPONSES[answer.status]],
        ["DTM", ("137", at.strftime("%Y%m%d%H%M"), "203")],
    ]
    if answer.valid_until is not None:
        rows.append(["DTM", ("36", answer.valid_until.strftime("%Y%m%d%H%M"), "203")])
    if answer.note:
        rows.append(["FTX", "AAI", "", "", tuple(_pieces(answer.note))])
    rows.append(["RFF", ("ON", answer.number)])
    if answer.to_change and answer.change_number and answer.change_number != answer.number:
        rows.append(["RFF", ("PP", answer.change_number)])
    if answer.our_number:
        rows.append(["RFF", ("VN", answer.our_number)])
    rows += [["NAD", "BY", (to.receiver, "", "92")], ["NAD", "SU", (to.sender, "", "92")]]
    for place, line in enumerate(answer.lines, start=1):
        rows += _line(line, place)
    rows += [["UNS", "S"], ["CNT", ("2", str(len(answer.lines)))]]
    return interchange("ORDRSP", _directory(to), rows, to, control=control, at=at)


def write_contrl(told: Acknowledgement, to: Addresses, *, control: int, at: datetime) -> str:
    """A CONTRL about one interchange: the whole of it, then each message, a refused one with the segment."""
    code = next((_ERRORS.get(one, _UNSPECIFIED) for one in told.faults), "")
    uci: list[Value] = [
        "UCI", told.control, (told.sender, told.sender_qualifier), (told.receiver, told.receiver_qualifier),
        _REJECTED if told.faults else _TAKEN,
    ]  # fmt: skip
    rows: list[list[Value]] = [[*uci, code] if code else uci]
    for group in told.groups:
        for message in group.messages:
            version = (message.kind, *(message.version.split(":") if message.version else ("D", "96A")), "UN")
            row: list[Value] = ["UCM", message.control, version, _TAKEN if message.accepted else _REJECTED]
            first = message.errors[0][2] if message.errors else ""
            whole = list(group.faults) if not message.accepted else []
            if not message.accepted:
                row.append(_ERRORS.get(first or (whole[0] if whole else ""), _UNSPECIFIED))
            rows.append(row)
            rows += [
                ["UCS", str(position), _ERRORS.get(error, _UNSPECIFIED)]
                for position, _tag, error in message.errors
                if position
            ]
    return interchange("CONTRL", ("D", "3", "UN"), rows, to, control=control, at=at)


def interchange(
    kind: str,
    directory: tuple[str, ...],
    rows: list[list[Value]],
    to: Addresses,
    *,
    control: int,
    at: datetime,
) -> str:
    """One message in UNB/UNH ... UNT/UNZ, its counts and references its own."""
    reference = str(control)
    unb: list[Value] = [
        "UNB", ("UNOC", "3"), (to.sender, to.sender_qualifier), (to.receiver, to.receiver_qualifier),
        (at.strftime("%y%m%d"), at.strftime("%H%M")), reference,
    ]  # fmt: skip
    if to.test:
        unb += ["", "", "", "", "", "1"]
    body = [_row(["UNH", "1", (kind, *directory)]), *(_row(row) for row in rows)]
    return "".join(
        [
            "UNA:+.? '\n", _row(unb), *body, _row(["UNT", str(len(body) + 1), "1"]),
            _row(["UNZ", "1", reference]),
        ]
    )  # fmt: skip


def action_of(line: AnswerLine) -> str:
    """1229 action of an answered line: 5 accepted, 6 accepted with amendment, 7 not accepted."""
    if line.status == "rejected":
        return "7"
    if line.status == "countered" or not (line.same_date and line.same_quantity):
        return "6"
    return "5"


def _line(line: AnswerLine, place: int) -> list[list[Value]]:
    item: Value = (line.seller_item, "SA") if line.seller_item else ""
    rows: list[list[Value]] = [["LIN", line.line or str(place), action_of(line), item]]
    if line.buyer_item:
        rows.append(["PIA", "1", (line.buyer_item, "IN")])
    quantity = line.quantity if line.quantity is not None else line.asked_quantity
    if quantity is not None:
        rows.append(["QTY", ("21", _figure(quantity), EDIFACT_UNITS.get(line.unit, line.unit.upper()))])
    if line.date is not None and line.status != "rejected" and not line.cancelled:
        rows.append(["DTM", ("69", line.date.strftime("%Y%m%d"), "102")])
    if line.note:
        rows.append(["FTX", "LIN", "", "", tuple(_pieces(line.note))])
    if line.price is not None:
        rows.append(["PRI", ("AAA", _figure(line.price))])
    return rows


def _directory(to: Addresses) -> tuple[str, ...]:
    """D.96A, or the directory they wrote in."""
    parts = to.version.split(":")
    return ("D", parts[1], "UN") if len(parts) >= 2 and parts[0] == "D" and parts[1] else ("D", "96A", "UN")


def _pieces(text: str) -> list[str]:
    """Free text in pieces of 70, five at most: what one FTX holds."""
    text = clean(text, 350)
    return [text[at : at + 70] for at in range(0, len(text), 70)]


def _figure(value: Decimal) -> str:
    return plain(value)


def _row(values: list[Value]) -> str:
    rows = [_element(value) for value in values]
    while rows and not rows[-1]:
        rows.pop()
    return "+".join(rows) + "'\n"


def _element(value: Value) -> str:
    parts = [_released(clean(one, 70)) for one in ((value,) if isinstance(value, str) else value)]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return ":".join(parts)


def _released(text: str) -> str:
    for sign in _SPECIAL:
        text = text.replace(sign, "?" + sign)
    return text
