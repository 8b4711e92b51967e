"""Holding the outbox against the ERP's own documents: missing there, unknown here, differing, doubled.

Owns the comparison and its record; when it is due, and who looks after what it found, is decided beside this. It
changes no posting: what differs is for a person to judge. Connectors that can't list documents say so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from time import monotonic

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Q

from core import clock
from core.hints import hint
from erp_sync import lifecycle
from erp_sync.adapters.port import ErpDocument
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.findings import PARTLY
from erp_sync.models import ErpConnection, FindingKind, Posting, ReconciliationRun
from erp_sync.services.caring import Found, note_found
from erp_sync.services.connecting import adapter_for, fit_words
from erp_sync.services.looking import broken, look_up
from plant_app.models import Item

WINDOW = timedelta(days=2)
#: Documents and postings younger than this may still be on their way to each other.
STILL_MOVING = timedelta(minutes=10)
CENT = Decimal("0.01")
#: Seconds spent on looking up what ERP did not list, one by one; well within what a worker has for one run.
LOOKING = 300.0
#: From so many of these on, each run begins elsewhere among them.
MANY = 200
_STRIDE = 7919
#: Statuses in which the document of a posting is no surprise: it is ours, or the sender finds it by itself.
_EXPECTED = {lifecycle.Status.CONFIRMED, lifecycle.Status.QUEUED, *lifecycle.IN_FLIGHT}


def reconcile(*, connection: ErpConnection, since: datetime | None = None) -> ReconciliationRun:
    """Compare what was confirmed since `since` (two days) with the ERP's documents; the run carries the findings.

    Must not run inside a transaction: it reads the ERP. Where it can't be asked to the end, whatever the reason, the
    run says so and carries what was found until then. Raises SoftTimeLimitExceeded, with the run written just so.
    """
    return compare(
        ReconciliationRun.objects.create(connection=connection, since=since or clock.now() - WINDOW)
    )


def compare(run: ReconciliationRun) -> ReconciliationRun:
    """Carry out a run that has been begun or asked for. As `reconcile`."""
    run.started_at = clock.now()
    findings: list[Found] = []
    try:
        for one in _differences(run):
            findings.append(one)  # noqa: PERF402 (what was found before something breaks is kept)
    except (ErpUnavailable, ErpRejected) as error:
        run.error = error.message
    except SoftTimeLimitExceeded:
        run.error = "the time for one comparison was over before its end"
        _finish(run, findings)
        raise
    except Exception as error:  # noqa: BLE001 - outer edge: a run that breaks must say so instead of being tried for ever
        run.error = broken(run.connection, error)
    return _finish(run, findings)


def _finish(run: ReconciliationRun, findings: list[Found]) -> ReconciliationRun:
    with transaction.atomic():
        run.finished_at, run.error = clock.now(), fit_words(run.connection, run.error)
        run.save(update_fields=["started_at", "documents", "postings", "error", "finished_at"])
        note_found(run=run, found=findings)
        hint("postings", kind="reconciliation", run=run.pk)
    return run


def _differences(run: ReconciliationRun) -> Iterator[Found]:
    """Everything the two differ in. Nothing is concluded from a list of documents that broke off."""
    adapter = adapter_for(run.connection)
    if not adapter.reconciles:
        run.error = "this connector does not list documents"
        return
    documents: dict[str, list[ErpDocument]] = defaultdict(list)
    for document in adapter.list_documents(run.since):
        documents[document.business_key].append(document)
        run.documents += 1
    postings = list(
        Posting.objects.filter(
            connection=run.connection,
            status=lifecycle.Status.CONFIRMED,
            settled_at__gte=run.since,
            settled_at__lte=run.started_at - STILL_MOVING,
        )
        .exclude(reversals__status=lifecycle.Status.CONFIRMED)  # taken back there, as it should be
        .order_by("pk")
    )
    run.postings = len(postings)
    yield from _from_there(run, documents)
    yield from _from_here(run, postings, documents)


#: Kinds that leave a value behind and no document of their own everywhere, and what names the value.
_VALUES = ("change.date", "change.quantity", "change.cancel", "operation.move")
_NAMES = ("target", "number", "line", "which", "work_order", "operation")


def _value_of(posting: Posting) -> tuple[str, ...] | None:
    """Which value of ERP's a posting changes, or puts back; None for one that changes none."""
    kind, payload = posting.kind, posting.payload
    if kind == "reversal":
        kind, payload = str(payload.get("reverses_kind")), payload.get("original") or {}
    return (kind, *(str(payload.get(name) or "") for name in _NAMES)) if kind in _VALUES else None


def _replaced(run: ReconciliationRun, postings: list[Posting]) -> set[int]:
    """Changes of a value that a later posting has changed again, or may have: ERP says that one's. One query."""
    mine = {one.pk: value for one in postings if (value := _value_of(one)) is not None}
    if not mine:
        return set()
    later = Posting.objects.filter(
        Q(kind__in=_VALUES) | Q(kind="reversal", payload__reverses_kind__in=_VALUES),
        connection=run.connection, pk__gt=min(mine),
        status__in=[lifecycle.Status.CONFIRMED, *lifecycle.IN_FLIGHT],
    )  # fmt: skip
    last: dict[tuple[str, ...], int] = {}
    for one in later.only("kind", "payload").order_by("pk"):
        if (value := _value_of(one)) is not None:
            last[value] = one.pk
    return {pk for pk, value in mine.items() if last.get(value, pk) > pk}


def _in_another_unit(postings: list[Posting]) -> set[int]:
    """Postings over a unit their item is not kept in here: how much that is in ERP's own is not known. One query."""
    said = {one.pk: (one.payload.get("item"), one.payload.get("uom")) for one in postings}
    named = {str(item) for item, uom in said.values() if uom}
    kept = dict(Item.objects.filter(code__in=named).values_list("code", "uom"))
    return {pk for pk, (item, uom) in said.items() if uom and kept.get(str(item)) != uom}


def _looked_up(run: ReconciliationRun, postings: list[Posting], of: int) -> Iterator[Found]:
    """What ERP does not have of postings it did not list: not every one leaves a document of its own (a changed date
    does not).

    One that can't be looked up, and those the time was over for, are counted, with the reason of the first, and keep no
    other. Where there are many, each run begins elsewhere among them, so that all have their turn.
    """
    begin = run.pk * _STRIDE % len(postings) if len(postings) >= MANY else 0
    until, unseen, first = monotonic() + LOOKING, 0, ""
    for posting in postings[begin:] + postings[:begin]:
        over = monotonic() > until
        try:
            found = None if over else look_up(run.connection, posting)
        except ErpRejected as error:
            over, why = True, error.message
        else:
            why = "the time for looking up was over"
        if over:
            unseen += 1
            first = first or f"{posting.business_key}: {why}"
            run.error = f"{PARTLY}: {unseen} of {of} postings, the first {first}"
        elif found is None or found.status == "rejected":
            yield _finding(FindingKind.MISSING_THERE, posting, ours=posting.erp_number)


def _from_here(
    run: ReconciliationRun, postings: list[Posting], documents: dict[str, list[ErpDocument]]
) -> Iterator[Found]:
    """What we hold confirmed and the ERP does not have, or has otherwise."""
    other_unit, replaced = _in_another_unit(postings), _replaced(run, postings)
    for posting in postings:
        there = documents.get(posting.business_key, [])
        if not there:
            continue
        final = [document for document in there if document.final]
        if not final:
            yield _finding(
                FindingKind.DIFFERING, posting, ours="confirmed", theirs=there[0].state, document=there[0]
            )
            continue
        doubled = [kind for kind, count in Counter(d.document for d in final).items() if count > 1]
        if doubled:
            yield _finding(
                FindingKind.DOUBLED,
                posting,
                ours=posting.erp_number,
                theirs=f"{len(final)} x {doubled[0]}",
                document=final[1],
            )
        for document in final:
            values = None if posting.pk in other_unit else _differing(posting, document)
            if values is not None:
                yield _finding(
                    FindingKind.DIFFERING,
                    posting,
                    ours=f"{values[0]:f}",
                    theirs=f"{values[1]:f}",
                    document=document,
                )
    unlisted = [one for one in postings if one.business_key not in documents and one.pk not in replaced]
    yield from _looked_up(run, unlisted, len(postings))


def _from_there(run: ReconciliationRun, documents: dict[str, list[ErpDocument]]) -> Iterator[Found]:
    """Final documents under a key of ours that the outbox neither holds as confirmed nor settled with their number."""
    known = {
        posting.business_key: posting
        for posting in Posting.objects.filter(connection=run.connection, business_key__in=list(documents))
    }
    for key, there in documents.items():
        posting = known.get(key)
        if posting is not None and posting.status in _EXPECTED:
            continue
        for document in there:
            young = document.written_at is not None and document.written_at > run.started_at - STILL_MOVING
            ours = posting is not None and document.erp_number[:80] == (posting.erp_number or None)
            if document.final and not young and not ours:
                yield Found(
                    kind=FindingKind.UNKNOWN_HERE,
                    posting=posting,
                    business_key=key,
                    erp_number=document.erp_number,
                    about_at=document.written_at or run.since,
                    ours=posting.status if posting is not None else "",
                    theirs=document.state,
                )


def _finding(
    kind: FindingKind,
    posting: Posting,
    *,
    ours: str = "",
    theirs: str = "",
    document: ErpDocument | None = None,
) -> Found:
    return Found(
        kind=kind,
        posting=posting,
        business_key=posting.business_key,
        erp_number=document.erp_number if document is not None else posting.erp_number,
        about_at=posting.settled_at or posting.created_at,
        ours=ours,
        theirs=theirs,
    )


def _differing(posting: Posting, document: ErpDocument) -> tuple[Decimal, Decimal] | None:
    """Our figure and ERP's where they differ: a movement's quantity, a cost's amount; other kinds have none.

    Less than a cent between two amounts is ERP's rounding.
    """
    moved = posting.kind.startswith("movement.")
    theirs = document.quantity if moved else document.amount if posting.kind == "cost" else None
    if theirs is None:
        return None
    try:
        ours = Decimal(str(posting.payload.get("quantity" if moved else "amount")))
    except InvalidOperation:
        return None
    apart = theirs != ours if moved else abs(theirs - ours) >= CENT
    return (ours, theirs) if apart else None
