"""OPC UA with a real server in its own process: stops arrive with the source's time; no restart of anything loses,
repeats or invents one.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.exceptions import ValidationError

from core.doctor import examine
from exceptions_app import services
from exceptions_app.channels.opcua import node_id_problem, with_index
from exceptions_app.models import BridgeNode, ExceptionRecord, Signal, Source
from exceptions_app.services.machine.definitions import book_of, import_definitions
from execlayer.launcher.ports import free_port
from tests.exceptions_app.bridge_fixtures import ROOT, changes, ms, plant, wait_for
from tests.exceptions_app.link_fixtures import Bridge, define_link, fault, knows, links, state_of
from tests.opcua_server import URI, OpcServer
from tests.plant_fixtures import KolbeMini

__all__ = ["links", "plant"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

Links = Callable[..., Bridge]
Servers = Callable[..., OpcServer]
METRIC = f"nsu={URI};s={{unit}}.State"


@pytest.fixture
def servers() -> Iterator[Servers]:
    made: list[OpcServer] = []

    def make(*nodes: str, **options: Any) -> OpcServer:
        made.append(OpcServer(free_port(), list(nodes or ("CNC-04.State",)), **options))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.kill()


def opc_source(plant: KolbeMini, server: OpcServer, **config: Any) -> Source:
    secrets = {"password": config.pop("password", "")}
    return Source.objects.create(
        code="opc", name="Machines", channel="machine", adapter="opcua", site=plant.rhf, secrets=secrets,
        config={"endpoint": server.endpoint, "interval": 100, "sampling": 50, **config},
    )  # fmt: skip


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, tz=UTC)


def test_a_stop_opens_at_its_source_time_and_running_again_clears_it(
    plant: KolbeMini, servers: Servers, links: Links
) -> None:
    server = servers("CNC-04.State", "CNC-05.State", namespaces=3)
    server.say("CNC-04.State", "RUNNING")
    server.say("CNC-05.State", "RUNNING")
    define_link(opc_source(plant, server), plant, metric=METRIC)
    links("bridge_opcua")
    knows("CNC-04", "RUNNING")
    knows("CNC-05", "RUNNING")
    # the other machines of the plant are not at this server, and nothing is said of them
    assert set(BridgeNode.objects.values_list("key", flat=True)) == {"CNC-04", "CNC-05"}

    stopped = ms()
    server.say("CNC-04.State", "STOPPED", stopped)
    wait_for(lambda: changes() == ["opened"], "the stop")
    services.read_due_signals()
    exception = ExceptionRecord.objects.get()
    assert exception.type.code == "machine_downtime"
    assert exception.work_unit == plant.units["CNC-04"]
    assert exception.occurred_at == moment(stopped)

    again = ms()
    server.say("CNC-04.State", "RUNNING", again)
    wait_for(lambda: changes() == ["opened", "cleared"], "the all-clear")
    services.read_due_signals()
    exception.refresh_from_db()
    assert exception.cleared_at == moment(again)
    assert ExceptionRecord.objects.count() == 1


def test_quick_changes_between_two_sendings_are_all_judged(
    plant: KolbeMini, servers: Servers, links: Links
) -> None:
    server = servers()
    start = ms() - 60_000
    server.say("CNC-04.State", "RUNNING", start - 1000)
    define_link(opc_source(plant, server, interval=2000, sampling=0), plant, metric=METRIC)
    links("bridge_opcua")
    knows("CNC-04", "RUNNING")
    for number in range(6):
        server.say("CNC-04.State", "STOPPED", start + number * 4000)
        server.say("CNC-04.State", "RUNNING", start + number * 4000 + 2000)
    wait_for(lambda: len(changes()) >= 12, "six stops and their ends")
    assert changes() == ["opened", "cleared"] * 6


def test_a_dead_server_is_no_data_and_never_a_stop_and_its_return_ends_it(
    plant: KolbeMini, servers: Servers, links: Links
) -> None:
    server = servers()
    server.say("CNC-04.State", "RUNNING")
    define_link(opc_source(plant, server), plant, metric=METRIC, silence_after=8.0, on_delay=3.0)
    links("bridge_opcua")
    knows("CNC-04", "RUNNING")
    stopped = ms()
    server.say("CNC-04.State", "STOPPED", stopped)
    wait_for(lambda: state_of("CNC-04").get("phase") == "pending", "the delay to be stored")
    server.kill()

    wait_for(lambda: changes() == ["no_data"], "the silence")
    services.read_due_signals()
    item = ExceptionRecord.objects.get()
    assert (item.type.code, item.status, item.work_unit) == ("unsorted", "triage", plant.units["CNC-04"])
    assert state_of("CNC-04")["bad"]
    assert fault()

    server.start()
    server.say("CNC-04.State", "RUNNING")
    wait_for(lambda: changes() == ["no_data", "data_back"], "the data to be back")
    knows("CNC-04", "RUNNING")
    services.read_due_signals()
    item.refresh_from_db()
    assert item.cleared_at is not None
    assert not ExceptionRecord.objects.filter(type__code="machine_downtime").exists()

    server.say("CNC-04.State", "FAULT")
    wait_for(lambda: changes() == ["no_data", "data_back", "opened"], "a stop after all that")


def test_a_bad_status_is_stale_and_never_a_stop(plant: KolbeMini, servers: Servers, links: Links) -> None:
    server = servers()
    server.say("CNC-04.State", "RUNNING")
    define_link(opc_source(plant, server), plant, metric=METRIC, silence_after=4.0, on_delay=0)
    links("bridge_opcua")
    knows("CNC-04", "RUNNING")
    server.say("CNC-04.State", "STOPPED", status="BadSensorFailure")
    wait_for(lambda: changes() == ["no_data"], "the silence of a bad sensor")
    server.say("CNC-04.State", "STOPPED", status="UncertainLastUsableValue")
    server.say("CNC-04.State", "RUNNING")
    wait_for(lambda: changes()[-1:] == ["data_back"], "the data to be back")
    knows("CNC-04", "RUNNING")
    assert set(changes()) == {"no_data", "data_back"}


def test_a_bridge_killed_during_the_delay_goes_on_where_it_was_and_tells_once(
    plant: KolbeMini, servers: Servers, links: Links
) -> None:
    server = servers("CNC-04.State", "CNC-05.State")
    server.say("CNC-04.State", "RUNNING")
    server.say("CNC-05.State", "RUNNING")
    define_link(opc_source(plant, server), plant, metric=METRIC, on_delay=6.0)
    bridge = links("bridge_opcua")
    knows("CNC-04", "RUNNING")
    knows("CNC-05", "RUNNING")
    stopped = ms()
    server.say("CNC-04.State", "STOPPED", stopped)
    server.say("CNC-05.State", "STOPPED", stopped)
    wait_for(
        lambda: [state_of(key).get("phase") for key in ("CNC-04", "CNC-05")] == ["pending"] * 2,
        "the delays to be stored",
    )
    bridge.kill()
    assert changes() == []
    # one of them runs again while no bridge looks, before its delay is over: that was no stop
    server.say("CNC-05.State", "RUNNING", stopped + 1000)

    second = links("bridge_opcua")
    wait_for(lambda: changes() == ["opened"], "the stop, told by the next bridge")
    told = Signal.objects.get(payload__change="opened")
    assert (told.occurred_at, told.fields["work_unit"]) == (moment(stopped), "CNC-04")

    second.kill()
    links("bridge_opcua")
    server.say("CNC-05.State", "STOPPED")
    wait_for(lambda: len(changes()) == 2, "the other machine's stop")
    assert Signal.objects.filter(fields__work_unit="CNC-04").count() == 1


def test_two_bridges_share_the_machines_and_one_takes_over(
    plant: KolbeMini, servers: Servers, links: Links
) -> None:
    units = ["CNC-04", "CNC-05", "CNC-06", "GRD-01"]
    server = servers(*(f"{unit}.State" for unit in units))
    for unit in units:
        server.say(f"{unit}.State", "RUNNING")
    define_link(opc_source(plant, server), plant, metric=METRIC)
    first = links("bridge_opcua", slot=1)
    for unit in units:
        knows(unit, "RUNNING")
    links("bridge_opcua", slot=2)

    def held(slot: int) -> int:
        return BridgeNode.objects.filter(owner__startswith=f"{slot}@").count()

    wait_for(lambda: (held(1), held(2)) == (2, 2), "an equal share")
    stopped = ms()
    for unit in units:
        server.say(f"{unit}.State", "STOPPED", stopped)
    first.kill()
    wait_for(lambda: held(2) == 4, "the second bridge to take over")
    wait_for(lambda: len(changes()) == 4, "every machine's stop")
    assert changes() == ["opened"] * 4
    assert set(Signal.objects.values_list("fields__work_unit", flat=True)) == set(units)


def test_a_node_the_server_does_not_have_is_named_and_read_once_it_is_there(
    plant: KolbeMini, servers: Servers, links: Links
) -> None:
    server = servers()
    server.say("CNC-04.State", "RUNNING")
    source = opc_source(plant, server)
    define_link(source, plant, metric=METRIC)
    define_link(
        source, plant, code="gone", topic="press", work_unit=plant.units["PRS-03"], metric="ns=2;s=Nowhere",
        silence_after=2.0,
    )  # fmt: skip
    links("bridge_opcua")
    knows("CNC-04", "RUNNING")
    wait_for(lambda: "Nowhere" in fault(), "the missing node to be named")
    wait_for(lambda: changes() == ["no_data"], "its silence")
    server.say("CNC-04.State", "STOPPED")
    wait_for(lambda: sorted(changes()) == ["no_data", "opened"], "the stop beside it")


def certificate(folder: Path, name: str, uri: str) -> dict[str, str]:
    cert, key = folder / f"{name}.der", folder / f"{name}.pem"
    async_to_sync(setup_self_signed_certificate)(
        key, cert, uri, "127.0.0.1", [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH], {}
    )
    return {"certificate": str(cert), "private_key": str(key), "application_uri": uri}


def test_a_signed_and_encrypted_connection_with_a_password_and_only_with_the_right_server(
    plant: KolbeMini, servers: Servers, links: Links, tmp_path: Path
) -> None:
    theirs = certificate(tmp_path, "server", "urn:machines.test:server")
    ours = certificate(tmp_path, "bridge", "urn:execution-layer:bridge")
    stranger = certificate(tmp_path, "stranger", "urn:machines.test:server")
    server = servers("CNC-04.State", user=True, **theirs)
    server.say("CNC-04.State", "RUNNING")
    source = opc_source(
        plant, server, security="Basic256Sha256", user="bridge", password="wrong", **ours,
        server_certificate=stranger["certificate"],
    )  # fmt: skip
    define_link(source, plant, metric=METRIC)
    links("bridge_opcua")
    wait_for(fault, "a refused connection to a server that is another")
    first = fault()
    source.config["server_certificate"] = theirs["certificate"]
    source.save()
    wait_for(lambda: fault() not in ("", first), "the wrong password to be refused")
    assert state_of("CNC-04") == {}
    source.secrets = {"password": "s3cret"}
    source.save()
    knows("CNC-04", "RUNNING")
    server.say("CNC-04.State", "STOPPED")
    wait_for(lambda: changes() == ["opened"], "the stop over the secured connection")


def test_what_a_node_id_is() -> None:
    assert [
        node_id_problem(one)
        for one in ("ns=2;s=A.B", "i=2258", "ns=4;i=7", f"nsu={URI};s=a;b=c", "ns=1;b=AQI=",
                    "ns=2;g=72962b91-fa75-4ae6-8d28-b404dc7daf63")
    ] == [""] * 6  # fmt: skip
    for bad in ("", "A.B", "ns=x;s=a", "ns=2;i=-1", "ns=2;s=", "ns=2"):
        assert node_id_problem(bad), bad
    assert with_index(f"nsu={URI};s=a;b", ["http://opcfoundation.org/UA/", "x", URI]) == "ns=2;s=a;b"
    assert with_index("ns=9;i=1", []) == "ns=9;i=1"
    with pytest.raises(ValueError, match="namespace"):
        with_index(f"nsu={URI};s=a", ["x"])


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"metric": ""}, "metric"),
        ({"metric": "CNC-04.State"}, "metric"),
        ({"metric": METRIC, "topic": "{area}/{unit}"}, "topic"),
        ({"metric": METRIC, "time_path": "at"}, "time_path"),
        ({"metric": METRIC, "topic": "press"}, "work_unit"),
    ],
)
def test_a_definition_that_could_never_work_is_refused_beside_its_field(
    plant: KolbeMini, values: dict[str, Any], where: str
) -> None:
    source = Source.objects.create(code="opc", name="M", channel="machine", adapter="opcua", config={})
    with pytest.raises(ValidationError) as refused:
        define_link(source, plant, **values)
    assert set(refused.value.message_dict) == {where}


def test_the_worked_example_of_the_guide_can_be_taken_in(plant: KolbeMini) -> None:
    page = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    table = page.split("\n### OPC UA\n", 1)[1].split("```csv\n", 1)[1].split("```", 1)[0]
    source = Source.objects.create(
        code="m", name="M", channel="machine", adapter="opcua", site=plant.rhf, config={}
    )
    done = import_definitions(source=source, text=table)
    assert (done.added, done.problems) == (2, [])
    assert len(book_of(source).definitions) == 2


def test_the_doctor_names_the_bridge_that_is_missing_and_a_password_in_the_clear(plant: KolbeMini) -> None:
    config = {"endpoint": "opc.tcp://plant.example:4840", "user": "bridge"}
    source = Source.objects.create(code="opc", name="M", channel="machine", adapter="opcua", config=config)
    Source.objects.create(code="mtc", name="M", channel="machine", adapter="mtconnect")

    def found() -> dict[str, tuple[str, str]]:
        return {one.code: (one.summary, one.cure) for one in examine() if one.code.startswith("XL-E04")}

    assert "manage.py bridge_mtconnect, manage.py bridge_opcua" in found()["XL-E040"][1]
    assert "opc" in found()["XL-E048"][0]
    source.config = {**config, "security": "Basic256Sha256"}
    source.save()
    assert "XL-E048" not in found()
