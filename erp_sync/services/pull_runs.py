"""Reads somebody asked for, and dry runs: asked here, done by a worker, with a result to look at.

A dry run reads like any other and changes nothing: each page is applied in a transaction that is rolled back. Owns the
asking, the claiming and the form of the result. Must not know: how a page is applied.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Q

from core import clock
from core.due import claim
from core.errors import InvalidInput
from core.hints import hint
from core.wake import wake
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.gaps import Gaps, merge_gaps, stored_gaps
from erp_sync.models import ErpConnection, PullRun, Watermark
from erp_sync.services.connecting import fit_words
from erp_sync.services.looking import broken, pages
from erp_sync.services.pulling import Pulled, check_entities, pull_master_data
from erp_sync.services.reader import RUN_LEASE, nobody_reads
from erp_sync.services.sweeping import rehearse_sweep, scope_of
from plant_app.models import User
from plant_app.services import Lent, PullResult, RowChange, rehearse_pull

#: Rows of a dry run kept per entity with their before and after; all are counted.
KEPT_ROWS = 200
_COUNTS = ("created", "updated", "renamed", "deleted", "unchanged")


@transaction.atomic
def ask_pull(
    *,
    connection: ErpConnection,
    actor: User | None,
    entities: Iterable[str] = (),
    dry: bool = False,
    from_start: bool = False,
) -> PullRun:
    """Ask for a read of the named entities (none: all), `dry` to only see what it would do. A worker takes it up.

    `from_start` reads everything instead of what changed since the last read. An equal one nobody has begun yet is
    returned instead of a second. Raises InvalidInput for an unknown entity, or for a connection that is none to read.
    """
    if connection.is_ledger or not connection.enabled:
        raise InvalidInput(
            "erp.not_read", f"{connection.name} is not read from.", "Choose a connection in use."
        )
    wanted = list(entities)
    if wanted:
        check_entities(wanted)
    same = PullRun.objects.select_for_update(no_key=True).filter(
        connection=connection,
        entities=wanted,
        dry=dry,
        from_start=from_start,
        started_at=None,
        finished_at=None,
    )
    run = same.first() or PullRun.objects.create(
        connection=connection, entities=wanted, dry=dry, from_start=from_start, asked_by=actor
    )
    wake("pull")
    return run


def work_pull_runs(*, limit: int = 3) -> int:
    """Do what was asked for, oldest first; returns how many runs were finished. Must not run inside a transaction.

    A run a worker died over is done again: reading twice changes nothing. Raises SoftTimeLimitExceeded where the
    worker's time is up; the run then says so.
    """
    done = 0
    while done < limit:
        run = _claim()
        if run is None:
            break
        _work(run)
        done += 1
    return done


@transaction.atomic
def _claim() -> PullRun | None:
    now = clock.now()
    if not nobody_reads(now):
        return None
    waiting = Q(started_at=None) | Q(started_at__lte=now - RUN_LEASE)
    rows = claim(
        PullRun.objects.filter(waiting, finished_at=None).select_related("connection").order_by("pk"), 1
    )
    for run in rows:
        run.started_at = now
        run.save(update_fields=["started_at"])
    return rows[0] if rows else None


def _work(run: PullRun) -> None:
    entities = check_entities(run.entities or None)
    try:
        if run.dry:
            for entity, told in _rehearse(run, entities):
                run.result[entity] = told
        else:
            done = pull_master_data(connection=run.connection, entities=entities, from_start=run.from_start)
            run.result = {one.entity: _told(one) for one in done}
    except SoftTimeLimitExceeded:
        kept = "" if run.dry else "; what came is kept, and reading goes on there"
        run.error = f"the time for one read was over before its end{kept}"
        _end(run)
        raise
    except Exception as error:  # noqa: BLE001 - outer edge: a run that breaks must say so instead of being tried for ever
        run.error = broken(run.connection, error)
    run.error = run.error or "; ".join(
        f"{entity}: {row['error']}" for entity, row in run.result.items() if row["error"]
    )
    _end(run)


def _end(run: PullRun) -> None:
    with transaction.atomic():
        run.finished_at = clock.now()
        run.save(update_fields=["result", "error", "finished_at"])
        hint("postings", kind="pull_run", run=run.pk)


def _told(done: Pulled) -> dict[str, Any]:
    return {
        "rows": done.rows,
        "created": done.created - done.renamed,
        "updated": done.changed - done.created - done.deleted,
        "renamed": done.renamed,
        "deleted": done.deleted,
        "unchanged": done.rows - done.changed - len(done.unknown),
        "gaps": stored_gaps(done.gaps),
        "drifted": done.drifted,
        "error": done.error,
    }


def _rehearse(run: PullRun, entities: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read every page and apply it in a transaction that is rolled back; no watermark moves. One entity after another,
    so that what is known of the first is kept when the time is over before the last."""
    lent: Lent = {}
    began, scope = clock.now(), scope_of(run.connection)
    marks = dict(Watermark.objects.filter(connection=run.connection).values_list("entity", "value"))
    for entity in entities:
        counts = dict.fromkeys(_COUNTS, 0)
        gaps: Gaps = {}
        told: list[dict[str, Any]] = []
        said_deleted: set[str] = set()
        rows, disbelieved, error = 0, 0, ""
        try:
            since = "" if run.from_start else marks.get(entity, "")
            for page in pages(run.connection, entity, since):
                done: PullResult = rehearse_pull(
                    entity=entity, records=page.records, lent=lent, read_at=began, scope=scope
                )
                rows += len(page.records)
                for name in _COUNTS:
                    counts[name] += getattr(done, name)
                merge_gaps(gaps, done.gaps)
                said_deleted |= {row.code for row in done.rows if row.change == "deleted"}
                told += [_row(row) for row in done.rows[: KEPT_ROWS - len(told)]]
            swept = rehearse_sweep(connection=run.connection, entity=entity)
            if swept is not None:
                gone = [code for code in swept.codes if code not in said_deleted]
                counts["deleted"] += len(gone)
                told += [_gone(code) for code in gone[: KEPT_ROWS - len(told)]]
                disbelieved = swept.refused
        except (ErpUnavailable, ErpRejected) as trouble:
            error = fit_words(run.connection, trouble.message)
        except SoftTimeLimitExceeded:
            raise
        except Exception as fault:  # noqa: BLE001 - outer edge: one entity's fault must not hide the others
            error = broken(run.connection, fault)
        yield entity, {
            **counts, "rows": rows, "gaps": stored_gaps(gaps), "changes": told, "disbelieved": disbelieved,
            "error": error,
        }  # fmt: skip


def _gone(code: str) -> dict[str, Any]:
    """A row ERP's own list no longer has."""
    return {"code": code, "change": "deleted", "fields": {"in ERP": ["yes", "no"]}}


def _row(row: RowChange) -> dict[str, Any]:
    return {
        "code": row.code,
        "change": row.change,
        "fields": {name: list(pair) for name, pair in row.fields.items()},
    }
