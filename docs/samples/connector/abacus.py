"""A complete small connector, for docs/connector-guide.md: Abacus, an ERP with a plain JSON interface.

Abacus keeps stock documents: made as a draft under a reference that is not unique, then posted. It is what a plant's
own ERP may well look like, and short enough to be read at once. In the product it would lie beside the others, as
`erp_sync/adapters/abacus.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from erp_sync.adapters import port
from erp_sync.adapters.edge import Answer, Edge
from erp_sync.adapters.handling import Found, Handler, HandlingAdapter, Job, drifted, plain
from erp_sync.errors import ErpRejected, ErpUnavailable

Row = dict[str, Any]
KINDS = {"movement.scrap": "scrap", "movement.transfer": "transfer"}
LACKING = {
    "customer_answer": "answers to customers go by mail or EDI, not through Abacus",
    "cost": "Abacus values movements by itself and takes no amounts",
}
DEFAULT = "Abacus keeps stock and nothing else; it is kept in the layer"


class Client:
    """Calls to Abacus. `writes` counts the calls that may have changed something."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.writes = 0
        self._key = str(settings.get("password") or "")
        self._edge = Edge(settings, product="Abacus", name="abacus")

    @property
    def url(self) -> str:
        return self._edge.url

    @property
    def server_time(self) -> datetime | None:
        return self._edge.server_time

    def get(self, path: str, **params: str) -> Any:
        return self._read(self._edge.ask("GET", path, params=params, headers=self._headers()))

    def post(self, path: str, body: Row) -> Row:
        """A call that changes something. From the moment it may have arrived it counts as a write."""
        try:
            said = json.dumps(body, ensure_ascii=False).encode()
            answer = self._edge.ask("POST", path, content=said, headers=self._headers())
            found = self._read(answer)
        except ErpUnavailable as error:
            self.writes += error.sent
            raise
        self.writes += 1
        if not isinstance(found, dict) or "number" not in found:
            raise self._edge.garbled()
        return found

    def close(self) -> None:
        self._edge.close()

    def _headers(self) -> dict[str, str]:
        return {"X-Api-Key": self._key, "Content-Type": "application/json"}

    def _read(self, answer: Answer) -> Any:
        """What an answer says. The order matters: what proves nothing first, then the ERP's own words."""
        found = answer.json()
        words = str(found.get("message", "")) if isinstance(found, dict) else ""
        trouble = self._edge.trouble(answer, words)
        if trouble is not None:
            raise trouble
        if answer.status == 423:
            raise self._edge.unavailable("busy", f"Abacus: {words}", sent=False)
        if answer.status >= 400:
            code = str(found.get("code", "refused")) if isinstance(found, dict) else "refused"
            raise ErpRejected(f"abacus.{code}", words or f"Abacus refused it with HTTP {answer.status}")
        if found is None:
            raise self._edge.garbled()
        return found


class Movement:
    """One stock document a posting: looked for by its reference, made as a draft, posted."""

    def find(self, desk: Abacus, job: Job[Any]) -> Found | None:
        rows = desk.client.get("/documents", reference=job.key)
        return _found(rows[0]) if rows else None

    def drive(self, desk: Abacus, job: Job[Any], found: Found | None) -> Found:
        """Act from the state found. A draft is only posted when it says what the posting says now."""
        body = self.body(desk, job)
        if found is not None and found.extra != _content(body):
            desk.client.post(f"/documents/{found.number}/cancel", {})
            found = None
        if found is None:
            self.check(desk, job)
            found = _found(desk.client.post("/documents", body))
        return _found(desk.client.post(f"/documents/{found.number}/post", {}))

    def check(self, desk: Abacus, job: Job[Any]) -> None:
        """Before writing, Abacus is read again: less stock than the posting takes is shown to a person."""
        item = desk.code("item", job.payload.item)
        there = Decimal(desk.client.get(f"/stock/{quote(item, safe='')}")["quantity"])
        if there < job.payload.quantity:
            raise drifted(f"stock of {job.payload.item}", "stock", plain(job.payload.quantity), plain(there))

    def body(self, desk: Abacus, job: Job[Any]) -> Row:
        payload = job.payload
        return {
            "reference": job.key, "type": KINDS[job.command.kind], "item": desk.code("item", payload.item),
            "quantity": format(payload.quantity, "f"), "unit": desk.code("unit", payload.uom),
            "date": job.command.posting_date.isoformat(), "note": job.command.text,
            "reason": desk.code("reason", payload.reason_code),
        }  # fmt: skip

    def preview(self, desk: Abacus, job: Job[Any]) -> tuple[port.Step, ...]:
        draft = port.Step("POST", f"{desk.client.url}/documents", self.body(desk, job))
        return draft, port.Step(
            "POST", f"{desk.client.url}/documents/<number>/post", {}, "its number is told then"
        )


class TakingBack(Movement):
    """The reversal of a movement: a document of its own, under its own key, that names the one it undoes."""

    def check(self, desk: Abacus, job: Job[Any]) -> None:
        rows = desk.client.get("/documents", reference=job.payload.reverses)
        if not any(row["state"] == "posted" for row in rows):
            raise ErpRejected(
                "erp.not_found", f"Abacus holds no movement {job.payload.reverses} to take back"
            )

    def body(self, desk: Abacus, job: Job[Any]) -> Row:
        return {
            "reference": job.key, "type": "reversal", "reverses": job.payload.reverses,
            "date": job.command.posting_date.isoformat(), "note": job.command.text,
        }  # fmt: skip


def _content(row: Row) -> Row:
    """What decides whether a draft still says what the posting says."""
    return {name: row.get(name, "") for name in ("type", "item", "quantity", "unit", "date", "reverses")}


def _found(row: Row) -> Found:
    state, at = str(row["state"]), str(row.get("posted_at") or "")
    return Found(
        "document", str(row["number"]), str(row["number"]), state, final=state == "posted",
        cancelled=state == "cancelled", at=datetime.fromisoformat(at) if at else None, extra=_content(row),
    )  # fmt: skip


class Abacus:
    """What a handler works with: the calls, and our codes in Abacus's words."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.client = Client(settings)
        self._settings = settings

    def code(self, kind: str, ours: str) -> str:
        """The mapped code, else ours as it is; an ERP that would not know it says so itself."""
        table = self._settings.get(kind)
        return str(table.get(ours, ours)) if isinstance(table, Mapping) else ours


class AbacusAdapter(HandlingAdapter):
    """The connector. `HandlingAdapter` looks first, then acts, and sorts every end into an outcome."""

    kind = "abacus"
    product: ClassVar[str] = "Abacus"
    handlers: ClassVar[Mapping[str, Handler]] = dict.fromkeys(KINDS, Movement())
    reversals: ClassVar[Mapping[str, Handler]] = dict.fromkeys(KINDS, TakingBack())
    lacking: ClassVar[Mapping[str, str]] = LACKING
    settle_after = timedelta(seconds=60)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._desk = Abacus(settings)
        self._client = self._desk.client

    def capabilities(self) -> dict[str, port.Capability]:
        told = super().capabilities()
        return {
            k: c if c.supported or k in LACKING else port.Capability(False, DEFAULT) for k, c in told.items()
        }

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        """Items, oldest change first. The watermark is the change and the id of the last row of a page."""
        if entity not in port.PULL_ENTITIES:
            raise KeyError(entity)
        more = entity == "items"
        while more:
            since, _, after = watermark.partition("|")
            found = self._client.get("/items", since=since, after=after)
            rows, more = found["rows"], bool(found["more"])
            if rows:
                watermark = f"{rows[-1]['changed']}|{rows[-1]['id']}"
                yield port.Page(tuple(_item(row) for row in rows), watermark)

    def identities(self, entity: str) -> Iterator[str]:
        if entity == "items":
            yield from (str(one) for one in self._client.get("/items/ids"))

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        if kind != "item":
            return port.CodeCheck(None, "Abacus has no list of these")
        try:
            return port.CodeCheck(True, str(self._client.get(f"/stock/{quote(theirs, safe='')}")["name"]))
        except ErpRejected as error:
            return port.CodeCheck(False, error.message)

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        for row in self._client.get("/documents", since=since.astimezone(UTC).isoformat()):
            quantity = Decimal(row["quantity"]) if row.get("quantity") else None
            final = row["state"] == "posted"
            yield port.ErpDocument(
                row["reference"], str(row["number"]), "document", row["state"], final, quantity=quantity
            )

    def ping(self) -> port.Health:
        started = time.perf_counter()
        try:
            version = str(self._client.get("/me")["version"])
        except (ErpUnavailable, ErpRejected) as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        return port.Health(True, "Abacus lets us in", version, taken, clock=self._client.server_time)


def _item(row: Row) -> port.Record:
    at, gone = datetime.fromisoformat(row["changed"]), not row["active"]
    data = {"name": row["name"], "uom": row["unit"], "active": not gone}
    return port.Record("items", row["code"], str(row["id"]), data, at, gone)


@port.register(
    "abacus",
    port.Profile(
        label="Abacus",
        proof="documented",
        options=(port.Option("read_timeout", "Time to answer", "number", 60, "Seconds."),),
        mapping_kinds={"item": "Item number", "unit": "Unit of measure", "reason": "Reason code"},
        codes={
            "abacus.short": "There is not enough in Abacus. Look there, edit the quantity, send it again."
        },
        address_help="Address of Abacus; the key of its interface is the password.",
    ),
)
def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector for one Abacus. No network until first used."""
    return AbacusAdapter(settings)
