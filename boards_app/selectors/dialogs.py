"""The questions the exception page asks before it does something: what is changed, why, with which choices.

Each builder returns a `Dialog`; one template draws them all. What the answer does lies in the views and services.
"""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop, pgettext

from boards_app.selectors import dialogs_after
from boards_app.selectors.asking import Builder, Dialog, functions, reason, versioned
from boards_app.selectors.controls import Choices, Control, controls_of
from boards_app.selectors.dialogs_after import way_back
from boards_app.selectors.reported import FIELDS
from core import clock
from core.errors import NotFound
from core.languages import label, small
from decisions_app.models import Task
from exceptions_app.models import ExceptionRecord, Response
from plant_app.models import ExceptionType, User, WorkUnit

ETA_MINUTES = (5, 10, 15, 30, 60)
SHELF_HOURS = (
    ("1", gettext_noop("1 hour")), ("4", gettext_noop("4 hours")), ("8", gettext_noop("8 hours")),
    ("24", gettext_noop("1 day")), ("72", gettext_noop("3 days")), ("168", gettext_noop("1 week")),
)  # fmt: skip


def _simple(name: str, title: str, submit: str, lead: str, why: str = "Why") -> Builder:
    """A question that only asks why; `title` holds {ref}."""

    def build(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
        return Dialog(
            title=gettext(title).format(ref=exception.ref),
            url=f"/exceptions/{exception.ref}/{name}/",
            submit=gettext(submit),
            lead=gettext(lead),
            controls=[reason(gettext(why))],
            hidden=versioned(exception),
        )

    return build


def _reroute(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    people = (("", gettext("Whoever is on duty")), *Choices(exception).person)
    return Dialog(
        title=gettext("Give {ref} to another owner").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/reroute/",
        submit=gettext("Re-route"),
        lead=gettext(
            "Now with {who}, {function}. The new owner is told at once and their clock begins. It counts against "
            "first pass."
        ).format(who=exception.owner or gettext("nobody on duty"), function=label(exception.owner_function)),
        controls=[
            Control("function", gettext("Function"), "text", exception.owner_function.code, required=True,
                    choices=functions()),
            Control("person", gettext("Person"), "text", "", required=False, choices=people),
            reason(),
        ],
        hidden=versioned(exception),
    )  # fmt: skip


def _add(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    there = set(exception.responses.exclude(status="declined").values_list("function__code", flat=True))
    choices = tuple((code, name) for code, name in functions() if code not in there) or functions()
    return Dialog(
        title=gettext("Ask one more function"),
        url=f"/exceptions/{exception.ref}/add/",
        submit=gettext("Ask"),
        lead=gettext(
            "Their clock begins now. One that must acknowledge makes an aligned exception unaligned again."
        ),
        controls=[
            Control("function", gettext("Function"), "text", choices[0][0], required=True, choices=choices),
            Control("required", gettext("Must acknowledge"), "checkbox", "", required=False, checked=True),
            reason(gettext("What they are needed for")),
        ],
    )


def _change(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    rows = (
        exception.responses.exclude(status="declined")
        .filter(is_owner=False)
        .select_related("function", "person")
    )
    choices = tuple(
        (
            str(row.pk),
            f"{label(row.function.name)}, "
            + (gettext("must acknowledge") if row.required else gettext("informed")),
        )
        for row in rows
    )
    what = (
        ("must", gettext("Must acknowledge, from now")), ("inform", gettext("Only informed")),
        ("off", gettext("No longer asked")),
    )  # fmt: skip
    return Dialog(
        title=gettext("Who is asked about {ref}").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/change/",
        submit=pgettext("verb", "Change"),
        lead=gettext(
            "An answer that is no longer awaited holds up nobody's alignment. The owner is changed by re-routing."
        ),
        controls=[
            Control("response", gettext("Function"), "text", choices[0][0] if choices else "", required=True,
                    choices=choices),
            Control("what", gettext("From now on"), "radio", "", required=True, choices=what),
            reason(),
        ],
        hidden=versioned(exception),
    )  # fmt: skip


def _clear(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    now = clock.now().astimezone(ZoneInfo(exception.site.timezone))
    return Dialog(
        title=gettext("The condition is gone"),
        url=f"/exceptions/{exception.ref}/clear/",
        submit=gettext("It is gone"),
        lead=gettext(
            "What the exception put on the plan is lifted from then on. Reasons, counts and postings may follow."
        ),
        controls=[Control("at", gettext("Since"), "datetime-local", f"{now:%Y-%m-%dT%H:%M}", required=False)],
        hidden=versioned(exception),
    )  # fmt: skip


def _reverse(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    number = asked.get("number", "")
    decision = (
        exception.decisions.filter(number=number, reversed_at=None)
        .select_related("option", "decided_by")
        .first()
        if number.isdigit()
        else None
    )
    if decision is None:
        raise NotFound("decisions.decision", f"{exception.ref} has no such decision in force.")
    return Dialog(
        title=gettext("Take back: {option}").format(option=label(decision.option)),
        url=f"/exceptions/{exception.ref}/reverse/",
        submit=gettext("Take it back"),
        lead=gettext(
            "Decided by {who}. Open tasks end, unsent postings are cancelled, confirmed ones get a reversal."
        ).format(who=decision.decided_by),
        controls=[reason()],
        hidden={**versioned(exception), "number": decision.number},
        note=way_back(decision),
    )  # fmt: skip


def _merge(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    rows = (
        ExceptionRecord.objects.for_user(user).live().filter(site=exception.site_id).exclude(pk=exception.pk)
        .order_by("-captured_at")
    )  # fmt: skip
    near = sorted(
        rows.values_list("ref", "title", "work_unit_id", "type_id")[:60],
        key=lambda row: (row[2] != exception.work_unit_id or row[2] is None, row[3] != exception.type_id),
    )
    choices = tuple((ref, f"{ref} {title}") for ref, title, _, _ in near)
    return Dialog(
        title=gettext("Merge {ref}").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/merge/",
        submit=gettext("Merge"),
        lead=gettext(
            "Its signals count in the other record from now on; this one is cancelled and can be restored."
        ),
        controls=[Control("into", gettext("Into"), "text", choices[0][0] if choices else "", required=True,
                          choices=choices),
                  reason()],
    )  # fmt: skip


def _split(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    readings = exception.readings.select_related("signal__reporter", "signal__source").order_by(
        "signal__received_at"
    )
    zone = ZoneInfo(exception.site.timezone)
    controls = [
        Control(
            "signal", f"{one.signal.received_at.astimezone(zone):%H:%M} "
            f"{one.signal.reporter or one.signal.reporter_text or one.signal.source}: {one.signal.text[:80]}",
            "checkbox", one.signal_id, required=False,
        )
        for one in readings
    ]  # fmt: skip
    return Dialog(
        title=gettext("Split {ref}").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/split/",
        submit=gettext("Split off"),
        lead=gettext(
            "The signals you choose become a record of their own, routed anew. Choose some, but not all."
        ),
        controls=[*controls, reason()],
    )


def _sort(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    types = tuple(
        (code, label(name))
        for code, name in ExceptionType.objects.filter(active=True)
        .exclude(code="unsorted")
        .values_list("code", "name")
    )
    units = tuple(
        WorkUnit.objects.filter(work_centre__area__site=exception.site_id, active=True).values_list(
            "code", "name"
        )
    )
    proposed = str((exception.route.outcome if exception.route else {}).get("proposes_type") or "")
    kind = exception.type.code if exception.type.code != "unsorted" else proposed
    if kind not in {code for code, _ in types}:
        types = (("", gettext("Choose")), *types)
        kind = ""
    return Dialog(
        title=gettext("What {ref} is").format(ref=exception.ref),
        url=f"/exceptions/{exception.ref}/sort/",
        submit=gettext("Set and route"),
        lead=gettext("It is routed anew by what you set here. What you leave empty stays unknown."),
        controls=[
            Control("type", gettext("Type"), "text", kind, required=True, choices=types),
            Control("work_unit", gettext("Machine"), "text", exception.work_unit.code if exception.work_unit else "",
                    required=False,
                    choices=(("", gettext("None")), *((code, f"{code}, {name}") for code, name in units))),
            Control("item", gettext("Item"), "text", exception.item.code if exception.item else "", required=False),
            Control("lot", gettext("Lot"), "text", exception.lot.code if exception.lot else "", required=False),
            Control("sales_line", gettext("Customer order and line"), "text", str(exception.sales_line or ""),
                    required=False, placeholder="40017733/10"),
            Control("purchase_line", gettext("Purchase order and line"), "text", str(exception.purchase_line or ""),
                    required=False),
            Control("quantity", gettext("Quantity"), "number",
                    "" if exception.quantity is None else f"{exception.quantity.normalize():f}", required=False,
                    min="0"),
        ],
        hidden=versioned(exception),
    )  # fmt: skip


def _shelve(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    unit, centre = exception.work_unit, exception.work_centre
    places = tuple(
        (name, words)
        for name, words in (
            ("work_unit", str(unit) if unit else ""),
            ("work_centre", gettext("all of {place}").format(place=centre) if centre else ""),
            ("area", gettext("all of {place}").format(place=exception.area) if exception.area else ""),
        )
        if words
    )
    return Dialog(
        title=gettext("Shelve what reports {type}").format(type=small(label(exception.type.name))),
        url=f"/exceptions/{exception.ref}/shelve/",
        submit=gettext("Shelve"),
        lead=gettext(
            "Machine signals of this kind open nothing until then. What still stands when it ends comes up by itself; "
            "{ref} stays as it is."
        ).format(ref=exception.ref),
        controls=[
            Control("place", gettext("Where"), "text", places[0][0] if places else "", required=True, choices=places),
            Control("hours", gettext("For"), "text", "4", required=True,
                    choices=tuple((hours, gettext(words)) for hours, words in SHELF_HOURS)),
            Control("people", gettext("Also what people report"), "checkbox", "", required=False),
            reason(placeholder=gettext("pressure sensor is replaced on Thursday")),
        ],
    )  # fmt: skip


BUILDERS: dict[str, Builder] = {
    **dialogs_after.BUILDERS,
    "shelve": _shelve,
    "unsplit": _simple(
        "unsplit", gettext_noop("Undo the split of {ref}"), gettext_noop("Undo the split"),
        gettext_noop("Its signals go back to the record they were taken from; this one is cancelled."),
    ),
    "reroute": _reroute,
    "add": _add,
    "change": _change,
    "clear": _clear,
    "reverse": _reverse,
    "merge": _merge,
    "split": _split,
    "sort": _sort,
    "cancel": _simple(
        "cancel", gettext_noop("Cancel {ref}"), gettext_noop("Cancel the exception"),
        gettext_noop("It should not have been: its tasks end, unsent postings are withdrawn, confirmed ones reversed."),
    ),
    "restore": _simple(
        "restore", gettext_noop("Restore {ref}"), gettext_noop("Restore"),
        gettext_noop("It goes back to where it was and is contained anew."),
    ),
    "reopen": _simple(
        "reopen", gettext_noop("Open again {ref}"), gettext_noop("Open again"),
        gettext_noop("Its owner answers anew. It counts against first pass."), gettext_noop("What came back"),
    ),
}  # fmt: skip


def dialog_of(name: str, exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    """The question called `name`. NotFound `dialog.unknown`."""
    builder = BUILDERS.get(name)
    if builder is None:
        raise NotFound("dialog.unknown", "There is no such question.")
    return builder(exception, user, asked)


def correct_dialog(exception: ExceptionRecord, name: str, value: Any) -> Dialog:
    """Correct one thing that was read."""
    if name == "type":
        rows = ExceptionType.objects.filter(active=True).values_list("code", "name")
        listed = tuple((code, label(words)) for code, words in rows)
    elif name == "reason":
        listed = tuple(Choices(exception).reason)
    elif name == "work_unit":
        units = WorkUnit.objects.filter(work_centre__area__site=exception.site_id, active=True)
        listed = tuple((row.code, f"{row.code}, {row.name}") for row in units)
    elif name == "work_centre":
        listed = tuple(Choices(exception).work_centre)
    else:
        listed = ()
    kind = "datetime" if name == "occurred_at" else "number" if name.startswith("quantity") else "text"
    spec = {
        "name": "value",
        "label": label(FIELDS.get(name, name.replace("_", " ").capitalize())),
        "kind": kind,
    }
    control = controls_of(
        [{**spec, "kind": "text"} if listed else spec], {"value": value}, Choices(exception)
    )[0]
    control = replace(control, prefix="", choices=listed or None)
    return Dialog(
        title=gettext("Correct: {what}").format(what=small(spec["label"])),
        url=f"/exceptions/{exception.ref}/readings/{name}/",
        submit=gettext("Correct"),
        lead=gettext("The record is routed anew where this matters."),
        controls=[control],
        hidden=versioned(exception),
    )


def decline_dialog(response: Response) -> Dialog:
    """Say no to being asked."""
    return Dialog(
        title=gettext("Decline for {function}").format(function=label(response.function)),
        url=f"/responses/{response.pk}/decline/",
        submit=gettext("Decline"),
        lead=f"{response.exception.ref} {response.exception.title}. "
        + gettext("The next one on duty is asked at once."),
        controls=[reason(placeholder=gettext("Not my machine, at another stop, not qualified"))],
    )


def way_dialog(response: Response) -> Dialog:
    """Say when one is there."""
    choices = tuple((str(minutes), f"{minutes} min") for minutes in ETA_MINUTES)
    return Dialog(
        title=gettext("On my way"),
        url=f"/responses/{response.pk}/on-my-way/",
        submit=gettext("On my way"),
        lead=f"{response.exception.ref} {response.exception.title}",
        controls=[
            Control("eta_minutes", gettext("There in"), "radio", "10", required=False, choices=choices)
        ],
    )


def task_dialog(task: Task) -> Dialog:
    """Finish a task with what it asks."""
    exception = task.exception
    values = {name: value for name, value in exception.details.items() if value not in (None, "")}
    if exception.reason is not None:
        values |= {"cause": exception.reason.code, "reason": exception.reason.code}
    for name in ("good", "scrap"):
        if exception.details.get(f"quantity_{name}"):
            values[name] = exception.details[f"quantity_{name}"]
    note = Control("note", gettext("Note"), "text", "", required=False)
    return Dialog(
        title=task.title,
        url=f"/tasks/{task.pk}/finish/",
        submit=gettext("Done"),
        lead=f"{exception.ref} {exception.title}",
        controls=[*controls_of(task.asks, values, Choices(exception)), note],
        note=gettext("Finishing it ends the condition.") if task.clears else "",
    )
