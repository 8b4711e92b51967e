"""Loads the functions and exception types an installation starts with.

Adds what is missing and touches nothing that is there, so a site's own edits survive every upgrade.
"""

from django.db import transaction

from plant_app.defaults.catalogue import CATALOGUE
from plant_app.defaults.functions import FUNCTIONS
from plant_app.defaults.reasons import REASONS
from plant_app.models import ExceptionType, Function, ReasonCode, TypeFunction


@transaction.atomic
def load_functions() -> int:
    """Add the missing ones of the nine functions; returns how many. No lock."""
    known = set(Function.objects.values_list("code", flat=True))
    rows = [
        Function(code=code, name=name, short=short, position=position)
        for position, (code, name, short) in enumerate(FUNCTIONS)
        if code not in known
    ]
    return len(Function.objects.bulk_create(rows))


@transaction.atomic
def load_catalogue() -> int:
    """Add missing functions and exception types, each type with its reasons and affected functions.

    Returns how many types were added. A type that is there keeps its form, reasons and functions as the site has them.
    """
    load_functions()
    functions = {function.code: function for function in Function.objects.all()}
    known = set(ExceptionType.objects.values_list("code", flat=True))
    added = 0
    for position, pack in enumerate(CATALOGUE):
        if pack.code in known:
            continue
        type_ = ExceptionType.objects.create(
            code=pack.code, name=pack.name, icon=pack.icon, default_severity=pack.severity,
            owner_function=functions[pack.owner], triage_role=pack.triage_role, form=pack.form,
            reopen_minutes=pack.reopen_minutes, is_full_pack=pack.full, position=position,
        )  # fmt: skip
        TypeFunction.objects.bulk_create(
            [TypeFunction(type=type_, function=functions[code], required=True) for code in pack.required]
            + [TypeFunction(type=type_, function=functions[code], required=False) for code in pack.informed]
        )
        ReasonCode.objects.bulk_create(
            [
                ReasonCode(type=type_, code=code, name=name, quick=quick, position=place)
                for place, (code, name, quick) in enumerate(REASONS[pack.code])
            ]
        )
        added += 1
    return added
