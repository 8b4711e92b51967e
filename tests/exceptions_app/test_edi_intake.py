"""Interchanges taken in: a signal per message, refused ones named with their segment, the same again answered alike."""

from typing import Any

import pytest

from exceptions_app import services
from exceptions_app.channels.edi.envelope import read_interchange
from exceptions_app.models import EdiDocument, EdiInterchange, ExceptionRecord, Signal, SignalReading, Source
from exceptions_app.services.channels.edi_intake import take_interchange
from tests.exceptions_app.edi_samples import change_860, edifact, ordchg, x12
from tests.plant_fixtures import KolbeMini

LINE = "POC*10*CT*160**EA*92**VN*SP-12~DTM*002*20261125"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """Merino Agri by X12 and by EDIFACT."""
    return Source.objects.create(
        code="edi-rhf", name="EDI", channel="edi", adapter="edi", site=plant.rhf,
        config={
            "partners": [
                {"id": "MERINO", "customer": "MER", "our_id": "KOLBE", "items": {"M-9": "SP-12"}},
                {"id": "4012345000009", "customer": "MER", "our_id": "KOLBE", "our_qualifier": "ZZ"},
            ]
        },
    )  # fmt: skip


def take(source: Source, text: str, **more: Any) -> Any:
    return take_interchange(source=source, body=text.encode(), via="http", **more)


def read_all() -> list[SignalReading]:
    services.read_due_signals()
    return list(SignalReading.objects.select_related("signal", "exception").order_by("pk"))


def test_each_message_becomes_one_signal_and_the_whole_is_acknowledged(source: Source) -> None:
    text = x12(
        ("860", ["BCH*04*SA*PO-7810**1*20261101", *LINE.split("~"), "CTT*1"]),
        ("860", ["BCH*04*SA*PO-1**1*20261101"]),
    )
    taken = take(source, text)
    assert (taken.interchange.taken, taken.interchange.refused, taken.replayed) == (2, 0, False)
    assert Signal.objects.filter(source=source).count() == 2
    told = read_interchange(taken.acknowledgement.body)
    assert told.all_faults() == []
    assert (told.sender, told.receiver, taken.acknowledgement.kind) == ("KOLBE", "MERINO", "997")
    message = next(told.messages())[1]
    assert [one.at(1) for one in message.segments if one.tag == "AK5"] == ["A", "A"]
    assert next(one for one in message.segments if one.tag == "AK9").text.startswith("AK9*A*2*2*2")


def test_the_same_interchange_again_is_answered_the_same(source: Source) -> None:
    first = take(source, change_860(LINE))
    again = take(source, change_860(LINE))
    assert again.replayed
    assert again.acknowledgement == first.acknowledgement
    assert (Signal.objects.filter(source=source).count(), EdiDocument.objects.count()) == (1, 1)


def test_another_text_under_a_used_control_number_is_refused_and_kept(source: Source) -> None:
    take(source, change_860(LINE))
    other = take(source, change_860(LINE.replace("160", "150")))
    assert [fault["code"] for fault in other.faults] == ["edi.duplicate"]
    assert other.interchange.taken == 0
    kept = Signal.objects.get(external_id=other.interchange.key)
    assert "POC*10*CT*150" in kept.text


@pytest.mark.parametrize(
    ("change", "code", "segment", "expected", "found"),
    [
        (("IEA*1*000000017", "IEA*1*000000018"), "edi.iea_control", "IEA", "000000017", "000000018"),
        (("IEA*1*", "IEA*2*"), "edi.iea_count", "IEA", "1", "2"),
    ],
)
def test_a_wrong_outer_envelope_refuses_everything_and_names_the_segment(
    source: Source, change: tuple[str, str], code: str, segment: str, expected: str, found: str
) -> None:
    taken = take(source, change_860(LINE).replace(*change))
    fault = taken.faults[0]
    assert (fault["code"], fault["expected"], fault["found"]) == (code, expected, found)
    assert fault["text"].startswith(segment)
    assert taken.interchange.taken == 0
    assert taken.acknowledgement.kind == "TA1"
    assert read_interchange(taken.acknowledgement.body).header is not None
    reading = read_all()[0]
    assert reading.exception is not None
    assert reading.exception.status == "triage"
    assert "POC*10*CT*160" in reading.signal.text


def test_a_wrong_count_of_one_set_refuses_that_set_alone(source: Source) -> None:
    text = x12(
        ("860", ["BCH*04*SA*PO-7810**1*20261101", *LINE.split("~"), "CTT*1"]),
        ("860", ["BCH*04*SA*PO-1**1*20261101"]),
    )
    taken = take(source, text.replace("SE*6*0001", "SE*9*0001"))
    assert (taken.interchange.taken, taken.interchange.refused) == (1, 1)
    message = next(read_interchange(taken.acknowledgement.body).messages())[1]
    said = [one.text.strip("~\n") for one in message.segments if one.tag in ("AK5", "AK9")]
    assert said == ["AK5*R*4", "AK5*A", "AK9*P*2*2*1"]
    readings = read_all()
    assert [one.exception.status for one in readings] == ["triage", "triage"]
    assert not ExceptionRecord.objects.exclude(status="triage").exists()


def test_a_wrong_group_refuses_its_sets(source: Source) -> None:
    taken = take(source, change_860(LINE).replace("GE*1*5", "GE*1*6"))
    assert [fault["code"] for fault in taken.faults] == ["edi.ge_control"]
    assert (taken.interchange.taken, taken.interchange.refused) == (0, 1)
    message = next(read_interchange(taken.acknowledgement.body).messages())[1]
    assert next(one for one in message.segments if one.tag == "AK9").text.strip() == "AK9*R*1*1*0*4~"


def test_edifact_is_acknowledged_with_contrl_naming_the_segment(source: Source) -> None:
    text = ordchg("LIN+10+3+SP-12:SA|QTY+21:150:PCE").replace("UNT+10+1", "UNT+8+1")
    taken = take(source, text)
    assert [fault["code"] for fault in taken.faults] == ["edi.unt_count"]
    told = read_interchange(taken.acknowledgement.body)
    assert told.all_faults() == []
    message = next(told.messages())[1]
    rows = {one.tag: one for one in message.segments}
    assert rows["UCI"].at(4) == "7"
    assert rows["UCM"].text.startswith("UCM+1+ORDCHG:D:96A:UN+4")
    assert (rows["UCM"].at(3), rows["UCM"].at(4)) == ("4", "29")
    assert (rows["UCS"].at(1), rows["UCS"].at(2)) == ("10", "29")


def test_text_that_is_no_edi_becomes_a_question(source: Source) -> None:
    taken = take(source, "hello, please deliver 40 more")
    assert [fault["code"] for fault in taken.faults] == ["edi.syntax"]
    assert taken.acknowledgement is None
    reading = read_all()[0]
    assert reading.exception is not None
    assert (reading.exception.status, reading.signal.text) == ("triage", "hello, please deliver 40 more")


def test_an_unknown_partner_becomes_a_question_with_its_text(source: Source) -> None:
    take(source, change_860(LINE, sender="STRANGER"))
    reading = read_all()[0]
    assert reading.exception is not None
    assert reading.exception.status == "triage"
    newest = reading.signal.interpretations.latest("pk")
    assert newest.triage_reasons == ["EDI partner STRANGER is not known"]


def test_control_numbers_of_a_partner_have_no_gaps(source: Source) -> None:
    for control in range(1, 6):
        take(source, change_860(LINE, control=control))
    take(source, edifact(("ORDCHG", ["BGM+230+C+4", "RFF+ON:PO-1"])))
    assert sorted(EdiDocument.objects.filter(partner="MERINO").values_list("control", flat=True)) == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert EdiDocument.objects.get(partner="4012345000009").control == 1


def test_acknowledgements_are_not_acknowledged(source: Source) -> None:
    taken = take(source, x12(("997", ["AK1*CA*1", "AK9*A*1*1*1"])).replace("GS*PC", "GS*FA"))
    assert taken.acknowledgement is None
    assert EdiInterchange.objects.get().taken == 1
