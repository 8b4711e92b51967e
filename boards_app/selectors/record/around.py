"""What surrounds an exception: what it is linked to, why it went where it went, what was like it before.

A handful of queries, whatever its history.
"""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext

from boards_app import spoken, wording
from boards_app.selectors.record.head import weighed
from boards_app.selectors.risk import Risk
from core.clock import minutes_between
from core.languages import label, small
from decisions_app.similar import similar_to
from exceptions_app.models import ExceptionRecord
from plant_app.models import Site, User
from plant_app.selectors import can, current_states
from routing_app.sentences import explain_line

_LONG_FIGURE = re.compile(r"\d+\.\d{2,}")


def links_of(exception: ExceptionRecord, risk: Risk, now: datetime, user: User) -> list[dict[str, Any]]:
    """What it hangs on, each with where it stands now."""
    found = _place(exception, now)
    order = exception.work_order
    if order is not None:
        step = f"op {exception.operation.number}, " if exception.operation else ""
        note = gettext("{quantity} to make").format(quantity=wording.quantity(order.quantity))
        if exception.operation is not None:
            note = gettext("{good} of {quantity} done").format(
                good=wording.quantity(exception.operation.good), quantity=wording.quantity(order.quantity)
            )
        found.append({"icon": "layers", "words": order.number, "more": f"{step}{order.item}", "note": note})
    if exception.item is not None and (order is None or exception.item_id != order.item_id):
        amount = wording.quantity(exception.quantity, exception.uom) if exception.quantity is not None else ""
        found.append({"icon": "package", "words": str(exception.item), "note": amount})
    if exception.lot is not None:
        made = exception.lot.supplier_code or exception.lot.made_by
        found.append(
            {
                "icon": "boxes",
                "words": gettext("Lot {code}").format(code=exception.lot.code),
                "note": gettext("from {maker}").format(maker=made) if made else "",
            }
        )
    found += [_promise(line, exception.site, now) for line in risk.lines[:4]]
    if len(risk.lines) > 4:
        more = gettext("{number} more promises wait").format(number=len(risk.lines) - 4)
        found.append({"icon": "file-pen", "words": more})
    if exception.purchase_line is not None:
        line = exception.purchase_line
        at = line.promised_at.astimezone(ZoneInfo(exception.site.timezone))
        found.append(
            {"icon": "truck", "words": f"PO {line}", "more": str(line.order.supplier),
             "note": gettext("promised {day}").format(day=format_date(at, "D j M"))}
        )  # fmt: skip
    elif exception.supplier is not None:
        found.append({"icon": "truck", "words": str(exception.supplier)})
    found += [
        {"icon": "link-2", "words": link.label, "note": link.effect}
        for link in exception.links.order_by("pk")
    ]
    for icon, words, other in (
        ("git-merge", gettext("Merged into"), exception.merged_into),
        ("history", gettext("Came back after"), exception.recurrence_of),
        ("corner-down-right", gettext("Part of"), exception.parent),
    ):
        if other is not None:
            found.append(
                {"icon": icon, "words": f"{words} {other.ref}", "url": f"/exceptions/{other.ref}/",
                 "note": other.title}
            )  # fmt: skip
    return found


def _place(exception: ExceptionRecord, now: datetime) -> list[dict[str, Any]]:
    unit, centre = exception.work_unit, exception.work_centre
    if unit is None:
        if centre is None:
            return []
        return [
            {"icon": "factory", "words": centre.name, "url": f"/stations/{centre.code}/",
             "note": str(exception.area or "")}
        ]  # fmt: skip
    state = current_states([unit]).get(unit.pk)
    note = ""
    if state is not None:
        look = wording.look("andon", state.state)
        note = gettext("{state} for {time}").format(
            state=small(label(look.words)), time=spoken.gone(minutes_between(state.since, now))
        )
    return [
        {"icon": "cog", "words": unit.code, "more": centre.name if centre else unit.name,
         "url": f"/stations/{centre.code}/" if centre else "", "note": note}
    ]  # fmt: skip


def _promise(line: Any, site: Site, now: datetime) -> dict[str, Any]:
    at = line.commit_at.astimezone(ZoneInfo(site.timezone))
    left = wording.quantity(line.quantity - line.delivered)
    return {
        "icon": "file-pen",
        "words": f"SO {line}",
        "more": line.order.customer.name,
        "note": gettext("{quantity} promised {at}, tier {tier}").format(
            quantity=left, at=format_date(at, "D j M H:i"), tier=line.order.customer.tier
        ),
    }


def route_of(exception: ExceptionRecord, user: User) -> dict[str, Any] | None:
    """Why this route: the rule that decided, what it saw, what was added, by which version. One query more."""
    case = exception.route
    if case is None:
        return None
    outcome, trace = case.outcome, case.trace
    lines = {line["number"]: line for line in trace.get("rules", ())}
    decided = lines.get(case.rule_number, {})
    reasons = [
        {"held": condition["result"] == "yes", "words": condition_words(condition)}
        for condition in decided.get("conditions", ())
    ]
    for number in outcome.get("added_by", ()):
        added = lines.get(number)
        if added is not None:
            reasons.append(
                {
                    "held": True,
                    "words": gettext("rule {number} adds: {name}").format(number=number, name=added["name"]),
                }
            )
    missed = [
        line for line in trace.get("rules", ()) if line["result"] != "matched" and line["kind"] != "add"
    ]
    for line in missed[-2:]:
        failed = next((one for one in line["conditions"] if one["result"] != "yes"), None)
        why = f", {condition_words(failed)}" if failed else ""
        reasons.append(
            {
                "held": False,
                "words": gettext("rule {number} did not match").format(number=line["number"]) + why,
            }
        )
    return {
        "lead": gettext("Rule {number}: {name}.").format(
            number=case.rule_number, name=outcome.get("rule_name", case.rule_code)
        ),
        "reasons": reasons,
        "version": case.version.number,
        "version_url": "/admin/routing_app/ruleversion/" if can(user, "rule.view") and user.is_staff else "",
        "urgency": [
            gettext("{input}: {points} of {weight}").format(
                input=label(one.label), points=round(one.points), weight=one.weight
            )
            for one in weighed(exception)[1]
            if one.points > 0
        ],
        "foot": "" if not outcome.get("errors") else gettext("Some conditions could not be read."),
    }


def condition_words(condition: dict[str, Any]) -> str:
    """A condition in words; nobody reads a window to the microsecond."""
    return _LONG_FIGURE.sub(
        lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), explain_line(condition)
    )


def seen_before(exception: ExceptionRecord, now: datetime, user: User) -> list[dict[str, Any]]:
    """Ended records most like this one: why they happened, what was decided, how long it took, whether it held."""
    zone = ZoneInfo(exception.site.timezone)
    found = []
    for one in similar_to(exception, user, now, limit=4):
        day = format_date(one.record.captured_at.astimezone(zone), "j M")
        took = gettext(" in {time}").format(time=spoken.span(one.minutes)) if one.minutes is not None else ""
        done = gettext(", then ").join(label(name) for name in one.options)
        done = done or gettext("Resolved without a decision")
        parts = [label(one.cause), f"{done}{took}", gettext("came back") if one.reopened else ""]
        found.append(
            {"icon": "history", "words": one.record.ref, "url": f"/exceptions/{one.record.ref}/",
             "more": f"{day}, {one.same[0]}" if one.same else day,
             "note": ". ".join(part for part in parts if part)}
        )  # fmt: skip
    return found
