"""Before a posting is queued: everything wrong with it at once, how it would go, what would be sent, and no secret."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from core import clock
from core.errors import InvalidInput
from erp_sync import canonical, services
from erp_sync.adapters import port
from erp_sync.errors import ErpRejected
from erp_sync.models import ErpConnection, Posting, PostingEdit, PostingPolicy
from erp_sync.services.checking import check
from plant_app.models import AccessRole, Constraint, ConstraintKind, Item, Site, WorkOrder
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books, ScriptedAdapter

NOON = datetime(2026, 11, 3, 11, 0, tzinfo=UTC)
API = "/api/v1/postings/"
TRANSFER = {"item": "FG-100", "quantity": "2", "from_location": "A", "to_location": "B"}


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


class Showing(ScriptedAdapter):
    """Shows its one request; refuses reason codes it has no counterpart for, and breaks on demand."""

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        if command.payload.get("reason_code") == "NOMAP":
            raise ErpRejected("erp.mapping_missing", "no cause is mapped for 'NOMAP'")
        if command.payload.get("reason_code") == "BREAK":
            raise IndexError("oops")
        body = {
            "key": command.business_key,
            "quantity": command.payload.get("quantity"),
            "auth": ["s3cr3t/pw"],
        }
        return (port.Step("POST", "https://erp.example/documents?token=s3cr3t%2Fpw", body, "by s3cr3t/pw"),)


port.register("showing")(lambda settings: Showing(scripted.books_of(str(settings["code"]))))


@pytest.fixture
def showing(erp: Books, main: ErpConnection, monkeypatch: pytest.MonkeyPatch) -> ErpConnection:
    monkeypatch.setenv("SHOWING_PASSWORD", "s3cr3t/pw")
    main.kind, main.password_source = "showing", "env:SHOWING_PASSWORD"
    main.save()
    return main


@pytest.fixture
def order(site: Site) -> WorkOrder:
    item = make.ItemFactory(code="FG-100", uom="pcs", standard_cost=Decimal(10))
    order = make.WorkOrderFactory(number="WO-7", site=site, item=item, quantity=Decimal(20))
    make.OperationFactory(work_order=order, number=10, confirmed_good=Decimal(12), confirmed_scrap=Decimal(1))
    return order


def stock(site: Site, quantity: str, *, lot: str = "", status: str = "free") -> None:
    row = {"location": make.StockLocationFactory(site=site, code="A"), "quantity": Decimal(quantity)}
    item = Item.objects.get(code="FG-100")
    lot_row = make.LotFactory(item=item, code=lot) if lot else None
    make.StockRowFactory(item=item, lot=lot_row, status=status, layer="erp", **row)


def wrong(kind: str, payload: dict[str, Any], site: Site, **given: Any) -> set[tuple[str, str]]:
    return {(p.field, p.code) for p in check(kind, payload, site=site, **given).problems}


def doubts(kind: str, payload: dict[str, Any], site: Site, **given: Any) -> set[tuple[str, str]]:
    return {(p.field, p.code) for p in check(kind, payload, site=site, **given).warnings}


# --- all at once --------------------------------------------------------------------------------------------
def test_unreadable_fields_do_not_hide_what_is_wrong_with_the_others() -> None:
    found = canonical.validate(
        "movement.transfer",
        {"item": "X", "quantity": "many", "from_location": "A", "to_location": "A", "colour": "red"},
    )
    assert {(p.field, p.code) for p in found} == {
        ("quantity", "unreadable"),
        ("colour", "unknown"),
        ("to_location", "same"),
    }


@pytest.mark.parametrize("kind", sorted(canonical.KINDS))
def test_an_empty_payload_of_any_kind_is_judged_and_names_only_what_is_missing(kind: str) -> None:
    found = canonical.validate(kind, {})
    missing = {p.field for p in found if p.code == "missing"}
    assert set(canonical.KINDS[kind].REQUIRED) <= missing


def test_form_facts_codes_and_mapping_are_named_in_one_answer(
    showing: ErpConnection, queue: Queue, site: Site, order: WorkOrder
) -> None:
    stock(site, "3", lot="L-1")
    payload = {**TRANSFER, "quantity": "4.5", "uom": "barrels", "colour": "red", "work_order": "WO-404"}

    with pytest.raises(InvalidInput) as caught:
        queue(payload=payload, connection=showing)

    named = {(p["field"], p["code"]) for p in caught.value.extra["problems"]}
    assert named == {
        ("colour", "unknown"),
        ("quantity", "short"),
        ("uom", "unknown"),
        ("lot", "missing"),
    }
    assert {(p["field"], p["code"]) for p in caught.value.extra["warnings"]} == {
        ("work_order", "unknown"),
        ("to_location", "unknown"),
    }
    assert not Posting.objects.exists()


def test_a_code_without_counterpart_is_refused_before_it_is_queued_and_named(
    showing: ErpConnection, queue: Queue, erp: Books
) -> None:
    with pytest.raises(InvalidInput) as caught:
        queue(kind="movement.scrap", payload={"item": "SP-12", "quantity": "1", "reason_code": "NOMAP"})
    assert caught.value.extra["problems"] == [
        {"field": "reason_code", "code": "mapping_missing", "message": "no cause is mapped for 'NOMAP'"}
    ]
    assert not Posting.objects.exists()
    assert erp.sends == []


def test_what_an_erp_that_is_not_ready_has_no_counterpart_for_yet_is_queued(
    showing: ErpConnection, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOWING_PASSWORD")
    scrap = {"item": "SP-12", "quantity": "1", "reason_code": "NOMAP"}
    assert queue(kind="movement.scrap", payload=scrap).status == "queued"


def test_what_the_floor_did_is_kept_whatever_the_mirror_or_a_mapping_says(
    showing: ErpConnection, queue: Queue, site: Site, order: WorkOrder
) -> None:
    stock(site, "3", lot="L-1")
    scrap = {
        "item": "FG-100",
        "quantity": "4",
        "from_location": "A",
        "from_status": "free",
        "reason_code": "NOMAP",
    }
    posting = queue(kind="movement.scrap", payload=scrap, keep_invalid=True)
    assert posting.status == "queued"
    broken = queue(kind="movement.scrap", payload={**scrap, "quantity": "-1"}, keep_invalid=True)
    assert (broken.status, broken.error_code) == ("rejected", "erp.payload_invalid")


# --- what the plant knows -----------------------------------------------------------------------------------
def test_a_confirmation_is_held_against_the_open_quantity(erp: Books, site: Site, order: WorkOrder) -> None:
    def confirm(quantity: str) -> dict[str, Any]:
        return {"work_order": "WO-7", "operation": "10", "yield_qty": quantity}

    assert check("confirmation", confirm("7"), site=site).ok  # 20 less 12 and 1
    assert doubts("confirmation", confirm("7.5"), site) == {("yield_qty", "over")}
    assert wrong("confirmation", confirm("8"), site) == {("yield_qty", "over")}
    assert wrong("confirmation", {**confirm("1"), "operation": "90"}, site) == {("operation", "unknown")}
    elsewhere = make.SiteFactory(code="GVL")
    assert wrong("confirmation", confirm("1"), elsewhere) == {("work_order", "elsewhere")}
    WorkOrder.objects.update(status="cancelled")
    assert wrong("confirmation", confirm("1"), site) == {("work_order", "cancelled")}


def test_no_final_confirmation_while_a_hold_is_open_nor_a_second_one(
    erp: Books, queue: Queue, site: Site, order: WorkOrder
) -> None:
    final = {"work_order": "WO-7", "operation": "10", "yield_qty": "1", "final": True}
    hold = make.ConstraintFactory(
        kind=ConstraintKind.HOLD, site=site, operation=order.operations.get(), origin_ref="exception:9"
    )
    assert wrong("confirmation", final, site) == {("final", "hold")}
    assert queue(kind="confirmation", payload=final, keep_invalid=True).status == "rejected"
    Constraint.objects.filter(pk=hold.pk).update(lifted_at=clock.now())
    Posting.objects.update(status="cancelled", settled_at=clock.now())

    first = queue(kind="confirmation", payload=final, chain="WO-7")
    assert first.status == "queued"
    assert wrong("confirmation", final, site) == {("work_order", "final")}
    assert check("confirmation", final, site=site, own=first).ok  # it does not stand in its own way
    assert wrong("confirmation", {**final, "operation": "20"}, site) == {("operation", "unknown")}
    services.cancel(posting_id=first.pk, reason="wrong order")
    assert check("confirmation", final, site=site).ok


def test_stock_lots_units_and_whole_pieces(erp: Books, site: Site, order: WorkOrder) -> None:
    stock(site, "3", lot="L-1")
    good = {**TRANSFER, "lot": "L-1"}
    assert check("movement.transfer", good, site=site).ok
    assert wrong("movement.transfer", {**good, "quantity": "4"}, site) == {("quantity", "short")}
    assert wrong("movement.transfer", {**good, "quantity": "1.5"}, site) == {("quantity", "counted")}
    assert wrong("movement.transfer", {**good, "lot": "L-9"}, site) == {
        ("lot", "unknown"),
        ("quantity", "short"),
    }
    assert wrong("movement.unblock", {"item": "FG-100", "quantity": "1", "lot": "L-1"}, site) == {
        ("quantity", "short")
    }
    receipt = {"item": "FG-100", "quantity": "9", "lot": "NEW", "work_order": "WO-7"}
    assert check("movement.receipt", receipt, site=site).ok
    make.ItemFactory(code="RM-1", uom="kg")
    assert doubts("movement.transfer", {**good, "uom": "kg"}, site) >= {("uom", "other")}
    assert doubts("movement.transfer", {**good, "item": "NEW-9"}, site) >= {("item", "unknown")}


# --- preview ------------------------------------------------------------------------------------------------
def test_preview_shows_the_request_without_its_secret(showing: ErpConnection, queue: Queue) -> None:
    posting = queue()
    shown = services.preview(posting)
    assert [step.method for step in shown.steps] == ["POST"]
    assert shown.steps[0].body["key"] == posting.business_key
    assert shown.steps[0].address == "https://erp.example/documents?token=(hidden)"
    assert shown.steps[0].body["auth"] == ["(hidden)"]
    assert "s3cr3t" not in repr(shown)


def test_what_can_not_be_shown_says_why(erp: Books, showing: ErpConnection, queue: Queue, site: Site) -> None:
    erp.unsupported["cost"] = "no money here"
    scrap = {"item": "SP-12", "quantity": "1", "reason_code": "BREAK"}
    broken = queue(kind="movement.scrap", payload=scrap)
    assert services.preview(broken).words == "The connector failed to show it: IndexError"
    assert broken.status == "queued"
    cost = queue(
        kind="cost", payload={"amount": "1", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
    )
    assert services.preview(cost).words == "Nothing is sent: no money here"
    ErpConnection.objects.update(kind=scripted.KIND)
    plain = Posting.objects.get(pk=broken.pk)
    assert services.preview(plain).words == (
        "The connector of Main ERP can't show requests before it sends them."
    )
    homeless = make.SiteFactory(code="GVL")
    assert services.preview(queue(site=homeless)).words == "No ERP is connected: nothing is sent."
    assert erp.sends == []


# --- API ----------------------------------------------------------------------------------------------------
@pytest.fixture
def planner(site: Site) -> Client:
    user = make.UserFactory(username="ingrid.vogel")
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.PLANNER)
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, path: str, body: object) -> Any:
    return client.post(API + path, body, content_type="application/json")


def test_check_answers_problems_or_how_it_would_go_and_writes_nothing(
    erp: Books, showing: ErpConnection, planner: Client, order: WorkOrder
) -> None:
    PostingPolicy.objects.create(connection=showing, kind="movement.transfer", value_limit=Decimal(15))
    body = {"kind": "movement.transfer", "site": "RHF", "payload": TRANSFER, "occurred_at": NOON.isoformat()}

    good = ask(planner, "check/", body)
    assert good.status_code == 200
    said = good.json()
    assert (said["ok"], said["problems"], said["connection"]) == (True, [], "main")
    assert said["goes"] == {
        "status": "approval", "reason": "worth 20 EUR, limit 15", "value": "20.00", "currency": "EUR",
        "value_unknown": "", "approver_role": "", "buffered_until": None,
    }  # fmt: skip
    assert said["preview"]["steps"][0]["body"]["key"] == "0" * 16
    assert said["way_back"] == "the goods move back"
    assert "s3cr3t" not in good.content.decode()

    bad = ask(
        planner, "check/", {**body, "payload": {**TRANSFER, "quantity": "-1", "to_location": "A"}}
    ).json()
    assert (bad["ok"], bad["goes"], bad["preview"]) == (False, None, None)
    assert {(p["field"], p["code"]) for p in bad["problems"]} == {
        ("quantity", "positive"),
        ("to_location", "same"),
    }
    assert not Posting.objects.exists()
    assert not PostingEdit.objects.exists()
    assert erp.sends == erp.look_ups == []


def test_check_and_preview_are_for_readers_of_the_site(
    showing: ErpConnection, planner: Client, queue: Queue, site: Site
) -> None:
    posting = queue()
    shown = planner.get(f"{API}{posting.pk}/preview/")
    assert shown.status_code == 200
    assert shown.json()["steps"][0]["address"] == "https://erp.example/documents?token=(hidden)"
    stranger = Client()
    user = make.UserFactory()
    make.AccessGrantFactory(user=user, site=make.SiteFactory(code="GVL"), role=AccessRole.PLANNER)
    stranger.force_login(user)
    assert stranger.get(f"{API}{posting.pk}/preview/").status_code == 404
    body = {"kind": "cost", "site": "RHF", "payload": {}, "occurred_at": NOON.isoformat()}
    assert ask(stranger, "check/", body).json()["code"] == "erp.no_site"
    operator = Client()
    floor = make.UserFactory()
    make.AccessGrantFactory(user=floor, site=site, role=AccessRole.OPERATOR)
    operator.force_login(floor)
    assert ask(operator, "check/", body).status_code == 403


def test_the_problem_document_of_a_refused_posting_lists_everything(
    showing: ErpConnection, site: Site
) -> None:
    user = make.UserFactory()
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.INTEGRATOR)
    client = Client()
    client.force_login(user)
    body = {
        "kind": "movement.transfer", "site": "RHF", "occurred_at": NOON.isoformat(), "reason": "test",
        "payload": {**TRANSFER, "quantity": "-1", "to_location": "A", "colour": "red"},
    }  # fmt: skip
    refused = ask(client, "", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "erp.payload_invalid")
    assert {p["field"] for p in refused.json()["problems"]} == {"quantity", "to_location", "colour"}
    assert {p["field"] for p in refused.json()["warnings"]} == {"item", "from_location", "to_location"}
    assert not Posting.objects.exists()


# --- nothing breaks it --------------------------------------------------------------------------------------
ODD: list[Any] = [
    None, "", "x", "\0", "L\0", "1", "-1", "0.5", "1e999999", "NaN", "9" * 40, 1, 1.5, True, [], ["\0"], {"a": "\0"},
    {}, "2026-02-30", "2026-11-03T12:00:00", "2026-11-03T12:00:00+01:00", "0001-01-01T00:00:00+14:00", "FG-100", "WO-7",
]  # fmt: skip


@pytest.mark.parametrize("kind", sorted(canonical.KINDS))
def test_no_payload_however_odd_gets_more_than_an_answer(
    showing: ErpConnection, site: Site, order: WorkOrder, kind: str
) -> None:
    chance = random.Random(kind)  # the same odd payloads each time
    names = [*canonical.KINDS[kind].__dataclass_fields__, "colour"]
    for _ in range(40):
        payload = {name: chance.choice(ODD) for name in chance.sample(names, chance.randint(0, len(names)))}
        found = services.foresee(kind=kind, site=site, payload=payload, occurred_at=NOON)
        assert found.checked.ok == (found.goes is not None)
        assert found.checked.ok or found.checked.problems
