"""Reading EDI messages again, once their partner is set up: the triage item makes way for what the message says now.

The sender need not send anything twice, and could not: the same interchange only gets the same answer again.
"""

from django.db import transaction

from core import clock
from core.errors import NotAllowed
from core.wake import wake
from exceptions_app.lifecycle import Status
from exceptions_app.models import EdiInterchange, EventKind, ReadingStatus, SignalReading
from exceptions_app.services.records.moves import locked, move, set_next_step
from exceptions_app.services.records.story import announce, record_event
from plant_app.models import User
from plant_app.selectors import can


@transaction.atomic
def read_edi_again(*, interchange_id: int, actor: User) -> int:
    """Have the worker read again every message of an interchange that still waits in triage; returns how many.

    Refused messages stay refused, and what people have opened or ended stays as it is. Each triage item is cancelled
    with the reason in its story. NotAllowed `edi.not_allowed`. Locks the readings, then their exceptions.
    """
    row = EdiInterchange.objects.select_related("source").get(pk=interchange_id)
    again = 0
    readings = (
        SignalReading.objects.select_for_update(no_key=True, of=("self",))
        .select_related("signal")
        .filter(signal__source=row.source, signal__external_id__startswith=f"{row.key}/")
        .exclude(status=ReadingStatus.PENDING)
        .order_by("pk")
    )
    for reading in readings:
        about = reading.signal.payload.get("edi", {}) if isinstance(reading.signal.payload, dict) else {}
        if reading.exception_id is None or about.get("refused", True):
            continue
        exception = locked(reading.exception_id)
        if exception.status != Status.TRIAGE or exception.readings.count() > 1:
            continue
        if not (actor.is_superuser or can(actor, "exception.triage", exception.site_id)):
            raise NotAllowed("edi.not_allowed", "You may not have this read again.", "Ask a planner.")
        move(exception=exception, to=Status.CANCELLED, cancelled_at=clock.now())
        record_event(
            exception=exception, kind=EventKind.CANCELLED, actor=actor, via="admin",
            text="Its message is read again", signal=reading.signal,
        )  # fmt: skip
        set_next_step(exception=exception, text="")
        announce(exception, kind=EventKind.CANCELLED)
        reading.status, reading.due_at, reading.attempts, reading.error = (
            ReadingStatus.PENDING, clock.now(), 0, "",
        )  # fmt: skip
        reading.exception, reading.opened, reading.outcome = None, False, ""
        reading.save(
            update_fields=["status", "due_at", "attempts", "error", "exception", "opened", "outcome"]
        )
        again += 1
    if again:
        wake("signals")
    return again
