"""What people wish and functions default to, checked and written. The portal's own notices can't be switched off."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

from django.db import transaction

from core import clock
from core.errors import InvalidInput
from notify_app.manners import OUTWARD, URGENCIES
from notify_app.models import FunctionDefault, Preference
from plant_app.models import Function, User

FEWEST, MOST = 3, 50


@transaction.atomic
def set_wishes(
    *, user: User, channels: Mapping[str, Sequence[str]], order: Sequence[str] = (), override: str = "",
    most: int | None = None, quiet_from: time | None = None, quiet_until: time | None = None,
    quiet_days: Sequence[int] = (),
) -> Preference:  # fmt: skip
    """Keep how a person wants to be told, the whole of it; what is empty is as their function's default says.

    `channels`: urgency -> channel codes told at once. Quiet times are plant time; `most` new records in ten minutes.
    Raises InvalidInput (`notices.wishes`, `errors` by field). Locks the person's row of wishes.
    """
    errors = _wrong(channels, order, override, most)
    if (quiet_from is None) != (quiet_until is None):
        errors["quiet_until"] = "Do-not-disturb needs a begin and an end"
    elif quiet_from is not None and quiet_from == quiet_until:
        errors["quiet_until"] = "Do-not-disturb ends at another time than it begins"
    if any(day not in range(7) for day in quiet_days):
        errors["quiet_days"] = "A weekday is 0 (Monday) to 6"
    if errors:
        raise InvalidInput("notices.wishes", "This can't be kept.", errors=errors)
    values: dict[str, Any] = {
        **_values(channels, order, override, most), "quiet_from": quiet_from, "quiet_until": quiet_until,
        "quiet_days": sorted(set(quiet_days)),
    }  # fmt: skip
    row, _ = Preference.objects.select_for_update(no_key=True).update_or_create(user=user, defaults=values)
    return row


@transaction.atomic
def forget_wishes(*, user: User) -> None:
    """Back to the default of the person's function. No lock."""
    Preference.objects.filter(user=user).delete()


@transaction.atomic
def set_default(
    *, function: Function | None, channels: Mapping[str, Sequence[str]], order: Sequence[str] = (),
    override: str = "", most: int | None = None,
) -> FunctionDefault:  # fmt: skip
    """Keep how the people of a function (None: everybody else) are told until they say otherwise. As `set_wishes`."""
    errors = _wrong(channels, order, override, most)
    if errors:
        raise InvalidInput("notices.wishes", "This can't be kept.", errors=errors)
    values = _values(channels, order, override, most)
    row, _ = FunctionDefault.objects.update_or_create(function=function, defaults=values)
    return row


def _values(
    channels: Mapping[str, Sequence[str]], order: Sequence[str], override: str, most: int | None
) -> dict[str, Any]:
    return {
        "channels": {urgency: list(dict.fromkeys(codes)) for urgency, codes in channels.items()},
        "order": list(dict.fromkeys(order)), "override": override, "most": most, "changed_at": clock.now(),
    }  # fmt: skip


def _wrong(
    channels: Mapping[str, Sequence[str]], order: Sequence[str], override: str, most: int | None
) -> dict[str, str]:
    errors: dict[str, str] = {}
    for urgency, codes in channels.items():
        if urgency not in URGENCIES:
            errors["channels"] = f"There is no urgency {urgency}"
        elif not set(codes) <= set(OUTWARD):
            errors[urgency] = "There is no such channel"
        elif urgency == "critical" and not codes:
            errors[urgency] = "What is critical needs a channel beside the portal"
    if not set(order) <= set(OUTWARD):
        errors["order"] = "There is no such channel"
    if override and override not in URGENCIES:
        errors["override"] = "There is no such urgency"
    if most is not None and not FEWEST <= most <= MOST:
        errors["most"] = f"From {FEWEST} to {MOST} in ten minutes"
    return errors
