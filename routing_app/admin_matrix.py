"""The matrix page: types by levels at one urgency, one row at a time opened for editing.

Parses, calls a service, renders. What is saved goes into the draft, never straight into routing.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.validators import MaxValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods
from unfold.widgets import (
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from core.errors import DomainError
from routing_app import engine, services, words
from routing_app.admin_pages import administrator
from routing_app.clocks import Limits, Step
from routing_app.matrix import Row, rows_of
from routing_app.models import Rule
from routing_app.selectors import choices_of, draft_spec

_MOST_LEVELS = 9


def _minutes(label: str, least: int = 1, required: bool = True) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=1_000_000,
        required=required,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


class LimitsForm(forms.Form):
    acknowledge = _minutes("Acknowledge (min)")
    decide = _minutes("Decide (min)")
    resolve = _minutes("Resolve (min)")
    contain = _minutes("Contain (min)", required=False)
    own_ladder = forms.BooleanField(required=False, label="Give this type a ladder of its own")

    def limits(self) -> Limits:
        data = self.cleaned_data
        return Limits(data["acknowledge"], data["decide"], data["resolve"], data["contain"])


class StepForm(forms.Form):
    """One level; without roles it is left out."""

    level = forms.IntegerField(required=False, min_value=1, max_value=99, widget=forms.HiddenInput)
    roles = forms.MultipleChoiceField(
        choices=words.ROLE_CHOICES,
        required=False,
        label="Who",
        widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 4, "data-picks": "roles"}),
    )
    factor = forms.DecimalField(
        required=False, min_value=0, max_digits=6, decimal_places=2, label="× acknowledge limit",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )  # fmt: skip
    minutes = _minutes("or after (min)", least=0, required=False)
    repeats = _minutes("told again, times", least=0, required=False)
    repeat_minutes = _minutes("every (min)", least=1, required=False)

    channel = forms.ChoiceField(
        choices=[("", "as each wishes"), *words.CHANNEL_CHOICES],
        required=False,
        label="also by",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["repeats"].validators.append(MaxValueValidator(100))
        self.fields["repeat_minutes"].validators.append(MaxValueValidator(10_000))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("roles") and (data.get("factor") is None) == (data.get("minutes") is None):
            self.add_error("factor", "Give either a factor of the acknowledge limit or fixed minutes.")
        return data


StepFormSet = forms.formset_factory(StepForm, extra=1, max_num=_MOST_LEVELS, validate_max=True)


def _steps(formset: Any) -> tuple[Step, ...]:
    found: list[Step] = []
    for form in formset:
        data = form.cleaned_data
        if not data.get("roles"):
            continue
        top = max((step.level for step in found), default=0)
        repeats = data.get("repeats") or 0
        factor = data.get("factor")
        found.append(
            Step(
                level=data.get("level") or top + 1,
                roles=tuple(data["roles"]),
                factor=factor.normalize() if factor is not None else None,
                minutes=data.get("minutes"),
                repeats=repeats,
                repeat_minutes=(data.get("repeat_minutes") or 5) if repeats else 0,
                channel=data.get("channel", ""),
            )
        )
    return tuple(found)


def _filled(row: Row) -> tuple[LimitsForm, Any]:
    first = [
        {
            "level": step.level,
            "roles": list(step.roles),
            "factor": step.factor,
            "minutes": step.minutes,
            "repeats": step.repeats or None,
            "repeat_minutes": step.repeat_minutes or None,
            "channel": step.channel,
        }
        for step in row.steps
    ]
    return LimitsForm(initial=row.limits.as_dict(), prefix="limits"), StepFormSet(
        initial=first, prefix="steps"
    )


def _address(urgency: str, **more: str) -> str:
    return f"{reverse('admin:routing_app_rule_matrix')}?{urlencode({'urgency': urgency, **more})}"


@require_http_methods(["GET", "POST"])
def matrix_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Who is told when, per type; `urgency` picks the limits shown, `edit` opens a row, a POST saves the row."""
    actor = administrator(request)
    asked = request.GET.get("urgency", "")
    urgency = asked if asked in words.BANDS else words.HIGH
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": "Who is told, and when",
        "opts": Rule._meta,
        "urgency": urgency,
        "bands": [(band, _address(band)) for band in words.BANDS],
    }
    try:
        rows = rows_of(draft_spec(), urgency=urgency, types=choices_of("types"))
    except engine.RulesetInvalid as problem:
        return TemplateResponse(
            request, "admin/routing_app/matrix.html", {**context, "invalid": str(problem)}
        )
    edited = next((row for row in rows if row.type_code == request.GET.get("edit")), None)
    if edited is not None:
        form, formset = _filled(edited)
        if request.method == "POST":
            form = LimitsForm(request.POST, prefix="limits")
            formset = StepFormSet(request.POST, prefix="steps")
            if form.is_valid() and formset.is_valid():
                try:
                    services.set_matrix_row(
                        type_code=edited.type_code,
                        urgency=urgency,
                        limits=form.limits(),
                        steps=_steps(formset),
                        own_ladder=form.cleaned_data["own_ladder"],
                        actor=actor,
                    )
                except DomainError as refusal:
                    form.add_error(None, f"{refusal.message} {refusal.hint}".strip())
                else:
                    messages.success(request, f"{edited.name.capitalize()}: saved in the draft.")
                    return redirect(_address(urgency))
        context |= {"form": form, "formset": formset, "edited": edited}
    context |= {
        "rows": [(row, _address(urgency, edit=row.type_code)) for row in rows],
        "levels": range(1, max((cell.level for row in rows for cell in row.cells), default=1) + 1),
        "closed": _address(urgency),
        "others": rows[0].others,
    }
    return TemplateResponse(request, "admin/routing_app/matrix.html", context)
