"""Findings of comparisons in the admin: whose each is, its story, and one page to do something about it."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from core.errors import DomainError
from erp_sync import services
from erp_sync.admin import operating
from erp_sync.admin.base import ReadForAdministrators, ReadOnlyInline, person_of
from erp_sync.findings import NEXT_STEP
from erp_sync.forms import FindingForm
from erp_sync.models import FindingCare, FindingStep
from plant_app.models import User

#: Steps by name: what they are called, and whether they need a remark.
_VERBS: Final[dict[str, tuple[str, bool]]] = {
    "assign": ("Assign: somebody looks after it; nobody lays it down", False),
    "settle": ("Settle: it has been looked at, and the remark explains it", True),
    "anew": ("Send anew: ERP lost the document, it is posted once more under a key of its own", True),
    "reopen": ("Open again", False),
}


class SettledFilter(admin.SimpleListFilter):
    """Open ones, or those somebody has explained."""

    title = "settled"
    parameter_name = "settled"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Open"), ("yes", "Looked at and explained")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[FindingCare]) -> QuerySet[FindingCare]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(settled_at__isnull=self.value() == "no")


class StepInline(ReadOnlyInline):
    model = FindingStep
    fields = readonly_fields = ("at", "verb", "actor", "remark", "before", "after")


@admin.register(FindingCare)
class FindingCareAdmin(ReadForAdministrators):
    """What comparisons found, with what people said of it. Nothing is typed over here."""

    list_display = (
        "kind", "business_key", "erp_number", "ours", "theirs", "connection", "first_found_at", "owner", "settled_at",
        "operate",
    )  # fmt: skip
    list_filter = (SettledFilter, "kind", "connection", "owner")
    list_select_related = ("connection", "owner")
    search_fields = ("business_key", "erp_number", "remark")
    ordering = ("-pk",)
    inlines = (StepInline,)
    readonly_fields = ("operate",)
    actions = ("take_on",)

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:pk>/operate/",
            self.admin_site.admin_view(self.operate_page),
            name="erp_sync_findingcare_operate",
        )
        rest: list[URLPattern] = super().get_urls()
        return [own, *rest]

    @admin.display(description="")
    def operate(self, care: FindingCare) -> str:
        return format_html(
            '<a href="{}">Operate</a>', reverse("admin:erp_sync_findingcare_operate", args=[care.pk])
        )

    @admin.action(description="Take on")
    def take_on(self, request: HttpRequest, chosen: QuerySet[FindingCare]) -> None:
        actor, taken = _person(request), 0
        for care_id in chosen.order_by("pk").values_list("pk", flat=True):
            try:
                services.assign_finding(care_id=care_id, owner=actor, actor=actor)
            except DomainError as refusal:
                self.message_user(request, f"{care_id}: {refusal.message}", messages.WARNING)
            else:
                taken += 1
        self.message_user(request, f"You look after {taken} findings.")

    def operate_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One step about one finding, with its remark."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        actor = _person(request)
        care = FindingCare.objects.select_related(
            "connection", "posting", "posting__connection", "owner", "settled_by"
        ).filter(pk=pk).first()  # fmt: skip
        if care is None:
            raise Http404
        form = FindingForm(
            request.POST or None,
            verbs={name: _VERBS[name] for name in _offered(care)},
            people=operating.carers(_sites(care)),
            initial={"assignee": care.owner_id, "version": care.version},
        )
        context = {
            **self.admin_site.each_context(request),
            "title": f"{care.get_kind_display()}: {care.business_key}",
            "opts": FindingCare._meta,
            "care": care,
            "next_step": "" if care.settled else NEXT_STEP[care.kind],
            "form": form,
        }
        if request.method == "POST" and form.is_valid():
            try:
                _act(care, actor, form.cleaned_data)
            except DomainError as refusal:
                context["refusal"] = refusal
            else:
                self.message_user(request, f"{care.business_key}: done.", messages.SUCCESS)
                return redirect("admin:erp_sync_findingcare_change", care.pk)
        return TemplateResponse(request, "admin/erp_sync/finding.html", context)


def _offered(care: FindingCare) -> list[str]:
    if care.settled:
        return ["reopen"]
    return ["assign", "settle", *([] if services.why_not_anew(care) else ["anew"])]


def _act(care: FindingCare, actor: User, given: dict[str, Any]) -> None:
    """One step, as the form gives it; one changed since it was read is refused. Raises what its service raises."""
    who: dict[str, Any] = {
        "care_id": care.pk, "actor": actor, "remark": given["reason"], "version": given["version"],
    }  # fmt: skip
    match given["verb"]:
        case "assign":
            services.assign_finding(**who, owner=given["assignee"])
        case "settle":
            services.settle_finding(**who)
        case "anew":
            services.send_anew(**who)
        case _:
            services.reopen_finding(**who)


def _sites(care: FindingCare) -> list[int]:
    if care.posting is not None:
        return [care.posting.site_id]
    return list(care.connection.site_links.values_list("site_id", flat=True))


def _person(request: HttpRequest) -> User:
    person = person_of(request)
    if person is None:
        raise PermissionDenied
    return person
