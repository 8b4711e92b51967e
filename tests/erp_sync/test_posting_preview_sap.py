"""From the intent to the request: what the API showed before is what the simulated S/4HANA got."""

from collections.abc import Iterator

import pytest
from django.test import Client

from core import clock
from erp_sync import services
from erp_sync.models import CodeMapping, ErpConnection, Posting
from erp_sync.simulators.sap import plant
from plant_app.models import AccessRole, Site
from tests import factories as make
from tests.erp_sync.conftest import Queue
from tests.erp_sync.test_sap_shows import Recording, same, sent
from tests.sap_simulator import serving

SCRAP = {"item": "RM-1", "quantity": "5", "reason_code": "burr"}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Recording, str]]:
    sim = Recording(plant.build)
    sim.written = []
    with serving(sim) as url:
        yield sim, url


@pytest.fixture
def sap(running: tuple[Recording, str], site: Site, monkeypatch: pytest.MonkeyPatch) -> ErpConnection:
    sim, url = running
    sim.books, sim.repeated = sim.build(), {}
    sim.written.clear()
    monkeypatch.setenv("SIM_PASSWORD", "simulated")
    made = ErpConnection.objects.create(
        code="sap",
        name="SAP",
        kind="sap",
        base_url=url,
        username="SIMUSER",
        password_source="env:SIM_PASSWORD",
    )
    made.site_links.create(site=site)
    for kind, ours, theirs in (("plant", "RHF", "1010"), ("reason", "burr", "0001")):
        CodeMapping.objects.create(connection=made, kind=kind, ours=ours, theirs=theirs)
    return made


@pytest.fixture
def client(site: Site) -> Client:
    user = make.UserFactory(username="ingrid.vogel")
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.PLANNER)
    client = Client()
    client.force_login(user)
    return client


def test_what_was_shown_is_what_was_sent(
    sap: ErpConnection, running: tuple[Recording, str], queue: Queue, client: Client
) -> None:
    sim = running[0]
    posting = queue(kind="movement.scrap", payload=SCRAP, text="EX-2026-000042")
    shown = client.get(f"/api/v1/postings/{posting.pk}/preview/").json()
    assert sim.written == []

    services.send_due()

    posting.refresh_from_db()
    assert posting.status == "confirmed"
    [(method, path, body)] = sent(sim)
    [step] = shown["steps"]
    assert (step["method"], step["address"]) == (method, path)
    assert same(step["body"], body)
    assert posting.business_key in str(step["body"])
    assert "simulated" not in str(shown)


def test_a_code_without_a_counterpart_in_sap_is_named_before_it_is_queued(
    sap: ErpConnection, running: tuple[Recording, str], client: Client
) -> None:
    asked = running[0].requests
    payload = {"action": "open", "quantity": "3", "item": "FG-100", "defect_code": "crack"}
    body = {
        "kind": "quality_event",
        "site": "RHF",
        "payload": payload,
        "occurred_at": clock.now().isoformat(),
    }

    said = client.post("/api/v1/postings/check/", body, content_type="application/json").json()

    assert said["ok"] is False
    [problem] = said["problems"]
    assert (problem["field"], problem["code"]) == ("defect_code", "mapping_missing")
    assert "crack" in problem["message"]
    assert running[0].requests == asked  # nobody asked SAP
    assert not Posting.objects.exists()
