"""An option as a decider would see it, before it is saved: its form and effects on one stored record. Reads only."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from core import clock
from decisions_app.catalogue import EFFECTS, INPUT_KINDS
from decisions_app.deciders import limit_of, limits_at, role_words
from decisions_app.models import Option
from decisions_app.selectors import options_for
from decisions_app.wording import message_of
from exceptions_app.models import ExceptionRecord
from plant_app.models import DutyAssignment, User


def unheld(roles: Iterable[str]) -> list[str]:
    """Those of `roles` nobody holds anywhere; none while no duties are assigned at all."""
    wanted = list(dict.fromkeys(roles))
    if not DutyAssignment.objects.exists():
        return []
    held = set(DutyAssignment.objects.filter(duty__in=wanted).values_list("duty", flat=True))
    return [role for role in wanted if role not in held]


def preview_of(option: Option, ref: str, user: User) -> dict[str, Any]:
    """The context of the preview page: `option` as the database has it now on the record `ref`, else the newest of its
    type; without a record, why not.
    """
    rows = ExceptionRecord.objects.filter(type=option.playbook.type_id).order_by("-captured_at")
    record = rows.filter(ref=ref).first() if ref else rows.first()
    if record is None:
        said = (
            f"There is no {option.playbook.type} called {ref}."
            if ref
            else "No record of this type is stored yet."
        )
        return {"option": option, "record": None, "refusal": said}
    view = next((view for view in options_for(record, user) if view.option.pk == option.pk), None)
    if view is None:
        return {
            "option": option,
            "record": None,
            "refusal": "The option is not active, so nobody would see it.",
        }
    limits = limits_at(record.site)
    covers = {duty: limit_of(frozenset({duty}), option, limits) for duty in option.deciders}
    money = [
        f"{role_words(duty)} {'without limit' if not amount.is_finite() else format(amount.normalize(), 'f')}"
        for duty, amount in covers.items()
    ]
    return {
        "option": option,
        "record": record,
        "view": view,
        "deciders": [role_words(duty) for duty in option.deciders],
        "limits": f"limits in {record.site.currency}: {', '.join(money)}",
        "sample": "" if view.message else message_of(option, record, _examples(option, record, view.values)),
        "form": [
            {
                "label": spec.get("label") or spec["name"],
                "kind": INPUT_KINDS.get(str(spec.get("kind", "text")), ""),
                "required": bool(spec.get("required")),
                "value": view.values.get(spec["name"], ""),
            }
            for spec in option.inputs
        ],
        "effects": [EFFECTS[name] for name in option.effects],
        "approvals": [_approval_words(entry, record) for entry in option.approvals],
    }


def _examples(option: Option, record: ExceptionRecord, values: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values with examples for what it starts empty with, so that a message can be read."""
    later = (clock.now() + timedelta(days=3)).isoformat()
    quantity = f"{record.quantity.normalize():f}" if record.quantity else "10"
    by_kind = {"datetime": later, "quantity": quantity, "number": "1", "money": "0", "minutes": "30"}
    given = {
        str(spec["name"]): by_kind.get(
            str(spec.get("kind", "text")), f"({spec.get('label') or spec['name']})"
        )
        for spec in option.inputs
        if spec.get("kind") != "bool"
    }
    return {**given, **{name: value for name, value in values.items() if value not in (None, "")}}


def _approval_words(entry: dict[str, Any], record: ExceptionRecord) -> str:
    parts = [role_words(str(entry["role"]))]
    if entry.get("above"):
        parts.append(f"above {entry['above']} {record.site.currency}")
    if entry.get("severity"):
        parts.append(f"for severity {', '.join(entry['severity'])}")
    parts.append(
        f"within {entry.get('minutes') or 'the decide limit'}{' min' if entry.get('minutes') else ''}"
    )
    return ", ".join(parts)
