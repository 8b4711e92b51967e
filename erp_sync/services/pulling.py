"""Reading master data: pages out of a connector, into the plant's mirror, as far as a watermark.

Owns when an entity is read again and how far it has been read. A page and its watermark are written in one
transaction, so a read can end anywhere and goes on there. Must not know: what a row means; that is the plant's.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from core import clock
from core.due import claim
from core.errors import InvalidInput
from core.hints import hint
from core.wake import wake
from erp_sync.adapters.port import PULL_ENTITIES, Page
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ErpConnection, Watermark
from erp_sync.services.circuit import note_failure, note_success
from erp_sync.services.connecting import adapter_for, address_of
from plant_app.services import PullResult, apply_pull

logger = logging.getLogger(__name__)

PULL_EVERY = timedelta(seconds=60)
PULL_AGAIN_AFTER_ERROR = timedelta(minutes=3)
#: One reader per entity: nobody else begins within this time.
PULL_LEASE = timedelta(minutes=10)
KEPT_MISSING = 200
#: What others refer to is read first.
ORDER = (
    "items",
    "work_centres",
    "customers",
    "suppliers",
    "sales_lines",
    "purchase_lines",
    "work_orders",
    "stock",
)


@dataclass
class Pulled:
    """What reading one entity did. `unknown` names rows that speak of something this plant does not have."""

    entity: str
    from_start: bool = False
    rows: int = 0
    created: int = 0
    changed: int = 0
    unknown: list[str] = field(default_factory=list)
    drifted: int = 0
    error: str = ""


def pull_due(*, limit: int = len(PULL_ENTITIES)) -> int:
    """Read what is due of every willing connection; returns how many entities were read to their end.

    Must not run inside a transaction. A connection that is silent, unbuilt or a ledger is left alone; so is an entity
    another reader holds. Posting never waits for it.
    """
    _know_entities()
    read = 0
    for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False, open_until__isnull=True):
        if address_of(connection).ready:
            done = [_pull(connection, mark) for mark in _claim_marks(connection, limit)]
            _reread_missing(connection, done)
            read += sum(not one.error for one in done)
    return read


def pull_master_data(*, connection: ErpConnection, entities: Iterable[str] | None = None) -> list[Pulled]:
    """Read the named entities (all) of a connection now, due or not, in an order references need.

    Must not run inside a transaction. Raises InvalidInput for an entity no connector reads. Trouble of the ERP is
    kept on the entity's watermark and in the result, and does not stop the others.
    """
    wanted = set(entities) if entities is not None else set(ORDER)
    unknown = wanted - set(ORDER)
    if unknown:
        raise InvalidInput("erp.unknown_entity", f"No connector reads {', '.join(sorted(unknown))}.")
    _know_entities()
    marks = {mark.entity: mark for mark in Watermark.objects.filter(connection=connection)}
    done = [_pull(connection, marks[entity]) for entity in ORDER if entity in wanted]
    _reread_missing(connection, done)
    return done


def _know_entities() -> None:
    for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False):
        known = set(Watermark.objects.filter(connection=connection).values_list("entity", flat=True))
        Watermark.objects.bulk_create(
            [Watermark(connection=connection, entity=entity) for entity in ORDER if entity not in known],
            ignore_conflicts=True,
        )


@transaction.atomic
def _claim_marks(connection: ErpConnection, limit: int) -> list[Watermark]:
    due = Watermark.objects.filter(connection=connection, next_at__lte=clock.now()).order_by("next_at", "pk")
    marks = claim(due, limit)
    Watermark.objects.filter(pk__in=[mark.pk for mark in marks]).update(next_at=clock.now() + PULL_LEASE)
    return sorted(marks, key=lambda mark: ORDER.index(mark.entity))


def _pull(connection: ErpConnection, mark: Watermark) -> Pulled:
    done = Pulled(mark.entity, from_start=not mark.value)
    reached, began, heard = mark.value, clock.now(), False
    try:
        for page in adapter_for(connection).pull(mark.entity, mark.value):
            if not _apply(mark, reached, page, done, began):
                done.error = "another reader went on meanwhile"
                return done
            reached, heard = page.watermark, True
    except ErpUnavailable as error:
        done.error = error.message
        note_failure(connection, error.message)
    except ErpRejected as error:
        done.error = error.message
    except Exception as error:  # outer edge: one entity's fault must not stop the others
        logger.exception("reading %s of %s failed", mark.entity, connection.code)
        done.error = f"{type(error).__name__}: {error}"
    else:
        # A connector with nothing to read has not asked the ERP anything either.
        if heard:
            note_success(connection)
    _finish(mark, done)
    if done.changed:
        wake("resequence")
        hint("postings", kind="master_data", entity=mark.entity)
    return done


@transaction.atomic
def _apply(mark: Watermark, reached: str, page: Page, done: Pulled, began: datetime) -> bool:
    """Write one page and how far it reaches, together; False when somebody else moved the watermark."""
    row = Watermark.objects.select_for_update().get(pk=mark.pk)
    if row.value != reached:
        return False
    result: PullResult = apply_pull(entity=mark.entity, records=page.records, read_at=began)
    row.value = page.watermark
    row.save(update_fields=["value"])
    done.rows += len(page.records)
    done.created += result.created
    done.changed += result.created + result.updated
    done.unknown += result.unknown
    done.drifted += len(result.drift)
    return True


def _finish(mark: Watermark, done: Pulled) -> None:
    now = clock.now()
    rows = Watermark.objects.filter(pk=mark.pk)
    if done.error:
        rows.update(error=done.error, error_at=now, next_at=now + PULL_AGAIN_AFTER_ERROR)
    else:
        # Only a read from the start proves that what was missing no longer is.
        before = mark.missing if mark.value else []
        rows.update(
            at=now,
            rows=done.rows,
            missing=list(dict.fromkeys([*before, *done.unknown]))[:KEPT_MISSING],
            error="",
            error_at=None,
            next_at=now + PULL_EVERY,
        )


def _reread_missing(connection: ErpConnection, done: list[Pulled]) -> None:
    """Rows once passed over are read again from the start when what they may have spoken of has come."""
    whole = {one.entity for one in done if one.from_start}
    for earlier in done:
        if earlier.created:
            later = set(ORDER[ORDER.index(earlier.entity) + 1 :]) - whole
            Watermark.objects.filter(connection=connection, entity__in=later).exclude(missing=[]).update(
                value="", next_at=clock.now()
            )
