"""The type of a report nobody could sort yet: a row like any other, never offered in a form.

A record always has a type, so that screens and reports need no special case; this one means "not known yet".
"""

from plant_app.models import Duty, ExceptionType, Function

CODE = "unsorted"


def unsorted_type() -> ExceptionType:
    """The type of what waits for triage without a type. Added on first need."""
    found = ExceptionType.objects.filter(code=CODE).first()
    if found is not None:
        return found
    function, _ = Function.objects.get_or_create(
        code="production", defaults={"name": "Production", "short": "PR", "position": 0}
    )
    found, _ = ExceptionType.objects.get_or_create(
        code=CODE,
        defaults={
            "name": "Not sorted yet", "icon": "circle-help", "default_severity": "medium", "owner_function": function,
            "triage_role": Duty.SHIFT_SUPERVISOR, "active": False, "reopen_minutes": 0, "position": 99,
        },
    )  # fmt: skip
    return found
