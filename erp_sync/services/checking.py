"""Everything that is wrong with a posting before it is queued, in one answer.

Owns the bringing together of the kind's own rules, what the plant knows, and what the connector would refuse unasked.
Hard problems keep a posting back, warnings are for people. Nothing is written. Must not know: who may post.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from core import clock
from core.errors import InvalidInput
from erp_sync import canonical
from erp_sync.adapters.port import PostingCommand
from erp_sync.canonical import Problem
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.connecting import address_of
from erp_sync.services.knowing import facts_of, unknown_codes
from erp_sync.services.previewing import preview_of
from plant_app.models import Site

#: What a posting shown before it exists carries in place of its key.
NO_KEY = "0" * 16
#: `floor`: what was done on the floor, judged by its own rules and this layer's; ERP says the rest when it is asked.
Depth = Literal["floor", "whole"]


@dataclass(frozen=True, slots=True)
class Checked:
    """`payload` is canonical JSON with defaults spelled out, None where a hard problem leaves none."""

    payload: dict[str, Any] | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def check(
    kind: str,
    payload: Mapping[str, Any],
    *,
    site: Site,
    reason_code: str = "",
    connection: ErpConnection | None = None,
    occurred_at: datetime | None = None,
    own: Posting | None = None,
    depth: Depth = "whole",
) -> Checked:
    """Judge a payload of `kind` for `site`. Reads only, asks no ERP.

    `connection`: where it would go; None leaves mappings unasked. `own`: the posting whose payload this replaces.
    """
    filled = {**payload}
    filled.setdefault("site", site.code)
    if reason_code:
        filled.setdefault("reason_code", reason_code)
    whole = depth == "whole"
    found = canonical.validate(kind, filled, facts_of(kind, filled, site=site, own=own, whole=whole))
    if whole and kind in canonical.KINDS:
        found += unknown_codes(kind, filled, site=site, connection=connection)
    if filled.get("site") != site.code:
        found.append(
            Problem("site", "other", f"the payload speaks of {filled.get('site')}, not of {site.code}")
        )
    clean = None if _hard(found) else canonical.parse(kind, filled).to_json()
    if whole and clean is not None and connection is not None and _answers_for_itself(connection):
        moment = occurred_at or (own.occurred_at if own is not None else clock.now())
        command = PostingCommand(
            kind=kind,
            business_key=own.business_key if own is not None else NO_KEY,
            payload=clean,
            occurred_at=moment,
            posting_date=moment.astimezone(ZoneInfo(site.timezone)).date(),
        )
        refusal = preview_of(connection, command).refusal
        if refusal is not None:
            found.append(refusal)
    hard = _hard(found)
    return Checked(
        payload=None if hard else clean,
        problems=tuple(hard),
        warnings=tuple(problem for problem in found if problem.warn),
    )


def check_payload(
    kind: str,
    payload: Mapping[str, Any],
    *,
    site: Site,
    reason_code: str = "",
    connection: ErpConnection | None = None,
    occurred_at: datetime | None = None,
    own: Posting | None = None,
    depth: Depth = "floor",
) -> dict[str, Any]:
    """The payload in canonical JSON, defaults spelled out. Raises InvalidInput naming every hard problem, and the
    warnings beside them."""
    found = check(
        kind,
        payload,
        site=site,
        reason_code=reason_code,
        connection=connection,
        occurred_at=occurred_at,
        own=own,
        depth=depth,
    )
    if found.payload is None:
        raise InvalidInput(
            "erp.payload_invalid",
            f"This {kind} can't be posted: "
            + "; ".join(f"{p.field} {p.message}".strip() for p in found.problems),
            "Correct the named fields and try again.",
            problems=[in_json(problem) for problem in found.problems],
            warnings=[in_json(problem) for problem in found.warnings],
        )
    return found.payload


def in_json(problem: Problem) -> dict[str, str]:
    """A problem as a problem document lists it."""
    return {"field": problem.field, "code": problem.code, "message": problem.message}


def _answers_for_itself(connection: ErpConnection) -> bool:
    """Whether what its connector refuses unasked can be believed: an ERP still being built knows no mappings yet."""
    return not connection.is_ledger and address_of(connection).ready


def _hard(problems: list[Problem]) -> list[Problem]:
    return [problem for problem in problems if not problem.warn]
