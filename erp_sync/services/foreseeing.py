"""What would become of a posting, before there is one: what is wrong with it, how it would go, what would be sent.

Owns the putting together; nothing is written and no ERP is asked. Must not know: who asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from erp_sync import reversals
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.checking import NO_KEY, Checked, check
from erp_sync.services.connecting import connection_for
from erp_sync.services.judging import Verdict, judge
from erp_sync.services.previewing import Preview, preview
from erp_sync.services.queueing import TEXT_LIMIT
from erp_sync.services.withdrawing import way_back
from plant_app.models import Site, User


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`goes` and `preview` are None where something hard is wrong; `no_way_back`: why it could not be taken back."""

    checked: Checked
    connection: ErpConnection | None
    goes: Verdict | None
    preview: Preview | None
    way_back: str
    no_way_back: str


def foresee(
    *,
    kind: str,
    site: Site,
    payload: Mapping[str, Any],
    occurred_at: datetime,
    reason_code: str = "",
    text: str = "",
    actor: User | None = None,
    needs_approval: bool = False,
    exception_type: int | None = None,
) -> Foreseen:
    """As `queue_posting` would take it now, with the same arguments; its key, which it does not have yet, is zeros."""
    connection = connection_for(site)
    checked = check(
        kind, payload, site=site, reason_code=reason_code, connection=connection, occurred_at=occurred_at
    )
    goes = shown = intended = None
    if checked.payload is not None:
        intended = Posting(
            connection=connection,
            site=site,
            business_key=NO_KEY,
            kind=kind,
            payload=checked.payload,
            text=text[:TEXT_LIMIT],
            occurred_at=occurred_at,
            posting_date=occurred_at.astimezone(ZoneInfo(site.timezone)).date(),
            actor=actor,
        )
        goes = judge(intended, exception_type=exception_type, needs_approval=needs_approval)
        shown = preview(intended)
        intended.status, intended.held_reason = goes.status.value, goes.held_reason
        intended.local_reason = goes.reason
    never = reversals.why_never(kind, checked.payload or payload)
    known = reversals.REVERSALS.get(kind)
    back = "" if never or known is None else known.words
    if back and intended is not None:
        back = way_back(intended).words
    return Foreseen(
        checked=checked,
        connection=connection,
        goes=goes,
        preview=shown,
        way_back=back,
        no_way_back=never,
    )
