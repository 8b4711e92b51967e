"""Fire drills in the browser: every line's schedule and last result, one report, beginning one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors.drills import drill_page, drills_page
from boards_app.selectors.frame import Frame
from boards_app.views.frame import done, is_htmx, page, show
from core.errors import NotFound
from notify_app import services
from notify_app.drill_selectors import drill_of
from notify_app.models import DrillPlan
from plant_app.permissions import require
from plant_app.selectors import visible_site_ids


@require_GET
@page
def drills(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Each line's drill, and those held lately; a refetch gets the lists alone."""
    if frame.home is None:
        raise NotFound("drills.no_site", "You work at no site yet.")
    require(frame.user, "drill.view", frame.site or frame.home)
    context = drills_page(frame)
    if is_htmx(request):
        return render(request, "boards_app/_drills.html", {"frame": frame, **context})
    return show(request, "boards_app/drills.html", frame, context)


@require_GET
@page
def drill(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """One drill's report, in its own site's time."""
    context = drill_page(drill_of(frame.user, pk))
    with timezone.override(context["zone"]):
        if is_htmx(request):
            return render(request, "boards_app/_drill.html", {"frame": frame, **context})
        return show(request, "boards_app/drill.html", frame, context)


@require_POST
@page
def begin(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Begin a line's drill now."""
    plan = (
        DrillPlan.objects.select_related("work_centre__area")
        .filter(pk=pk, work_centre__area__site__in=visible_site_ids(frame.user))
        .first()
    )
    if plan is None:
        raise NotFound("drills.plan", "There is no such drill.")
    require(frame.user, "drill.run", plan.work_centre.area.site_id)
    services.begin_drill(plan_id=pk, actor=frame.user)
    return done(request, f"{plan}: the drill begins now.")
