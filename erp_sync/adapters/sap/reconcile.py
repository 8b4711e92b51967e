"""Which SAP documents carry one of our keys, for reconciliation.

Owns where each kind of document keeps the key. A confirmation keeps it in its text, beside the uuid made of it. A
change leaves no document; it is looked up where it was made.
Must not know: the outbox's tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from core.keys import key_uuid
from erp_sync.adapters.port import ErpDocument
from erp_sync.adapters.sap import defects, inspections, maintenance, movements, wire
from erp_sync.adapters.sap.client import CONFIRMATIONS, DEFECTS, GOODS, INSPECTIONS, NOTIFICATIONS, Service
from erp_sync.adapters.sap.confirmations import ENTITY
from erp_sync.adapters.sap.documents import Desk, moment
from erp_sync.errors import ErpRejected

KEY = re.compile(r"^[A-Z2-7]{16}(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list whose rows carry the key in front of a field; `number` joins these fields."""

    service: Service
    entity: str
    field: str
    number: tuple[str, ...]
    quantity: str = ""


KEYED = (
    Keyed(DEFECTS, defects.ENTITY, "DefectText", ("DefectInternalID",), "DefectiveQuantity"),
    Keyed(INSPECTIONS, inspections.ENTITY, "InspectionResultText", inspections.KEYS),
    Keyed(NOTIFICATIONS, maintenance.ENTITY, "MaintNotifExtReferenceNumber", (maintenance.ENTITY,)),
)


def documents(desk: Desk, since: datetime) -> Iterator[ErpDocument]:
    """Every keyed document entered since the day of `since`; cancelled ones are not final."""
    day = wire.literal(desk.terms.local(since).date())
    yield from _movements(desk, day)
    yield from _confirmations(desk, day)
    for kind in KEYED:
        # A plant without quality management or maintenance in SAP has these services switched off; and not every
        # release searches them by day. Postings of these kinds are then looked up one by one.
        with suppress(ErpRejected):
            yield from _keyed(desk, kind, day)


def _movements(desk: Desk, day: str) -> Iterator[ErpDocument]:
    options = {"filter": f"CreationDate ge {day}", "expand": movements.ITEMS}
    for row in desk.client.rows(GOODS, movements.HEADER, **options):
        key = str(row.get("ReferenceDocument") or "")
        items = wire.children(row, movements.ITEMS)
        if not KEY.match(key) or any(item.get("ReversedMaterialDocument") for item in items):
            continue
        cancelled = bool(items) and all(item.get("GoodsMovementIsCancelled") for item in items)
        yield ErpDocument(
            business_key=key,
            erp_number=f"{row['MaterialDocument']}/{row['MaterialDocumentYear']}",
            document=movements.HEADER,
            state="cancelled" if cancelled else "posted",
            final=not cancelled,
            written_at=moment(desk, row, "CreationDate", "CreationTime"),
            quantity=movements.quantity_of(row),
        )


def _confirmations(desk: Desk, day: str) -> Iterator[ErpDocument]:
    for row in desk.client.rows(CONFIRMATIONS, ENTITY, filter=f"ConfirmationEntryDate ge {day}"):
        found = KEY.match(str(row.get("ConfirmationText") or ""))
        # The text can be edited by hand; the uuid can not, and must be the one of the key.
        if found is None or str(row.get("ExternalSystemConfirmation") or "").lower() != str(
            key_uuid(found[0])
        ):
            continue
        cancelled = bool(row.get("IsReversed"))
        yield ErpDocument(
            business_key=found[0],
            erp_number=f"{row['ConfirmationGroup']}/{row['ConfirmationCount']}",
            document=ENTITY,
            state="cancelled" if cancelled else "posted",
            final=not cancelled,
            written_at=moment(desk, row, "ConfirmationEntryDate", "ConfirmationEntryTime"),
        )


def _keyed(desk: Desk, kind: Keyed, day: str) -> Iterator[ErpDocument]:
    for row in desk.client.rows(kind.service, kind.entity, filter=f"CreationDate ge {day}"):
        found = KEY.match(str(row.get(kind.field) or ""))
        if found is None:
            continue
        deleted = bool(row.get("IsDeleted"))
        yield ErpDocument(
            business_key=found[0],
            erp_number="/".join(str(row[name]) for name in kind.number),
            document=kind.entity,
            state="deleted" if deleted else "posted",
            final=not deleted,
            written_at=moment(desk, row, "CreationDate", "CreationTime"),
            quantity=wire.number_in(row[kind.quantity]) if row.get(kind.quantity) else None,
        )
