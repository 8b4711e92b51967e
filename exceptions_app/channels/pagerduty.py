"""Events of monitoring tools that speak PagerDuty's Events API v2, pure: is it a valid event, and what does it say.

Field names, required parts and answers follow the public description of the Events API v2 (`POST /v2/enqueue` with
routing_key, event_action, dedup_key, payload). Knows no rows.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from exceptions_app.channels.alerts import CONFIG, Action
from exceptions_app.channels.port import Adapter, Setting
from exceptions_app.channels.webhook import message_of, moment

ADAPTER: Final = Adapter(
    code="pagerduty", name="PagerDuty Events v2", channel="machine", path="/hooks/pagerduty/v2/enqueue",
    guide="Monitoring tools", mapped=True,
    mapping={
        "text": "payload.summary", "occurred_at": "payload.timestamp", "reporter": "client",
        "work_unit": "payload.component",
    },
    settings=CONFIG,
    secrets=(
        Setting(
            "routing_key", "Routing key", required=True, generated=True,
            help="Paste it as the integration or routing key of the monitoring tool.",
        ),
    ),
)  # fmt: skip
ACTIONS: Final[dict[str, Action]] = {
    "trigger": "firing", "acknowledge": "acknowledged", "resolve": "resolved",
}  # fmt: skip
SEVERITIES: Final = ("critical", "error", "warning", "info")
LONGEST_KEY: Final = 255
LONGEST_SUMMARY: Final = 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One valid event. `dedup_key` is the sender's, or made of the content for a trigger without one."""

    action: Action
    dedup_key: str
    text: str
    fields: Mapping[str, Any]
    occurred_at: datetime | None
    reporter: str
    payload: Mapping[str, Any]


class InvalidEvent(ValueError):
    """Not an event; `errors` say what is wrong, one sentence each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def decode(body: bytes) -> Mapping[str, Any]:
    """The posted object; InvalidEvent when it is none."""
    try:
        data = json.loads(body.decode("utf-8", errors="replace").replace("\x00", ""))
    except (ValueError, RecursionError):
        raise InvalidEvent(["The body is not JSON."]) from None
    if not isinstance(data, Mapping):
        raise InvalidEvent(["The body is not a JSON object."])
    return data


def read_event(data: Mapping[str, Any], mapping: Mapping[str, str]) -> Event:
    """Check one event and read it by the source's mapping. InvalidEvent names every fault at once.

    A trigger needs payload.summary, payload.source and payload.severity; acknowledge and resolve need a dedup_key.
    """
    errors = []
    action = data.get("event_action")
    key = data.get("dedup_key")
    payload = data.get("payload")
    if action not in ACTIONS:
        errors.append("'event_action' must be one of trigger, acknowledge, resolve")
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
        errors.append(f"'dedup_key' must be a text of 1 to {LONGEST_KEY} characters")
    elif key is None and action in ("acknowledge", "resolve"):
        errors.append("'dedup_key' is missing or blank")
    if action == "trigger":
        errors += _payload_errors(payload)
    if errors:
        raise InvalidEvent(errors)
    found = message_of({**data, "routing_key": ""}, mapping)
    details = payload if isinstance(payload, Mapping) else {}
    said = str(details.get("summary") or found.text or action)
    severity = {"alert_severity": details["severity"]} if details.get("severity") else {}
    return Event(
        action=ACTIONS[str(action)],
        dedup_key=key or hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32],
        text=found.text or said,
        fields={**severity, **found.fields} if action == "trigger" else {},
        occurred_at=found.occurred_at or moment(details.get("timestamp")),
        reporter=found.reporter or str(details.get("source", ""))[:120],
        payload={name: value for name, value in data.items() if name != "routing_key"},
    )


def _payload_errors(payload: Any) -> list[str]:
    if not isinstance(payload, Mapping):
        return ["'payload' is missing or blank"]
    errors = [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not isinstance(payload.get(name), str) or not str(payload[name]).strip()
    ]
    if isinstance(payload.get("summary"), str) and len(payload["summary"]) > LONGEST_SUMMARY:
        errors.append(f"'payload.summary' is longer than {LONGEST_SUMMARY} characters")
    severity = payload.get("severity")
    if isinstance(severity, str) and severity.strip() and severity not in SEVERITIES:
        errors.append(f"'payload.severity' must be one of {', '.join(SEVERITIES)}")
    return errors
