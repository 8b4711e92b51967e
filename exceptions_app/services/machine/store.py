"""Writes nodes: state and transitions of a node in one transaction, only while its lease is still ours.

A transition becomes a signal whose id names node, signal, first sample and kind, so writing it twice is writing it
once. Only after this has committed may a driver confirm the messages it came from. Knows no broker.
"""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from core import clock
from exceptions_app.machine.nodes import Told
from exceptions_app.machine.samples import Change
from exceptions_app.models import BridgeNode, Source
from exceptions_app.services.channels.receive import LONGEST_ID, receive_later
from exceptions_app.services.machine.notices import NOTICE, notice_text

logger = logging.getLogger(__name__)

_REPORTS = frozenset({Change.OPENED, Change.REOPENED})
_NOTICES = {
    Change.SHELVED: ("bad_sensor", "report"),
    Change.UNSHELVED: ("bad_sensor", "recovery"),
    Change.NO_DATA: ("no_data", "report"),
    Change.DATA_BACK: ("no_data", "recovery"),
}


@dataclass(slots=True)
class Fault:
    """A message that could not be read. `raw` is kept with it, cut to what a person can look at."""

    why: str
    topic: str
    raw: str
    at: int


@dataclass(slots=True)
class NodeWrite:
    """One node as it is to be stored. `birth` is None when the birth map has not changed."""

    pk: int
    key: str
    epoch: int
    state: dict[str, Any]
    counters: dict[str, int]
    heard_at: int
    online: bool
    seq: int
    bd_seq: int
    birth: dict[str, Any] | None = None
    told: list[Told] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    fault: str = ""


@dataclass(slots=True)
class Batch:
    """What is written together, for one source and one owner of leases."""

    source: Source
    owner: str
    nodes: list[NodeWrite]


def write_batch(batch: Batch) -> frozenset[int]:
    """Store every node of the batch; returns those that are not ours any more, of which nothing was written.

    One transaction per node that tells something, one for all others. Locks the node's row. A transition the database
    refuses is stored as a message nobody could read, so neither it nor the nodes behind it wait. OperationalError and
    InterfaceError (no database) pass through: nothing may be confirmed then.
    """
    lost: set[int] = set()
    quiet = [one for one in batch.nodes if not one.told and not one.faults]
    with transaction.atomic():
        for one in quiet:
            if not _write_row(batch.owner, one):
                lost.add(one.pk)
    for one in batch.nodes:
        if not one.told and not one.faults:
            continue
        try:
            held = _write_telling(batch, one)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            logger.warning("node %s: a transition was refused: %s", one.key, error)
            held = _write_refused(batch, one, str(error))
        if not held:
            lost.add(one.pk)
    return frozenset(lost)


@transaction.atomic
def _write_telling(batch: Batch, one: NodeWrite) -> bool:
    if not _still_ours(batch.owner, one):
        return False
    for told in one.told:
        tell(source=batch.source, node=one.pk, key=one.key, told=told)
    for fault in one.faults:
        _tell_fault(batch.source, one, fault)
    return _write_row(batch.owner, one)


@transaction.atomic
def _write_refused(batch: Batch, one: NodeWrite, why: str) -> bool:
    if not _still_ours(batch.owner, one):
        return False
    for number, told in enumerate(one.told):
        fault = Fault(why=why[:200], topic=one.key, raw=repr(told)[:2000], at=told.transition.confirmed)
        _tell_fault(batch.source, one, fault, identity=f"refused/{told.transition.first}/{number}")
    return _write_row(batch.owner, one)


def _still_ours(owner: str, one: NodeWrite) -> bool:
    rows = BridgeNode.objects.select_for_update(no_key=True, of=("self",))
    return rows.filter(pk=one.pk, owner=owner, epoch=one.epoch).exists()


def _write_row(owner: str, one: NodeWrite) -> bool:
    values: dict[str, Any] = {
        "state": one.state, "counters": one.counters, "online": one.online, "seq": one.seq, "bd_seq": one.bd_seq,
        "heard_at": _moment(one.heard_at) if one.heard_at else None, "stored_at": clock.now(),
    }  # fmt: skip
    if one.birth is not None:
        values["birth"] = one.birth
    if one.fault:
        values |= {"fault": one.fault[:300].replace("\x00", ""), "fault_at": clock.now()}
    # owner and epoch are the fence: a worker whose lease went to another changes no row
    return bool(BridgeNode.objects.filter(pk=one.pk, owner=owner, epoch=one.epoch).update(**values))


def tell(*, source: Source, node: int, key: str, told: Told) -> None:
    """Make a signal of a transition; one whose id has come before changes nothing."""
    definition, change = told.binding.definition, told.transition
    if change.change in _NOTICES:
        about, intent = _NOTICES[change.change]
        fields = {NOTICE: about, "intent": intent, "work_unit": told.binding.unit, "signal": definition.code}
        text = notice_text(about=about, signal=definition.code, unit=told.binding.unit, until=change.until)
    else:
        opens = change.change in _REPORTS
        moment = _moment(change.occurred).isoformat()
        fields = {
            "type": definition.type_code, "work_unit": told.binding.unit, "intent": "report" if opens else "recovery",
            "occurred_at" if opens else "cleared_at": moment,
        }  # fmt: skip
        if opens and definition.reason:
            fields["reason"] = definition.reason
        text = (
            definition.text.format(
                unit=told.binding.unit, value=change.value, signal=definition.code
            ) if opens else ""
        )  # fmt: skip
    receive_later(
        source=source,
        external_id=f"n{node}/{definition.code}/{told.binding.unit}/{change.first}/{change.change}"[:LONGEST_ID],
        text=text,
        fields=fields,
        payload={
            "node": key, "signal": definition.code, "metric": definition.metric, "change": str(change.change),
            "value": change.value, "condition": definition.rule.condition.sentence(),
            "first_sample": _moment(change.first).isoformat(), "confirmed": _moment(change.confirmed).isoformat(),
            "occurrences": change.occurrences,
        },
        occurred_at=_moment(change.occurred),
        reporter_text=f"{source.name}: {definition.code}"[:120],
        conversation=f"n{node}/{definition.code}/{told.binding.unit}",
    )  # fmt: skip


def _tell_fault(source: Source, one: NodeWrite, fault: Fault, identity: str = "") -> None:
    receive_later(
        source=source,
        external_id=f"n{one.pk}/{identity or f'unreadable/{fault.at // 3_600_000}'}",
        text=notice_text(about="unreadable", signal=one.key, unit="", until=0),
        fields={NOTICE: "unreadable", "intent": "report", "signal": str(one.pk)},
        payload={"topic": fault.topic[:400], "why": fault.why, "raw": fault.raw, "node": one.key},
        reporter_text=source.name,
        conversation=f"n{one.pk}/unreadable",
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
