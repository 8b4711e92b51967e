"""The response window and the cost of delay, kept on the record: reckoned from the plan, looked at again as time goes.

The window is the time until the best standard option lapses (`decisions_app.lapses`). It is reckoned on containment,
when a plan is published, when what is known of the record changes, and at least hourly; urgency follows by the rules
the record opened with. Must not know who publishes a plan: whoever does says `ask_windows`.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from core import clock, due
from core.errors import DomainError
from core.hints import hint
from core.wake import wake
from decisions_app.lapses import outlook_of, window_of
from decisions_app.models import Playbook, WindowRequest
from decisions_app.outlook import Outlook
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord
from exceptions_app.models.records import CORRELATES
from plant_app.models import Site
from plant_app.selectors.delay import delay_cost

logger = logging.getLogger(__name__)

UNDECIDED = (Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED)
# Where the work centre itself stands while the condition lasts.
STANDS = frozenset({"machine_downtime", "tooling", "safety_stop"})
STANDING_KINDS = frozenset({"stopped_now"})


@transaction.atomic
def refresh(*, exception: ExceptionRecord, at: datetime | None = None) -> None:
    """Reckon window and cost of delay of a locked exception and store them with their reason; urgency follows.

    A decided record keeps its window: the choice is made. Where no option's end is foreseeable the window is unknown.
    """
    moment = at or clock.now()
    if exception.status not in CORRELATES or exception.drill:
        return
    outlook = outlook_of(exception, moment)
    moved = False
    if exception.status in UNDECIDED:
        playbook = Playbook.objects.filter(type=exception.type_id).prefetch_related("options").first()
        if playbook is not None:
            window = window_of(playbook.options.all(), outlook)
            moved = exceptions.set_window(
                exception=exception, until=window.until, reason=window.reason, at=moment
            )
    dearer = _reckon_delay(exception, outlook)
    raised = exceptions.look_again(exception=exception, at=moment)
    if moved or dearer or raised:
        hint(*exceptions.groups_of(exception), kind="window", ref=exception.ref)


def _reckon_delay(exception: ExceptionRecord, outlook: Outlook) -> bool:
    operation = outlook.waiting
    centre = exception.work_centre or (operation.work_centre if operation is not None else None)
    stands = exception.cleared_at is None and (
        (exception.type.code in STANDS and exception.details.get("state", "stopped") == "stopped")
        or exception.details.get("kind") in STANDING_KINDS
    )
    lines = [line for line, _ in outlook.promises]
    cost = delay_cost(centre=centre, operation=operation, lines=lines, stands=stands)
    return exceptions.set_delay_cost(exception=exception, per_minute=cost.per_minute, source=cost.source)


def ask_windows(*, site: Site) -> None:
    """The site has a new plan: its exceptions' windows are reckoned anew after commit. Locks nothing."""
    WindowRequest.objects.create(site=site)
    wake("windows")


def refresh_due(*, limit: int = 200) -> int:
    """Reckon every window that is due: those of sites with a new plan, and those time has come for. Returns how many.

    One transaction per exception and never inside one that holds a site: whoever contains an exception locks the
    exception first. A record somebody else holds waits for the next sweep.
    """
    now = clock.now()
    asked = list(WindowRequest.objects.filter(due_at__lte=now).values_list("pk", "site_id"))
    sites = {site for _, site in asked}
    open_ones = ExceptionRecord.objects.filter(status__in=CORRELATES, drill=False)
    if sites:
        # Marked before the request goes, so that a worker that dies in between has forgotten nothing.
        with transaction.atomic():
            marked = due.claim(
                open_ones.filter(site__in=sites, window_check_at__isnull=False).order_by("pk"), 10_000
            )
            ExceptionRecord.objects.filter(pk__in=[row.pk for row in marked]).update(window_check_at=None)
            left = open_ones.filter(site__in=sites, window_check_at__isnull=False).values_list("site_id")
            done = sites - {site for (site,) in left}
            WindowRequest.objects.filter(pk__in=[pk for pk, site in asked if site in done]).delete()
    waiting = open_ones.filter(Q(window_check_at=None) | Q(window_check_at__lte=now)).order_by(
        F("window_check_at").asc(nulls_first=True), "pk"
    )
    count = 0
    for pk in list(waiting.values_list("pk", flat=True)[:limit]):
        count += _refresh_one(pk, now)
    return count


def _refresh_one(pk: int, now: datetime) -> bool:
    try:
        with transaction.atomic():
            if not due.claim(ExceptionRecord.objects.filter(pk=pk), 1):
                return False
            refresh(exception=exceptions.locked(pk), at=now)
            return True
    except DomainError as error:
        # It must not hold up the others; the next sweep tries again.
        logger.exception("the window of exception %s could not be reckoned: %s", pk, error)
        return False
