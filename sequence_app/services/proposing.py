"""Computing a sequence and turning what differs from the published plan into recommendations.

Times that merely slide in an unchanged order are published at once, since nobody has to decide them; another order or
unit waits for the floor, and is proposed only where it saves lateness. Holds the site's row, never an exception's.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from core import clock, due
from core.hints import hint
from decisions_app import services as decisions
from plant_app.models import (
    Capability,
    Level,
    PlannedOperation,
    ResequenceRequest,
    SalesOrderLine,
    Site,
)
from plant_app.selectors import level_of
from plant_app.selectors.effective import effective_commit
from plant_app.services import PlanRow, publish_plan
from sequence_app import snapshot as snapshots
from sequence_app.dispatch import Binding, Parameters, Plan, Slot, dispatch
from sequence_app.keeping import WORTH_ASKING, Place, gains, keep_order
from sequence_app.models import Recommendation, RecommendationStatus, SequenceRow, SequenceVersion
from sequence_app.services.erp_order import follow_erp, publish_erp_order
from sequence_app.services.numbering import numbered
from sequence_app.snapshot import Snapshot
from sequence_app.words import span, start_words

Origin = PlannedOperation.Origin
# Only what the floor meets soon is worth a question; later order changes are found again before their time.
ASK_WITHIN = timedelta(hours=16)
LIFE = timedelta(hours=8)
KEEP_VERSIONS = 50
CAUSES = 500  # requests taken into one run; the rest make the next
NOISE_MINUTES = 10.0


def resequence_due(*, limit: int = 10) -> int:
    """Propose a sequence for every site whose request is due; returns how many. One transaction per site."""
    done = 0
    while done < limit:
        with transaction.atomic():
            rows = due.claim(
                ResequenceRequest.objects.filter(due_at__lte=clock.now())
                .select_related("site")
                .order_by("due_at"),
                1,
            )
            if not rows:
                return done
            site = rows[0].site
            rows += due.claim(
                ResequenceRequest.objects.filter(site=site).exclude(pk=rows[0].pk).order_by("due_at"), CAUSES
            )
            causes = list(dict.fromkeys(row.cause for row in rows))
            ResequenceRequest.objects.filter(pk__in=[row.pk for row in rows]).delete()
            bring_up_to_date(site=site, causes=causes)
        decisions.refresh_due()
        done += 1
    return done


@transaction.atomic
def bring_up_to_date(*, site: Site, causes: list[str] | None = None) -> SequenceVersion | None:
    """Propose, where the site's sequence is on; off, ERP's own order holds and no recommendation stays open.

    Locks the site's row.
    """
    if level_of(site, Capability.SEQUENCE) != Level.OFF:
        return propose(site=site, causes=causes)
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    publish_erp_order(site, snapshots.take(site, clock.now()))
    for standing in Recommendation.objects.select_for_update(no_key=True, of=("self",)).filter(
        site=site, status=RecommendationStatus.PROPOSED
    ):
        _end(standing, RecommendationStatus.SUPERSEDED)
    return None


@transaction.atomic
def propose(*, site: Site, causes: list[str] | None = None) -> SequenceVersion:
    """Compute the site's sequence now, store it, publish slid times, recommend changed order.

    Where it only advises, ERP's order is what it is compared with and what goes on being published, its times slid.
    Supersedes open recommendations that no longer hold. Locks the site's row.
    """
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    at = clock.now()
    began = time.perf_counter()
    snapshot = snapshots.take(site, at)
    advises = level_of(site, Capability.SEQUENCE) == Level.ADVISING
    if advises:
        follow_erp(snapshot)
    parameters = Parameters()
    plan = dispatch(snapshot.jobs, snapshot.units, parameters)
    slots = {slot.job: slot for slot in plan.slots}
    kept = _kept_plan(snapshot, slots, parameters)
    version = _store(snapshot, plan, kept, causes or [], parameters, (time.perf_counter() - began) * 1000)
    if not snapshot.published:
        publish_version(version)
    else:
        _slide(snapshot, kept, version, Origin.ERP if advises else Origin.SEQUENCE)
        _recommend(snapshot, slots, kept, version)
    decisions.ask_windows(site=site)
    _trim(site)
    hint(f"site.{site.pk}", "sequence", kind="sequence", version=version.number)
    return version


def _kept_plan(snapshot: Snapshot, slots: Mapping[int, Slot], parameters: Parameters) -> dict[int, Slot]:
    """The published order with its times slid; what it can no longer place takes the new plan's place."""
    published = {key: Place(row.work_unit_id, row.position) for key, row in snapshot.published.items()}
    plan = dispatch(keep_order(snapshot.jobs, published), snapshot.units, parameters)
    kept = {slot.job: slot for slot in plan.slots}
    return {**{key: slot for key, slot in slots.items() if key not in kept}, **kept}


def publish_version(version: SequenceVersion) -> int:
    """Make a version's rows the published plan; returns rows changed."""
    rows = [
        PlanRow(row.operation_id, row.work_unit_id, row.position, row.start, row.end, row.pinned)
        for row in version.rows.all()
    ]
    return publish_plan(site=version.site, rows=rows, origin_ref=f"sequence:{version.pk}")


def _store(
    snapshot: Snapshot,
    plan: Plan,
    kept: Mapping[int, Slot],
    causes: list[str],
    parameters: Parameters,
    milliseconds: float,
) -> SequenceVersion:
    number = (SequenceVersion.objects.filter(site=snapshot.site).aggregate(top=Max("number"))["top"] or 0) + 1
    left_out = [
        {"operation": key, "label": str(snapshot.operations[key]), "why": why}
        for key, why in plan.left_out.items()
    ]
    version = SequenceVersion.objects.create(
        site=snapshot.site,
        number=number,
        created_at=snapshot.at,
        causes=causes,
        parameters=asdict(parameters),
        milliseconds=round(milliseconds, 1),
        left_out=left_out,
        late_before=len(_late(snapshot, kept)),
        late_after=len(_late(snapshot, {slot.job: slot for slot in plan.slots})),
    )
    dues = {job.key: job.due for job in snapshot.jobs}
    pinned = {job.key for job in snapshot.jobs if job.pinned_unit is not None or job.fixed_start is not None}
    positions: dict[int, int] = defaultdict(int)
    rows = []
    for slot in plan.slots:
        rows.append(
            SequenceRow(
                version=version,
                operation_id=slot.job,
                work_unit_id=slot.unit,
                position=positions[slot.unit],
                start=snapshot.moment(slot.start),
                end=snapshot.moment(slot.end),
                setup_minutes=slot.setup,
                need_by=snapshot.moment(dues[slot.job]),
                binding=slot.binding,
                reason=start_words(slot.binding),
                pinned=slot.job in pinned,
            )
        )
        positions[slot.unit] += 1
    SequenceRow.objects.bulk_create(rows)
    return version


def _late(
    snapshot: Snapshot, slots: Mapping[int, Slot]
) -> dict[int, tuple[SalesOrderLine, datetime, datetime]]:
    """Promises the slots would break: sales line -> (line, projected, commit)."""
    last: dict[int, tuple[SalesOrderLine, datetime]] = {}
    for key, slot in slots.items():
        line = snapshot.operations[key].work_order.sales_line
        end = snapshot.moment(slot.end)
        if line is not None and (line.pk not in last or end > last[line.pk][1]):
            last[line.pk] = (line, end)
    return {pk: (line, end, line.commit_at) for pk, (line, end) in last.items() if end > line.commit_at}


def _changed_centres(snapshot: Snapshot, slots: Mapping[int, Slot]) -> dict[int, list[int]]:
    """Work centres whose near order or units differ from the published plan, with the operations that move."""
    near = snapshot.minutes(snapshot.at + ASK_WITHIN)
    old_rank = _ranks({key: (row.work_unit_id, row.position) for key, row in snapshot.published.items()})
    by_unit: dict[int, list[int]] = defaultdict(list)
    for slot in sorted(slots.values(), key=lambda slot: slot.start):
        if slot.start <= near:
            by_unit[slot.unit].append(slot.job)
    moved: dict[int, list[int]] = defaultdict(list)
    for unit, jobs in by_unit.items():
        centre = snapshot.unit_rows[unit].work_centre_id
        highest = -1
        for job in jobs:
            published = snapshot.published.get(job)
            if slots[job].binding == Binding.STARTED:
                continue
            if published is None or published.work_unit_id != unit:
                moved[centre].append(job)
                continue
            rank = old_rank[job]
            if rank < highest:
                moved[centre].append(job)
            highest = max(highest, rank)
    return moved


def _ranks(places: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    by_unit: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for key, (unit, position) in places.items():
        by_unit[unit].append((position, key))
    return {key: rank for rows in by_unit.values() for rank, (_, key) in enumerate(sorted(rows))}


def _slide(snapshot: Snapshot, kept: Mapping[int, Slot], version: SequenceVersion, origin: str) -> None:
    """Publish the kept order with its new times; an operation nothing can place keeps the place it had."""
    rows = [
        PlanRow(key, slot.unit, 0, snapshot.moment(slot.start), snapshot.moment(slot.end))
        for key, slot in kept.items()
    ]
    rows += [_kept(row) for key, row in snapshot.published.items() if key not in kept]
    publish_plan(site=snapshot.site, rows=numbered(rows), origin_ref=f"sequence:{version.pk}", origin=origin)


def _kept(row: PlannedOperation) -> PlanRow:
    return PlanRow(row.operation_id, row.work_unit_id, row.position, row.start, row.end, row.pinned)


def _recommend(
    snapshot: Snapshot, slots: Mapping[int, Slot], kept: Mapping[int, Slot], version: SequenceVersion
) -> None:
    """One recommendation per work centre where another order saves lateness; equal ones stay, others are superseded."""
    centre_of = {pk: unit.work_centre_id for pk, unit in snapshot.unit_rows.items()}
    saved = gains(snapshot.jobs, kept, slots, centre_of)
    moved = {
        centre: jobs
        for centre, jobs in _changed_centres(snapshot, slots).items()
        if saved.get(centre, 0.0) >= WORTH_ASKING
    }
    open_ones = {
        row.work_centre_id: row
        for row in Recommendation.objects.select_for_update(no_key=True, of=("self",)).filter(
            site=snapshot.site, status=RecommendationStatus.PROPOSED
        )
    }
    before, after = _late(snapshot, kept), _late(snapshot, slots)
    for centre, jobs in moved.items():
        changes = [_change(snapshot, slots[job]) for job in jobs]
        fingerprint = _fingerprint(changes)
        standing = open_ones.pop(centre, None)
        if standing is not None and standing.fingerprint == fingerprint:
            continue
        if standing is not None:
            _end(standing, RecommendationStatus.SUPERSEDED)
        if _refused_lately(centre, fingerprint):
            continue
        headline = changes[0]
        Recommendation.objects.create(
            version=version,
            site=snapshot.site,
            work_centre_id=centre,
            title=_title(headline),
            reason=_reason(version, headline),
            changes=changes,
            effect=_effect(snapshot, before, after),
            fingerprint=fingerprint,
            created_at=snapshot.at,
            expires_at=snapshot.at + LIFE,
        )
        hint(f"sequence.{centre}", f"site.{snapshot.site.pk}", kind="recommendation", work_centre=centre)
    for stale in open_ones.values():
        _end(stale, RecommendationStatus.SUPERSEDED)


def _refused_lately(centre: int, fingerprint: str) -> bool:
    return Recommendation.objects.filter(
        work_centre_id=centre,
        fingerprint=fingerprint,
        status=RecommendationStatus.OVERRIDDEN,
        expires_at__gt=clock.now(),
    ).exists()


def _end(recommendation: Recommendation, status: str) -> None:
    recommendation.status = status
    recommendation.decided_at = clock.now()
    recommendation.save(update_fields=["status", "decided_at"])


def _change(snapshot: Snapshot, slot: Slot) -> dict[str, Any]:
    operation = snapshot.operations[slot.job]
    published = snapshot.published.get(slot.job)
    return {
        "operation": slot.job,
        "order": operation.work_order.number,
        "label": f"{operation.work_order.number} op {operation.number} {operation.work_order.item.name}",
        "from_unit": published.work_unit.code if published else "",
        "to_unit": snapshot.unit_rows[slot.unit].code,
        "from_start": published.start.isoformat() if published else "",
        "to_start": snapshot.moment(slot.start).isoformat(),
        "why": start_words(slot.binding),
    }


def _title(change: dict[str, Any]) -> str:
    if change["from_unit"] and change["from_unit"] != change["to_unit"]:
        return f"{change['order']} on {change['to_unit']} instead of {change['from_unit']}"
    return f"{change['order']} earlier on {change['to_unit']}"


def _reason(version: SequenceVersion, change: dict[str, Any]) -> str:
    cause = next((str(cause) for cause in version.causes if str(cause).startswith("EX-")), "")
    return f"{cause or 'The plan no longer fits'}; {change['label']} {change['why']}"[:240]


def _effect(
    snapshot: Snapshot,
    before: Mapping[int, tuple[SalesOrderLine, datetime, datetime]],
    after: Mapping[int, tuple[SalesOrderLine, datetime, datetime]],
) -> dict[str, Any]:
    promises = []
    for pk in sorted(set(before) | set(after)):
        line = (before.get(pk) or after[pk])[0]
        was, now = before.get(pk), after.get(pk)
        shift = 0.0
        if was and now:
            shift = (now[1] - was[1]) / timedelta(minutes=1)
            if abs(shift) < NOISE_MINUTES:
                continue
        promises.append(
            {
                "label": str(line),
                "customer": line.order.customer.name,
                "commit": effective_commit(line).isoformat(),
                "before": was[1].isoformat() if was else "",
                "after": now[1].isoformat() if now else "",
                "words": _promise_words(was is not None, now is not None, shift),
            }
        )
    return {"late_before": len(before), "late_after": len(after), "promises": promises[:10]}


def _promise_words(was_late: bool, is_late: bool, shift: float) -> str:
    if was_late and not is_late:
        return "kept"
    if is_late and not was_late:
        return "would be late"
    return f"{span(shift)} {'later' if shift > 0 else 'earlier'}"


def _fingerprint(changes: list[dict[str, Any]]) -> str:
    essence = sorted((change["operation"], change["to_unit"]) for change in changes)
    return hashlib.sha256(json.dumps(essence).encode()).hexdigest()


def _trim(site: Site) -> None:
    """Old versions nobody refers to any more go; those a recommendation rests on stay."""
    keep = (
        SequenceVersion.objects.filter(site=site)
        .order_by("-number")
        .values_list("pk", flat=True)[:KEEP_VERSIONS]
    )
    SequenceVersion.objects.filter(site=site, recommendations__isnull=True).exclude(
        pk__in=list(keep)
    ).delete()
