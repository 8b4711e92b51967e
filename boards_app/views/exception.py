"""The exception page, and the questions it asks before it does something."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from boards_app.selectors import dialogs, dialogs_after
from boards_app.selectors.asking import Dialog
from boards_app.selectors.controls import inputs_from
from boards_app.selectors.frame import Frame
from boards_app.selectors.quiet import with_warning
from boards_app.selectors.record.deciding import intended_of, told_of
from boards_app.selectors.record.page import record_page
from boards_app.selectors.reported import reported
from boards_app.views.frame import is_htmx, page, show
from core.errors import NotFound
from decisions_app.models import Option, Task
from exceptions_app.models import Response
from exceptions_app.selectors import exception_by_ref, visible_to
from notify_app import services as notices

P = ParamSpec("P")


def in_its_time(
    view: Callable[Concatenate[HttpRequest, Frame, Any, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, Frame, str, P], HttpResponse]:
    """Give `view` the exception of its reference, with times in the exception's own site."""

    @wraps(view)
    def wrapped(
        request: HttpRequest, frame: Frame, ref: str, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        exception = exception_by_ref(frame.user, ref)
        with timezone.override(exception.site.timezone):
            return view(request, frame, exception, *args, **kwargs)

    return wrapped


@require_GET
@page
@in_its_time
def exception(request: HttpRequest, frame: Frame, found: Any) -> HttpResponse:
    """One record in full. Opening it notes that its reader has seen it; a refetch does not."""
    context = record_page(found, frame, request.GET.get("option", ""))
    if is_htmx(request) and request.headers.get("HX-Target") == "record":
        return render(request, "boards_app/record.html", {"frame": frame, **context})
    notices.mark_seen(person=frame.user, exception_id=found.pk)
    return show(request, "boards_app/exception.html", frame, context)


@require_POST
@page
@in_its_time
def erp_preview(request: HttpRequest, frame: Frame, found: Any) -> HttpResponse:
    """What ERP would get from the option and inputs on the page, without deciding anything."""
    option = Option.objects.filter(
        playbook__type=found.type_id, code=request.POST.get("option", ""), active=True
    ).first()
    if option is None:
        raise NotFound("decisions.option", "Choose an option first.")
    rows = intended_of(found, option, inputs_from(option.inputs, request.POST), frame.now)
    told = told_of(found, option, inputs_from(option.inputs, request.POST))
    context = {"option": option, "rows": rows, "exception": found, "told": told}
    return render(request, "boards_app/erp_preview.html", context)


@require_GET
@page
@in_its_time
def dialog(request: HttpRequest, frame: Frame, found: Any, name: str) -> HttpResponse:
    """One of the page's questions."""
    question = dialogs.dialog_of(name, found, frame.user, request.GET.dict())
    return ask(request, with_warning(name, question, found))


@require_GET
@page
@in_its_time
def correct_dialog(request: HttpRequest, frame: Frame, found: Any, name: str) -> HttpResponse:
    """Ask for the right value of one thing that was read."""
    read = next((row for row in reported(found).readings if row["name"] == name), None)
    if read is None:
        raise NotFound("exceptions.reading", "Nothing of that name was read.")
    return ask(request, dialogs.correct_dialog(found, name, read["raw"]), target="correct")


@require_GET
@page
def response_dialog(request: HttpRequest, frame: Frame, pk: int, name: str) -> HttpResponse:
    """Decline, or say when one is there."""
    builders = {"decline": dialogs.decline_dialog, "on-my-way": dialogs.way_dialog}
    response = (
        Response.objects.filter(pk=pk, exception__in=visible_to(frame.user))
        .select_related("exception", "function")
        .first()
    )
    if response is None or name not in builders:
        raise NotFound("exceptions.response_not_found", "There is no such response.")
    return ask(request, builders[name](response), target="decline" if name == "decline" else "dialog")


@require_GET
@page
def task_dialog(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """What a task asks from whoever finishes it."""
    task = (
        Task.objects.filter(pk=pk, exception__in=visible_to(frame.user))
        .select_related("exception__site", "exception__item", "exception__reason", "exception__type")
        .first()
    )
    if task is None:
        raise NotFound("tasks.none", "There is no such task.")
    with timezone.override(task.exception.site.timezone):
        return ask(request, dialogs.task_dialog(task))


@require_GET
@page
def call_off_dialog(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Why a task is not needed."""
    task = (
        Task.objects.filter(pk=pk, exception__in=visible_to(frame.user)).select_related("exception").first()
    )
    if task is None:
        raise NotFound("tasks.none", "There is no such task.")
    return ask(request, dialogs_after.call_off_dialog(task))


def ask(request: HttpRequest, question: Dialog, *, target: str = "dialog") -> HttpResponse:
    """Draw a question: inside the page's dialog for scripts, as a page of its own otherwise."""
    template = "boards_app/dialog.html" if is_htmx(request) else "boards_app/dialog_page.html"
    return render(request, template, {"dialog": question, "target": target})
