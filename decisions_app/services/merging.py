"""Merging records that are one, and splitting one that is two. Both keep every word of both stories."""

from django.db import transaction

from core import clock
from core.errors import InvalidInput, TransitionRefused
from core.hints import hint
from decisions_app.services.undoing import cancel
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord, SignalReading
from plant_app.models import User


@transaction.atomic
def merge(*, exception_id: int, into_id: int, actor: User, reason: str, via: str = "") -> ExceptionRecord:
    """Make `exception_id` part of `into_id`: its signals count there, itself is cancelled (and can be restored).

    The surviving record takes the earlier occurrence. Raises InvalidInput (with itself, other site),
    TransitionRefused. Locks both, lower key first.
    """
    if exception_id == into_id:
        raise InvalidInput("exceptions.merge_self", "A record can't be merged with itself.")
    first, second = sorted((exception_id, into_id))
    locked = {pk: exceptions.locked(exception_id=pk) for pk in (first, second)}
    exception, target = locked[exception_id], locked[into_id]
    if exception.site_id != target.site_id:
        raise InvalidInput("exceptions.merge_site", "Records of two sites stay apart; link them instead.")
    if not exception.is_live or not target.is_live:
        raise TransitionRefused("exceptions.merge_ended", "Both records must be open.")
    cancel(exception_id=exception.pk, actor=actor, reason=reason or f"Merged into {target.ref}", via=via)
    exception.refresh_from_db()
    exception.merged_into = target
    exception.save(update_fields=["merged_into"])
    mine = SignalReading.objects.filter(exception=exception)
    readings = [list(row) for row in mine.order_by("pk").values_list("pk", "opened", "outcome")]
    mine.update(exception=target, opened=False, outcome="joined")
    if exception.occurred_at < target.occurred_at:
        target.occurred_at = exception.occurred_at
        target.save(update_fields=["occurred_at"])
    for record, other in ((exception, target), (target, exception)):
        exceptions.record_event(
            exception=record,
            kind=EventKind.MERGED,
            actor=actor,
            via=via,
            text=reason[:300],
            data={"with": other.ref, **({"readings": readings} if record is exception else {})},
        )
    hint(*exceptions.groups_of(target), *exceptions.groups_of(exception), kind="merged", ref=target.ref)
    return target


@transaction.atomic
def split(
    *, exception_id: int, signal_ids: list[int], actor: User, reason: str, via: str = ""
) -> ExceptionRecord:
    """Take joined signals out into a record of their own, routed anew; the rest stays.

    Raises InvalidInput when none or all of the record's signals are named. Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id)
    mine = set(SignalReading.objects.filter(exception=exception).values_list("signal_id", flat=True))
    chosen = set(signal_ids)
    if not chosen or not chosen < mine:
        raise InvalidInput("exceptions.split", "Choose some, but not all, of the record's signals.")
    taken = SignalReading.objects.filter(exception=exception, signal_id__in=chosen).order_by("pk")
    readings = [list(row) for row in taken.values_list("pk", "opened", "outcome")]
    fresh = exceptions.open_from_signals(signal_ids=sorted(chosen), actor=actor, split_from=exception)
    for record, other in ((exception, fresh), (fresh, exception)):
        exceptions.record_event(
            exception=record,
            kind=EventKind.SPLIT,
            actor=actor,
            via=via,
            text=reason[:300],
            data={
                "with": other.ref,
                "at": clock.now().isoformat(),
                **({"readings": readings} if record is fresh else {}),
            },
        )
    hint(*exceptions.groups_of(exception), *exceptions.groups_of(fresh), kind="split", ref=exception.ref)
    return fresh


def split_from(exception: ExceptionRecord) -> ExceptionRecord | None:
    """The record this one was split off, while both are live and the split can be undone."""
    line = exception.events.filter(kind=EventKind.SPLIT, data__has_key="readings").order_by("-pk").first()
    if line is None or not exception.is_live:
        return None
    origin = ExceptionRecord.objects.filter(ref=line.data["with"]).first()
    return origin if origin is not None and origin.is_live else None


@transaction.atomic
def undo_split(*, exception_id: int, actor: User, reason: str, via: str = "") -> ExceptionRecord:
    """Put what was split off back where it came from: signals as they counted before, this record cancelled.

    Signals that joined it since go along. Returns the record it came from. TransitionRefused when it was not split off,
    or one of the two has ended. Locks both, lower key first.
    """
    exception = ExceptionRecord.objects.get(pk=exception_id)
    origin = split_from(exception)
    if origin is None:
        raise TransitionRefused(
            "exceptions.no_split", f"{exception.ref} was not split off a record that is open."
        )
    line = exception.events.filter(kind=EventKind.SPLIT, data__has_key="readings").order_by("-pk")[0]
    target = merge(
        exception_id=exception.pk,
        into_id=origin.pk,
        actor=actor,
        reason=reason or "The split is undone",
        via=via,
    )
    for pk, opened, outcome in line.data["readings"]:
        SignalReading.objects.filter(pk=pk, exception=target).update(opened=opened, outcome=outcome)
    return target
