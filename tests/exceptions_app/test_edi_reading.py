"""EDI messages read: a record per changed line, graded with reasons; repeats, versions, new orders, cancellations."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core import clock
from core.errors import NotAllowed
from exceptions_app import services
from exceptions_app.channels.edi.envelope import read_interchange
from exceptions_app.channels.edi.partners import partner_of
from exceptions_app.edi_doctor import edi_settings, unsent_documents
from exceptions_app.models import EdiDocument, EventKind, ExceptionRecord, Signal, SignalReading, Source
from exceptions_app.services.channels.edi_intake import take_interchange
from execlayer.management.commands.seed_demo import EDI_PARTNERS
from plant_app.models import Item, SalesOrder, SalesOrderLine
from tests.exceptions_app.edi_samples import change_860, ordchg, x12
from tests.plant_fixtures import KolbeMini

PO = "PO-7810"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """Merino Agri by X12 and by EDIFACT."""
    return Source.objects.create(
        code="edi-rhf", name="EDI", channel="edi", adapter="edi", site=plant.rhf,
        config={
            "partners": [
                {"id": "MERINO", "customer": "MER", "our_id": "KOLBE", "items": {"M-9": "SP-12"},
                 "units": {"CA": "10 pcs"}},
                {"id": "4012345000009", "customer": "MER", "our_id": "KOLBE"},
            ]
        },
    )  # fmt: skip


_controls = iter(range(100, 100_000))


def send(source: Source, text: str, **more: Any) -> SignalReading:
    """Take one interchange with one message in and read it."""
    taken = take_interchange(source=source, body=text.encode(), via="file", **more)
    assert taken.interchange.refused == 0, taken.faults
    key = f"{taken.interchange.key}/"
    signal = Signal.objects.filter(source=source, external_id__startswith=key).earliest("pk")
    return services.read_signal(signal_id=signal.pk)


def change(*lines: str, **more: Any) -> str:
    return change_860(*lines, control=next(_controls), **more)


def day(hours: float = 0) -> str:
    return (clock.now() + timedelta(hours=hours)).strftime("%Y%m%d")


def line_of(plant: KolbeMini) -> SalesOrderLine:
    return plant.sales_lines["40017810"]


def rows(exception: ExceptionRecord) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = exception.details["edi"]["lines"]
    return found


def test_a_changed_line_opens_one_linked_graded_record(plant: KolbeMini, source: Source) -> None:
    line = line_of(plant)
    wanted = day(24 * 9)
    reading = send(source, change(f"POC*10*CT*160**EA*92**VN*SP-12~DTM*002*{wanted}"))
    found = reading.exception
    assert found is not None
    assert (reading.outcome, found.status, found.type.code) == ("opened", "open", "order_change")
    assert (found.sales_line, found.customer.code, found.item.code) == (line, "MER", "SP-12")
    assert found.correlation_key == "change:RHF:sales_order_line=40017810/10"
    assert found.details["kind"] == "DATE-LATER"
    assert found.details["requested_date"].replace("-", "") == wanted
    (row,) = rows(found)
    assert row["grade"] == found.details["grade"] == found.route.facts["grade"]
    assert row["changes"][0]["name"] == "date"
    assert row["changes"][0]["new"].replace("-", "") == wanted
    assert found.details["edi"]["totals"] == {"none": 0, "information": 1, "warning": 0, "error": 0}
    assert not SalesOrderLine.objects.filter(pk=line.pk).exclude(requested_at=line.requested_at).exists()


def test_every_field_points_at_the_segment_it_was_read_from(plant: KolbeMini, source: Source) -> None:
    reading = send(source, change(f"POC*10*QD*150**EA*92**VN*SP-12~DTM*002*{day(24 * 9)}"))
    fields = {one["name"]: one for one in reading.signal.interpretations.get().fields}
    assert fields["quantity"]["words"] == "POC*10*QD*150**EA*92**VN*SP-12~"
    dated = fields["requested_date"]
    assert reading.signal.text[dated["start"] : dated["end"]] == dated["words"]
    assert dated["words"].startswith("DTM*002*")


def test_nothing_differs_opens_nothing_and_is_confirmed(plant: KolbeMini, source: Source) -> None:
    line = line_of(plant)
    held = line.commit_at.astimezone(clock.now().tzinfo).strftime("%Y%m%d")
    before = ExceptionRecord.objects.count()
    reading = send(source, change(f"POC*10*NC*160**EA*92**VN*SP-12~DTM*002*{held}"))
    assert (reading.outcome, reading.exception) == ("ignored", None)
    assert ExceptionRecord.objects.count() == before
    told = {one.kind: one for one in EdiDocument.objects.all()}
    assert sorted(told) == ["865", "997"]
    message = next(read_interchange(told["865"].body).messages())[1]
    said = {one.tag: one for one in message.segments}
    assert (said["BCA"].at(2), said["ACK"].at(1), said["ACK"].at(2)) == ("AT", "IA", "160")


@pytest.mark.parametrize(
    ("segment", "grade", "kind", "reason"),
    [
        ("POC*10*QD*150**EA*92**VN*SP-12", "warning", "QTY-DOWN", "work has started"),
        ("POC*10*QI*200**EA*92**VN*SP-12", "warning", "QTY-UP", "work has started"),
        ("POC*10*DI*160**EA", "error", "CANCEL", "work has started"),
        ("POC*99*CA*160**EA", "error", "CONFIG", "the order has no line 99"),
        ("POC*10*CA*160**EA***VN*XX-1", "error", "CONFIG", "item XX-1 is not known here"),
        ("POC*10*CA*160**EA***VN*VB-220", "error", "CONFIG", "line 10 is SP-12 here, not VB-220"),
        ("POC*10*CT*160**EA***VN*SP-12~DTM*002*20201101", "error", "DATE-EARLIER", "2020-11-01 is past"),
        ("POC*10*PC***EA*95**VN*SP-12", "information", "PRICE", "work has started"),
    ],
)
def test_each_kind_of_change_is_graded_with_its_reason(
    plant: KolbeMini, source: Source, segment: str, grade: str, kind: str, reason: str
) -> None:
    found = send(source, change(segment)).exception
    assert found is not None
    assert (found.details["grade"], found.details["kind"]) == (grade, kind)
    assert reason in rows(found)[0]["reasons"]
    assert found.status == "open"


def test_fewer_than_delivered_is_an_error(plant: KolbeMini, source: Source) -> None:
    SalesOrderLine.objects.filter(pk=line_of(plant).pk).update(delivered=Decimal(60))
    found = send(source, change("POC*10*QD*40**EA***VN*SP-12")).exception
    assert found is not None
    assert found.details["grade"] == "error"
    assert "60 are delivered already" in rows(found)[0]["reasons"]


def test_shipped_and_cancelled_lines_are_errors(plant: KolbeMini, source: Source) -> None:
    SalesOrderLine.objects.filter(pk=line_of(plant).pk).update(delivered=Decimal(160))
    found = send(source, change("POC*10*QI*170**EA***VN*SP-12")).exception
    assert found is not None
    assert (found.details["grade"], "it has shipped" in rows(found)[0]["reasons"]) == ("error", True)
    SalesOrderLine.objects.filter(pk=line_of(plant).pk).update(delivered=0, cancelled=True)
    other = send(source, change("POC*10*QI*180**EA***VN*SP-12")).exception
    assert other is not None
    assert "the line is closed or cancelled" in rows(other)[0]["reasons"]


def test_quantities_are_totals_left_or_differences_as_the_segment_says(
    plant: KolbeMini, source: Source
) -> None:
    SalesOrderLine.objects.filter(pk=line_of(plant).pk).update(delivered=Decimal(20))
    for segment, total in (
        ("POC*10*QD*150*130*EA***VN*SP-12", "150"),  # ordered and left agree
        ("POC*10*QI**200*EA***VN*SP-12", "220"),  # only what is left: 20 have gone
        ("POC*10*QC*160*160>15*EA***VN*SP-12", "175"),  # composite: current plus increase
        ("POC*10*QC*160*>>7*EA***VN*SP-12", "153"),  # composite: current less decrease
        ("POC*10*QC*160*>>>190*EA***VN*SP-12", "190"),  # composite: revised
        ("POC*10*QI*17**CA***VN*SP-12", "170"),  # 17 cases of ten
    ):
        found = send(source, change(segment)).exception
        assert found is not None
        assert found.details["requested_quantity"] == total, segment


def test_a_partner_who_sends_differences_is_understood(plant: KolbeMini, source: Source) -> None:
    source.config["partners"][0]["quantities"] = "differences"
    source.save()
    found = send(source, change("POC*10*QD*10**EA***VN*SP-12")).exception
    assert found is not None
    assert found.details["requested_quantity"] == "150"


def test_the_same_wish_again_is_evidence_another_is_a_version(plant: KolbeMini, source: Source) -> None:
    first = send(source, change("POC*10*QI*180**EA***VN*SP-12"))
    again = send(source, change("POC*10*QI*180**EA***BP*M-9", sequence="2"))
    assert (again.outcome, again.exception) == ("joined", first.exception)
    again.exception.refresh_from_db()
    assert again.exception.details.get("versions", []) == []
    other = send(source, change("POC*10*QI*190**EA***VN*SP-12", sequence="3"))
    found = other.exception
    assert found == first.exception
    found.refresh_from_db()
    assert [one["value"] for one in found.details["versions"]] == ["180"]
    assert (found.details["requested_quantity"], found.details["edi"]["change_number"]) == ("190", "3")
    assert found.quantity == 190
    texts = list(found.events.filter(kind=EventKind.JOINED).values_list("text", flat=True))
    assert texts[-1] == "Now asked for: 190 (before: 180)"


def test_an_earlier_message_read_late_takes_nothing_back(plant: KolbeMini, source: Source) -> None:
    for text in (
        change("POC*10*QI*180**EA***VN*SP-12"),
        change("POC*10*QI*190**EA***VN*SP-12", sequence="2"),
    ):
        take_interchange(source=source, body=text.encode(), via="file")
    early, late = Signal.objects.filter(source=source).order_by("pk")
    found = services.read_signal(signal_id=late.pk).exception
    assert found is not None
    assert services.read_signal(signal_id=early.pk).exception == found
    found.refresh_from_db()
    assert (found.details["requested_quantity"], found.details.get("versions", [])) == ("190", [])
    assert found.readings.count() == 2


def test_several_changed_lines_are_several_records_of_one_message(plant: KolbeMini, source: Source) -> None:
    line = line_of(plant)
    SalesOrderLine.objects.create(
        order=line.order, line=20, item=plant.items["VB-220"], quantity=5, unit_price=1,
        requested_at=line.requested_at, commit_at=line.commit_at,
    )  # fmt: skip
    reading = send(
        source,
        change("POC*10*DI*160**EA***VN*SP-12", "POC*20*QI*8**EA***VN*VB-220", "POC*30*AI*4**EA***VN*SH-77"),
    )
    found = list(ExceptionRecord.objects.filter(details__edi__number=PO).order_by("pk"))
    assert len(found) == 3
    assert reading.exception == found[0]
    assert found[0].details["grade"] == "error"  # the hardest comes first
    assert {one.correlation_key for one in found} == {
        "change:RHF:sales_order_line=40017810/10", "change:RHF:sales_order_line=40017810/20",
        "change:RHF:customer_po=MER/PO-7810/30",
    }  # fmt: skip
    for one in found:
        assert len(rows(one)) == 3
        assert sum(row["mine"] for row in rows(one)) == 1
        assert one.readings.count() == 1
    second = found[1].readings.get().signal
    assert second.reply_to == reading.signal.external_id
    assert second.text.startswith("POC*")


def test_a_cancelled_order_cancels_every_line(plant: KolbeMini, source: Source) -> None:
    found = send(source, change("POC*10*CF", purpose="01")).exception
    assert found is not None
    assert (found.details["kind"], found.details["new_value"]) == ("CANCEL", "cancelled")
    edi = ordchg(function="1", control="R1")
    assert send(source, edi).exception == found


def test_what_a_replaced_order_leaves_out_is_cancelled(plant: KolbeMini, source: Source) -> None:
    line = line_of(plant)
    SalesOrderLine.objects.create(
        order=line.order, line=20, item=plant.items["VB-220"], quantity=5, unit_price=1,
        requested_at=line.requested_at, commit_at=line.commit_at,
    )  # fmt: skip
    send(source, change("POC*10*RZ*160**EA***VN*SP-12", purpose="05"))
    found = ExceptionRecord.objects.get(correlation_key="change:RHF:sales_order_line=40017810/20")
    assert found.details["kind"] == "CANCEL"
    assert not ExceptionRecord.objects.filter(
        correlation_key="change:RHF:sales_order_line=40017810/10"
    ).exists()


def test_ordchg_says_the_same_as_860(plant: KolbeMini, source: Source) -> None:
    text = ordchg(f"LIN+10+3+SP-12:SA|QTY+21:150:PCE|DTM+2:{day(24 * 9)}:102", control="R2")
    found = send(source, text).exception
    assert found is not None
    assert found.details["kind"] in ("QTY-DOWN", "DATE-LATER")
    assert {one["name"] for one in rows(found)[0]["changes"]} == {"date", "quantity"}
    assert found.details["grade"] == "warning"
    assert found.details["edi"]["change_number"] == "CHG-1"


def test_a_change_of_an_unknown_order_is_a_question(plant: KolbeMini, source: Source) -> None:
    found = send(source, change("POC*10*QI*180**EA", number="NOBODY")).exception
    assert found is not None
    assert (found.status, found.customer.code) == ("triage", "MER")


def test_another_customers_order_is_never_touched(plant: KolbeMini, source: Source) -> None:
    theirs = SalesOrder.objects.get(number="40017733")
    found = send(source, change("POC*10*QI*180**EA", number=theirs.po_number)).exception
    assert found is not None
    assert (found.status, found.sales_line) == ("triage", None)


def test_an_unverified_sender_only_asks(plant: KolbeMini, source: Source) -> None:
    found = send(source, change("POC*10*QI*180**EA***VN*SP-12"), verified=False).exception
    assert found is not None
    assert found.status == "triage"
    assert found.correlation_key == ""


def test_a_new_order_is_one_record_checked_line_by_line(plant: KolbeMini, source: Source) -> None:
    Item.objects.filter(code="SH-77").update(lead_time_days=30)
    text = x12(
        ("850", [
            "BEG*00*SA*NEW-1**20261117", f"DTM*002*{day(24 * 10)}", "PO1*1*40*EA*90**BP*M-9",
            "PO1*2*400*EA*9**VN*SH-77",
            "PO1*3*1*EA*9**VN*NOPE", "CTT*3",
        ]),
        control=next(_controls),
    )  # fmt: skip
    reading = send(source, text)
    found = reading.exception
    assert found is not None
    assert (found.status, found.details["kind"], found.details["grade"]) == ("open", "NEW", "error")
    assert found.correlation_key == "change:RHF:customer_po=MER/NEW-1"
    graded = {row["line"]: (row["item"], row["grade"]) for row in rows(found)}
    assert graded["2"] == ("SH-77", "warning")
    assert graded["3"] == ("NOPE", "error")
    assert graded["1"][0] == "SP-12"
    assert ExceptionRecord.objects.filter(details__edi__number="NEW-1").count() == 1


def test_after_the_answer_a_further_wish_is_a_record_of_its_own(plant: KolbeMini, source: Source) -> None:
    first = send(source, change("POC*10*QI*180**EA***VN*SP-12")).exception
    assert first is not None
    services.answer_by_edi(
        exception=services.locked(first.pk),
        said=services.Said(status="rejected", why="no capacity"),
        key="answer/1",
    )
    other = send(source, change("POC*10*QI*190**EA***VN*SP-12", sequence="2"))
    assert other.outcome == "opened"
    assert other.exception != first


def test_very_many_changed_lines_are_one_record_of_the_order(plant: KolbeMini, source: Source) -> None:
    lines = [f"POC*{at}*AI*4**EA***VN*SH-77" for at in range(20, 50)]
    found = send(source, change(*lines)).exception
    assert found is not None
    assert ExceptionRecord.objects.filter(details__edi__number=PO).count() == 1
    assert sum(found.details["edi"]["totals"].values()) == 30


def test_once_its_partner_is_set_up_a_message_is_read_again(plant: KolbeMini, source: Source) -> None:
    partners = source.config["partners"]
    source.config = {"partners": []}
    source.save()
    reading = send(source, change("POC*10*QI*180**EA***VN*SP-12"))
    asked = reading.exception
    assert asked is not None
    assert asked.status == "triage"
    source.config = {"partners": partners}
    source.save()
    row = source.edi_interchanges.get()
    with pytest.raises(NotAllowed):
        services.read_edi_again(interchange_id=row.pk, actor=plant.people["piotr.nowak"])
    assert services.read_edi_again(interchange_id=row.pk, actor=plant.people["helena.kraus"]) == 1
    services.read_due_signals()
    reading.refresh_from_db()
    asked.refresh_from_db()
    assert asked.status == "cancelled"
    assert reading.exception is not None
    assert (reading.exception.status, reading.exception.sales_line) == ("open", line_of(plant))
    # what people work on is never read again
    assert services.read_edi_again(interchange_id=row.pk, actor=plant.people["helena.kraus"]) == 0


def test_what_is_sent_as_a_test_is_a_question(plant: KolbeMini, source: Source) -> None:
    found = send(source, change("POC*10*QI*180**EA***VN*SP-12").replace("*0*P*>~", "*0*T*>~")).exception
    assert found is not None
    assert (found.status, found.correlation_key) == ("triage", "")
    assert EdiDocument.objects.get().body.splitlines()[0].endswith("*0*T*>~")


def test_a_partners_acknowledgement_is_noted_on_what_we_sent(plant: KolbeMini, source: Source) -> None:
    exception = send(source, change("POC*10*QI*180**EA***VN*SP-12")).exception
    document = services.answer_by_edi(
        exception=services.locked(exception.pk), said=services.Said(status="accepted"), key="answer/1"
    )
    assert document is not None
    text = x12(
        ("997", [f"AK1*CA*{document.control}", "AK2*865*0001", "AK5*A", "AK9*A*1*1*1"]),
        control=next(_controls),
    )
    reading = send(source, text.replace("GS*PC", "GS*FA"))
    assert (reading.outcome, reading.exception) == ("answered", None)
    document.refresh_from_db()
    assert document.acknowledged_at == clock.now()


def test_the_samples_of_the_documentation_read_without_a_fault() -> None:
    samples = sorted((Path(__file__).resolve().parents[2] / "docs" / "samples" / "edi").glob("*.edi"))
    assert len(samples) == 2
    for sample in samples:
        found = read_interchange(sample.read_text())
        assert found.all_faults() == []
        assert (
            partner_of({"partners": EDI_PARTNERS}, sender=found.sender, qualifier=found.sender_qualifier)
            is not None
        )


def test_the_doctor_names_what_is_wrong_with_edi(plant: KolbeMini, source: Source) -> None:
    assert [finding.code for finding in (*unsent_documents(), *edi_settings())] == []
    take_interchange(source=source, body=change("POC*10*QI*180**EA").encode(), via="file")
    services.send_edi()  # there is no folder and no address
    source.config = {"partners": [{"id": "A"}]}
    source.save()
    found = [*unsent_documents(), *edi_settings()]
    assert [finding.code for finding in found] == ["XL-E060", "XL-E061"]
    assert "neither a folder" in found[0].summary
    assert "Partner A names no customer." in found[1].summary
