"""Machine signals in the admin: sentence, last state, form and table; and what the doctor says of bridges."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from core import clock
from core.doctor import examine
from core.services import beat
from exceptions_app.models import BridgeNode, MachineSignal, Source
from plant_app.models import User
from tests.exceptions_app.bridge_fixtures import define, mqtt_source
from tests.exceptions_app.conftest import MORNING
from tests.plant_fixtures import KolbeMini

NOW = int(MORNING.timestamp() * 1000)


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    return mqtt_source(plant, None)


@pytest.fixture
def browser(plant: KolbeMini) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="secret-root"))
    return client


def node_with(row: MachineSignal, **state: object) -> BridgeNode:
    kept = {"phase": "open", "value": "fault", "at": NOW, "openings": [NOW], **state}
    return BridgeNode.objects.create(
        source=row.source, key="plant/MACH/CNC-04/status", owner="1@host:1:x", heard_at=MORNING, online=True,
        lease_until=MORNING + timedelta(seconds=10), state={"signals": [], "states": {f"{row.pk}:CNC-04": kept}},
        counters={"unreadable": 2},
    )  # fmt: skip


def codes() -> dict[str, str]:
    return {
        found.code: found.summary for found in examine() if "XL-E04" in found.code and found.level != "ok"
    }


def test_the_list_says_each_signal_in_a_sentence_and_how_it_stands(
    plant: KolbeMini, source: Source, browser: Client
) -> None:
    row = define(source, plant)
    node = node_with(row)
    page = browser.get(reverse("admin:exceptions_app_machinesignal_changelist")).content.decode()
    assert "When state of plant/{area}/{unit}/status is STOPPED or FAULT for 1 s" in page
    assert "CNC-04 fault: stopped" in page
    page = browser.get(reverse("admin:exceptions_app_bridgenode_change", args=[node.pk])).content.decode()
    assert "unreadable 2" in page
    assert "<td>CNC-04</td><td>fault</td><td>stopped</td>" in page
    assert "slot 1 on host" in page


def test_a_signal_that_could_never_work_is_refused_beside_its_field(
    plant: KolbeMini, source: Source, browser: Client
) -> None:
    fields = {
        "source": source.pk, "code": "temp", "topic": "plant/{unit}/temp", "metric": "value", "kind": "number",
        "operator": "above", "operand": "hot", "deadband": "0", "on_delay": "5", "off_delay": "5", "reopen_within": "9",
        "silence_after": "0", "reorder_within": "0.25", "chatter_count": "5", "chatter_minutes": "10",
        "shelve_minutes": "60", "exception_type": plant.types["machine_downtime"].pk, "active": "on",
    }  # fmt: skip
    address = reverse("admin:exceptions_app_machinesignal_add")
    page = browser.post(address, fields).content.decode()
    assert "hot is not a number" in page
    assert not MachineSignal.objects.exists()
    assert browser.post(address, {**fields, "operand": "80"}).status_code == 302
    assert MachineSignal.objects.get().operand == "80"


def test_a_table_is_taken_in_through_the_admin_and_its_problems_are_named(
    plant: KolbeMini, source: Source, browser: Client
) -> None:
    address = reverse("admin:exceptions_app_machinesignal_table")
    bad = "code,topic,operand,kind,operator\nrun,a/{unit},RUN,state,is\nrun,b/{unit},RUN,state,is\n"
    page = browser.post(address, {"source": source.pk, "text": bad}).content.decode()
    assert "run is there twice" in page
    assert not MachineSignal.objects.exists()
    good = bad.replace("run,b", "run-b,b")
    assert browser.post(address, {"source": source.pk, "text": good}).status_code == 302
    assert set(MachineSignal.objects.values_list("code", flat=True)) == {"run", "run-b"}
    assert Client().get(address).status_code == 302


def test_the_doctor_names_a_missing_bridge_silence_bad_sensors_and_lapsed_leases(
    plant: KolbeMini, source: Source
) -> None:
    assert set(codes()) == {"XL-E040", "XL-E042"}
    row = define(source, plant)
    beat("bridge:mqtt-json:1", source="mqtt-json", fault="")
    node = node_with(row)
    assert codes() == {}
    BridgeNode.objects.filter(pk=node.pk).update(
        state={
            "states": {
                f"{row.pk}:CNC-04": {"silent": True},
                f"{row.pk}:CNC-05": {"shelved_until": NOW + 60_000},
            }
        }
    )
    beat("bridge:mqtt-json:1", source="mqtt-json", fault="connection refused")
    found = codes()
    assert set(found) == {"XL-E041", "XL-E044", "XL-E045"}
    assert "CNC-04" in found["XL-E044"]
    assert "CNC-05" in found["XL-E045"]
    MachineSignal.objects.filter(pk=row.pk).update(kind="number")
    with clock.travel(MORNING + timedelta(minutes=5)):
        assert {"XL-E040", "XL-E043", "XL-E047"} <= set(codes())
