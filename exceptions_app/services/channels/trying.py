"""What a source would make of a message, without taking it in: for the page where an administrator edits its mapping.

Reads with the real adapters, the real reader and the real plant. Stores nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from core import clock
from exceptions_app.channels import alerts, pagerduty, webhook
from exceptions_app.models import ExceptionRecord, Signal, Source
from exceptions_app.models.records import CORRELATES
from exceptions_app.reading.pipeline import interpret
from exceptions_app.services.channels.index import current_index
from exceptions_app.services.channels.report import context_of, report_of

MOST_SHOWN = 5
LONGEST_SHOWN = 80
DEEPEST = 6


@dataclass(frozen=True)
class Tried:
    """What one message would do. `effect`: opens, joins, triage, clears, ignored; `fields` are (name, value, how)."""

    text: str
    external_id: str = ""
    occurred_at: str = ""
    reporter: str = ""
    type_name: str = ""
    effect: str = ""
    ref: str = ""
    reasons: Sequence[str] = ()
    fields: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Trial:
    """The messages a body holds, or the faults for which it would be refused; `paths` lead to every value in it."""

    messages: Sequence[Tried] = ()
    refused: Sequence[str] = ()
    paths: Sequence[tuple[str, str]] = ()
    found: Mapping[str, str] = field(default_factory=dict)


def try_message(*, source: Source, mapping: Mapping[str, str], body: bytes, content_type: str) -> Trial:
    """Read `body` as the source would with `mapping`. Nothing is stored and nobody is told; never raises on content."""
    refused: list[str] = []
    rows: list[dict[str, Any]] = []
    data: Any = None
    if source.adapter == pagerduty.ADAPTER.code:
        try:
            data = pagerduty.decode(body)
            event = pagerduty.read_event(data, mapping)
            rows = [_row(event.text, event.fields, event.occurred_at, event.reporter, event.dedup_key)]
        except pagerduty.InvalidEvent as invalid:
            refused = invalid.errors
    elif source.adapter in {one.code for one in alerts.ADAPTERS}:
        for alert in alerts.read_alerts(body, mapping):
            data = data or alert.payload.get("alert")
            rows.append(_row(alert.text, alert.fields, alert.occurred_at, alert.reporter, alert.external_id))
    else:
        message = webhook.parse(body, content_type, mapping)
        data = message.payload
        rows = [
            _row(message.text, message.fields, message.occurred_at, message.reporter, message.external_id)
        ]
    with transaction.atomic():
        messages = [_tried(source, row) for row in rows[:MOST_SHOWN]]
        transaction.set_rollback(True)
    found = {name: _short(webhook.mapped(data, path)) for name, path in mapping.items()}
    return Trial(messages, refused, list(paths_of(data)), found)


def _row(text: str, fields: Mapping[str, Any], at: Any, reporter: str, key: str) -> dict[str, Any]:
    return {"text": text, "fields": dict(fields), "at": at, "reporter": reporter, "key": key}


def _tried(source: Source, row: dict[str, Any]) -> Tried:
    fields = dict(row["fields"])
    if not fields.get("type") and source.config.get("type"):
        fields["type"] = source.config["type"]
    now = clock.now()
    signal = Signal(
        source=source, site=source.site, channel=source.channel, text=row["text"], fields=fields,
        occurred_at=row["at"], received_at=now, external_id="trial", sender_verified=True,
    )  # fmt: skip
    around = context_of(signal)
    given = {**fields, **({"occurred_at": row["at"]} if row["at"] else {})}
    read = interpret(
        row["text"], master=current_index(), context=around.reading, received_at=now, fields=given
    )
    report = report_of(signal, read, around)
    effect, ref = "opens", ""
    standing = (
        ExceptionRecord.objects.filter(correlation_key=report.key, status__in=CORRELATES).first()
        if report.key
        else None
    )
    if read.intent in ("chatter", "planned") and not read.unconfirmed:
        effect = "ignored"
    elif standing is not None:
        effect, ref = ("clears" if read.intent == "recovery" else "joins"), standing.ref
    elif read.intent == "recovery":
        effect = "ignored"
    elif report.triage:
        effect = "triage"
    return Tried(
        text=row["text"], external_id=str(row["key"]), reporter=row["reporter"],
        occurred_at=row["at"].isoformat() if row["at"] else "", type_name=report.type.name, effect=effect, ref=ref,
        reasons=report.triage_reasons,
        fields=[(one.name, one.as_json()["value"], one.method) for one in read.fields if one.name != "type"],
    )  # fmt: skip


def paths_of(data: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(path, value in short) of every plain value of a payload, in its order, DEEPEST levels down."""
    if isinstance(data, Mapping) and depth < DEEPEST:
        for name, value in data.items():
            yield from paths_of(value, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(data, list) and depth < DEEPEST:
        for number, value in enumerate(data[:MOST_SHOWN]):
            yield from paths_of(value, f"{path}.{number}" if path else str(number), depth + 1)
    elif path:
        yield path, _short(data)


def _short(value: Any) -> str:
    words = "" if value is None else str(value)
    return words if len(words) <= LONGEST_SHOWN else f"{words[: LONGEST_SHOWN - 1]}…"
