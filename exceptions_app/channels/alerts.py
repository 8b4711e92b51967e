"""Alerts as Prometheus Alertmanager (webhook version 4) and Grafana (webhook contact point) post them, pure.

One post carries a group of alerts; each becomes a message of its own with its fingerprint as conversation, so that its
end finds what its beginning opened. Also the settings every alerting source shares. Knows no rows.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from exceptions_app.channels.port import Adapter, Setting
from exceptions_app.channels.webhook import UNPARSABLE, message_of, moment

#: What an alert does; stored as the signal's field `intent`.
Action = Literal["firing", "acknowledged", "resolved"]
INTENTS: Final[dict[Action, str]] = {
    "firing": "report", "acknowledged": "acknowledged", "resolved": "recovery",
}  # fmt: skip
MOST_ALERTS: Final = 500

CONFIG: Final = (
    Setting(
        "type", "Opens as", "choice", default="machine_downtime",
        help="Type of an alert that says none itself.",
        choices=(
            ("", "read it from the text"), ("machine_downtime", "Machine downtime"), ("quality_hold", "Quality hold"),
            ("material_shortage", "Material shortage"), ("tooling", "Tooling"), ("safety_stop", "Safety stop"),
        ),
    ),
    Setting(
        "acknowledges", "An acknowledgement there", "choice", default="note",
        help="What it means here when somebody acknowledges in the monitoring tool.",
        choices=(
            ("note", "is noted in the timeline"),
            ("owner", "counts as the owner's, in the name of the person below"),
        ),
    ),
    Setting("acknowledger", "Acknowledges in the name of", help="User name of a person of the owning function."),
)  # fmt: skip
_BEARER = Setting(
    "token", "Token", required=True, generated=True,
    help="The tool sends it as “Authorization: Bearer …” or as the password of basic authentication.",
)  # fmt: skip
_MAPPING: Final = {
    "text": "annotations.summary", "occurred_at": "startsAt", "work_unit": "labels.work_unit",
    "type": "labels.exception_type",
}  # fmt: skip

ALERTMANAGER: Final = Adapter(
    code="alertmanager", name="Prometheus Alertmanager", channel="machine", path="/hooks/alerts/{code}/",
    guide="Monitoring tools", mapped=True, mapping=_MAPPING, settings=CONFIG, secrets=(_BEARER,),
)  # fmt: skip
GRAFANA: Final = Adapter(
    code="grafana", name="Grafana alerting", channel="machine", path="/hooks/alerts/{code}/",
    guide="Monitoring tools", mapped=True, mapping=_MAPPING, settings=CONFIG,
    secrets=(
        _BEARER,
        Setting(
            "hmac", "HMAC secret",
            help="When the contact point signs its messages: the same secret; unsigned ones are then refused.",
        ),
    ),
)  # fmt: skip
ADAPTERS: Final = (ALERTMANAGER, GRAFANA)
SIGNATURE: Final = "x-grafana-alerting-signature"


def signed(*, secret: str, body: bytes, signature: str) -> bool:
    """Whether Grafana's signature header fits: hex HMAC-SHA256 of the body."""
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.strip().lower().encode())


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a post. `external_id` is the same however often the tool repeats this state of this alert."""

    action: Action
    fingerprint: str
    external_id: str
    text: str
    fields: Mapping[str, Any]
    occurred_at: datetime | None
    reporter: str
    payload: Mapping[str, Any]


def read_alerts(body: bytes, mapping: Mapping[str, str]) -> list[Alert]:
    """The alerts of a post, at most MOST_ALERTS. Never raises: what is no such post becomes one message of raw text."""
    text = body.decode("utf-8", errors="replace").replace("\x00", "")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return [_raw(text, str(problem))]
    alerts = data.get("alerts") if isinstance(data, Mapping) else None
    if not isinstance(alerts, list) or not all(isinstance(one, Mapping) for one in alerts):
        return [_raw(text, "there is no list of alerts")]
    shared = {name: value for name, value in data.items() if name != "alerts"}
    found = [_alert(one, shared, mapping) for one in alerts[:MOST_ALERTS]]
    if len(alerts) > MOST_ALERTS:
        found.append(_raw(json.dumps(alerts[MOST_ALERTS:]), f"more than {MOST_ALERTS} alerts in one message"))
    return found


def _raw(text: str, problem: str) -> Alert:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Alert("firing", "", digest, text, {}, None, "", {UNPARSABLE: problem[:200]})


def _alert(alert: Mapping[str, Any], shared: Mapping[str, Any], mapping: Mapping[str, str]) -> Alert:
    raw_labels, raw_notes = alert.get("labels"), alert.get("annotations")
    labels = raw_labels if isinstance(raw_labels, Mapping) else {}
    notes = raw_notes if isinstance(raw_notes, Mapping) else {}
    key = str(alert.get("fingerprint") or "") or _digest(labels)
    over = str(alert.get("status") or shared.get("status") or "").lower() == "resolved"
    began, ended = moment(alert.get("startsAt")), moment(alert.get("endsAt"))
    found = message_of(alert, mapping)
    words = (notes.get("summary"), notes.get("description"), labels.get("alertname"))
    text = found.text if mapping.get("text") and found.text else next((str(one) for one in words if one), "")
    severity = {"alert_severity": str(labels["severity"])} if labels.get("severity") else {}
    at = ended if over else began
    return Alert(
        action="resolved" if over else "firing",
        fingerprint=key[:200],
        external_id=f"{key[:100]}/{'resolved' if over else 'firing'}/{at.isoformat() if at else ''}",
        text=text or json.dumps(labels, sort_keys=True),
        fields={} if over else {**severity, **found.fields},
        occurred_at=(ended if over else found.occurred_at or began),
        reporter=str(shared.get("receiver") or "")[:120],
        payload={**shared, "alert": alert},
    )


def _digest(labels: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(labels, sort_keys=True, default=str).encode()).hexdigest()[:16]
