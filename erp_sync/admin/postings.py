"""The outbox in the admin: postings with their tries and edits, operated only through their verbs."""

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

from core.admin import ReadOnlyAdmin
from core.errors import DomainError
from erp_sync import selectors, services
from erp_sync.admin.base import ReadOnlyInline
from erp_sync.forms import OperateForm
from erp_sync.models import Posting, PostingAttempt, PostingEdit
from plant_app.models import User
from plant_app.selectors import can


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
