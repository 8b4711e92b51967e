"""The backtest in the administration: what publishing the draft would have changed, record by record.

Lies here because it joins what became of the records; drawn in the admin's frame, for administrators only. Reads only.
"""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from boards_app.selectors.backtest import page_of
from core.errors import DomainError
from plant_app.models import User
from routing_app.backtest import ASPECTS
from routing_app.models import Rule
from routing_app.selectors import may_edit_rules
from routing_app.services import backtest

MONTHS = (1, 2, 3, 6, 12, 24)
USUAL = 3


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Counts, load and the changed records; `months`, `aspect` and `page` choose."""
    if not isinstance(request.user, User) or not may_edit_rules(request.user):
        raise PermissionDenied
    months = _number(request.GET.get("months", ""), USUAL)
    aspect = request.GET.get("aspect", "")
    context = {
        **admin.site.each_context(request),
        "title": "Backtest of the draft",
        "opts": Rule._meta,
        "months": months,
        "choices": MONTHS,
        "hours_of_day": range(24),
        "aspect_names": ASPECTS,
    }
    try:
        context |= page_of(
            backtest(months=months), aspect=aspect, number=_number(request.GET.get("page", ""), 1)
        )
    except DomainError as refusal:
        context["refusal"] = refusal
    site = request.user.home_site
    with timezone.override(site.timezone if site else "UTC"):
        return TemplateResponse(request, "admin/routing_app/backtest.html", context).render()


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise
