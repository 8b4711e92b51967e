"""Defects, notifications and changed orders in SAP: bodies by the published files, steps once, versions kept."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.sap import build, changes, defects, maintenance, wire
from erp_sync.adapters.sap.documents import Job
from erp_sync.adapters.sap.terms import Terms
from tests.erp_sync import sap_host
from tests.erp_sync.sap_host import Answer, Asked, Host
from tests.erp_sync.sap_published import faults

Row = dict[str, Any]
KEY, OPENED = "ABCDEFGH234567AB", "OPENOPENOPEN2345"
MAPPED: Row = {
    "timezone": "Europe/Berlin", "plant": {"RHF": "1010"}, "defect": {"burr": "QM-SURF/0012"},
    "work_unit": {"PRESS-1": "E:10000123"}, "damage": {"BRK": "PM-D/0001"}, "cause": {"WEAR": "PM-C/0007"},
}  # fmt: skip
OLD, NEW = date(2026, 12, 1), date(2026, 12, 8)
DEFECT: Row = {"action": "open", "quantity": "3", "item": "FG-100", "work_order": "1000123", "operation": "10",
               "defect_code": "burr", "lot": "L-7"}  # fmt: skip
STOP: Row = {"action": "open", "work_unit": "PRESS-1", "breakdown": True, "start": "2026-11-22T23:30:00+00:00",
             "priority": 1, "damage_code": "BRK", "cause_code": "WEAR"}  # fmt: skip
DONE: Row = {"action": "complete", "work_unit": "PRESS-1", "opened_by": OPENED, "cause_code": "WEAR",
             "end": "2026-11-23T05:00:00+00:00"}  # fmt: skip


def command(kind: str, payload: Row, key: str = KEY) -> PostingCommand:
    return PostingCommand(
        kind=kind, business_key=key, payload={"site": "RHF", **payload}, text="EX-2026-000042 rim",
        occurred_at=datetime(2026, 11, 23, 6, tzinfo=UTC), posting_date=date(2026, 11, 23),
    )  # fmt: skip


def job(kind: str, payload: Row) -> Job[Any]:
    one = command(kind, payload)
    return Job(one, canonical.parse(kind, one.payload))


def change(target: str, **extra: Any) -> PostingCommand:
    number = {"work_order": "1000123", "po_line": "4500000001", "so_line": "77"}[target]
    payload = {
        "target": target,
        "number": number,
        "line": "10",
        "old": OLD.isoformat(),
        "new": NEW.isoformat(),
    }
    return command("change.date", payload | {"which": "promised"} | extra)


def test_a_defect_and_a_notification_fit_the_published_fields() -> None:
    terms = Terms(MAPPED)
    defect = defects.body(terms, job("quality_event", DEFECT), "PC")
    assert (defect["DefectCodeGroup"], defect["DefectCode"]) == ("QM-SURF", "0012")
    assert defect["DefectText"].startswith(f"{KEY} ")
    assert faults("OP_API_DEFECT_SRV_0001.json", "API_DEFECT_SRV.A_DefectType-create", defect) == []

    notice = maintenance.body(terms, job("maintenance_notification", STOP))
    assert (notice["TechnicalObject"], notice["TechObjIsEquipOrFuncnlLoc"]) == ("10000123", "EAMS_EQUI")
    assert (notice["MalfunctionStartDate"], notice["MalfunctionStartTime"]) == (
        wire.date_out(date(2026, 11, 23)),
        "PT00H30M00S",
    )
    assert notice["MaintNotifExtReferenceNumber"] == KEY
    name = "cds_api_maintnotification.MaintenanceNotificationType-create"
    assert faults("OP_API_MAINTNOTIFICATION.json", name, notice) == []


@pytest.mark.parametrize(
    ("target", "file", "schema"),
    [
        ("work_order", "OP_API_PRODUCTION_ORDER_2_SRV_0001.json",
         "API_PRODUCTION_ORDER_2_SRV.A_ProductionOrder_2Type-update"),
        ("po_line", "OP_API_PURCHASEORDER_PROCESS_SRV_0001.json",
         "API_PURCHASEORDER_PROCESS_SRV.A_PurchaseOrderScheduleLineType-update"),
        ("so_line", "API_SALES_ORDER_SRV.json", "UpdateA_SalesOrderScheduleLine"),
    ],
)  # fmt: skip
def test_a_change_fits_the_published_fields(target: str, file: str, schema: str) -> None:
    by_date = job("change.date", change(target).payload).payload
    assert faults(file, schema, changes.body(changes.field_of(by_date), NEW)) == []
    by_quantity = job("change.quantity", {"target": target, "number": "1", "line": "10", "new": "5"}).payload
    assert faults(file, schema, changes.body(changes.field_of(by_quantity), by_quantity.new)) == []


class Books:
    """Orders with versions, and one notification."""

    def __init__(self) -> None:
        self.version = 1
        self.day = {"1": OLD, "2": OLD}
        self.order: Row = {"ManufacturingOrder": "1000123"}
        self.item: Row = {"PurchaseOrderItem": "10"}
        self.deaf = self.stale = False
        self.notice: Row = {"MaintenanceNotification": "10000001", "CreationDate": "/Date(1795392000000)/"}
        self.items: list[Row] = []
        self.defects: list[Row] = []
        self.lose = ""

    def __call__(self, asked: Asked) -> Answer | None:
        answer = self.act(asked)
        return (
            Answer(drop=True) if asked.method != "GET" and self.lose and self.lose in asked.path else answer
        )

    def act(self, asked: Asked) -> Answer | None:
        name, etag = asked.path, f'W/"{self.version}"'
        if asked.method == "PATCH" and asked.headers.get("if-match") != etag:
            return Answer(status=428)
        if asked.method == "PATCH" and self.stale:
            return Answer(status=412)
        if asked.method == "PATCH":
            self.version += 1
            fields = asked.json["d"]
            if "MalfunctionEndDate" in fields:
                self.notice |= fields
            elif not self.deaf:
                self.day["1"] = wire.date_in(next(iter(fields.values()))) or OLD
            return Answer(status=204)
        if name.endswith("/$batch"):
            self.day = dict.fromkeys(self.day, NEW)
            part = b"--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
            content = (
                b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + part + part + b"--c--\r\n--b--"
            )
            return Answer(202, content, {"Content-Type": "multipart/mixed; boundary=b"})
        if name.endswith("/to_ScheduleLine"):
            lines = [
                {"__metadata": {"etag": etag}, "ScheduleLine": n, "PurchasingDocument": "4500000001",
                 "PurchasingDocumentItem": "10", "ScheduleLineDeliveryDate": wire.date_out(day)}
                for n, day in self.day.items()
            ]  # fmt: skip
            return sap_host.rows(*lines)
        if "A_PurchaseOrderItem(" in name:
            return sap_host.row(self.item)
        if "A_ProductionOrder_2(" in name:
            return sap_host.row(
                self.order | {"MfgOrderPlannedEndDate": wire.date_out(self.day["1"])}, etag=etag
            )
        return self.plant(asked, name, etag)

    def plant(self, asked: Asked, name: str, etag: str) -> Answer | None:
        if name.endswith("/to_Item"):
            self.items.append(asked.json)
            return sap_host.row(asked.json, status=201)
        if name.endswith("/CompleteMaintNotification"):
            self.notice["NotificationCompletionDate"] = "/Date(1795392000000)/"
            return sap_host.row(self.notice)
        if name.endswith("/MaintenanceNotification"):
            if asked.method == "POST":
                self.notice |= asked.json
                return sap_host.row(self.notice, status=201)
            held = self.notice.get("MaintNotifExtReferenceNumber", OPENED)
            row = self.notice | {"__metadata": {"etag": etag}, "to_Item": {"results": self.items}}
            return sap_host.rows(row) if f"'{held}'" in asked.query["$filter"] else sap_host.rows()
        if name.endswith("/A_Defect"):
            if asked.method == "POST":
                self.defects.append({**asked.json, "DefectInternalID": "200000001"})
                return sap_host.row(self.defects[-1], status=201)
            wanted = asked.query["$filter"].split("'")[1]
            return sap_host.rows(*(one for one in self.defects if one["DefectText"].startswith(wanted)))
        if "/A_Defect(" in name:
            if asked.method == "DELETE":
                self.defects.clear()
                return Answer(status=204)
            return sap_host.row(self.defects[0], etag=etag) if self.defects else None
        return None


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def host(books: Books) -> Iterator[Host]:
    with sap_host.serving() as running:
        running.script = books
        yield running


@pytest.fixture
def sap(host: Host) -> Iterator[port.ErpAdapter]:
    made = build({"url": host.url, "username": "XL", "password": "x", "read_timeout": 5, **MAPPED})
    yield made
    made.close()


def test_an_orders_date_is_changed_under_its_version_and_once(
    sap: port.ErpAdapter, books: Books, host: Host
) -> None:
    first, again = sap.send(change("work_order")), sap.send(change("work_order"))
    assert (first.status, again.status, first.erp_number) == ("confirmed", "confirmed", "1000123")
    assert books.day["1"] == NEW
    assert len(host.written) == 1


def test_a_date_another_hand_changed_stops_with_both_values(
    sap: port.ErpAdapter, books: Books, host: Host
) -> None:
    books.day["1"] = date(2026, 12, 24)
    outcome = sap.send(change("work_order"))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert "2026-12-24" in outcome.message
    assert "2026-12-01" in outcome.message
    assert host.written == []


def test_a_closed_order_stops_a_change_but_not_the_look_up_of_one(sap: port.ErpAdapter, books: Books) -> None:
    books.order["OrderIsClosed"] = "X"
    assert sap.send(change("work_order")).error_code == "erp.drifted"
    assert sap.look_up(change("work_order")) is None
    books.day["1"] = NEW
    found = sap.look_up(change("work_order"))
    assert found is not None
    assert found.status == "confirmed"


def test_a_write_that_comes_second_is_sent_again_later(sap: port.ErpAdapter, books: Books) -> None:
    books.stale = True
    outcome = sap.send(change("work_order"))
    assert (outcome.status, outcome.error_code) == ("retry", "sap.stale")


def test_a_change_sap_answers_but_does_not_keep_is_said(sap: port.ErpAdapter, books: Books) -> None:
    books.deaf = True
    outcome = sap.send(change("work_order"))
    assert (outcome.status, outcome.error_code) == ("rejected", "sap.not_taken")


def test_all_schedule_lines_of_an_item_move_together(sap: port.ErpAdapter, books: Books, host: Host) -> None:
    assert sap.send(change("po_line")).status == "confirmed"
    assert set(books.day.values()) == {NEW}
    assert [one.entity for one in host.written] == ["$batch"]


def test_a_quantity_over_several_schedule_lines_is_decided_in_sap(sap: port.ErpAdapter, host: Host) -> None:
    payload = {"target": "po_line", "number": "4500000001", "line": "10", "new": "5"}
    assert sap.send(command("change.quantity", payload)).error_code == "sap.schedule_lines"
    assert host.written == []


def test_a_change_is_taken_back_to_the_value_before(sap: port.ErpAdapter, books: Books) -> None:
    posted = change("work_order")
    sap.send(posted)
    payload = {
        "reverses": KEY,
        "reverses_kind": "change.date",
        "reason_code": "x",
        "original": posted.payload,
    }
    assert sap.send(command("reversal", payload, OPENED)).status == "confirmed"
    assert books.day["1"] == OLD


def test_a_notification_is_opened_once(sap: port.ErpAdapter, books: Books, host: Host) -> None:
    first = sap.send(command("maintenance_notification", STOP))
    again = sap.send(command("maintenance_notification", STOP))
    assert (first.status, again.status, first.erp_number) == ("confirmed", "confirmed", "10000001")
    assert len(host.written) == 1


def test_completing_goes_on_where_a_lost_answer_left_it(sap: port.ErpAdapter, books: Books) -> None:
    books.lose = "to_Item"
    lost = sap.send(command("maintenance_notification", DONE))
    books.lose = ""
    assert sap.look_up(command("maintenance_notification", DONE)) is None

    done = sap.send(command("maintenance_notification", DONE))

    assert (lost.status, done.status, done.erp_number) == ("unknown", "confirmed", "10000001")
    assert len(books.items) == 1
    assert books.items[0]["to_ItemCause"]["results"] == [
        {"MaintNotifCauseCodeGroup": "PM-C", "MaintNotificationCauseCode": "0007"}
    ]
    assert books.notice["MalfunctionEndTime"] == "PT06H00M00S"


def test_an_unmapped_work_unit_holds_the_posting(sap: port.ErpAdapter, host: Host) -> None:
    outcome = sap.send(command("maintenance_notification", STOP | {"work_unit": "LATHE-9"}))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.mapping_missing")
    assert host.written == []


def test_a_defect_is_made_once_and_taken_back_by_deleting_it(sap: port.ErpAdapter, books: Books) -> None:
    first, again = sap.send(command("quality_event", DEFECT)), sap.send(command("quality_event", DEFECT))
    assert (first.status, again.status, len(books.defects)) == ("confirmed", "confirmed", 1)
    payload = {"reverses": KEY, "reverses_kind": "quality_event", "reason_code": "x",
               "reverses_number": first.erp_number, "original": DEFECT}  # fmt: skip
    back = sap.send(command("reversal", payload, OPENED))
    assert (back.status, back.erp_number, books.defects) == ("confirmed", "200000001", [])


def test_completing_a_defect_is_not_offered(sap: port.ErpAdapter, host: Host) -> None:
    payload = {
        "action": "complete",
        "quantity": "3",
        "lot": "L-7",
        "disposition": "scrap",
        "opened_by": OPENED,
    }
    outcome = sap.send(command("quality_event", payload))
    assert (outcome.status, outcome.message) == ("local", defects.NO_COMPLETION)
    assert host.asked == []
