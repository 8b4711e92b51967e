"""What a playbook may say: refusals of what could not be decided, asked or posted, each with a code.

Knows shapes and catalogues only; whether anybody holds a role is asked where playbooks are edited.
"""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError

from decisions_app import catalogue
from plant_app.models import Duty, Severity

_NAME = re.compile(r"\{(\w+)\}")


def wrong(field: str, code: str, words: str) -> ValidationError:
    """A refusal with its code, `playbooks.<code>`, on its field."""
    return ValidationError({field: ValidationError(words, code=f"playbooks.{code}")})


def message_names(text: str) -> set[str]:
    """The names in braces a customer message fills in."""
    return set(_NAME.findall(text))


def check_limits(field: str, limits: Any) -> None:
    """Money by duty, each zero or more."""
    if not isinstance(limits, dict) or not set(limits) <= set(Duty.values):
        raise wrong(field, "unknown_role", f"Amounts by duty: {', '.join(Duty.values)}")
    for duty, amount in limits.items():
        _money(field, amount, f"the limit of {duty}")


def check_approvals(field: str, entries: Any) -> None:
    """Each names a duty; `above` is money, `severity` a list, `minutes` how long it may take."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise wrong(field, "approvals", "A list of approvals, each with its role")
    for entry in entries:
        if entry.get("role") not in Duty.values:
            raise wrong(
                field, "unknown_role", f"Nobody is called {entry.get('role')}; a role of the duties is"
            )
        unknown = sorted(set(entry) - {"role", "above", "severity", "minutes"})
        if unknown:
            raise wrong(field, "approvals", f"An approval knows no {', '.join(unknown)}")
        _money(field, entry.get("above", "0"), "the amount above which it is asked")
        severities = entry.get("severity", [])
        if not isinstance(severities, list) or not set(map(str, severities)) <= set(Severity.values):
            raise wrong(field, "approvals", f"Severities are {', '.join(Severity.values)}")
        minutes = entry.get("minutes", 60)
        if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= 14400:
            raise wrong(field, "approvals", "Minutes are a whole number from 1 to 14400")
    roles = [entry["role"] for entry in entries]
    if len(set(roles)) != len(roles):
        raise wrong(field, "approvals", "Each role approves once")


def _money(field: str, raw: Any, what: str) -> None:
    try:
        amount = Decimal(str(raw))
    except InvalidOperation:
        raise wrong(field, "amount", f"{raw} is no amount for {what}") from None
    if not amount.is_finite() or amount < 0:
        raise wrong(field, "amount", f"{raw} is no amount for {what}")


def check_effects(field: str, names: Any) -> None:
    if not isinstance(names, list):
        raise wrong(field, "effects", "A list of plant effects")
    unknown = sorted({str(name) for name in names} - set(catalogue.EFFECTS))
    if unknown:
        raise wrong(field, "unknown_effect", f"Unknown plant effects: {', '.join(unknown)}")


def check_inputs(field: str, entries: Any) -> None:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise wrong(field, "inputs", "A list of inputs, each with name, label and kind")
    names = [str(entry.get("name") or "") for entry in entries]
    if "" in names or len(set(names)) != len(names):
        raise wrong(field, "inputs", "Every input has a name of its own")
    kinds: Iterable[str] = {str(entry.get("kind") or "text") for entry in entries}
    unknown = sorted(set(kinds) - set(catalogue.INPUT_KINDS))
    if unknown:
        raise wrong(field, "unknown_kind", f"Unknown kinds: {', '.join(unknown)}")
    bare = [
        str(entry["name"]) for entry in entries if entry.get("kind") == "choice" and not entry.get("choices")
    ]
    if bare:
        raise wrong(field, "inputs", f"Say what can be chosen: {', '.join(bare)}")
