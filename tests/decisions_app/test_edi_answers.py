"""What is decided about an order that came by EDI goes back by EDI: once, numbered, in the words of the standard."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import clock
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.channels.edi.envelope import read_interchange
from exceptions_app.channels.edi.segments import Segment
from exceptions_app.models import EdiDocument, EventKind, ExceptionRecord, Signal, Source
from plant_app.selectors.effective import effective_value
from tests import shared_data
from tests.decisions_app.conftest import acknowledge_all, do, kinds, posted
from tests.erp_sync.scripted import Books
from tests.exceptions_app.edi_samples import change_860, edifact, ordchg, x12
from tests.plant_fixtures import KolbeMini

Change = Callable[..., ExceptionRecord]


@pytest.fixture
def source(plant: KolbeMini, tmp_path: Path) -> Source:
    return Source.objects.create(
        code="edi-rhf", name="EDI", channel="edi", adapter="edi", site=plant.rhf,
        config={
            "folder": str(tmp_path / "edi"),
            "partners": [
                {"id": "MERINO", "customer": "MER", "our_id": "KOLBE"},
                {"id": "4012345000009", "customer": "MER", "our_id": "KOLBE"},
            ],
        },
    )  # fmt: skip


@pytest.fixture
def change(plant: KolbeMini, erp: Books, source: Source) -> Change:
    def send(text: str) -> ExceptionRecord:
        taken = exceptions.take_interchange(source=source, body=text.encode(), via="file")
        assert taken.faults == []
        signal = Signal.objects.filter(external_id__startswith=f"{taken.interchange.key}/").earliest("pk")
        found = exceptions.read_signal(signal_id=signal.pk).exception
        assert found is not None
        decisions.contain_due()
        acknowledge_all(found)
        found.refresh_from_db()
        return found

    return send


def decide(
    plant: KolbeMini, exception: ExceptionRecord, option: str, who: str = "helena.kraus", **inputs: Any
) -> None:
    decisions.decide(
        exception_id=exception.pk, option_code=option, inputs=inputs, actor=plant.people[who], reason="agreed"
    )  # fmt: skip


def answer(exception: ExceptionRecord) -> tuple[EdiDocument, list[Segment]]:
    """The one answer of a record, read by our own reader without a fault."""
    document = EdiDocument.objects.get(exception=exception)
    found = read_interchange(document.body)
    assert found.all_faults() == []
    (pair,) = list(found.messages())
    assert pair[1].kind == document.kind
    return document, list(pair[1].segments)


def by_tag(segments: list[Segment]) -> dict[str, Segment]:
    return {one.tag: one for one in reversed(segments)}


def test_accepting_is_answered_with_an_865_once(
    plant: KolbeMini, change: Change, source: Source, tmp_path: Path
) -> None:
    later = clock.now() + timedelta(days=9)
    exception = change(change_860(f"POC*10*RQ*165**EA*92**VN*SP-12~DTM*002*{later:%Y%m%d}"))
    decide(plant, exception, "accept", commit_at=later.isoformat(), quantity="165")
    # people answer: the decision alone sends nothing
    assert not EdiDocument.objects.filter(exception=exception).exists()
    do(exception, "answer")
    assert posted(exception, "customer_answer").payload["channel"] == "edi"
    document, segments = answer(exception)
    said = by_tag(segments)
    assert (document.kind, document.summary, document.about) == ("865", "accepted", "PO-7810")
    assert (said["BCA"].at(1), said["BCA"].at(2), said["BCA"].at(3), said["BCA"].at(5)) == (
        "00",
        "AT",
        "PO-7810",
        "1",
    )
    assert (said["POC"].at(1), said["POC"].at(2), said["POC"].at(3)) == ("10", "RQ", "165")
    assert (said["ACK"].at(1), said["ACK"].at(2), said["ACK"].at(5)) == ("IA", "165", f"{later:%Y%m%d}")
    while exceptions.send_edi():
        pass
    out = tmp_path / "edi" / "out"
    files = sorted(path.name for path in out.iterdir() if path.is_file())
    assert files == ["865-MERINO-000000002.edi", "997-MERINO-000000001.edi"]
    assert (out / files[0]).read_text() == document.body
    document.refresh_from_db()
    assert (document.state, document.sends) == ("sent", 1)
    texts = list(exception.events.filter(kind=EventKind.TOLD, via="edi").values_list("text", flat=True))
    assert texts == ["865 000000002 written for MERINO: accepted", "865 sent to MERINO, control 000000002"]
    assert effective_value(exception.sales_line, "quantity") == 165


def test_a_counter_offer_says_what_is_offered_instead(plant: KolbeMini, change: Change) -> None:
    wanted, offered = clock.now() + timedelta(days=9), clock.now() + timedelta(days=12)
    exception = change(change_860(f"POC*10*RQ*200**EA*92**VN*SP-12~DTM*002*{wanted:%Y%m%d}"))
    decide(
        plant, exception, "accept_with_change", commit_at=offered.isoformat(), quantity="180",
        valid_until=(clock.now() + timedelta(days=1)).isoformat(),
    )  # fmt: skip
    do(exception, "answer")
    said = by_tag(answer(exception)[1])
    assert (said["BCA"].at(2), said["ACK"].at(1), said["ACK"].at(2)) == ("AC", "IC", "180")
    assert said["ACK"].at(5) == f"{offered:%Y%m%d}"
    assert said["DTM"].at(1) == "036"


def test_a_refusal_says_so_and_why(plant: KolbeMini, change: Change, tmp_path: Path) -> None:
    exception = change(change_860("POC*10*QI*900**EA***VN*SP-12"))
    decide(
        plant, exception, "reject", "elif.aksoy", why="Keine Kapazität*", still_valid="160 on the old date"
    )
    do(exception, "call")
    do(exception, "answer")
    said = by_tag(answer(exception)[1])
    assert (said["BCA"].at(2), said["ACK"].at(1), said["POC"].at(3)) == ("RD", "IR", "900")
    assert said["MSG"].at(1) == "Keine Kapazität . Still valid: 160 on the old date"
    assert kinds(exception) == ["customer_answer"]
    while exceptions.send_edi():
        pass
    (file,) = (tmp_path / "edi" / "out").glob("865-*.edi")
    assert "Keine Kapazität".encode("latin-1") in file.read_bytes()


def test_an_accepted_cancellation_says_deleted(plant: KolbeMini, change: Change) -> None:
    exception = change(change_860("POC*10*DI*160**EA***VN*SP-12"))
    decide(plant, exception, "accept", commit_at=exception.sales_line.commit_at.isoformat(), quantity="160")
    do(exception, "answer")
    said = by_tag(answer(exception)[1])
    assert (said["BCA"].at(2), said["ACK"].at(1)) == ("AT", "ID")
    assert kinds(exception)[0] == "change.cancel"


@pytest.mark.parametrize(
    ("option", "inputs", "function", "action"),
    [
        ("accept", {"quantity": "165"}, "29", "5"),
        ("accept_with_change", {"quantity": "150", "valid_until": "1"}, "4", "6"),
        ("reject", {"why": "No", "still_valid": "160"}, "27", "7"),
    ],
)
def test_an_ordchg_is_answered_with_an_ordrsp(
    plant: KolbeMini, change: Change, option: str, inputs: dict[str, str], function: str, action: str
) -> None:
    later = clock.now() + timedelta(days=9)
    exception = change(ordchg(f"LIN+10+3+SP-12:SA|QTY+21:165:PCE|DTM+2:{later:%Y%m%d}:102"))
    if option != "reject":
        inputs = {**inputs, "commit_at": later.isoformat()}
    if "valid_until" in inputs:
        inputs = {**inputs, "valid_until": (clock.now() + timedelta(days=1)).isoformat()}
    decide(plant, exception, option, "elif.aksoy" if option == "reject" else "helena.kraus", **inputs)
    if option == "reject":
        do(exception, "call")
    do(exception, "answer")
    document, segments = answer(exception)
    said = by_tag(segments)
    assert (document.kind, document.syntax) == ("ORDRSP", "edifact")
    assert (said["BGM"].at(1), said["BGM"].at(3)) == ("231", function)
    assert (said["LIN"].at(1), said["LIN"].at(2), said["LIN"].at(3)) == ("10", action, "SP-12")
    references = {one.at(1): one.at(1, 2) for one in segments if one.tag == "RFF"}
    assert references == {"ON": "PO-7810", "PP": "CHG-1", "VN": "40017810"}


def test_a_new_order_is_answered_with_an_855(plant: KolbeMini, change: Change) -> None:
    later = clock.now() + timedelta(days=20)
    lines = ["BEG*00*SA*NEW-1**20261117", f"DTM*002*{later:%Y%m%d}", "PO1*1*2*EA*640**VN*VB-220",
             "PO1*2*3*EA*92**VN*SP-12", "CTT*2"]  # fmt: skip
    exception = change(x12(("850", lines)))
    decide(plant, exception, "accept", commit_at=later.isoformat(), quantity="5")
    do(exception, "answer")
    document, segments = answer(exception)
    said = by_tag(segments)
    assert (document.kind, said["BAK"].at(2), said["BAK"].at(3)) == ("855", "AT", "NEW-1")
    assert [(one.at(1), one.at(2)) for one in segments if one.tag == "PO1"] == [("1", "2"), ("2", "3")]
    assert [one.at(1) for one in segments if one.tag == "ACK"] == ["IA", "IA"]


def test_a_wish_that_did_not_come_by_edi_writes_no_edi(plant: KolbeMini, erp: Books, report: Any) -> None:
    exception = report(type="order_change", so_line="40017810/10", kind="DATE-LATER", new_value="2027-01-01")
    acknowledge_all(exception)
    decide(plant, exception, "accept", commit_at="2027-01-01T12:00:00+00:00", quantity="160")
    do(exception, "answer")
    assert posted(exception, "customer_answer").payload["channel"] == "mail"
    assert not EdiDocument.objects.exists()


def test_our_ordrsp_has_the_segments_of_a_real_one_in_their_order(plant: KolbeMini, change: Change) -> None:
    sample = shared_data.shared("edi", "edifact.ORDRSP.edi")
    theirs = [one.tag for one in next(read_interchange(sample.read_text()).messages())[1].segments]
    exception = change(ordchg("LIN+10+3+SP-12:SA|QTY+21:165:PCE"))
    decide(plant, exception, "accept", commit_at=exception.sales_line.commit_at.isoformat(), quantity="165")
    do(exception, "answer")
    ours = [one.tag for one in answer(exception)[1]]
    first = {tag: theirs.index(tag) for tag in theirs}
    shared = [tag for tag in dict.fromkeys(ours) if tag in first]
    assert shared == sorted(shared, key=lambda tag: first[tag])
    assert {"UNH", "BGM", "DTM", "RFF", "NAD", "LIN", "QTY", "UNS", "UNT"} <= set(shared)


def test_edifact_orders_come_and_go_with_released_signs(plant: KolbeMini, change: Change) -> None:
    text = edifact(
        ("ORDERS", ["BGM+220+N?'1?+2+9", "DTM+137:20261117:102", "DTM+2:20261230:102", "LIN+1++VB-220:SA",
                    "PIA+1+A?:B??:IN", "QTY+21:1:PCE", "UNS+S", "CNT+2:1"]), directory="D:01B:UN:EAN010",
    )  # fmt: skip
    exception = change(text)
    decide(plant, exception, "accept", commit_at="2026-12-30T12:00:00+01:00", quantity="1")
    do(exception, "answer")
    document, segments = answer(exception)
    said = by_tag(segments)
    assert said["RFF"].at(1, 2) == "N'1+2"
    assert said["PIA"].at(2) == "A:B?"
    assert segments[0].at(2, 3) == "01B"
    assert document.about == "N'1+2"
