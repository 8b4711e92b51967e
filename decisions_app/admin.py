"""Playbooks in the admin: options with their tasks and postings, previewed; limits, root causes; the rest to read."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path

from core.admin import ModelAdmin, ReadOnlyAdmin, StackedInline, TabularInline
from core.errors import NotFound
from decisions_app import talk_admin  # noqa: F401 - registers its page
from decisions_app.models import (
    Approval,
    Comment,
    Decision,
    MoneyLimit,
    Option,
    OptionPosting,
    OptionTask,
    Playbook,
    RootCauseCategory,
    Task,
)
from decisions_app.previewing import preview_of, unheld
from decisions_app.services.loading import leave_offer, offers_of, take_offer
from plant_app.models import User


class OptionInline(TabularInline):
    """The options of a playbook, short."""

    model = Option
    fields = ("position", "code", "name", "when", "by_quantity", "expedited", "active")
    show_change_link = True


class ContainmentPostingInline(TabularInline):
    """Postings that belong to the type, whichever option is taken."""

    model = OptionPosting
    fields = ("position", "template", "trigger", "task_code", "settings", "needs_approval", "option")


class Versioned(ModelAdmin):
    """Whatever is changed here makes a new version of the playbook; decisions under way keep theirs."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changed = form.has_changed() or any(formset.has_changed() for formset in formsets)
        if change and changed:
            playbook = form.instance if isinstance(form.instance, Playbook) else form.instance.playbook
            Playbook.objects.filter(pk=playbook.pk).update(version=F("version") + 1)
            playbook.refresh_from_db(fields=["version"])


@admin.register(Playbook)
class PlaybookAdmin(Versioned):
    """One playbook per exception type."""

    change_form_template = "admin/decisions_app/playbook/change_form.html"

    list_display = ("type", "clears", "cause_required", "estimate_minutes", "version", "newer")
    readonly_fields = ("version",)
    inlines = (OptionInline, ContainmentPostingInline)

    @admin.display(description="newer shipped content")
    def newer(self, playbook: Playbook) -> str:
        """How many edited parts the product has newer content for."""
        count = len(offers_of(playbook))
        return f"{count} to look at" if count else ""

    def get_urls(self) -> list[Any]:
        offered = self.admin_site.admin_view(self.offered)
        return [
            path("<int:pk>/offered/", offered, name="decisions_app_playbook_offered"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        playbook = self.get_object(request, object_id)
        offers = offers_of(playbook) if playbook is not None else []
        return cast(
            HttpResponse,
            super().change_view(request, object_id, form_url, {**(extra_context or {}), "offers": offers}),
        )

    def offered(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Newer shipped content of edited parts, side by side with the site's; taken or left part by part."""
        playbook = get_object_or_404(Playbook.objects.select_related("type"), pk=pk)
        if not self.has_change_permission(request, playbook):
            raise PermissionDenied
        if request.method == "POST":
            taken, part = request.POST.get("do") == "take", request.POST.get("part", "")
            try:
                (take_offer if taken else leave_offer)(playbook_id=pk, part=part)
            except NotFound as refusal:
                messages.warning(request, refusal.message)
            else:
                self.log_change(request, playbook, f"{'Took' if taken else 'Left'} shipped content: {part}")
            return HttpResponseRedirect(request.path)
        return TemplateResponse(
            request,
            "admin/decisions_app/playbook_offered.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Newer shipped content: {playbook.type}",
                "playbook": playbook,
                "offers": offers_of(playbook),
            },
        )


class OptionForm(forms.ModelForm):
    """Refuses an option nobody could decide or approve."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("deciders") and isinstance(data["deciders"], list):
            self._held("deciders", [str(role) for role in data["deciders"]], every=False)
        if isinstance(data.get("approvals"), list):
            roles = [str(row.get("role")) for row in data["approvals"] if isinstance(row, dict)]
            self._held("approvals", roles, every=True)
        return data

    def _held(self, field: str, roles: list[str], *, every: bool) -> None:
        nobody = unheld(roles)
        if nobody and (every or len(nobody) == len(roles)):
            self.add_error(
                field, ValidationError(f"Nobody holds: {', '.join(nobody)}", code="playbooks.role_nobody_has")
            )


class OptionTaskInline(StackedInline):
    """What the option hands out."""

    model = OptionTask
    fields = (
        ("position", "code", "function", "role"),
        "title",
        ("due_minutes", "due_input", "only_if"),
        ("blocking", "clears", "check_days"),
        "asks",
        "effects",
    )


class OptionPostingInline(TabularInline):
    """What ERP gets."""

    model = OptionPosting
    fields = ("position", "template", "trigger", "task_code", "settings", "needs_approval", "playbook")


@admin.register(Option)
class OptionAdmin(Versioned):
    """An option with its inputs, tasks and postings; previewed on a stored record before it is saved."""

    form = OptionForm
    change_form_template = "admin/decisions_app/option/change_form.html"

    list_display = ("name", "playbook", "position", "by_quantity", "active")
    list_filter = ("playbook", "active")
    search_fields = ("name", "code")
    inlines = (OptionTaskInline, OptionPostingInline)

    def response_change(self, request: HttpRequest, obj: Option) -> HttpResponse:
        """The preview shows what was typed as if it were saved, and takes all of it back."""
        if "_preview" not in request.POST:
            return cast(HttpResponse, super().response_change(request, obj))
        context = preview_of(obj, request.POST.get("_preview_ref", "").strip(), cast(User, request.user))
        response = TemplateResponse(
            request,
            "admin/decisions_app/option_preview.html",
            {**self.admin_site.each_context(request), "title": f"Preview: {obj.name}", **context},
        ).render()
        transaction.set_rollback(True)
        return response


@admin.register(MoneyLimit)
class MoneyLimitAdmin(ModelAdmin):
    """What one decision of a duty may cost."""

    list_display = ("duty", "site", "amount")
    list_filter = ("site",)


@admin.register(RootCauseCategory)
class RootCauseCategoryAdmin(ModelAdmin):
    """The root causes people choose from, per type."""

    list_display = ("name", "code", "type", "position", "active")
    list_filter = ("type", "active")


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Yeses asked for and what came of them."""

    list_display = ("exception", "option", "why", "role", "person", "cost", "due_at", "status", "end_code")
    list_filter = ("status", "why", "role", "end_code")
    search_fields = ("exception__ref",)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """Decisions taken."""

    list_display = ("exception", "number", "option", "decided_by", "decided_at", "cost", "reversed_at")
    list_filter = ("option",)
    search_fields = ("exception__ref", "reason")


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks handed out."""

    list_display = ("title", "exception", "function", "person", "due_at", "status", "blocking")
    list_filter = ("status", "function", "blocking")
    search_fields = ("exception__ref", "title")


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    """What people said."""

    list_display = ("exception", "author", "at", "text")
    search_fields = ("exception__ref", "text")
