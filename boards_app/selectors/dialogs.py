"""The questions the exception page asks before it does something: what is changed, why, with which choices.

Each builder returns a `Dialog`; one template draws them all. What the answer does lies in the views and services.
"""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from boards_app.selectors import dialogs_after
from boards_app.selectors.asking import Builder, Dialog, functions, reason, versioned
from boards_app.selectors.controls import Choices, Control, controls_of
from boards_app.selectors.dialogs_after import way_back
from boards_app.selectors.reported import FIELDS
from core import clock
from core.errors import NotFound
from decisions_app.models import Task
from exceptions_app.models import ExceptionRecord, Response
from plant_app.models import ExceptionType, User, WorkUnit

ETA_MINUTES = (5, 10, 15, 30, 60)
SHELF_HOURS = (
    ("1", "1 hour"), ("4", "4 hours"), ("8", "8 hours"), ("24", "1 day"), ("72", "3 days"), ("168", "1 week"),
)  # fmt: skip


def _simple(name: str, title: str, submit: str, lead: str, why: str = "Why") -> Builder:
    def build(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
        return Dialog(
            title=f"{title} {exception.ref}",
            url=f"/exceptions/{exception.ref}/{name}/",
            submit=submit,
            lead=lead,
            controls=[reason(why)],
            hidden=versioned(exception),
        )

    return build


def _reroute(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    people = (("", "Whoever is on duty"), *Choices(exception).person)
    return Dialog(
        title=f"Give {exception.ref} to another owner",
        url=f"/exceptions/{exception.ref}/reroute/",
        submit="Re-route",
        lead=f"Now with {exception.owner or 'nobody on duty'}, {exception.owner_function}. The new owner is told at "
        "once and their clock begins. It counts against first pass.",
        controls=[
            Control("function", "Function", "text", exception.owner_function.code, required=True, choices=functions()),
            Control("person", "Person", "text", "", required=False, choices=people),
            reason(),
        ],
        hidden=versioned(exception),
    )  # fmt: skip


def _add(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    there = set(exception.responses.exclude(status="declined").values_list("function__code", flat=True))
    choices = tuple((code, name) for code, name in functions() if code not in there) or functions()
    return Dialog(
        title="Ask one more function",
        url=f"/exceptions/{exception.ref}/add/",
        submit="Ask",
        lead="Their clock begins now. One that must acknowledge makes an aligned exception unaligned again.",
        controls=[
            Control("function", "Function", "text", choices[0][0], required=True, choices=choices),
            Control("required", "Must acknowledge", "checkbox", "", required=False, checked=True),
            reason("What they are needed for"),
        ],
    )


def _change(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    rows = (
        exception.responses.exclude(status="declined")
        .filter(is_owner=False)
        .select_related("function", "person")
    )
    choices = tuple(
        (str(row.pk), f"{row.function.name}, {'must acknowledge' if row.required else 'informed'}")
        for row in rows
    )
    what = (
        ("must", "Must acknowledge, from now"), ("inform", "Only informed"), ("off", "No longer asked"),
    )  # fmt: skip
    return Dialog(
        title=f"Who is asked about {exception.ref}",
        url=f"/exceptions/{exception.ref}/change/",
        submit="Change",
        lead="An answer that is no longer awaited holds up nobody's alignment. The owner is changed by re-routing.",
        controls=[
            Control("response", "Function", "text", choices[0][0] if choices else "", required=True, choices=choices),
            Control("what", "From now on", "radio", "", required=True, choices=what),
            reason(),
        ],
        hidden=versioned(exception),
    )  # fmt: skip


def _clear(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    now = clock.now().astimezone(ZoneInfo(exception.site.timezone))
    return Dialog(
        title="The condition is gone",
        url=f"/exceptions/{exception.ref}/clear/",
        submit="It is gone",
        lead="What the exception put on the plan is lifted from then on. Reasons, counts and postings may follow.",
        controls=[Control("at", "Since", "datetime-local", f"{now:%Y-%m-%dT%H:%M}", required=False)],
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
        title=f"Take back: {decision.option}",
        url=f"/exceptions/{exception.ref}/reverse/",
        submit="Take it back",
        lead=f"Decided by {decision.decided_by}. Open tasks end, unsent postings are cancelled, confirmed ones get a "
        "reversal.",
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
        title=f"Merge {exception.ref}",
        url=f"/exceptions/{exception.ref}/merge/",
        submit="Merge",
        lead="Its signals count in the other record from now on; this one is cancelled and can be restored.",
        controls=[Control("into", "Into", "text", choices[0][0] if choices else "", required=True, choices=choices),
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
        title=f"Split {exception.ref}",
        url=f"/exceptions/{exception.ref}/split/",
        submit="Split off",
        lead="The signals you choose become a record of their own, routed anew. Choose some, but not all.",
        controls=[*controls, reason()],
    )


def _sort(exception: ExceptionRecord, user: User, asked: dict[str, str]) -> Dialog:
    types = tuple(
        ExceptionType.objects.filter(active=True).exclude(code="unsorted").values_list("code", "name")
    )
    units = tuple(
        WorkUnit.objects.filter(work_centre__area__site=exception.site_id, active=True).values_list(
            "code", "name"
        )
    )
    proposed = str((exception.route.outcome if exception.route else {}).get("proposes_type") or "")
    kind = exception.type.code if exception.type.code != "unsorted" else proposed
    if kind not in {code for code, _ in types}:
        types = (("", "Choose"), *types)
        kind = ""
    return Dialog(
        title=f"What {exception.ref} is",
        url=f"/exceptions/{exception.ref}/sort/",
        submit="Set and route",
        lead="It is routed anew by what you set here. What you leave empty stays unknown.",
        controls=[
            Control("type", "Type", "text", kind, required=True, choices=types),
            Control("work_unit", "Machine", "text", exception.work_unit.code if exception.work_unit else "",
                    required=False, choices=(("", "None"), *((code, f"{code}, {name}") for code, name in units))),
            Control("item", "Item", "text", exception.item.code if exception.item else "", required=False),
            Control("lot", "Lot", "text", exception.lot.code if exception.lot else "", required=False),
            Control("sales_line", "Customer order and line", "text", str(exception.sales_line or ""), required=False,
                    placeholder="40017733/10"),
            Control("purchase_line", "Purchase order and line", "text", str(exception.purchase_line or ""),
                    required=False),
            Control("quantity", "Quantity", "number",
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
            ("work_centre", f"all of {centre}" if centre else ""),
            ("area", f"all of {exception.area}" if exception.area else ""),
        )
        if words
    )
    return Dialog(
        title=f"Shelve what reports {exception.type.name.lower()}",
        url=f"/exceptions/{exception.ref}/shelve/",
        submit="Shelve",
        lead="Machine signals of this kind open nothing until then. What still stands when it ends comes up by itself; "
        f"{exception.ref} stays as it is.",
        controls=[
            Control("place", "Where", "text", places[0][0] if places else "", required=True, choices=places),
            Control("hours", "For", "text", "4", required=True, choices=SHELF_HOURS),
            Control("people", "Also what people report", "checkbox", "", required=False),
            reason(placeholder="pressure sensor is replaced on Thursday"),
        ],
    )  # fmt: skip


BUILDERS: dict[str, Builder] = {
    **dialogs_after.BUILDERS,
    "shelve": _shelve,
    "unsplit": _simple(
        "unsplit", "Undo the split of", "Undo the split",
        "Its signals go back to the record they were taken from; this one is cancelled.",
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
        "cancel", "Cancel", "Cancel the exception",
        "It should not have been: its tasks end, unsent postings are withdrawn, confirmed ones reversed.",
    ),
    "restore": _simple("restore", "Restore", "Restore", "It goes back to where it was and is contained anew."),
    "reopen": _simple(
        "reopen", "Open again", "Open again", "Its owner answers anew. It counts against first pass.", "What came back"
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
        listed = tuple(ExceptionType.objects.filter(active=True).values_list("code", "name"))
    elif name == "reason":
        listed = tuple(Choices(exception).reason)
    elif name == "work_unit":
        rows = WorkUnit.objects.filter(work_centre__area__site=exception.site_id, active=True)
        listed = tuple((row.code, f"{row.code}, {row.name}") for row in rows)
    elif name == "work_centre":
        listed = tuple(Choices(exception).work_centre)
    else:
        listed = ()
    kind = "datetime" if name == "occurred_at" else "number" if name.startswith("quantity") else "text"
    spec = {"name": "value", "label": FIELDS.get(name, name.replace("_", " ").capitalize()), "kind": kind}
    control = controls_of(
        [{**spec, "kind": "text"} if listed else spec], {"value": value}, Choices(exception)
    )[0]
    control = replace(control, prefix="", choices=listed or None)
    return Dialog(
        title=f"Correct: {spec['label'].lower()}",
        url=f"/exceptions/{exception.ref}/readings/{name}/",
        submit="Correct",
        lead="The record is routed anew where this matters.",
        controls=[control],
        hidden=versioned(exception),
    )


def decline_dialog(response: Response) -> Dialog:
    """Say no to being asked."""
    return Dialog(
        title=f"Decline for {response.function}",
        url=f"/responses/{response.pk}/decline/",
        submit="Decline",
        lead=f"{response.exception.ref} {response.exception.title}. The next one on duty is asked at once.",
        controls=[reason(placeholder="Not my machine, at another stop, not qualified")],
    )


def way_dialog(response: Response) -> Dialog:
    """Say when one is there."""
    choices = tuple((str(minutes), f"{minutes} min") for minutes in ETA_MINUTES)
    return Dialog(
        title="On my way",
        url=f"/responses/{response.pk}/on-my-way/",
        submit="On my way",
        lead=f"{response.exception.ref} {response.exception.title}",
        controls=[Control("eta_minutes", "There in", "radio", "10", required=False, choices=choices)],
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
    note = Control("note", "Note", "text", "", required=False)
    return Dialog(
        title=task.title,
        url=f"/tasks/{task.pk}/finish/",
        submit="Done",
        lead=f"{exception.ref} {exception.title}",
        controls=[*controls_of(task.asks, values, Choices(exception)), note],
        note="Finishing it ends the condition." if task.clears else "",
    )
