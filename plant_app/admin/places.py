"""Sites, areas, work centres, work units; and the printed codes of machines."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from core.admin import ModelAdmin, TabularInline
from plant_app import models
from plant_app.services import address_of, code_sheet, revoke_codes


def sheet_answer(units: "QuerySet[models.WorkUnit]", user: Any) -> HttpResponse:
    """The PDF with the codes of these machines, those out of use left out."""
    rows = units.filter(active=True).select_related("work_centre__area__site")
    ordered = rows.order_by("work_centre__area", "work_centre__position", "position", "code")
    response = HttpResponse(code_sheet(work_units=ordered, actor=user), content_type="application/pdf")
    response["Content-Disposition"] = 'attachment; filename="codes.pdf"'
    return response


class CodeInline(TabularInline):
    """A machine's printed codes: its address, and until when it opened anything."""

    model = models.UnitCode
    fields = readonly_fields = ("address", "created_at", "created_by", "revoked_at", "revoked_by")
    can_delete = False

    @admin.display(description="address")
    def address(self, code: models.UnitCode) -> str:
        return address_of(code) if code.revoked_at is None else "revoked"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AreaInline(TabularInline):
    model = models.Area
    fields = ("code", "name", "position")
    show_change_link = True


class ShiftInline(TabularInline):
    model = models.Shift
    fields = ("code", "name", "start", "end", "weekdays", "office", "position")


class WorkCentreInline(TabularInline):
    model = models.WorkCentre
    fields = ("code", "name", "cost_per_hour", "crew", "position")
    show_change_link = True


class WorkUnitInline(TabularInline):
    model = models.WorkUnit
    fields = ("code", "name", "aliases", "is_bottleneck", "position", "active")
    show_change_link = True


@admin.register(models.Enterprise)
class EnterpriseAdmin(ModelAdmin):
    list_display = ("name", "code")


@admin.register(models.Site)
class SiteAdmin(ModelAdmin):
    list_display = ("name", "code", "timezone", "currency", "language", "anonymous_reports")
    search_fields = ("code", "name")
    inlines = (AreaInline, ShiftInline)


@admin.register(models.Area)
class AreaAdmin(ModelAdmin):
    list_display = ("name", "code", "site", "position")
    list_filter = ("site",)
    list_select_related = ("site",)
    search_fields = ("code", "name")
    inlines = (WorkCentreInline,)
    actions = ("print_codes",)

    @admin.action(description="Print QR codes of their machines (PDF)", permissions=["change"])
    def print_codes(self, request: HttpRequest, areas: "QuerySet[models.Area]") -> HttpResponse:
        return sheet_answer(models.WorkUnit.objects.filter(work_centre__area__in=areas), request.user)


@admin.register(models.WorkCentre)
class WorkCentreAdmin(ModelAdmin):
    list_display = ("code", "name", "area", "cost_per_hour", "crew", "erp_id")
    list_filter = ("area__site", "area")
    list_select_related = ("area__site",)
    search_fields = ("code", "name", "aliases")
    autocomplete_fields = ("area",)
    inlines = (WorkUnitInline,)
    actions = ("print_codes",)

    @admin.action(description="Print QR codes of their machines (PDF)", permissions=["change"])
    def print_codes(self, request: HttpRequest, centres: "QuerySet[models.WorkCentre]") -> HttpResponse:
        return sheet_answer(models.WorkUnit.objects.filter(work_centre__in=centres), request.user)


@admin.register(models.WorkUnit)
class WorkUnitAdmin(ModelAdmin):
    list_display = ("code", "name", "work_centre", "is_bottleneck", "active")
    list_filter = ("work_centre__area__site", "work_centre", "is_bottleneck", "active")
    list_select_related = ("work_centre",)
    search_fields = ("code", "name", "aliases")
    autocomplete_fields = ("work_centre",)
    inlines = (CodeInline,)
    actions = ("print_codes", "revoke_printed_codes")

    @admin.action(description="Print QR codes (PDF)", permissions=["change"])
    def print_codes(self, request: HttpRequest, units: "QuerySet[models.WorkUnit]") -> HttpResponse:
        return sheet_answer(units, request.user)

    @admin.action(description="Revoke QR codes: printed ones open nothing any more", permissions=["change"])
    def revoke_printed_codes(self, request: HttpRequest, units: "QuerySet[models.WorkUnit]") -> None:
        assert isinstance(request.user, models.User)  # noqa: S101 (the admin has logged them in)
        ended = revoke_codes(work_units=units, actor=request.user)
        words = f"{ended} printed code{'' if ended == 1 else 's'} revoked; the next print makes new ones."
        self.message_user(request, words, messages.SUCCESS if ended else messages.INFO)
