"""The admin of the ERP side: connections and mappings are edited here, postings only operated through their verbs.

Owns lists, forms and buttons. Passwords are not in the database and therefore on no page.
"""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from core.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from core.errors import DomainError
from erp_sync import selectors, services
from erp_sync.adapters import port
from erp_sync.forms import OperateForm
from erp_sync.models import (
    CodeMapping,
    ConnectionSite,
    ErpConnection,
    Posting,
    PostingAttempt,
    PostingEdit,
    ReconciliationFinding,
    ReconciliationRun,
    Watermark,
)
from plant_app.models import User
from plant_app.selectors import can


class ForAdministrators(ModelAdmin):
    """Pages only an administrator sees."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return can(request.user, "plant.edit")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return can(request.user, "plant.edit")

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission


class InlineForAdministrators(TabularInline):
    """Rows of such a page."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return can(request.user, "plant.edit")

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission


class SiteInline(InlineForAdministrators):
    model = ConnectionSite


class MappingInline(InlineForAdministrators):
    model = CodeMapping


class WatermarkInline(InlineForAdministrators):
    model = Watermark
    fields = readonly_fields = ("entity", "at", "rows", "value", "error", "error_at", "next_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(ErpConnection)
class ErpConnectionAdmin(ForAdministrators):
    """Connected ERPs; the actions ask, read and compare now."""

    list_display = ("name", "kind", "enabled", "state", "last_ok_at", "last_error_at")
    readonly_fields = ("failures", "open_until", "last_ok_at", "last_error", "last_error_at")
    inlines = (SiteInline, MappingInline, WatermarkInline)
    actions = ("test_connection", "read_master_data", "reconcile_now")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "base_url":
            kwargs["assume_scheme"] = "https"
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "kind":
            field.help_text = "One of: " + ", ".join(port.kinds())
        return field

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.postings.exists())

    @admin.display(description="State")
    def state(self, connection: ErpConnection) -> str:
        return "silent" if connection.circuit_open else "open for postings"

    @admin.action(description="Test the connection")
    def test_connection(self, request: HttpRequest, chosen: QuerySet[ErpConnection]) -> None:
        for connection in chosen:
            health = services.check_connection(connection=connection)
            level = messages.SUCCESS if health.ok else messages.ERROR
            said = f"answers, {health.version or health.detail}" if health.ok else health.detail
            self.message_user(request, f"{connection.name}: {said}", level)

    @admin.action(description="Read master data now")
    def read_master_data(self, request: HttpRequest, chosen: QuerySet[ErpConnection]) -> None:
        for connection in chosen.filter(is_ledger=False):
            for done in services.pull_master_data(connection=connection):
                said = done.error or f"{done.rows} rows read, {done.changed} changed"
                level = messages.ERROR if done.error else messages.SUCCESS
                self.message_user(request, f"{connection.name}, {done.entity}: {said}", level)

    @admin.action(description="Compare documents with postings now")
    def reconcile_now(self, request: HttpRequest, chosen: QuerySet[ErpConnection]) -> None:
        for connection in chosen.filter(is_ledger=False):
            run = services.reconcile(connection=connection)
            said = (
                run.error
                or f"{run.postings} postings, {run.documents} documents, {run.findings.count()} findings"
            )
            self.message_user(
                request, f"{connection.name}: {said}", messages.ERROR if run.error else messages.SUCCESS
            )


class ReadOnlyInline(TabularInline):
    """Rows nobody writes by hand, seen by whoever may see the page."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class AttemptInline(ReadOnlyInline):
    model = PostingAttempt
    fields = readonly_fields = (
        "number",
        "action",
        "started_at",
        "finished_at",
        "outcome",
        "error_code",
        "error",
    )


class EditInline(ReadOnlyInline):
    model = PostingEdit
    fields = readonly_fields = ("at", "verb", "actor", "reason", "status_before", "before", "after")


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    """The outbox. Nothing is typed over here: a page of its own asks what to do and why."""

    list_display = (
        "business_key",
        "kind",
        "status",
        "held_reason",
        "site",
        "chain",
        "occurred_at",
        "lag",
        "operate",
    )
    list_filter = ("status", "held_reason", "kind", "site", "connection")
    search_fields = ("business_key", "origin_ref", "chain", "erp_number", "error_message")
    inlines = (AttemptInline, EditInline)
    exclude = ("claim_token", "payload")
    readonly_fields = ("sent_as", "operate")
    actions = ("send_again",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return can(request.user, "posting.view")

    def has_view_permission(self, request: HttpRequest, obj: Posting | None = None) -> bool:
        return can(request.user, "posting.view", obj.site_id if obj is not None else None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        return selectors.postings_for_screen(request.user)

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:pk>/operate/",
            self.admin_site.admin_view(self.operate_page),
            name="erp_sync_posting_operate",
        )
        rest: list[URLPattern] = super().get_urls()
        return [own, *rest]

    @admin.display(description="Lag")
    def lag(self, posting: Posting) -> str:
        return str(posting.lag).split(".", maxsplit=1)[0]  # type: ignore[attr-defined]

    @admin.display(description="Payload")
    def sent_as(self, posting: Posting) -> str:
        return format_html(
            "<pre>{}</pre>", json.dumps(posting.payload, indent=2, ensure_ascii=False, sort_keys=True)
        )

    @admin.display(description="")
    def operate(self, posting: Posting) -> str:
        if posting.settled:
            return ""
        return format_html(
            '<a href="{}">Operate</a>', reverse("admin:erp_sync_posting_operate", args=[posting.pk])
        )

    @admin.action(description="Send again (refused, held and waiting ones)")
    def send_again(self, request: HttpRequest, chosen: QuerySet[Posting]) -> None:
        done = 0
        for posting in chosen:
            try:
                services.retry(posting_id=posting.pk, actor=_operator(request, posting))
            except DomainError as refusal:
                self.message_user(request, f"{posting.business_key}: {refusal.message}", messages.WARNING)
            else:
                done += 1
        self.message_user(request, f"{done} postings go again.")

    def operate_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One verb on one posting, with its reason."""
        posting = selectors.posting_in_full(request.user, pk)
        if posting is None:
            raise Http404
        actor = _operator(request, posting)
        form = OperateForm(request.POST or None, posting=posting)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Operate {posting.business_key}",
            "opts": Posting._meta,
            "posting": posting,
            "form": form,
        }
        if request.method == "POST" and form.is_valid():
            try:
                _operate(posting.pk, actor, form.cleaned_data)
            except DomainError as refusal:
                context["refusal"] = refusal
            else:
                self.message_user(request, f"{posting.business_key}: done.")
                return redirect("admin:erp_sync_posting_change", posting.pk)
        return TemplateResponse(request, "admin/erp_sync/operate.html", context)


def _operator(request: HttpRequest, posting: Posting) -> User:
    if not isinstance(request.user, User) or not can(request.user, "posting.edit", posting.site_id):
        raise PermissionDenied
    return request.user


def _operate(posting_id: int, actor: User, given: dict[str, Any]) -> Posting:
    who: dict[str, Any] = {"posting_id": posting_id, "actor": actor, "version": given["version"]}
    match given["verb"]:
        case "approve":
            return services.approve(**who)
        case "retry":
            return services.retry(**who, reason=given["reason"])
        case "edit":
            return services.edit_and_retry(**who, reason=given["reason"], payload=given["payload"])
        case "cancel":
            return services.cancel(**who, reason=given["reason"])
        case _:
            return services.mark_local(**who, reason=given["reason"], erp_number=given["erp_number"])


class FindingInline(ReadOnlyInline):
    model = ReconciliationFinding
    fields = readonly_fields = ("kind", "business_key", "erp_number", "ours", "theirs")


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    """What comparisons found."""

    list_display = ("connection", "started_at", "postings", "documents", "found", "error")
    inlines = (FindingInline,)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return can(request.user, "plant.edit")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return can(request.user, "plant.edit")

    @admin.display(description="Findings")
    def found(self, run: ReconciliationRun) -> int:
        return run.findings.count()
