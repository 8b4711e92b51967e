"""What can be wrong with the plant's own data: sites without shifts, duties nobody holds, a mirror gone stale."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Max

from core import clock
from core.doctor import Finding, Level, check
from plant_app.models import DutyAssignment, ExceptionType, Function, Shift, Site, WorkOrder, WorkUnit
from plant_app.selectors.duty import duties_without_holder

LOOK_AHEAD = timedelta(days=7)
STALE_AFTER = timedelta(hours=2)
# Somebody must hold these at every site, else nothing routed there ever reaches a person.
NEEDED = ("shift_supervisor", "technician", "planner")


@check
def plant_basics() -> Iterable[Finding]:
    """Sites, the catalogue and functions are there."""
    if not Site.objects.exists():
        yield Finding(
            "XL-P001", Level.ERROR, "There is no site.", "Run manage.py seed_demo, or add one in the admin."
        )
        return
    if not ExceptionType.objects.filter(active=True).exists() or not Function.objects.exists():
        yield Finding(
            "XL-P002", Level.ERROR, "The exception catalogue is empty.", "Run manage.py load_catalogue."
        )
    idle = WorkUnit.objects.filter(active=True, states__isnull=True).count()
    if idle:
        yield Finding(
            "XL-P003", Level.INFO, f"{idle} work units have never said what they do.",
            "They show as no data until a station or machine reports.", idle,
        )  # fmt: skip
    yield Finding(
        "XL-P000", Level.OK, f"{Site.objects.count()} sites, {WorkUnit.objects.count()} work units."
    )


@check
def shifts() -> Iterable[Finding]:
    """Every site has a shift that is not an office calendar, with weekdays."""
    for site in Site.objects.all():
        rows = [shift for shift in Shift.objects.filter(site=site, office=False) if shift.weekdays]
        if not rows:
            yield Finding(
                "XL-P010", Level.ERROR, f"{site.name} has no shifts: nobody is ever on duty by shift.",
                f"Add shifts to {site.code} in the admin.",
            )  # fmt: skip


@check
def duties() -> Iterable[Finding]:
    """Duties somebody holds at all are held in every shift of the next week, and the needed ones exist."""
    now = clock.now()
    for site in Site.objects.all():
        held = set(DutyAssignment.objects.filter(site=site).values_list("duty", flat=True))
        for duty in NEEDED:
            if duty not in held:
                yield Finding(
                    "XL-P020", Level.WARNING, f"Nobody holds {duty.replace('_', ' ')} at {site.name}.",
                    "Assign the duty to a person in the duty calendar.",
                )  # fmt: skip
        gaps = duties_without_holder(site=site, start=now, end=now + LOOK_AHEAD)
        if gaps:
            named = ", ".join(f"{duty.replace('_', ' ')} from {at:%a %H:%M} UTC" for duty, at in gaps[:5])
            yield Finding(
                "XL-P021", Level.WARNING, f"{site.name}, next seven days, first gap of each: {named}.",
                "Assign the shift, name a cover, or put somebody on call.", len(gaps),
            )  # fmt: skip


@check
def mirror() -> Iterable[Finding]:
    """What was pulled from ERP once is pulled again."""
    for site in Site.objects.all():
        last = WorkOrder.objects.filter(site=site).aggregate(last=Max("erp_synced_at"))["last"]
        if last is not None and clock.now() - last > STALE_AFTER:
            hours = (clock.now() - last) / timedelta(hours=1)
            yield Finding(
                "XL-P030", Level.WARNING, f"Work orders of {site.name} were last read from ERP {hours:.0f} h ago.",
                "Look at the connection in the admin and at the pull task's heartbeat.",
            )  # fmt: skip
