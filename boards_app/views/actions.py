"""The buttons of the desk, the exception page and the inbox: each parses a form and calls one service.

The access role is asked here, as the API does; everything about the record itself is asked by the service.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_POST

from boards_app.selectors.controls import inputs_from
from boards_app.selectors.frame import Frame
from boards_app.selectors.panel import my_response
from boards_app.selectors.reported import reported
from boards_app.views.frame import done, page, typed_moment
from core import clock
from core.errors import InvalidInput, NotFound
from decisions_app import services as decisions
from decisions_app.models import Approval, Option, Task
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Response
from exceptions_app.selectors import exception_by_ref, visible_to
from exceptions_app.services.records.links import Links
from plant_app.models import User
from plant_app.permissions import require
from plant_app.selectors import visible_site_ids

DESK, INBOX = "desk", "inbox"
Step = Callable[[ExceptionRecord, QueryDict, User], str]


def _version(posted: QueryDict) -> int | None:
    """The version the reader's page showed."""
    raw = posted.get("version", "")
    if not raw:
        return None
    if not raw.isdigit():
        raise InvalidInput("request.version", "The page is out of date.", "Reload it.")
    return int(raw)


def _acknowledge(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    mine = my_response(getattr(exception, "live_responses", ()), user, visible_site_ids(user))
    if mine is None:
        raise NotFound("exceptions.response_not_found", f"{exception.ref} does not ask you for an answer.")
    exceptions.acknowledge(response_id=mine.pk, actor=user, via=DESK)
    return f"{exception.ref} acknowledged for {mine.function}."


def _decide(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    code = posted.get("option", "")
    option = Option.objects.filter(playbook__type=exception.type_id, code=code, active=True).first()
    if option is None:
        raise InvalidInput("decisions.option", "Choose an option first.")
    decisions.decide(
        exception_id=exception.pk, option_code=code, inputs=inputs_from(option.inputs, posted), actor=user,
        reason=posted.get("reason", "").strip(), expected_version=_version(posted), via=DESK,
        emergency=posted.get("emergency") == "1",
    )  # fmt: skip
    return f"Decided: {option}."


def _ask(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    code = posted.get("option", "")
    option = Option.objects.filter(playbook__type=exception.type_id, code=code, active=True).first()
    if option is None:
        raise InvalidInput("decisions.option", "Choose an option first.")
    rows = decisions.ask_approval(
        exception_id=exception.pk, option_code=code, inputs=inputs_from(option.inputs, posted), actor=user,
        reason=posted.get("reason", "").strip(), expected_version=_version(posted), via=DESK,
    )  # fmt: skip
    names = ", ".join(str(row.person or row.get_role_display()) for row in rows)
    return f"Asked: {names}. {option} takes effect with the last yes."


def _cause(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    cause = decisions.state_cause(
        exception_id=exception.pk, category=posted.get("category", ""), text=posted.get("text", ""), actor=user,
        via=DESK,
    )  # fmt: skip
    return f"Root cause: {cause.category}."


def _follow_up(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    due_at = typed_moment(posted.get("due_at", ""), exception.site.timezone)
    if due_at is None:
        raise InvalidInput("tasks.due", "Say by when.", field="due_at")
    name, days = posted.get("person", ""), posted.get("check_days", "")
    person = User.objects.filter(username=name, is_active=True).first() if name else None
    if name and person is None:
        raise InvalidInput("exceptions.unknown_person", f"There is nobody called {name}.")
    task = decisions.add_task(
        exception_id=exception.pk, title=posted.get("title", ""), function_code=posted.get("function", ""),
        due_at=due_at, blocking=False, actor=user, person=person,
        check_days=int(days) if days.isdigit() and len(days) < 4 else None,
    )  # fmt: skip
    return f"Follow-up handed out: {task.title}."


def _reverse(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    number = posted.get("number", "")
    if not number.isdigit():
        raise InvalidInput("decisions.decision", "Say which decision.")
    decisions.reverse_decision(
        exception_id=exception.pk, number=int(number), actor=user, reason=posted.get("reason", ""),
        expected_version=_version(posted), via=DESK,
    )  # fmt: skip
    return "The decision is taken back."


def _with_reason(service: Callable[..., Any], words: str) -> Step:
    def step(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
        service(
            exception_id=exception.pk, actor=user, reason=posted.get("reason", ""),
            expected_version=_version(posted), via=DESK,
        )  # fmt: skip
        return f"{exception.ref} {words}."

    return step


def _resolve(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    decisions.resolve(
        exception_id=exception.pk, actor=user, reason=posted.get("reason", ""), expected_version=_version(posted),
        via=DESK, cause=posted.get("cause", ""), cause_text=posted.get("cause_text", ""),
    )  # fmt: skip
    return f"{exception.ref} resolved."


def _restore(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    decisions.restore(exception_id=exception.pk, actor=user, reason=posted.get("reason", ""), via=DESK)
    return f"{exception.ref} restored."


def _clear(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    at = typed_moment(posted.get("at", ""), exception.site.timezone)
    # A minute typed is the minute's beginning, and the clock on the page may be some seconds behind.
    if at is not None and at > clock.now() - timedelta(minutes=2):
        at = None
    decisions.clear(exception_id=exception.pk, actor=user, at=at, expected_version=_version(posted), via=DESK)
    return f"{exception.ref}: the condition is gone."


def _merge(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    into = exception_by_ref(user, posted.get("into", ""))
    decisions.merge(
        exception_id=exception.pk, into_id=into.pk, actor=user, reason=posted.get("reason", ""), via=DESK
    )
    return f"{exception.ref} is part of {into.ref} now."


def _split(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    ids = [int(raw) for raw in posted.getlist("signal") if raw.isdigit()]
    fresh = decisions.split(
        exception_id=exception.pk, signal_ids=ids, actor=user, reason=posted.get("reason", ""), via=DESK
    )
    return f"{fresh.ref} split off."


def _unsplit(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    origin = decisions.undo_split(
        exception_id=exception.pk, actor=user, reason=posted.get("reason", ""), via=DESK
    )
    return f"{exception.ref} is part of {origin.ref} again."


def _shelve(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    place, hours = posted.get("place", ""), posted.get("hours", "")
    if place not in ("work_unit", "work_centre", "area") or getattr(exception, place) is None:
        raise InvalidInput("exceptions.shelf", "Choose what is shelved.", field="place")
    if not hours.isdigit():
        raise InvalidInput("exceptions.shelf", "Say for how long.", field="hours")
    shelf = exceptions.shelve(
        links=Links(site=exception.site, **{place: getattr(exception, place)}), type_=exception.type,
        ends_at=clock.now() + timedelta(hours=int(hours[:4])), reason=posted.get("reason", ""), author=user,
        people_too="people" in posted,
    )  # fmt: skip
    return f"Shelved: {shelf.scope}."


def _reroute(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    name = posted.get("person", "")
    person = User.objects.filter(username=name, is_active=True).first() if name else None
    if name and person is None:
        raise InvalidInput("exceptions.unknown_person", f"There is nobody called {name}.")
    fresh = exceptions.reroute(
        exception_id=exception.pk, actor=user, function_code=posted.get("function", ""), person=person,
        reason=posted.get("reason", ""), via=DESK, expected_version=_version(posted), tell="tell" in posted,
    )  # fmt: skip
    return f"{exception.ref} is with {fresh.person or 'whoever comes on duty'}, {fresh.function} now.{_untold(fresh)}"


def _add(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    fresh = exceptions.add_function(
        exception_id=exception.pk, function_code=posted.get("function", ""), required="required" in posted,
        actor=user, why=posted.get("reason", "").strip() or "asked on the page", via=DESK, tell="tell" in posted,
    )  # fmt: skip
    return f"{fresh.function} is asked.{_untold(fresh)}"


def _untold(response: Response) -> str:
    """What is added where response is capture only and nobody said that they be told."""
    return " Capture only here: nobody is told." if exceptions.stays_quiet(response) else ""


def _change(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    raw, what, reason = posted.get("response", ""), posted.get("what", ""), posted.get("reason", "")
    row = exception.responses.filter(pk=int(raw)).first() if raw.isdigit() else None
    if row is None:
        raise InvalidInput("exceptions.response_not_found", "Choose a function.", field="response")
    if what == "off":
        gone = exceptions.remove_function(
            response_id=row.pk, actor=user, reason=reason, via=DESK, expected_version=_version(posted)
        )
        return f"{gone.function} is no longer asked."
    if what not in ("must", "inform"):
        raise InvalidInput("request.choice", "Choose what is asked of them.", field="what")
    kept = exceptions.set_required(
        response_id=row.pk, required=what == "must", actor=user, why=reason, via=DESK,
        expected_version=_version(posted), tell="tell" in posted,
    )  # fmt: skip
    return f"{kept.function} {'must acknowledge' if kept.required else 'is only informed'}."


def _sort(exception: ExceptionRecord, posted: QueryDict, user: User) -> str:
    names = ("type", "work_unit", "item", "lot", "sales_line", "purchase_line", "quantity")
    before = {
        "type": exception.type.code,
        "work_unit": exception.work_unit.code if exception.work_unit else "",
        "item": exception.item.code if exception.item else "",
        "lot": exception.lot.code if exception.lot else "",
        "sales_line": str(exception.sales_line or ""),
        "purchase_line": str(exception.purchase_line or ""),
    }
    given = {name: posted.get(name, "").strip() for name in names if name in posted}
    fields = {name: value for name, value in given.items() if value != before.get(name, "")}
    fields["type"] = given.get("type", "")
    if not fields["type"]:
        raise InvalidInput("exceptions.correction", "Say what it is: choose a type.", field="type")
    exceptions.correct(
        exception_id=exception.pk, fields=fields, actor=user, via=DESK, expected_version=_version(posted)
    )
    return f"{exception.ref} is sorted and routed."


# verb -> (what the access role must allow, the step)
VERBS: dict[str, tuple[str, Step]] = {
    "acknowledge": ("exception.respond", _acknowledge),
    "decide": ("exception.decide", _decide),
    "ask": ("exception.decide", _ask),
    "cause": ("exception.resolve", _cause),
    "follow-up": ("exception.resolve", _follow_up),
    "reverse": ("exception.decide", _reverse),
    "resolve": ("exception.resolve", _resolve),
    "reopen": ("exception.reopen", _with_reason(decisions.reopen, "is open again")),
    "cancel": ("exception.cancel", _with_reason(decisions.cancel, "cancelled")),
    "restore": ("exception.cancel", _restore),
    "clear": ("exception.clear", _clear),
    "merge": ("exception.merge", _merge),
    "split": ("exception.split", _split),
    "unsplit": ("exception.split", _unsplit),
    "shelve": ("exception.shelve", _shelve),
    "reroute": ("exception.respond", _reroute),
    "add": ("exception.respond", _add),
    "change": ("exception.respond", _change),
    "sort": ("exception.triage", _sort),
}


@require_POST
@page
def act(request: HttpRequest, frame: Frame, ref: str, verb: str) -> HttpResponse:
    """One verb on one exception."""
    if verb not in VERBS:
        raise NotFound("request.verb", "There is no such button.")
    exception = exception_by_ref(frame.user, ref)
    needed, step = VERBS[verb]
    require(frame.user, needed, exception.site_id)
    return done(request, step(exception, request.POST, frame.user))


@require_POST
@page
def reading(request: HttpRequest, frame: Frame, ref: str, name: str, confirm: bool = False) -> HttpResponse:
    """Confirm one thing that was read, or put it right."""
    exception = exception_by_ref(frame.user, ref)
    require(frame.user, "exception.triage", exception.site_id)
    read = next((row for row in reported(exception).readings if row["name"] == name), None)
    if read is None:
        raise NotFound("exceptions.reading", "Nothing of that name was read.")
    value = read["raw"] if confirm else request.POST.get("value", "").strip()
    if name == "occurred_at" and not confirm:
        value = typed_moment(str(value), exception.site.timezone) or ""
    exceptions.correct(
        exception_id=exception.pk, fields={name: value}, actor=frame.user, via=DESK,
        expected_version=_version(request.POST),
    )  # fmt: skip
    return done(
        request,
        (gettext("{what} confirmed.") if confirm else gettext("{what} corrected.")).format(
            what=read["words"]
        ),
    )


# --- answers ------------------------------------------------------------------------------------------------
def _way(pk: int, user: User, posted: QueryDict) -> Response:
    raw = posted.get("eta_minutes", "")
    eta = clock.now() + timedelta(minutes=min(int(raw), 24 * 60)) if raw.isdigit() else None
    return exceptions.on_my_way(response_id=pk, actor=user, via=INBOX, eta=eta)


ANSWERS: dict[str, tuple[str, Callable[[int, User, QueryDict], Response]]] = {
    "acknowledge": (gettext_noop("acknowledged"),
        lambda pk, user, _: exceptions.acknowledge(response_id=pk, actor=user, via=INBOX)),
    "on-my-way": (gettext_noop("you are on the way"), _way),
    "arrived": (gettext_noop("you are there"),
        lambda pk, user, _: exceptions.arrived(response_id=pk, actor=user, via=INBOX)),
    "act": (gettext_noop("you are on it"),
        lambda pk, user, _: exceptions.act(response_id=pk, actor=user, via=INBOX)),
    "finish": (gettext_noop("your part is done"),
        lambda pk, user, _: exceptions.finish(response_id=pk, actor=user, via=INBOX)),
    "take-over": (gettext_noop("it is yours now"),
        lambda pk, user, _: exceptions.take_over(response_id=pk, actor=user, via=INBOX)),
    "decline": (
        gettext_noop("declined, the next one is asked"),
        lambda pk, user, posted: exceptions.decline(
            response_id=pk, actor=user, via=INBOX, reason=posted.get("reason", "")
        ),
    ),
}  # fmt: skip


@require_POST
@page
def answer(request: HttpRequest, frame: Frame, pk: int, verb: str) -> HttpResponse:
    """One step of a response."""
    found = (
        Response.objects.filter(pk=pk, exception__in=visible_to(frame.user))
        .select_related("exception")
        .first()
    )
    if found is None or verb not in ANSWERS:
        raise NotFound("exceptions.response_not_found", "There is no such response.")
    require(frame.user, "exception.respond")
    words, step = ANSWERS[verb]
    step(pk, frame.user, request.POST)
    return done(request, f"{found.exception.short_ref}: {gettext(words)}.")


@require_POST
@page
def task(request: HttpRequest, frame: Frame, pk: int, verb: str) -> HttpResponse:
    """Finish a task with what it asks, or take it."""
    found = (
        Task.objects.filter(pk=pk, exception__in=visible_to(frame.user)).select_related("exception").first()
    )
    if found is None:
        raise NotFound("tasks.none", "There is no such task.")
    require(frame.user, "task.finish", found.exception.site_id)
    if verb == "call-off":
        decisions.call_off_task(
            task_id=pk, actor=frame.user, reason=request.POST.get("reason", ""), via=INBOX
        )
        return done(request, gettext("Called off: {task}.").format(task=found.title))
    if verb == "take":
        decisions.take_task(task_id=pk, actor=frame.user)
        return done(request, gettext("Yours now: {task}.").format(task=found.title))
    decisions.complete_task(
        task_id=pk, actor=frame.user, result=inputs_from(found.asks, request.POST),
        note=request.POST.get("note", "").strip(), via=INBOX,
    )  # fmt: skip
    return done(request, gettext("Done: {task}.").format(task=found.title))


@require_POST
@page
def approval(request: HttpRequest, frame: Frame, pk: int, verb: str) -> HttpResponse:
    """Yes, no with a reason, or one's own request taken back."""
    found = (
        Approval.objects.filter(pk=pk, exception__in=visible_to(frame.user)).select_related("option").first()
    )
    if found is None:
        raise NotFound("approvals.none", "There is no such request.")
    require(frame.user, "exception.decide", found.exception.site_id)
    reason = request.POST.get("reason", "").strip()
    if verb == "refuse":
        decisions.refuse_approval(approval_id=pk, actor=frame.user, reason=reason, via=DESK)
        return done(request, f"Not approved: {found.option}.")
    if verb == "withdraw":
        decisions.withdraw_approval(approval_id=pk, actor=frame.user, via=DESK)
        return done(request, f"Taken back: {found.option}.")
    row = decisions.approve(approval_id=pk, actor=frame.user, note_text=reason, via=DESK)
    if row.status == "stale":
        return done(request, f"Out of date, {row.answer}. {row.asked_by} is told to ask again.")
    return done(request, f"Approved: {found.option}.")
