"""The whole exception page as one context, its sections composed in reading order."""

from typing import Any

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext

from boards_app.selectors.attached import attached
from boards_app.selectors.frame import Frame
from boards_app.selectors.panel import my_response
from boards_app.selectors.record.approvals import approvals_of, contained_of
from boards_app.selectors.record.around import links_of, route_of, seen_before
from boards_app.selectors.record.books import postings_of
from boards_app.selectors.record.deciding import deciding_of
from boards_app.selectors.record.functions import functions_of
from boards_app.selectors.record.head import UNDECIDED, head_of, next_of
from boards_app.selectors.record.order_lines import order_lines_of
from boards_app.selectors.record.story import events_of
from boards_app.selectors.record.talk import talk_of, texts_of
from boards_app.selectors.reported import reported
from boards_app.selectors.risk import risks_of
from core.errors import DomainError
from core.languages import label, small
from decisions_app.models import Task
from decisions_app.selectors import tasks_of
from decisions_app.services.causes import cause_wanted
from decisions_app.services.merging import split_from
from decisions_app.services.tasks import check_doer, signs_release
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord
from plant_app.models import User
from plant_app.selectors import can, visible_site_ids


def record_page(exception: Any, frame: Frame, wanted: str = "") -> dict[str, Any]:
    """Everything `boards_app/record.html` shows; `wanted` is the code of the option to start with."""
    user, now = frame.user, frame.now
    may = rights_of(exception, user)
    mine = my_response(exception.live_responses, user, visible_site_ids(user))
    tasks = list(tasks_of(exception))
    deciding = deciding_of(exception, user, now, wanted)
    risk = risks_of([exception])[exception.pk]
    return {
        "exception": exception,
        "may": may,
        "head": head_of(exception),
        "step": next_of(exception, user, mine, tasks, deciding.views),
        "said": reported(exception, may_correct=may["correct"]),
        "attached": attached(exception),
        "asked": order_lines_of(exception, user),
        "functions": functions_of(exception, now),
        "deciding": deciding,
        "approvals": approvals_of(exception, user),
        "contained": contained_of(exception),
        "cause": getattr(exception, "root_cause", None),
        "cause_wanted": cause_wanted(exception)
        if exception.is_live and exception.status != Status.TRIAGE
        else "",
        "tasks": [task_row(task, user) for task in tasks if task.status != "cancelled" or task.note],
        "postings": postings_of(exception, user, now, deciding.picked),
        "links": links_of(exception, risk, now, user),
        "risk": risk,
        "route": route_of(exception, user),
        "before": seen_before(exception, now, user),
        "talk": talk_of(exception),
        "talk_texts": texts_of(exception, user) if may["comment"] else [],
        "events": events_of(exception),
        "live": live_groups(exception),
        "uom": exception.uom or (exception.item.uom if exception.item else ""),
    }


def live_groups(exception: ExceptionRecord) -> str:
    """Socket groups whose hints change this page."""
    return f"exception.{exception.pk}"


def rights_of(exception: ExceptionRecord, user: User) -> dict[str, bool]:
    """What the reader may do with this record as it stands; each service asks again."""
    status, site = Status(exception.status), exception.site_id
    correlates = status in {Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED}
    ended = status in {Status.RESOLVED, Status.CLOSED}
    owner = exception.owner_id == user.pk
    live = exception.is_live
    may = {
        "decide": status in UNDECIDED and can(user, "exception.decide", site),
        "reverse": status in {Status.ACKNOWLEDGED, Status.DECIDED} and can(user, "exception.decide", site),
        "correct": correlates and can(user, "exception.triage", site),
        "reroute": correlates and (owner or can(user, "exception.reroute", site)),
        "add": correlates and (owner or can(user, "exception.reroute", site)),
        "clear": live and exception.cleared_at is None and status != Status.TRIAGE
        and can(user, "exception.clear", site),
        "resolve": status in {Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED}
        and can(user, "exception.resolve", site),
        "cancel": correlates and can(user, "exception.cancel", site),
        "restore": status == Status.CANCELLED and can(user, "exception.cancel", site),
        "reopen": ended and can(user, "exception.reopen", site),
        "merge": live and can(user, "exception.merge", site),
        "split": correlates and can(user, "exception.split", site),
        "unsplit": can(user, "exception.split", site) and split_from(exception) is not None,
        "shelve": exception.type.code != "safety_stop" and exception.work_centre_id is not None
        and can(user, "exception.shelve", site),
        "comment": can(user, "exception.comment", site),
        "learn": status not in {Status.TRIAGE, Status.CANCELLED} and can(user, "exception.resolve", site),
    }  # fmt: skip
    may["more"] = any(
        may[name]
        for name in (
            "correct",
            "reroute",
            "clear",
            "resolve",
            "cancel",
            "restore",
            "reopen",
            "merge",
            "shelve",
        )
    )
    return may


def task_row(task: Task, user: User) -> dict[str, Any]:
    """A task as the page lists it."""
    open_ = task.status == "open"
    doer = open_ and may_do(task, user)
    who = task.person or gettext("{function}, nobody yet").format(function=label(task.function))
    return {
        "id": task.pk,
        "words": task.title,
        "who": task.done_by or who,
        "due_at": task.due_at,
        "done_at": task.done_at,
        "blocking": task.blocking,
        "note": task.note,
        "asks": bool(task.asks),
        "clears": task.clears,
        "may": doer,
        "mine": task.person_id == user.pk,
        "finish_url": f"/tasks/{task.pk}/finish/" if doer else "",
        "called_off": task.status == "cancelled",
        "call_off": open_ and (doer or task.exception.owner_id == user.pk) and not signs_release(task),
        "check": _check_words(task),
        "take_url": f"/tasks/{task.pk}/take/" if doer and task.person_id != user.pk else "",
        "result": ", ".join(f"{name} {value}" for name, value in task.result.items()),
        "open_since": task.created_at,
    }


def _check_words(task: Task) -> str:
    """Where a follow-up's check stands."""
    if task.check_days is None:
        return ""
    if task.check_result:
        again = gettext(", {number} times").format(number=task.reopened) if task.reopened > 1 else ""
        return f"{small(label(task.get_check_result_display()))}{again}: {task.check_words}"
    if task.check_due_at is not None:
        day = format_date(task.check_due_at, "d M")
        return gettext("checked on {day} whether it came back").format(day=day)
    return gettext("checked {number} days after").format(number=task.check_days)


def may_do(task: Task, user: User) -> bool:
    """Whether the reader may finish this task."""
    try:
        check_doer(task, user)
    except DomainError:
        return False
    return can(user, "task.finish", task.exception.site_id) or user.is_superuser
