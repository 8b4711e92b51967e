"""X12 written: 997 and TA1 about what came, 855 and 865 about what was decided (release 004010 unless told otherwise).

Envelopes count themselves, so what is written always agrees with its trailers. Values lose the signs that separate.
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
from exceptions_app.channels.edi.partners import X12_UNITS

ELEMENT: Final = "*"
COMPONENT: Final = ">"
TERMINATOR: Final = "~\n"
_TAKEN: Final = ("*", ">", "~")
_RELEASE: Final = "004010"
_GROUP: Final = {"997": "FA", "855": "PR", "865": "CA"}
#: 587 acknowledgement type of the whole answer.
_TYPES: Final[dict[Status, str]] = {"accepted": "AT", "countered": "AC", "rejected": "RD"}
#: 718 (AK501), 716 (AK905), I18 (TA105) codes of our faults.
_SET_ERRORS: Final = {"edi.se_control": "3", "edi.se_count": "4", "edi.se": "2", "edi.tag": "5"}
_GROUP_ERRORS: Final = {"edi.ge_control": "4", "edi.ge_count": "5", "edi.ge": "3"}
_INTERCHANGE_ERRORS: Final = {
    "edi.iea_control": "001",
    "edi.iea_count": "021",
    "edi.iea": "023",
    "edi.outside": "022",
}

Row = list[str]


def write_answer(answer: Answer, to: Addresses, *, control: int, at: datetime) -> str:
    """An 865 to a change, an 855 to an order, in an interchange of its own. `at` is aware, in the zone to write."""
    body = _change(answer, at) if answer.to_change else _order(answer, at)
    return interchange("865" if answer.to_change else "855", body, to, control=control, at=at)


def write_997(told: Acknowledgement, to: Addresses, *, control: int, at: datetime) -> str:
    """A 997 per functional group, in one interchange; a refused outer envelope is answered with TA1 alone."""
    if told.faults or not told.groups:
        code = next((_INTERCHANGE_ERRORS[one] for one in told.faults if one in _INTERCHANGE_ERRORS), "024")
        date = told.date if len(told.date) == 6 else at.strftime("%y%m%d")
        time = told.time if len(told.time) == 4 else at.strftime("%H%M")
        ta1 = ["TA1", _value(told.control, 9).zfill(9), _value(date, 6), _value(time, 4), "R", code]
        return _isa(to, control, at) + _row(ta1) + _row(["IEA", "0", f"{control:09d}"])
    sets = []
    for group in told.groups:
        rows = [["AK1", _value(group.code, 2), _value(group.control, 9)]]
        accepted = 0
        for message in group.messages:
            rows.append(["AK2", _value(message.kind, 3), _value(message.control, 9)])
            codes: list[str] = []
            for position, tag, code in message.errors:
                if position and code == "edi.tag":
                    rows.append(["AK3", _value(tag, 3), str(position), "", "1"])
                codes.append(_SET_ERRORS.get(code, "5"))
            accepted += message.accepted
            rows.append(["AK5", "A" if message.accepted else "R", *dict.fromkeys(codes[:5])])
        total = len(group.messages)
        verdict = "A" if accepted == total and not group.faults else "P" if accepted else "R"
        codes = [_GROUP_ERRORS[one] for one in group.faults if one in _GROUP_ERRORS]
        rows.append(["AK9", verdict, str(total), str(total), str(accepted), *dict.fromkeys(codes[:5])])
        sets.append(rows)
    return _envelope("997", sets, to, control=control, at=at)


def interchange(kind: str, rows: list[Row], to: Addresses, *, control: int, at: datetime) -> str:
    """One transaction set in ISA/GS/ST ... SE/GE/IEA, its counts and control numbers its own."""
    return _envelope(kind, [rows], to, control=control, at=at)


def _envelope(kind: str, sets: list[list[Row]], to: Addresses, *, control: int, at: datetime) -> str:
    release = to.version if len(to.version) >= 6 and to.version[:6].isdigit() else _RELEASE
    group = [
        "GS", _GROUP[kind], _value(to.group_sender or to.sender, 15), _value(to.group_receiver or to.receiver, 15),
        at.strftime("%Y%m%d"), at.strftime("%H%M"), str(control), "X", _value(release, 12),
    ]  # fmt: skip
    found = [_isa(to, control, at), _row(group)]
    for place, rows in enumerate(sets, start=1):
        name = f"{place:04d}"
        body = [_row(["ST", kind, name]), *(_row(row) for row in rows)]
        found += [*body, _row(["SE", str(len(body) + 1), name])]
    found += [_row(["GE", str(len(sets)), str(control)]), _row(["IEA", "1", f"{control:09d}"])]
    return "".join(found)


def _isa(to: Addresses, control: int, at: datetime) -> str:
    version = to.version[:3] + to.version[4:6] if len(to.version) >= 6 and to.version[:6].isdigit() else ""
    parts = [
        "ISA", "00", " " * 10, "00", " " * 10, _value(to.sender_qualifier or "ZZ", 2).ljust(2),
        _value(to.sender, 15).ljust(15), _value(to.receiver_qualifier or "ZZ", 2).ljust(2),
        _value(to.receiver, 15).ljust(15), at.strftime("%y%m%d"), at.strftime("%H%M"), "U",
        version if len(version) == 5 else "00401", f"{control:09d}", "0", "T" if to.test else "P", COMPONENT,
    ]  # fmt: skip
    return ELEMENT.join(parts) + TERMINATOR


def _change(answer: Answer, at: datetime) -> list[Row]:
    ordered = (answer.ordered_on or at).strftime("%Y%m%d")
    rows: list[Row] = [
        ["BCA", "00", _TYPES[answer.status], _value(answer.number, 22), "", _value(answer.change_number, 8), ordered,
         "", "", _value(answer.our_number, 30), at.strftime("%Y%m%d")]
    ]  # fmt: skip
    rows += _head(answer)
    for line in answer.lines:
        change = clean(line.change, 2, *_TAKEN) or ("DI" if line.cancelled else "AI" if line.added else "CA")
        row = [
            "POC",
            _value(line.line, 20),
            change,
            _figure(line.quantity),
            "",
            _unit(line),
            _figure(line.price),
            "",
        ]
        rows += [row + _items(line), *_acknowledged(line)]
    rows.append(["CTT", str(len(answer.lines))])
    return rows


def _order(answer: Answer, at: datetime) -> list[Row]:
    ordered = (answer.ordered_on or at).strftime("%Y%m%d")
    rows: list[Row] = [
        ["BAK", "00", _TYPES[answer.status], _value(answer.number, 22), ordered, "", "", "",
         _value(answer.our_number, 30), at.strftime("%Y%m%d")]
    ]  # fmt: skip
    rows += _head(answer)
    for line in answer.lines:
        row = ["PO1", _value(line.line, 20), _figure(line.quantity), _unit(line), _figure(line.price), ""]
        rows += [row + _items(line), *_acknowledged(line)]
    rows.append(["CTT", str(len(answer.lines))])
    return rows


def _head(answer: Answer) -> list[Row]:
    rows: list[Row] = []
    if answer.reference:
        rows.append(["REF", "ZZ", _value(answer.reference, 30)])
    if answer.valid_until is not None:
        rows.append(
            ["DTM", "036", answer.valid_until.strftime("%Y%m%d"), answer.valid_until.strftime("%H%M")]
        )
    if answer.note:
        rows += [["N9", "ZZ", "NOTE"], ["MSG", _value(answer.note, 264)]]
    return rows


def code_of(line: AnswerLine) -> str:
    """668 line status: accepted IA or ID (deleted), changed DR (date), IQ (quantity), IC (both), rejected IR."""
    if line.status == "rejected":
        return "IR"
    if line.cancelled:
        return "ID"
    if not line.same_date and not line.same_quantity:
        return "IC"
    if not line.same_date:
        return "DR"
    if not line.same_quantity:
        return "IQ"
    return "IC" if line.status == "countered" else "IA"


def _acknowledged(line: AnswerLine) -> list[Row]:
    quantity = line.quantity if line.quantity is not None else line.asked_quantity
    row = ["ACK", code_of(line), _figure(quantity), _unit(line) if quantity is not None else ""]
    if line.date is not None and line.status != "rejected" and not line.cancelled:
        row += ["067", line.date.strftime("%Y%m%d")]
    rows = [row]
    if line.note:
        rows.append(["PID", "F", "", "", "", _value(line.note, 80)])
    return rows


def _items(line: AnswerLine) -> Row:
    found: Row = []
    if line.buyer_item:
        found += ["BP", _value(line.buyer_item, 48)]
    if line.seller_item:
        found += ["VN", _value(line.seller_item, 48)]
    return ["", *found] if found else []


def _unit(line: AnswerLine) -> str:
    return X12_UNITS.get(line.unit, clean(line.unit, 2, *_TAKEN).upper() or "EA")


def _figure(value: Decimal | None) -> str:
    return plain(value) if value is not None else ""


def _value(value: str, most: int) -> str:
    return clean(value, most, *_TAKEN)


def _row(values: Row) -> str:
    while values and not values[-1]:
        values = values[:-1]
    return ELEMENT.join(values) + TERMINATOR
