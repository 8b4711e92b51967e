"""Lost, late and garbled answers between us and ERPNext, second documents, stale ones, refused logins."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from erp_sync.adapters.erpnext import ErpNextAdapter
from erp_sync.adapters.handling import job_of
from erp_sync.adapters.port import PostingCommand
from erp_sync.errors import ErpUnavailable
from tests.erp_sync.erpnext_postings import (
    CHANGES,
    COMMANDS,
    back,
    block,
    cost,
    finding,
    new_value,
    scrap,
)  # fmt: skip
from tests.erpnext_server import ErpNextServer


@pytest.fixture
def site() -> Iterator[ErpNextServer]:
    with ErpNextServer() as server:
        yield server


Connect = Callable[..., ErpNextAdapter]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[ErpNextAdapter] = []

    def build(server: ErpNextServer, **more: Any) -> ErpNextAdapter:
        made.append(ErpNextAdapter(server.settings(**more)))
        return made[-1]

    yield build
    for adapter in made:
        adapter.close()


@pytest.mark.parametrize("refusal", [("UniqueValidationError", 417), ("DuplicateEntryError", 409)])
@pytest.mark.parametrize("make", [scrap, cost, finding])
def test_a_second_document_is_refused_by_its_own_field_and_read_as_already_there(
    site: ErpNextServer, connect: Connect, refusal: tuple[str, int], make: Callable[[], PostingCommand]
) -> None:
    """The look-up does not see it yet, the insert meets it: as when the first answer is still on its way."""
    wanted, site.duplicate = make(), refusal
    first = connect(site).send(wanted)
    adapter = connect(site)
    handler = ErpNextAdapter.handlers[wanted.kind]

    found = handler.drive(adapter._desk, job_of(wanted), None)

    assert (found.number, found.final) == (first.erp_number, True)
    assert site.documents(wanted.business_key) == [first.erp_number]


@pytest.mark.parametrize("name", ["order end", "completing"])
def test_a_document_written_in_between_is_stale_and_read_again(
    site: ErpNextServer, connect: Connect, name: str
) -> None:
    adapter, opened = connect(site), finding()
    assert adapter.send(opened).status == "confirmed"
    if name == "completing":
        wanted = finding(action="complete", disposition="rework", opened_by=opened.business_key)
        doctype, other = "Non Conformance", site.only("Non Conformance")["name"]
    else:
        wanted, doctype, other = new_value(name), "Work Order", "MFG-WO-2026-00002"
    site.meanwhile = lambda: site.change(doctype, other)

    first = adapter.send(wanted)

    assert (first.status, first.error_code) == ("retry", "erpnext.stale")
    assert adapter.send(wanted).status == "confirmed"


FAULTS = {
    "before": "erpnext.no_answer", "drop": "erpnext.no_answer", "garbage": "erpnext.garbled",
    "html502": "erpnext.http_502", "html502_after": "erpnext.http_502",
    "dead": "erpnext.database", "dead_after": "erpnext.database",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["confirmation", "scrap", "finding", "cost", "purchase date", "order end"])
def test_a_lost_answer_is_unclear_until_looked_up_and_ends_in_one_document(
    site: ErpNextServer, connect: Connect, name: str, fault: str
) -> None:
    wanted = COMMANDS[name]()
    site.fault(fault)

    first = connect(site).send(wanted)
    found = connect(site).look_up(wanted)
    last = connect(site).send(wanted)

    assert (first.status, first.error_code) == ("unknown", FAULTS[fault])
    assert (found is None) == (fault in ("before", "html502", "dead"))
    assert last.status == "confirmed"
    assert len(site.under(wanted.business_key)) == (0 if name in CHANGES else 1)
    if name == "confirmation":
        assert site.stock("FG-100", "Stores - RF") == 49.0


def test_a_failure_inside_the_site_after_the_commit_is_looked_at_before_it_is_a_no(
    site: ErpNextServer, connect: Connect
) -> None:
    wanted = block()
    site.fault("failed_after")
    outcome = connect(site).send(wanted)
    assert outcome.status == "confirmed"
    assert site.documents(wanted.business_key) == [outcome.erp_number]


@pytest.mark.parametrize("fault", ["before", "drop", "dead", "dead_after"])
def test_a_cancellation_whose_answer_is_lost_is_made_once(
    site: ErpNextServer, connect: Connect, fault: str
) -> None:
    wanted = block()
    number = connect(site).send(wanted).erp_number
    site.fault(fault)
    assert connect(site).send(back(wanted, number)).status == "unknown"
    assert connect(site).send(back(wanted, number)).status == "confirmed"
    assert (site.stock("FG-100", "Stores - RF"), site.stock("FG-100", "Quarantine - RF")) == (40.0, 5.0)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("throttle", "erpnext.busy"), ("expire", "erpnext.credentials"), ("lock", "erpnext.busy")],
)
def test_what_comes_before_anything_runs_is_sent_again(
    site: ErpNextServer, connect: Connect, fault: str, code: str
) -> None:
    adapter, wanted = connect(site), scrap()
    site.fault(fault)

    first = adapter.send(wanted)

    assert (first.status, first.error_code) == ("retry", code)
    assert first.raw.get("retry_after") == (5.0 if fault == "throttle" else None)
    assert site.under(wanted.business_key) == []
    assert adapter.send(wanted).status == "confirmed"


def test_a_read_that_fails_proves_nothing_happened_but_no_absence(
    site: ErpNextServer, connect: Connect
) -> None:
    adapter = connect(site)
    site.fault("html502", match="/api/resource/Stock Entry", times=2)
    assert adapter.send(scrap()).status == "retry"
    with pytest.raises(ErpUnavailable):
        adapter.look_up(scrap())
    assert site.written == []


def test_a_draft_left_under_the_key_is_submitted_not_doubled(site: ErpNextServer, connect: Connect) -> None:
    adapter, wanted = connect(site), scrap()
    [step] = connect(site).preview(scrap(from_location="STO"))
    values = {
        **step.body,
        "docstatus": 0,
        site.key_field: wanted.business_key,
        "remarks": wanted.business_key,
    }
    draft = site._insert("Stock Entry", json.loads(json.dumps(values)))

    found = adapter.look_up(wanted)

    assert found is not None
    assert (found.status, found.raw["half_done"]) == ("unknown", True)
    assert adapter.send(wanted).erp_number == draft["name"]
    assert site.stock("FG-100", "Stores - RF") == 37.0


def test_a_wrong_login_proves_that_nothing_happened(site: ErpNextServer, connect: Connect) -> None:
    adapter = connect(site, password="wrong")
    outcome, health = adapter.send(scrap()), adapter.ping()
    assert (outcome.status, outcome.error_code, health.ok) == ("retry", "erpnext.credentials", False)
    assert "login" in health.detail
