"""Monitoring tools point at us: an alert opens, its repetition joins, its end clears; nothing is lost or doubled."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core import clock
from exceptions_app import services
from exceptions_app.channels import alerts
from exceptions_app.channels import pagerduty as events
from exceptions_app.models import (
    Channel,
    ExceptionEvent,
    ExceptionRecord,
    Response,
    Signal,
    SignalReading,
    Source,
    Telling,
)
from tests.exceptions_app.conftest import MORNING
from tests.plant_fixtures import KolbeMini

KEY = "k" * 32
TRIGGER = {
    "summary": "Spindle drive fault", "source": "scada-1", "severity": "critical", "component": "PRS-04",
    "class": "machine_downtime", "timestamp": "2026-11-17T09:02:00Z",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_budget_spent() -> None:
    cache.clear()


@pytest.fixture
def tool(plant: KolbeMini) -> Source:
    """A monitoring tool that speaks Events v2."""
    return Source.objects.create(
        code="scada", name="SCADA", channel=Channel.MACHINE, adapter="pagerduty", site=plant.rhf,
        secrets={"routing_key": KEY}, config={"type": "machine_downtime"},
    )  # fmt: skip


def enqueue(**event: Any) -> Any:
    return Client().post(
        "/hooks/pagerduty/v2/enqueue",
        json.dumps({"routing_key": KEY, **event}),
        content_type="application/json",
    )


def outcomes(source: Source) -> list[tuple[str, str | None]]:
    rows = SignalReading.objects.filter(signal__source=source).order_by("signal_id")
    return [(row.outcome, row.exception.ref if row.exception else None) for row in rows]


def test_an_alert_opens_repeats_and_clears_one_record(tool: Source) -> None:
    # given the alert of a drive
    answer = enqueue(event_action="trigger", dedup_key="drive-4", payload=TRIGGER)
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": "drive-4"}
    assert services.read_due_signals() == 1
    record = ExceptionRecord.objects.get()

    # when it fires again with other words, and then ends
    with clock.travel(MORNING + timedelta(minutes=5)):
        enqueue(event_action="trigger", dedup_key="drive-4", payload={**TRIGGER, "summary": "Axis off"})
        services.read_due_signals()
    with clock.travel(MORNING + timedelta(minutes=9)):
        enqueue(event_action="resolve", dedup_key="drive-4")
        services.read_due_signals()

    # then all of it is one record that began when the tool says and is clear, but not closed
    record.refresh_from_db()
    assert outcomes(tool) == [("opened", record.ref), ("joined", record.ref), ("cleared", record.ref)]
    assert record.type.code == "machine_downtime"
    assert record.work_unit is not None
    assert record.work_unit.code == "PRS-04"
    assert record.occurred_at.isoformat() == "2026-11-17T09:02:00+00:00"
    assert record.status == "open"
    assert record.cleared_at == MORNING + timedelta(minutes=9)


def test_a_post_that_is_repeated_counts_once_but_a_new_firing_after_the_end_counts(tool: Source) -> None:
    # given a client without an answer that posts the same bytes again
    for _ in range(3):
        assert enqueue(event_action="trigger", dedup_key="d", payload=TRIGGER).status_code == 202
    assert Signal.objects.filter(source=tool).count() == 1
    # when it ended and fires once more within the minute, in the very same bytes
    enqueue(event_action="resolve", dedup_key="d")
    enqueue(event_action="trigger", dedup_key="d", payload=TRIGGER)
    # then that is a third message
    services.read_due_signals()
    assert [one for one, _ in outcomes(tool)] == ["opened", "cleared", "joined"]
    assert ExceptionRecord.objects.get().cleared_at is None


def test_the_end_of_an_unknown_alert_is_kept_and_opens_nothing(tool: Source) -> None:
    assert enqueue(event_action="resolve", dedup_key="never-seen").status_code == 202
    services.read_due_signals()
    assert outcomes(tool) == [("ignored", None)]
    assert not ExceptionRecord.objects.exists()


def test_the_last_of_two_alerts_clears_the_machine(tool: Source) -> None:
    # given two alerts of the same press
    enqueue(event_action="trigger", dedup_key="drive", payload=TRIGGER)
    enqueue(event_action="trigger", dedup_key="pump", payload={**TRIGGER, "summary": "Pump pressure low"})
    services.read_due_signals()
    record = ExceptionRecord.objects.get()
    # when one of them ends
    enqueue(event_action="resolve", dedup_key="drive")
    services.read_due_signals()
    # then the press is not said to run
    record.refresh_from_db()
    assert record.cleared_at is None
    assert "1 of its alerts still firing" in ExceptionEvent.objects.filter(exception=record).latest("pk").text
    # and the other's end clears it
    enqueue(event_action="resolve", dedup_key="pump")
    services.read_due_signals()
    record.refresh_from_db()
    assert record.cleared_at == MORNING


@pytest.mark.parametrize("counts", [False, True])
def test_an_acknowledgement_over_there_is_noted_or_counts(tool: Source, counts: bool) -> None:
    enqueue(event_action="trigger", dedup_key="d", payload=TRIGGER)
    services.read_due_signals()
    record = ExceptionRecord.objects.get()
    owner = Response.objects.get(exception=record, is_owner=True)
    person = owner.person
    assert person is not None
    if counts:
        tool.config = {**tool.config, "acknowledges": "owner", "acknowledger": person.username}
        tool.save()
    enqueue(event_action="acknowledge", dedup_key="d", client="Grid")
    services.read_due_signals()
    owner.refresh_from_db()
    record.refresh_from_db()
    assert (record.status, owner.status) == (
        ("acknowledged", "acknowledged") if counts else ("open", owner.status)
    )
    assert (owner.acknowledged_at == MORNING) is counts
    said = ExceptionEvent.objects.filter(exception=record, text__startswith="Acknowledged in Grid")
    assert said.exists() is not counts


def test_an_acknowledgement_nobody_stands_for_is_noted_with_the_reason(tool: Source) -> None:
    tool.config = {**tool.config, "acknowledges": "owner", "acknowledger": "nobody"}
    tool.save()
    enqueue(event_action="trigger", dedup_key="d", payload=TRIGGER)
    enqueue(event_action="acknowledge", dedup_key="d")
    services.read_due_signals()
    record = ExceptionRecord.objects.get()
    assert record.status == "open"
    assert ExceptionEvent.objects.filter(exception=record).latest("pk").text == (
        "Acknowledged in SCADA (the source names no active person to acknowledge for)"
    )


@pytest.mark.parametrize(
    ("event", "errors"),
    [
        ({"event_action": "boom"}, ["'event_action' must be one of trigger, acknowledge, resolve"]),
        ({"event_action": "resolve"}, ["'dedup_key' is missing or blank"]),
        ({"event_action": "trigger"}, ["'payload' is missing or blank"]),
        (
            {"event_action": "trigger", "payload": {"summary": "x", "severity": "bad"}},
            [
                "'payload.source' is missing or blank",
                "'payload.severity' must be one of critical, error, warning, info",
            ],
        ),
        (
            {"event_action": "resolve", "dedup_key": "d" * 256},
            ["'dedup_key' must be a text of 1 to 255 characters"],
        ),
        (
            {"event_action": "resolve", "dedup_key": "d", "routing_key": "wrong"},
            ["'routing_key' is not one of ours"],
        ),
        (
            {"event_action": "resolve", "dedup_key": "d", "routing_key": None},
            ["'routing_key' is not one of ours"],
        ),
    ],
)
def test_what_is_no_event_is_refused_with_every_fault(
    tool: Source, event: dict[str, Any], errors: list[str]
) -> None:
    answer = enqueue(**event)
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": errors,
    }
    assert not Signal.objects.filter(source=tool).exists()


def test_a_source_switched_off_takes_nothing(tool: Source) -> None:
    tool.active = False
    tool.save()
    assert enqueue(event_action="trigger", payload=TRIGGER).status_code == 400
    assert not Signal.objects.filter(source=tool).exists()


def test_the_routing_key_is_not_kept_with_the_message(tool: Source) -> None:
    enqueue(event_action="trigger", dedup_key="d", payload=TRIGGER)
    assert KEY not in json.dumps(Signal.objects.get(source=tool).payload)


# --- Alertmanager and Grafana ---

GROUP = {
    "version": "4", "groupKey": '{}:{alertname="DriveFault"}', "status": "firing", "receiver": "floor",
    "alerts": [
        {
            "status": "firing", "fingerprint": "f1", "startsAt": "2026-11-17T09:05:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "labels": {"alertname": "DriveFault", "work_unit": "PRS-04", "severity": "critical"},
            "annotations": {"summary": "press 4 down, drive fault"},
        },
        {
            "status": "firing", "fingerprint": "f2", "startsAt": "2026-11-17T09:06:00Z",
            "endsAt": "0001-01-01T00:00:00Z", "labels": {"alertname": "DriveFault", "work_unit": "CNC-05"},
            "annotations": {"description": "spindle stopped"},
        },
    ],
}  # fmt: skip


@pytest.fixture
def manager(plant: KolbeMini) -> Source:
    return Source.objects.create(
        code="prom", name="Alertmanager", channel=Channel.MACHINE, adapter="alertmanager", site=plant.rhf,
        secrets={"token": KEY}, config={"type": "machine_downtime"},
    )  # fmt: skip


def post(source: Source, body: Any, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().post(
        f"/hooks/alerts/{source.code}/", raw, content_type="application/json",
        headers={"authorization": f"Bearer {KEY}", **headers},
    )  # fmt: skip


def test_each_alert_of_a_group_is_a_message_of_its_own(manager: Source) -> None:
    assert post(manager, GROUP).json() == {"alerts": 2, "stored": 2}
    assert post(manager, GROUP).json() == {"alerts": 2, "stored": 0}
    services.read_due_signals()
    units = ExceptionRecord.objects.order_by("pk").values_list("work_unit__code", "type__code", "status")
    assert list(units) == [("PRS-04", "machine_downtime", "open"), ("CNC-05", "machine_downtime", "open")]
    # and the end of one clears its machine alone
    over = {**GROUP["alerts"][0], "status": "resolved", "endsAt": "2026-11-17T09:12:00Z"}  # type: ignore[index]
    with clock.travel(MORNING + timedelta(minutes=2)):
        post(manager, {**GROUP, "alerts": [over]})
        services.read_due_signals()
    cleared = dict(ExceptionRecord.objects.values_list("work_unit__code", "cleared_at"))
    assert cleared["CNC-05"] is None
    assert cleared["PRS-04"] is not None
    assert cleared["PRS-04"].isoformat() == "2026-11-17T09:12:00+00:00"


def test_a_wrong_token_lets_nothing_in(manager: Source) -> None:
    for token in ("Bearer nope", "Basic eDpub3Bl", "", "Basic !!"):
        answer = post(manager, GROUP, authorization=token)
        assert (answer.status_code, answer.json()["code"]) == (401, "hooks.token")
    assert not Signal.objects.filter(source=manager).exists()


def test_grafana_signs_what_it_sends(plant: KolbeMini) -> None:
    grafana = Source.objects.create(
        code="grafana", name="Grafana", channel=Channel.MACHINE, adapter="grafana", site=plant.rhf,
        secrets={"token": KEY, "hmac": "shared"}, config={},
    )  # fmt: skip
    raw = json.dumps(GROUP).encode()
    assert post(grafana, raw).json()["code"] == "hooks.signature"
    signature = hmac.new(b"shared", raw, hashlib.sha256).hexdigest()
    assert post(grafana, raw, **{alerts.SIGNATURE: signature}).status_code == 202
    assert Signal.objects.filter(source=grafana).count() == 2


@pytest.mark.parametrize("body", [b"not json", b"[1]", b'{"alerts": "x"}', b'{"alerts": [1]}', b"\xff\x00"])
def test_what_is_no_group_becomes_a_question_with_its_raw_text(manager: Source, body: bytes) -> None:
    assert post(manager, body).status_code == 202
    services.read_due_signals()
    record = ExceptionRecord.objects.get()
    assert record.status == "triage"
    assert SignalReading.objects.get(exception=record).signal.text == body.decode(errors="replace").replace(
        "\0", ""
    )


def test_a_source_says_by_its_mapping_where_things_stand() -> None:
    mapping = {
        "text": "payload.custom_details.words", "work_unit": "payload.custom_details.m",
        "type": "payload.class | E12=tooling, *=machine_downtime",
    }  # fmt: skip
    data = {
        "event_action": "trigger",
        "payload": {
            "summary": "s", "source": "x", "severity": "info", "class": "E12",
            "custom_details": {"words": "insert broken", "m": "CNC-05"},
        },
    }  # fmt: skip
    event = events.read_event(data, mapping)
    assert event.text == "insert broken"
    assert event.fields == {"alert_severity": "info", "work_unit": "CNC-05", "type": "tooling"}
    data["payload"]["class"] = "E99"  # type: ignore[index]
    assert events.read_event(data, mapping).fields["type"] == "machine_downtime"


def test_nobody_is_told_twice_by_an_alert_that_repeats(tool: Source) -> None:
    enqueue(event_action="trigger", dedup_key="d", payload=TRIGGER)
    services.read_due_signals()
    before = set(Telling.objects.values_list("pk", flat=True))
    assert before
    with clock.travel(MORNING + timedelta(seconds=70)):
        enqueue(event_action="trigger", dedup_key="d", payload=TRIGGER)
        services.read_due_signals()
    assert set(Telling.objects.values_list("pk", flat=True)) == before
