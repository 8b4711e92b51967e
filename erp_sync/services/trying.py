"""Trying a connection and its code mappings out: whether the ERP answers, as whom, how fast, and knows our codes.

Reads only; nothing in the ERP changes. Owns what a trial says. Must not run inside a transaction: it asks the ERP.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db.models import QuerySet

from core import clock
from erp_sync.adapters import port
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import CodeMapping, ErpConnection
from erp_sync.services.circuit import check_connection
from erp_sync.services.connecting import adapter_for, address_of, fit_words

SAID = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """What trying a connection said. `skew_ms` is how far ERP's clock goes before ours, None where it says no time.

    `kinds` has per posting kind its name, whether it is taken, and why not.
    """

    ok: bool
    at: datetime
    detail: str
    version: str
    latency_ms: int
    skew_ms: int | None
    host: str
    login: str
    kinds: tuple[tuple[str, bool, str], ...] = ()

    @property
    def taken(self) -> int:
        return sum(taken for _name, taken, _reason in self.kinds)


def try_connection(*, connection: ErpConnection) -> Trial:
    """Ask the ERP whether it answers and lets us in. An open circuit that gets an answer goes on trial by that."""
    address = address_of(connection)
    began = clock.now()
    health = check_connection(connection=connection)
    ended = clock.now()
    skew = None
    if health.clock is not None:
        skew = round((health.clock - (began + (ended - began) / 2)) / timedelta(milliseconds=1))
    kinds: tuple[tuple[str, bool, str], ...] = ()
    if address.ready:
        offered = adapter_for(connection).capabilities()
        kinds = tuple(
            (KIND_NAMES.get(kind, kind), able.supported, able.reason)
            for kind, able in sorted(offered.items())
        )
    parts = urlsplit(address.url)
    return Trial(
        ok=health.ok, at=ended, detail=health.detail, version=health.version,
        latency_ms=health.latency_ms or round((ended - began) / timedelta(milliseconds=1)), skew_ms=skew,
        host=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "", login=address.username,
        kinds=kinds,
    )  # fmt: skip


def try_mappings(*, mappings: QuerySet[CodeMapping]) -> list[CodeMapping]:
    """Look each mapped code up in its ERP and keep the answer on the row; returns the rows as they are then.

    A connector that can't ask leaves `test_ok` empty and says so. An ERP that is away changes no earlier verdict: what
    it said of the rest is kept, and the sentence says that it did not answer.
    """
    done = []
    away: dict[int, str] = {}
    for mapping in mappings.select_related("connection").order_by("connection_id", "kind", "ours"):
        said = away.get(mapping.connection_id)
        if said is None:
            try:
                _judge(mapping, _check(mapping))
            except ErpUnavailable as trouble:
                said = away[mapping.connection_id] = f"not asked: {trouble.message}"
        if said is not None:
            mapping.test_said = fit_words(mapping.connection, said)[:SAID]
            mapping.save(update_fields=["test_said"])
        done.append(mapping)
    return done


def forget_trial(mapping: CodeMapping) -> None:
    """What was said of a mapping no longer counts: it is another one now. Not saved here."""
    mapping.tested_at, mapping.test_ok, mapping.test_said = None, None, ""


def _check(mapping: CodeMapping) -> port.CodeCheck:
    adapter = adapter_for(mapping.connection)
    if not isinstance(adapter, port.CodeChecking):
        return port.CodeCheck(None, "this connector can't ask its ERP for a code")
    try:
        return adapter.check_code(mapping.kind, mapping.ours, mapping.theirs)
    except ErpRejected as no:
        return port.CodeCheck(False, no.message)


def _judge(mapping: CodeMapping, found: port.CodeCheck) -> None:
    words = fit_words(mapping.connection, found.said)[:SAID]
    mapping.tested_at, mapping.test_ok, mapping.test_said = clock.now(), found.ok, words
    mapping.save(update_fields=["tested_at", "test_ok", "test_said"])
