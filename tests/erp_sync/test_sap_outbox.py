"""A drift met at SAP, told through the outbox: held with both values, accepted by a person, sent, and taken back."""

from collections.abc import Iterator

import pytest

from erp_sync import services
from erp_sync.models import CodeMapping, ErpConnection
from erp_sync.simulators.sap import plant
from erp_sync.simulators.sap.web import Simulator
from plant_app.models import AccessRole, Site, User
from tests import factories as make
from tests.erp_sync.conftest import Queue
from tests.sap_simulator import serving


@pytest.fixture
def sim(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulated S/4HANA that is the site's ERP."""
    made = Simulator(plant.build)
    monkeypatch.setenv("SIM_PASSWORD", "simulated")
    with serving(made) as url:
        login = {"base_url": url, "username": "SIMUSER", "password_source": "env:SIM_PASSWORD"}
        connection = ErpConnection.objects.create(code="sap", name="SAP", kind="sap", **login)
        connection.site_links.create(site=site)
        CodeMapping.objects.create(connection=connection, kind="plant", ours="RHF", theirs="1010")
        yield made


@pytest.fixture
def planner(site: Site) -> User:
    user = make.UserFactory(username="ingrid.vogel")
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.PLANNER)
    return user


def test_a_quantity_that_moved_in_sap_waits_for_a_person_and_goes_from_there(
    sim: Simulator, queue: Queue, planner: User
) -> None:
    order = sim.books.tables["A_ProductionOrder_2"][("1000124",)]
    change = {"target": "work_order", "number": "1000124", "old": "50", "new": "45"}
    posting = queue(kind="change.quantity", payload=change)

    services.send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.held_reason) == ("held", "drifted")
    [difference] = services.differences_of(posting)
    assert (difference.field, difference.ours, difference.theirs) == ("quantity", "50", "40")
    assert order["TotalQuantity"] == 40

    services.accept_drift(posting_id=posting.pk, actor=planner, reason="SAP is right, 45 is still wanted")
    services.send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.payload["old"], order["TotalQuantity"]) == ("confirmed", "40", 45)

    back = services.withdraw(posting_id=posting.pk, reason="not needed")
    services.send_due()

    back.refresh_from_db()
    assert (back.kind, back.status, order["TotalQuantity"]) == ("reversal", "confirmed", 40)
