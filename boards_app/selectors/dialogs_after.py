"""The questions about yeses and about what is learnt: refuse, call off, root cause, follow-up; and the way back."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from boards_app.selectors.asking import Builder, Dialog, functions, reason, versioned
from boards_app.selectors.controls import Choices, Control
from core import clock
from core.errors import NotFound
from core.languages import label
from decisions_app.models import Decision, Task
from decisions_app.reversals import POSTINGS
from decisions_app.services.causes import categories_for, cause_wanted
from erp_sync.kinds import KIND_NAMES
from exceptions_app.models import ExceptionRecord
from plant_app.models import User


def way_back(decision: Decision) -> str:
    """How what ERP has of it is taken back, kind by kind."""
    kinds = decision.posting_links.filter(posting__status__in=("confirmed", "local", "unknown", "sending"))
    names = dict.fromkeys(kinds.order_by("-posting_id").values_list("posting__kind", flat=True))
    return ". ".join(
        f"{label(KIND_NAMES[name])}: {label(POSTINGS[name].words)}" for name in names if name in POSTINGS
    )


def _refuse(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    number = asked.get("number", "")
    row = (
        exception.approvals.filter(pk=number, status="waiting").select_related("option", "asked_by").first()
        if number.isdigit()
        else None
    )
    if row is None:
        raise NotFound("approvals.none", f"{exception.ref} has no such request.")
    return Dialog(
        title=gettext("Do not approve: {option}").format(option=label(row.option)),
        url=f"/approvals/{row.pk}/refuse/",
        submit=gettext("Refuse"),
        lead=(
            gettext("{who} is told why. The record stays undecided; who may decide can still do so.")
            if row.why != "ratify"
            else gettext("{who} is told why. The decision stays until somebody takes it back.")
        ).format(who=row.asked_by),
        controls=[reason(gettext("Why not"))],
    )


def _cause(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    said = getattr(exception, "root_cause", None)
    choices = tuple((row.code, label(row.name)) for row in categories_for(exception))
    return Dialog(
        title=gettext("Why {ref} happened").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/cause/",
        submit=gettext("Keep"),
        lead=gettext("The root cause, not the symptom. It can be stated or put right after the record has closed."),
        controls=[
            Control("category", gettext("Root cause"), "text", said.category.code if said else "", required=True,
                    choices=choices),
            Control("text", gettext("In words"), "textarea", said.text if said else "", required=False,
                    placeholder=gettext("hose past its nine years, not on the plan")),
        ],
    )  # fmt: skip


def _resolve(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    """Resolve by hand; where a root cause is asked for and missing, it is asked here."""
    why = cause_wanted(exception)
    choices = tuple((row.code, label(row.name)) for row in categories_for(exception)) if why else ()
    cause = [
        Control("cause", gettext("Root cause"), "text", "", required=True, choices=choices),
        Control("cause_text", gettext("In words"), "textarea", "", required=False),
    ]
    return Dialog(
        title=gettext("Resolve {ref}").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/resolve/",
        submit=gettext("Resolve"),
        lead=gettext("The condition counts as gone and nothing blocks it any more."),
        controls=[reason(gettext("Why it is resolved")), *(cause if why else [])],
        hidden=versioned(exception),
        note=gettext("It needs its root cause: {why}.").format(why=label(why)) if why else "",
    )


def _follow_up(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    due = clock.now().astimezone(ZoneInfo(exception.site.timezone)) + timedelta(days=7)
    people = (("", gettext("Whoever of the function takes it")), *Choices(exception).person)
    return Dialog(
        title=gettext("Follow-up to {ref}").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/follow-up/",
        submit=gettext("Hand out"),
        lead=gettext(
            "It blocks nothing and lives on after the record has closed. Where a check is set, it opens again if the "
            "same thing comes back within that time."
        ),
        controls=[
            Control("title", gettext("What is to be done"), "text", "", required=True),
            Control("function", gettext("Function"), "text", exception.owner_function.code, required=True,
                    choices=functions()),
            Control("person", gettext("Owner"), "text", "", required=False, choices=people),
            Control("due_at", gettext("By"), "datetime-local", f"{due:%Y-%m-%dT%H:%M}", required=True),
            Control("check_days", gettext("Did it help? Check after"), "number", "30", required=False,
                    unit=gettext("days"), min="1"),
        ],
    )  # fmt: skip


def call_off_dialog(task: Task) -> Dialog:
    """Say why a task is not needed."""
    return Dialog(
        title=gettext("Call off: {task}").format(task=task.title),
        url=f"/tasks/{task.pk}/call-off/",
        submit=gettext("Call it off"),
        lead=gettext("{ref} no longer waits for it. It ends no condition by itself.").format(
            ref=task.exception.ref
        ),
        controls=[reason(gettext("Why it is not needed"))],
    )


BUILDERS: dict[str, Builder] = {
    "refuse": _refuse,
    "cause": _cause,
    "follow-up": _follow_up,
    "resolve": _resolve,
}
