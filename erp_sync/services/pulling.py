"""Reading master data: pages out of a connector, into the plant's mirror, as far as a watermark.

Owns when an entity is read again and how far it has been read. A page and its watermark are written in one
transaction, so a read can end anywhere and goes on there. One reader works at a time, so that a slow ERP never takes
the workers postings need. Must not know: what a row means; that is the plant's.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, transaction
from django.db.models import Q
from psycopg.errors import DeadlockDetected

from core import clock
from core.errors import InvalidInput
from core.hints import hint
from core.wake import wake
from erp_sync.adapters.port import PULL_ENTITIES, Page
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.gaps import Gaps, absent, gaps_of, later_gaps, merge_gaps, stored_gaps
from erp_sync.models import ErpConnection, Watermark
from erp_sync.services.circuit import note_failure, note_success
from erp_sync.services.connecting import adapter_for, address_of, fit_words
from erp_sync.services.looking import broken, pages
from erp_sync.services.reader import nobody_reads
from erp_sync.services.sweeping import scope_of, sweep_due
from plant_app.services import PullResult, apply_pull, here_now

PULL_EVERY = timedelta(seconds=60)
PULL_AGAIN_AFTER_ERROR = timedelta(minutes=3)
#: A reader that has not written a page for this long is given up on; until then nobody else begins.
PULL_LEASE = timedelta(minutes=3)
#: Seconds after which a read that can be resumed makes way, and goes on in its next turn.
TURN = 45.0
#: How often a page is tried again that the database had give way to somebody at the same rows.
GIVES_WAY = 3
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
    """What reading one entity did. `unknown` names rows that speak of something not here, `gaps` what that is."""

    entity: str
    from_start: bool = False
    rows: int = 0
    created: int = 0
    changed: int = 0
    renamed: int = 0
    deleted: int = 0
    unknown: list[str] = field(default_factory=list)
    gaps: Gaps = field(default_factory=dict)
    drifted: int = 0
    unfinished: bool = False
    error: str = ""


def pull_due(*, limit: int = len(PULL_ENTITIES)) -> int:
    """Read what is due of every willing connection; returns how many entities were read to their end.

    Must not run inside a transaction. A connection that is silent, unbuilt or a ledger is left alone; nothing is read
    while another reader is at work. Posting never waits for it. Raises SoftTimeLimitExceeded where the worker's time is
    up: what came is kept, and the next turn goes on there.
    """
    _know_entities()
    read = 0
    for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False, open_until__isnull=True):
        if not address_of(connection).ready:
            continue
        done = []
        _reread_come(connection)
        due = Watermark.objects.filter(connection=connection, next_at__lte=clock.now())
        for mark in sorted(due, key=lambda one: ORDER.index(one.entity))[:limit]:
            claimed = _claim(mark)
            if claimed is None:
                break
            done.append(_pull(connection, claimed))
        _reread_missing(connection, done)
        read += sum(not one.error and not one.unfinished for one in done)
    return read


def pull_master_data(
    *, connection: ErpConnection, entities: Iterable[str] | None = None, from_start: bool = False
) -> list[Pulled]:
    """Read the named entities (all) of a connection now, due or not, in an order references need.

    Must not run inside a transaction. `from_start` reads everything, not only what changed. Raises InvalidInput for an
    entity no connector reads. Trouble of the ERP is kept on the entity's watermark and in the result, and does not stop
    the others. A reader that is already at it wins; the loser says so. Raises SoftTimeLimitExceeded as `pull_due`.
    """
    wanted = check_entities(entities)
    _know_entities()
    if from_start:
        Watermark.objects.filter(connection=connection, entity__in=wanted).update(value="")
    marks = {mark.entity: mark for mark in Watermark.objects.filter(connection=connection)}
    done = [_pull(connection, marks[entity]) for entity in wanted]
    while any(one.unfinished for one in done):
        for place, one in enumerate(done):
            if one.unfinished:
                more = _pull(connection, Watermark.objects.get(connection=connection, entity=one.entity))
                done[place] = _together(one, more)
    _reread_missing(connection, done)
    return done


def read_anew(*, connection: ErpConnection) -> int:
    """Have everything of a connection read from the start, and listed, at its next turn: it leads to another system,
    where nothing read so far says how far anything has been read. Returns how many kinds of row that is.

    A read under way makes way at its next page.
    """
    return Watermark.objects.filter(connection=connection).update(
        value="", swept_at=None, next_at=clock.now()
    )


def check_entities(entities: Iterable[str] | None) -> list[str]:
    """The named entities (all of none are), in an order references need. Raises InvalidInput for an unknown one."""
    wanted = set(entities) if entities is not None else set(ORDER)
    unknown = wanted - set(ORDER)
    if unknown:
        raise InvalidInput("erp.unknown_entity", f"No connector reads {', '.join(sorted(unknown))}.")
    return [entity for entity in ORDER if entity in wanted]


def _know_entities() -> None:
    for connection in ErpConnection.objects.filter(enabled=True, is_ledger=False):
        known = set(Watermark.objects.filter(connection=connection).values_list("entity", flat=True))
        Watermark.objects.bulk_create(
            [Watermark(connection=connection, entity=entity) for entity in ORDER if entity not in known],
            ignore_conflicts=True,
        )


@transaction.atomic
def _claim(mark: Watermark) -> Watermark | None:
    """The mark as this reader's, None where it is not due any more, its ERP fell silent meanwhile, or another reader is
    at work (on anything)."""
    now = clock.now()
    if not nobody_reads(now):
        return None
    rows = Watermark.objects.select_for_update(no_key=True, of=("self",)).filter(
        connection__open_until__isnull=True
    )
    row = rows.filter(pk=mark.pk, next_at__lte=now).first()
    if row is not None:
        row.began_at, row.rows_now, row.total_now, row.next_at = now, 0, None, now + PULL_LEASE
        row.save(update_fields=["began_at", "rows_now", "total_now", "next_at"])
    return row


def _pull(connection: ErpConnection, mark: Watermark) -> Pulled:
    done = Pulled(mark.entity, from_start=not mark.value)
    reached, began, turn = mark.value, clock.now(), time.monotonic()
    heard = unheard = through = False
    Watermark.objects.filter(pk=mark.pk).update(
        began_at=began, rows_now=0, total_now=None, next_at=began + PULL_LEASE
    )
    try:
        for page in pages(connection, mark.entity, mark.value):
            if not _write(mark, reached, page, done, began):
                done.error = "another reader went on meanwhile"
                # Where it was no reader that moved the watermark, nobody else would take this read for ended.
                Watermark.objects.filter(pk=mark.pk, began_at=began).update(
                    began_at=None, next_at=clock.now()
                )
                return done
            reached, heard = page.watermark, True
            if reached != mark.value and time.monotonic() - turn > TURN:
                done.unfinished = True
                break
        through = not done.unfinished
        if through:
            sweep_due(connection, mark.pk)
    except ErpUnavailable as error:
        done.error = fit_words(connection, error.message)
        unheard = True
    except ErpRejected as error:
        done.error = fit_words(connection, error.message)
    except SoftTimeLimitExceeded:
        # Whoever reads for the worker ends here. What came is kept; where none did, and where all did but the list of
        # what there is took too long, it is not begun again at once: others wait.
        done.unfinished = reached != mark.value and not through
        when = "while all there is was listed" if through else "before its first page"
        done.error = "" if done.unfinished else f"the time for one read was over {when}"
        _end(mark, done)
        raise
    except Exception as error:  # noqa: BLE001 - outer edge: one entity's fault must not stop the others
        done.error = broken(connection, error)
    else:
        # A connector with nothing to read has not asked the ERP anything either.
        if heard:
            note_success(connection)
    _end(mark, done)
    if unheard:
        _blame(connection, done.error)
    return done


def _blame(connection: ErpConnection, words: str) -> None:
    """Count a read that failed against the connection, which holds its postings, only where ERP does not answer at all:
    it may merely not let us read, or one service of it be down. Network."""
    try:
        answers = adapter_for(connection).ping().ok
    except ErpUnavailable:
        return  # its address or password is not there: it waits for that anyway
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001 - outer edge: a connector's fault says nothing of its ERP
        broken(connection, error)
        return
    if not answers:
        note_failure(connection, words)


def _end(mark: Watermark, done: Pulled) -> None:
    _finish(mark, done)
    if done.changed:
        wake("resequence")
        hint("postings", kind="master_data", entity=mark.entity)


def _write(mark: Watermark, reached: str, page: Page, done: Pulled, began: datetime) -> bool:
    """`_apply`, at once again where the database ended it for somebody who holds some of its rows and wants others."""
    for _ in range(GIVES_WAY):
        try:
            return _apply(mark, reached, page, done, began)
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    return _apply(mark, reached, page, done, began)


@transaction.atomic
def _apply(mark: Watermark, reached: str, page: Page, done: Pulled, began: datetime) -> bool:
    """Write one page, how far it reaches and what it lacks, together; False when somebody else moved the watermark."""
    row = Watermark.objects.select_for_update().get(pk=mark.pk)
    if row.value != reached:
        return False
    result: PullResult = apply_pull(
        entity=mark.entity, records=page.records, read_at=began, scope=scope_of(row.connection)
    )
    done.rows += len(page.records)
    row.value, row.rows_now, row.next_at = page.watermark, done.rows, clock.now() + PULL_LEASE
    row.total_now = page.total if page.total is not None else row.total_now
    merge_gaps(done.gaps, result.gaps)
    row.missing = _missing(mark, done)
    row.save(update_fields=["value", "rows_now", "total_now", "next_at", "missing"])
    done.created += result.created + result.renamed
    done.changed += result.changed
    done.renamed += result.renamed
    done.deleted += result.deleted
    done.unknown += result.unknown
    done.drifted += len(result.drift)
    if page.records:
        hint("postings", kind="reading", connection=row.connection_id, entity=mark.entity, rows=done.rows)
    return True


def _finish(mark: Watermark, done: Pulled) -> None:
    now = clock.now()
    rows = Watermark.objects.filter(pk=mark.pk)
    rows.update(began_at=None)
    if done.error:
        rows.update(error=done.error, error_at=now, next_at=now + PULL_AGAIN_AFTER_ERROR)
        return
    kept = {"missing": _missing(mark, done), "error": "", "error_at": None}
    if done.unfinished:
        rows.update(**kept, next_at=now)
        wake("pull")
    else:
        rows.update(**kept, at=now, rows=done.rows, next_at=now + PULL_EVERY)


def _missing(mark: Watermark, done: Pulled) -> list[dict[str, Any]]:
    """What rows name that is not here, as far as this read is. Only one from the start proves that any no longer is."""
    return stored_gaps(done.gaps if done.from_start else later_gaps(gaps_of(mark.missing), done.gaps))


def _together(first: Pulled, more: Pulled) -> Pulled:
    """Two turns of one read, told as one."""
    for name in ("rows", "created", "changed", "renamed", "deleted", "drifted"):
        setattr(first, name, getattr(first, name) + getattr(more, name))
    first.unknown += more.unknown
    merge_gaps(first.gaps, more.gaps)
    first.unfinished, first.error = more.unfinished, more.error
    return first


def _reread_missing(connection: ErpConnection, done: list[Pulled]) -> None:
    """Rows once passed over are read again from the start when what they may have spoken of has come."""
    whole = {one.entity for one in done if one.from_start}
    for earlier in done:
        if earlier.created:
            later = set(ORDER[ORDER.index(earlier.entity) + 1 :]) - whole
            Watermark.objects.filter(connection=connection, entity__in=later).exclude(missing=[]).update(
                value="", next_at=clock.now()
            )


def _reread_come(connection: ErpConnection) -> None:
    """Rows that named something which is here by now are read again from the start, whoever made it and whenever.

    Not those of a read under way. A handful of queries where anything is missing, one where nothing is.
    """
    idle = Q(began_at__isnull=True) | Q(next_at__lte=clock.now())
    marks = Watermark.objects.filter(idle, connection=connection).exclude(missing=[]).exclude(value="")
    named = {mark.pk: absent(gaps_of(mark.missing)) for mark in marks}
    come = here_now(frozenset().union(*named.values()))
    again = [pk for pk, things in named.items() if things & come]
    if again:
        Watermark.objects.filter(idle, pk__in=again).update(value="", next_at=clock.now())
