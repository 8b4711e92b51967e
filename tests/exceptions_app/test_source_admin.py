"""Senders in the admin: keys that are never shown, settings by adapter, and the workbench that stores nothing."""

import json
from typing import Any

import pytest
from django.test import Client

from core import clock
from exceptions_app import services
from exceptions_app.channels.adapters import ADAPTERS
from exceptions_app.channels.webhook import mapped
from exceptions_app.models import Channel, ExceptionRecord, Signal, Source
from plant_app.models import User
from tests.exceptions_app.conftest import MORNING
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def desk(plant: KolbeMini) -> Client:
    """An administrator's browser."""
    admin = User.objects.create_superuser("root-of-tests", password="x")
    client = Client()
    client.force_login(admin)
    return client


def page(source: Source, part: str = "change") -> str:
    return f"/admin/exceptions_app/source/{source.pk}/{part}/"


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_every_adapter_has_a_source_page_with_its_settings(desk: Client, adapter: str) -> None:
    # given nothing but a choice, a code and a name
    answer = desk.post(
        "/admin/exceptions_app/source/add/", {"adapter": adapter, "code": "new-one", "name": "New one"}
    )
    assert answer.status_code == 302, answer.context["adminform"].errors
    # then the source speaks it, and its page asks for all it needs
    source = Source.objects.get(code="new-one")
    told = ADAPTERS[adapter]
    assert (source.adapter, source.channel, source.trusted) == (adapter, told.channel, told.trusted)
    shown = desk.get(page(source))
    assert shown.status_code == 200
    text = shown.content.decode()
    for setting in told.settings:
        assert f'name="config__{setting.name}"' in text
    for key in told.secrets:
        assert f'name="secret__{key.name}"' in text
        assert bool(source.secrets.get(key.name)) is key.generated


def test_a_key_is_kept_by_an_empty_field_and_never_shown(desk: Client, plant: KolbeMini) -> None:
    source = Source.objects.create(
        code="gra", name="Grafana", channel=Channel.MACHINE, adapter="grafana", site=plant.rhf,
        secrets={"token": "tok", "hmac": "do-not-show"}, config={"type": "tooling"},
    )  # fmt: skip
    assert "do-not-show" not in desk.get(page(source)).content.decode()
    form = {
        "name": "Grafana", "site": plant.rhf.pk, "active": "on", "config__type": "", "config__acknowledges": "note",
        "config__acknowledger": "", "secret__token": "tok2", "secret__hmac": "",
    }  # fmt: skip
    assert desk.post(page(source), form).status_code == 302
    source.refresh_from_db()
    assert source.secrets == {"token": "tok2", "hmac": "do-not-show"}
    assert (source.config["type"], source.trusted, source.active) == ("", False, True)


def test_a_needed_key_that_is_missing_is_asked_for(desk: Client, plant: KolbeMini) -> None:
    source = Source.objects.create(code="am", name="AM", channel=Channel.MACHINE, adapter="alertmanager")
    answer = desk.post(page(source), {"name": "AM", "config__acknowledges": "note", "secret__token": ""})
    assert answer.status_code == 200
    assert "This key is needed." in answer.content.decode()


def test_the_workbench_shows_payload_mapping_and_result_and_stores_nothing(
    desk: Client, plant: KolbeMini
) -> None:
    # given a message that has come, of a machine gateway with names of its own
    source = Source.objects.get(code="demo-rhf")
    payload = {"id": "7", "m": {"no": "PRS-04"}, "state": "HALT", "words": "leak under the ram"}
    services.receive_signal(source=source, external_id="7", text="x", payload=payload)
    before = (Signal.objects.count(), ExceptionRecord.objects.count())
    # when the administrator tries lines for it
    lines = {"text": "words", "work_unit": "m.no", "type": "state | HALT=machine_downtime, RUN="}
    answer = desk.post(
        page(source, "mapping"),
        {"do": "try", "name": list(lines), "path": list(lines.values()), "body": json.dumps(payload)},
    )
    # then all three stand side by side: what would open, from which words, and nothing has happened
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Opens: Machine downtime" in text
    assert 'value="m.no"' in text
    assert "leak under the ram" in text
    assert "not saved" in text
    assert answer.context["trial"].found == {
        "text": "leak under the ram",
        "work_unit": "PRS-04",
        "type": "machine_downtime",
    }
    assert (Signal.objects.count(), ExceptionRecord.objects.count()) == before
    source.refresh_from_db()
    assert source.mapping != lines
    # and saved, the next message is read by it
    desk.post(page(source, "mapping"), {"do": "save", "name": list(lines), "path": list(lines.values())})
    source.refresh_from_db()
    assert source.mapping == lines


def test_the_workbench_says_what_would_join_and_what_would_be_refused(desk: Client, plant: KolbeMini) -> None:
    source = Source.objects.create(
        code="pd", name="PD", channel=Channel.MACHINE, adapter="pagerduty", site=plant.rhf,
        config={"type": "machine_downtime"}, mapping={"text": "payload.summary", "work_unit": "payload.component"},
    )  # fmt: skip
    event: dict[str, Any] = {
        "event_action": "trigger",
        "payload": {"summary": "drive fault", "source": "s", "severity": "error", "component": "PRS-04"},
    }

    def tried() -> Any:
        return services.try_message(
            source=source,
            mapping=source.mapping,
            body=json.dumps(event).encode(),
            content_type="application/json",
        )

    with clock.travel(MORNING):
        assert [one.effect for one in tried().messages] == ["opens"]
        received = services.receive_signal(
            source=services.source_of(kind="api", site=plant.rhf), external_id="t1",
            fields={"type": "machine_downtime", "work_unit": "PRS-04"},
        )  # fmt: skip
        ref = services.read_signal(signal_id=received.signal.pk).exception.ref  # type: ignore[union-attr]
        assert [(one.effect, one.ref) for one in tried().messages] == [("joins", ref)]
        del event["payload"]["source"]
        trial = tried()
    assert trial.messages == []
    assert trial.refused == ["'payload.source' is missing or blank"]


def test_only_who_may_edit_sources_sees_the_workbench(plant: KolbeMini) -> None:
    staff = User.objects.create_user("clerk", password="x", is_staff=True)
    client = Client()
    client.force_login(staff)
    source = Source.objects.get(code="demo-rhf")
    assert client.get(page(source, "mapping")).status_code == 403


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("a.b", "DOWN"), ("=word", "word"), ("a.b | DOWN=x, UP=y", "x"), ("a.b|UP=y", "DOWN"), ("a.b|UP=y, *=z", "z"),
        ("a.c | true=yes", "yes"), ("a.b | DOWN=", ""), ("a.none | *=z", None), ("", None), ("a.list.1", 2),
    ],
)  # fmt: skip
def test_a_mapping_line_takes_or_translates(rule: str, value: Any) -> None:
    assert mapped({"a": {"b": "DOWN", "c": True, "list": [1, 2]}}, rule) == value
