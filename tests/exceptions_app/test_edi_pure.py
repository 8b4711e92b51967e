"""EDI without a database: separators, envelopes, what segments say, grades, what is written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exceptions_app.channels.edi.answers import (
    AcknowledgedGroup,
    AcknowledgedMessage,
    Acknowledgement,
    Addresses,
    AnswerLine,
)
from exceptions_app.channels.edi.edifact_orders import read_edifact_order
from exceptions_app.channels.edi.edifact_out import action_of, write_contrl
from exceptions_app.channels.edi.envelope import decode, excerpt, read_interchange
from exceptions_app.channels.edi.grading import Asked, Held, Limits, grade_line
from exceptions_app.channels.edi.orders import OrderDocument, moment
from exceptions_app.channels.edi.partners import mistakes, partner_of, partners_of
from exceptions_app.channels.edi.segments import Broken
from exceptions_app.channels.edi.x12_orders import read_x12_order
from exceptions_app.channels.edi.x12_out import code_of, write_997
from tests.exceptions_app.edi_samples import change_860, edifact, ordchg, x12
from tests.shared_data import shared

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 17, 9, 14, tzinfo=UTC)


def sample(name: str) -> str:
    return decode(shared("edi", name).read_bytes())


def document(text: str) -> OrderDocument:
    found = read_interchange(text)
    assert found.all_faults() == []
    _, message = next(found.messages())
    read: Any = read_x12_order if found.syntax == "x12" else read_edifact_order
    result: OrderDocument = read(message, ZONE)
    return result


def codes(text: str) -> list[str]:
    return [fault.code for fault in read_interchange(text).all_faults()]


# ---- envelopes


def test_separators_are_those_of_the_isa() -> None:
    text = change_860("POC*10*QI*180**EA*92**VN*SP-12").replace("\n", "")
    odd = text.replace("*", "\x1d").replace(">~", "\x1f~").replace("~", "\x1e")
    found = read_interchange(odd)
    assert (found.all_faults(), found.control, found.sender) == ([], "000000017", "MERINO")
    assert document(odd).lines[0].quantity == 180


def test_new_lines_and_tabs_between_segments_are_nothing_and_may_be_the_terminator() -> None:
    text = change_860("POC*10*QI*180**EA")
    assert codes(text.replace("\n", "\r\n\t\t")) == []
    assert codes(text.replace("~\n", "\n")) == []
    assert codes("\ufeff\n" + text) == []


def test_several_groups_and_sets_are_all_found() -> None:
    first = x12(("850", ["BEG*00*SA*A**20261117"]), ("850", ["BEG*00*SA*B**20261117"]), group=1)
    second = x12(("860", ["BCH*04*SA*C***20261117"]), group=2)
    body = (
        first[: first.index("IEA")] + second[second.index("GS*") : second.index("IEA")] + "IEA*2*000000017~"
    )
    found = read_interchange(body)
    assert found.all_faults() == []
    assert [(group.control, message.kind, message.control) for group, message in found.messages()] == [
        ("1", "850", "0001"), ("1", "850", "0002"), ("2", "860", "0001"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("SE*5*0001", "SE*4*0001", "edi.se_count"), ("SE*5*0001", "SE*5*0002", "edi.se_control"),
        ("SE*5*0001~\n", "", "edi.se"), ("GE*1*5", "GE*2*5", "edi.ge_count"), ("GE*1*5", "GE*1*05", "edi.ge_control"),
        ("GE*1*5~\n", "", "edi.ge"), ("IEA*1*000000017", "IEA*1*17", "edi.iea_control"),
        ("IEA*1*000000017", "IEA*x*000000017", "edi.iea_count"), ("IEA*1*000000017~\n", "", "edi.iea"),
        ("ST*860", "BCH*860", "edi.outside"), ("POC*10", "?*10", "edi.tag"),
    ],
)  # fmt: skip
def test_each_wrong_count_or_reference_of_x12_is_named(old: str, new: str, code: str) -> None:
    text = change_860("POC*10*QI*180**EA")
    assert old in text
    faults = read_interchange(text.replace(old, new)).all_faults()
    assert code in [fault.code for fault in faults]
    assert all(fault.segment and fault.text for fault in faults)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("UNT+9+1", "UNT+8+1", "edi.unt_count"), ("UNT+9+1", "UNT+9+2", "edi.unt_reference"),
        ("UNT+9+1'\n", "", "edi.unt"), ("UNZ+1+", "UNZ+2+", "edi.unz_count"),
        ("UNZ+1+REF17", "UNZ+1+REF18", "edi.unz_reference"), ("UNZ+1+REF17'\n", "", "edi.unz"),
        ("UNZ+1+REF17'", "UNZ+1+REF17'BGM+1'", "edi.outside"),
    ],
)  # fmt: skip
def test_each_wrong_count_or_reference_of_edifact_is_named(old: str, new: str, code: str) -> None:
    text = ordchg("LIN+10+2")
    assert old in text
    assert code in codes(text.replace(old, new))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "edi.syntax"), ("hello", "edi.syntax"), ("ISA*00", "edi.isa"), ("UNB+UNOC:3", "edi.unterminated"),
        ("UNA::.? 'UNB+1'", "edi.separators"), ("UNA'", "edi.separators"), ("UNH+1'", "edi.syntax"),
        (change_860("POC*1*QI*1**EA").replace("*P*>~", "*P**~"), "edi.separators"),
        (change_860("POC*1*QI*1**EA") + "rest", "edi.unterminated"), ("ISA" + " " * 1_000_001, "edi.too_large"),
    ],
)  # fmt: skip
def test_what_cannot_be_cut_is_refused_with_a_code(text: str, code: str) -> None:
    with pytest.raises(Broken) as refused:
        read_interchange(text)
    assert refused.value.fault.code == code


def test_released_signs_are_letters() -> None:
    found = document(edifact(("ORDERS", ["BGM+220+A?+B?:C?'D??+9", "LIN+1++X?'Y:SA", "QTY+21:1,5:PCE"])))
    assert (found.number, found.lines[0].seller_item, found.lines[0].quantity) == (
        "A+B:C'D?",
        "X'Y",
        Decimal("1.5"),
    )
    assert found.lines[0].segments[0].text == "LIN+1++X?'Y:SA'"


def test_una_may_say_other_signs_and_no_release() -> None:
    text = "UNA|*. ~UNB*UNOC|3*A*B*261117|0930*R~UNH*1*ORDERS|D|96A|UN~BGM*220*N?1*9~LIN*1**I|SA~UNT*4*1~UNZ*1*R~"
    assert text[7] == "~"
    text = "UNA|*.  ~" + text[8:]
    assert document(text).number == "N?1"


def test_an_excerpt_reads_as_its_message() -> None:
    for text in (change_860("POC*10*QI*180**EA"), ordchg("LIN+10+3+A?+B:SA|QTY+21:4")):
        found = read_interchange(text)
        group, message = next(found.messages())
        again = read_interchange(excerpt(text, found, group, message))
        assert [one.text for one in next(again.messages())[1].segments] == [
            one.text for one in message.segments
        ]


# ---- the shared samples


@pytest.mark.parametrize("name", ["x12.850.edi", "x12.850a.edi"])
def test_samples_whose_control_numbers_differ_are_refused_with_the_segment(name: str) -> None:
    found = read_interchange(sample(name))
    (fault,) = found.all_faults()
    assert (fault.code, fault.expected, fault.found) == ("edi.iea_control", "000000055", "000000001")
    assert fault.text.startswith("IEA*1*000000001")


def test_a_sample_with_line_dates_is_read() -> None:
    text = sample("x12.850a.edi").replace("IEA*1*000000001", "IEA*1*000000055")
    found = document(text)
    assert (found.number, [line.line for line in found.lines]) == (
        "4600000406", ["000100001", "000200001", "000200002"],
    )  # fmt: skip
    line = found.lines[0]
    assert (line.quantity, line.unit, line.buyer_item) == (2500, "YD", "A_QU001-BLK")
    assert {line.requested.date().isoformat() for line in found.lines if line.requested} == {"2014-08-04"}
    ship = found.party("ST")
    assert ship is not None
    assert (ship.code, ship.name) == ("T100", "Transplace Laredo")


def test_a_sample_without_line_numbers_is_read() -> None:
    found = document(sample("x12-types_004010_850.edi"))
    assert (found.number, found.purpose, len(found.lines)) == ("A99999-01", "original", 7)
    assert [line.quantity for line in found.lines] == [16, 13, 32, 51, 9, 85, 1]
    assert (found.lines[0].buyer_item, found.lines[0].other_items) == ("000111111", ("002840022222",))
    assert found.requested is not None
    assert found.requested.date().isoformat() == "1997-12-19"


def test_a_sample_ordrsp_with_three_wrong_trailers_names_all_three() -> None:
    assert codes(sample("edifact.ORDRSP.edi")) == ["edi.unt_count", "edi.unt_reference", "edi.unz_reference"]


# ---- what segments say


@pytest.mark.parametrize(
    ("code", "action"),
    [("AI", "add"), ("CA", "change"), ("DI", "delete"), ("QI", "change"), ("QD", "change"), ("PC", "change"),
     ("RS", "change"), ("CT", "change"), ("NC", "none"), ("RZ", "compare"), ("XX", "compare")],
)  # fmt: skip
def test_change_codes_of_x12(code: str, action: str) -> None:
    line = document(change_860(f"POC*10*{code}*4**EA")).lines[0]
    assert line.action == action
    assert line.notes == (["change code XX is not known"] if code == "XX" else [])


@pytest.mark.parametrize(
    ("code", "action"), [("1", "add"), ("2", "delete"), ("3", "change"), ("4", "none"), ("", "compare")]
)
def test_action_codes_of_edifact(code: str, action: str) -> None:
    assert document(ordchg(f"LIN+10+{code}+A:SA")).lines[0].action == action


@pytest.mark.parametrize(("function", "purpose"), [("1", "cancel"), ("4", "change"), ("5", "replace")])
def test_functions_of_a_change(function: str, purpose: str) -> None:
    found = document(ordchg("LIN+10+3+A:SA", function=function))
    assert (found.kind, found.purpose, found.number, found.change_number) == (
        "change",
        purpose,
        "PO-7810",
        "CHG-1",
    )


def test_the_best_date_of_a_line_counts_and_its_zone_is_the_partners() -> None:
    line = document(
        change_860("POC*10*CT*4**EA~DTM*063*20261201~DTM*002*20261125*0930~DTM*038*20261130")
    ).lines[0]
    assert line.requested == datetime(2026, 11, 25, 9, 30, tzinfo=ZONE)
    assert line.has_time


def test_schedules_are_parts_of_a_line() -> None:
    line = document(change_860("POC*10*RS*10**EA~SCH*4*EA***002*20261125~SCH*6*EA***002*20261202")).lines[0]
    assert [(part.quantity, part.at.date().isoformat()) for part in line.schedules if part.at] == [
        (4, "2026-11-25"), (6, "2026-12-02"),
    ]  # fmt: skip
    edi = document(
        ordchg("LIN+10+3+A:SA|QTY+21:10|SCC+1|QTY+21:4|DTM+2:20261125:102|SCC+1|QTY+21:6|DTM+2:20261202:102")
    )
    assert [part.quantity for part in edi.lines[0].schedules] == [4, 6]
    assert edi.lines[0].quantity == 10


@pytest.mark.parametrize(
    ("raw", "form", "found"),
    [
        ("20261125", "102", "2026-11-25T12:00"), ("261125", "101", "2026-11-25T12:00"),
        ("202611250930", "203", "2026-11-25T09:30"), ("202648", "616", "2026-11-23T12:00"),
        ("20261332", "102", None), ("20261125", "999", None), ("2026112", "102", None), ("٢٠٢٦١١٢٥", "102", None),
        ("202699", "616", None),
    ],
)  # fmt: skip
def test_dates_by_their_form(raw: str, form: str, found: str | None) -> None:
    read = moment(raw, form, ZONE)
    assert (read[0].strftime("%Y-%m-%dT%H:%M") if read else None) == found


def test_what_is_no_number_or_date_is_noted_on_its_line() -> None:
    line = document(change_860("POC*10*QI*many**EA~DTM*002*soon")).lines[0]
    assert (line.quantity, line.notes) == (None, ["many is no number", "soon is no date"])


# ---- grades


def held(**more: Any) -> Held:
    values: dict[str, Any] = {
        "quantity": Decimal(100), "unit": "pcs", "commit": NOW + timedelta(days=10), "state": 2,
        "requested": NOW + timedelta(days=9), "price": Decimal(5),
    }  # fmt: skip
    return Held(**(values | more))


def grade(asked: Asked, have: Held | None = None, *, free_days: int = 0, **more: Any) -> Any:
    return grade_line(asked, have or held(**more), limits=Limits(free_days=free_days), now=NOW, zone=ZONE)


SOONER, LATER = NOW + timedelta(days=5), NOW + timedelta(days=15)


@pytest.mark.parametrize(
    ("asked", "facts", "wanted", "reason"),
    [
        (Asked(), {}, "none", ""),
        (Asked(quantity=Decimal(100), date=NOW + timedelta(days=10)), {}, "none", ""),
        (Asked(date=NOW + timedelta(days=9)), {}, "none", ""),  # what they asked before, repeated
        (Asked(date=NOW + timedelta(days=9), explicit=True), {}, "information", "planned, not released"),
        (Asked(quantity=Decimal(120)), {}, "information", "planned, not released"),
        (Asked(quantity=Decimal(120)), {"state": 5}, "warning", "work has started"),
        (Asked(quantity=Decimal(80)), {"state": 3}, "information", "released to the floor"),
        (Asked(quantity=Decimal(80)), {"state": 3, "bought": True}, "warning", "material for it is bought or issued"),
        (Asked(quantity=Decimal(80)), {"state": 3, "special": True}, "warning",
         "the item is made for this customer alone"),
        (Asked(date=SOONER), {"frozen": True}, "warning", "inside the frozen zone"),
        (Asked(date=SOONER), {"earliest": NOW + timedelta(days=7)}, "error", "cannot be done before 2026-11-24"),
        (Asked(date=LATER), {"state": 5}, "information", "work has started"),
        (Asked(date=LATER), {"state": 5, "on_hold": True}, "warning", "a hold is open on its order"),
        (Asked(quantity=Decimal(30)), {"delivered": Decimal(40)}, "error", "40 are delivered already"),
        (Asked(quantity=Decimal(30)), {"made": Decimal(35), "state": 5}, "error", "35 are made already"),
        (Asked(date=NOW - timedelta(days=2)), {}, "error", "2026-11-15 is past"),
        (Asked(cancel=True), {"state": 2}, "information", "planned, not released"),
        (Asked(cancel=True), {"state": 5}, "error", "work has started"),
        (Asked(quantity=Decimal(120)), {"state": 8}, "error", "it has shipped"),
        (Asked(cancel=True), {"state": 9}, "error", "the line is closed or cancelled"),
        (Asked(price=Decimal(6)), {"state": 5}, "information", "work has started"),
        (Asked(notes=("soon is no date",)), {}, "warning", "soon is no date"),
        (Asked(quantity=Decimal(120), parts=3), {}, "warning", "wanted in 3 deliveries"),
        (Asked(quantity=Decimal(0)), {}, "error", "a quantity of nothing"),
    ],
)  # fmt: skip
def test_grades(asked: Asked, facts: dict[str, Any], wanted: str, reason: str) -> None:
    found = grade(asked, **facts)
    assert found.grade == wanted
    assert not reason or reason in found.reasons


def test_a_free_window_eases_what_is_far_away_and_not_begun() -> None:
    far = {"commit": NOW + timedelta(days=40), "state": 3}
    asked = Asked(quantity=Decimal(120))
    assert grade(asked, **far).grade == "warning"
    eased = grade(asked, free_days=30, **far)
    assert (eased.grade, eased.reasons[-1]) == ("information", "due later than the free window of 30 days")
    assert grade(asked, free_days=30, **(far | {"state": 5})).grade == "warning"
    assert grade(asked, free_days=30, state=3).grade == "warning"  # due in ten days


def test_unknown_lines_are_errors_with_their_reason() -> None:
    found = grade_line(
        Asked(quantity=Decimal(4)),
        None,
        limits=Limits(),
        now=NOW,
        zone=ZONE,
        unknown="item XX is not known here",
    )
    assert (found.grade, found.reasons) == ("error", ["item XX is not known here"])


def test_old_and_new_are_said_in_order() -> None:
    found = grade(Asked(quantity=Decimal("120.0"), date=SOONER, price=Decimal(6)))
    assert [(one.name, one.old, one.new) for one in found.changes] == [
        ("date", "2026-11-27", "2026-11-22"), ("quantity", "100 pcs", "120"), ("price", "5", "6"),
    ]  # fmt: skip


# ---- partners and what is written


def test_partners_come_from_the_settings() -> None:
    config = {
        "partners": [
            {
                "id": "A",
                "customer": "MER",
                "qualifier": "14",
                "items": {"x": "Y"},
                "units": {"CA": "12 pcs", "st": "kg"},
            },
            {"id": "B"},
            "nonsense",
        ]
    }
    first = partner_of(config, sender="A", qualifier="14")
    assert first is not None
    assert (first.unit("ca"), first.unit("ST"), first.unit("EA"), first.unit("??")) == (
        ("pcs", 12), ("kg", 1), ("pcs", 1), None,
    )  # fmt: skip
    assert partner_of(config, sender="A", qualifier="ZZ") is None
    assert partner_of(config, sender="a", qualifier="14") is None
    assert [one.id for one in partners_of(config)] == ["A", "B"]
    assert mistakes(config) == ["Partner B names no customer.", "Partner 3 has no id."]


@pytest.mark.parametrize(
    ("values", "code", "action"),
    [
        ({}, "IA", "5"), ({"cancelled": True}, "ID", "5"), ({"status": "rejected"}, "IR", "7"),
        ({"quantity": Decimal(3)}, "IQ", "6"), ({"date": LATER}, "DR", "6"),
        ({"quantity": Decimal(3), "date": LATER, "status": "countered"}, "IC", "6"),
    ],
)  # fmt: skip
def test_an_answered_line_has_the_code_of_what_was_said(
    values: dict[str, Any], code: str, action: str
) -> None:
    base: dict[str, Any] = {
        "line": "10", "status": "accepted", "quantity": Decimal(4), "asked_quantity": Decimal(4), "date": SOONER,
        "asked_date": SOONER,
    }  # fmt: skip
    line = AnswerLine(**(base | values))
    assert (code_of(line), action_of(line)) == (code, action)


def test_acknowledgements_say_what_was_refused_and_where() -> None:
    told = Acknowledgement(
        "17", "MERINO", "ZZ", "KOLBE", "ZZ",
        (AcknowledgedGroup("PC", "5", (
            AcknowledgedMessage("860", "0001", accepted=True),
            AcknowledgedMessage("860", "0002", accepted=False,
                                errors=((4, "??", "edi.tag"), (9, "SE", "edi.se_count"))),
        )),),
    )  # fmt: skip
    text = write_997(told, Addresses("x12", "KOLBE", "MERINO"), control=3, at=NOW)
    assert read_interchange(text).all_faults() == []
    body = [one.text.strip("~\n") for one in next(read_interchange(text).messages())[1].segments][1:-1]
    assert body == [
        "AK1*PC*5",
        "AK2*860*0001",
        "AK5*A",
        "AK2*860*0002",
        "AK3*??*4**1",
        "AK5*R*5*4",
        "AK9*P*2*2*1",
    ]
    contrl = write_contrl(
        Acknowledgement("R", "M", "14", "K", "ZZ", (), faults=("edi.unz_reference",)), Addresses("edifact", "K", "M"),
        control=3, at=NOW,
    )  # fmt: skip
    assert read_interchange(contrl).all_faults() == []
    assert "UCI+R+M:14+K:ZZ+4+28'" in contrl


def test_a_wrong_envelope_is_answered_with_ta1() -> None:
    told = Acknowledgement("17", "MERINO", "ZZ", "KOLBE", "ZZ", (), "261117", "0930", ("edi.iea_control",))
    text = write_997(told, Addresses("x12", "KOLBE", "MERINO"), control=3, at=NOW)
    assert text.splitlines()[1:] == ["TA1*000000017*261117*0930*R*001~", "IEA*0*000000003~"]
