"""Connected ERPs in the admin: set up, tried, read, compared.

A new connection is chosen by its kind; its page then asks for what that kind needs. Buttons ask the ERP only where the
person waits for an answer (a trial); reads and comparisons are left to a worker.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from core.errors import DomainError
from erp_sync import access, services
from erp_sync.adapters import port
from erp_sync.admin.base import ForAdministrators, InlineForAdministrators, person_of
from erp_sync.admin.connection_form import PROOFS, NewConnectionForm, field_groups, form_for
from erp_sync.admin.mappings import MappingInline
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ConnectionSite, ErpConnection, PullRun, Watermark
from erp_sync.services.sweeping import sweep_state


class SiteInline(InlineForAdministrators):
    model = ConnectionSite
    hide_title = True
    verbose_name_plural = "sites it serves"


class WatermarkInline(InlineForAdministrators):
    model = Watermark
    hide_title = True
    verbose_name_plural = "what is read from it"
    fields = readonly_fields = ("entity", "at", "rows", "now", "gaps", "gone_rows", "swept_at", "error")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission

    @admin.display(description="Under way")
    def now(self, mark: Watermark) -> str:
        return progress_of(mark)

    @admin.display(description="Gaps")
    def gaps(self, mark: Watermark) -> int:
        return len(mark.missing)

    @admin.display(description="Gone from ERP")
    def gone_rows(self, mark: Watermark) -> str:
        return gone_of(mark)


def progress_of(mark: Watermark) -> str:
    """How far the read under way is."""
    if mark.began_at is None:
        return ""
    return f"{mark.rows_now} of {mark.total_now} rows" if mark.total_now else f"{mark.rows_now} rows"


def gone_of(mark: Watermark) -> str:
    """What the last sweep found gone."""
    state = sweep_state(mark)
    if state.refused:
        return f"not believed: {state.refused} of {state.of} missing"
    return str(len(state.codes)) if state.codes else ""


@admin.register(ErpConnection)
class ErpConnectionAdmin(ForAdministrators):
    """Connected ERPs."""

    list_display = ("name", "speaks", "enabled", "state", "last_ok_at", "last_error_at", "trial")
    list_filter = ("enabled", "kind")
    search_fields = ("code", "name")
    actions = ("test_connection", "read_master_data", "reconcile_now", "try_mappings")
    change_form_outer_before_template = "admin/erp_sync/connection_head.html"

    def get_form(
        self, request: HttpRequest, obj: ErpConnection | None = None, change: bool = False, **kwargs: Any
    ) -> "type[forms.ModelForm[ErpConnection]]":
        if obj is None:
            return NewConnectionForm
        kwargs["form"] = form = form_for(obj)
        kwargs["fields"] = list(form.base_fields)
        made: type[forms.ModelForm[ErpConnection]] = super().get_form(request, obj, change, **kwargs)
        return made

    def get_fieldsets(self, request: HttpRequest, obj: ErpConnection | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("kind", "code", "name")}),)
        return [(head or None, given) for head, given in field_groups(obj)]

    def get_inlines(self, request: HttpRequest, obj: ErpConnection | None) -> Any:
        return (SiteInline, MappingInline, WatermarkInline) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: ErpConnection, form: Any, change: bool) -> None:
        if change:
            # Senders keep circuit, rate and clock in the same row: what nobody entered is theirs.
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields={*form.fields} & columns | {"password_source", "options"})
            if {"base_url", "database"} & set(form.changed_data) and services.read_anew(connection=obj):
                self.message_user(request, "It leads elsewhere now: its master data is read from the start.")
        else:
            super().save_model(request, obj, form, change)
        secret = form.cleaned_data.get("new_password")
        if not secret:
            return
        services.store_secret(connection=obj, secret=secret, actor=person_of(request))
        self.message_user(request, "The new password is sealed and used from the next call on.")

    def response_add(
        self, request: HttpRequest, obj: ErpConnection, post_url_continue: str | None = None
    ) -> HttpResponse:
        messages.success(
            request, f"{obj.name} is there, switched off; fill in what it needs, try it, switch it on."
        )
        return redirect("admin:erp_sync_erpconnection_change", obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.postings.exists())

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        connection = self.get_object(request, object_id) if object_id else None
        extra = dict(extra_context or {})
        if isinstance(connection, ErpConnection):
            extra["head"] = head_of(connection)
        return super().changeform_view(request, object_id, form_url, extra)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/test/", view(self.test_page), name="erp_sync_erpconnection_test"),
            path("<int:pk>/ask/<slug:what>/", view(self.ask), name="erp_sync_erpconnection_ask"),
        ]
        rest: list[URLPattern] = super().get_urls()
        return [*own, *rest]

    @admin.display(description="ERP", ordering="kind")
    def speaks(self, connection: ErpConnection) -> str:
        return port.profile_of(connection.kind).label

    @admin.display(description="State")
    def state(self, connection: ErpConnection) -> str:
        return state_of(connection)

    @admin.display(description="")
    def trial(self, connection: ErpConnection) -> str:
        address = reverse("admin:erp_sync_erpconnection_test", args=[connection.pk])
        return format_html('<a class="font-medium underline" href="{}">Test</a>', address)

    def test_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the ERP answers: as whom we are in, how fast, its version and clock, which postings it takes."""
        connection = self._chosen(request, pk)
        trial = services.try_connection(connection=connection) if request.method == "POST" else None
        profile = port.profile_of(connection.kind)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Test of {connection.name}",
            "opts": ErpConnection._meta,
            "connection": connection,
            "label": profile.label,
            "proof": PROOFS[profile.proof],
            "trial": trial,
        }
        return TemplateResponse(request, "admin/erp_sync/connection_test.html", context)

    def ask(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """A button of the page: a read, a dry run, a comparison, the mappings; POST only."""
        connection = self._chosen(request, pk)
        if request.method != "POST":
            return redirect("admin:erp_sync_erpconnection_change", pk)
        try:
            if what in ("read", "dry"):
                run = services.ask_pull(
                    connection=connection,
                    actor=person_of(request),
                    dry=what == "dry",
                    from_start=what == "dry",
                )
                return redirect("admin:erp_sync_pullrun_change", run.pk)
            if what == "compare":
                comparison = services.ask_reconciliation(connection=connection)
                return redirect("admin:erp_sync_reconciliationrun_change", comparison.pk)
            if what == "believe":
                self._believe(request, connection)
            elif what == "mappings":
                tried = services.try_mappings(mappings=connection.mappings.all())
                unknown = sum(row.test_ok is False for row in tried)
                level = messages.WARNING if unknown else messages.SUCCESS
                self.message_user(request, f"{len(tried)} mappings tried, {unknown} unknown to ERP.", level)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        except (ErpUnavailable, ErpRejected) as trouble:
            self.message_user(request, trouble.message, messages.ERROR)
        return redirect("admin:erp_sync_erpconnection_change", pk)

    def _believe(self, request: HttpRequest, connection: ErpConnection) -> None:
        for mark in connection.watermarks.exclude(gone=[]):
            if sweep_state(mark).refused:
                done = services.sweep(connection=connection, entity=mark.entity, believe=True)
                if done is not None and done.refused:
                    words = f"{mark.entity}: {done.refused} of {done.of} are missing by now, more than were shown."
                    self.message_user(request, f"{words} Look again.", messages.WARNING)
                    continue
                count = len(done.codes) if done is not None else 0
                self.message_user(request, f"{mark.entity}: {count} rows ERP has no more are marked.")

    def _chosen(self, request: HttpRequest, pk: int) -> ErpConnection:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return get_object_or_404(ErpConnection, pk=pk)

    @admin.action(description="Test the connection")
    def test_connection(self, request: HttpRequest, chosen: QuerySet[ErpConnection]) -> None:
        for connection in chosen:
            trial = services.try_connection(connection=connection)
            self.message_user(
                request,
                f"{connection.name}: {said_of(trial)}",
                messages.SUCCESS if trial.ok else messages.ERROR,
            )

    @admin.action(description="Read master data")
    def read_master_data(self, request: HttpRequest, chosen: QuerySet[ErpConnection]) -> None:
        for connection in chosen.filter(is_ledger=False):
            self._tell(
                request, connection, "a read is asked for", services.ask_pull, actor=person_of(request)
            )

    @admin.action(description="Compare documents with postings")
    def reconcile_now(self, request: HttpRequest, chosen: QuerySet[ErpConnection]) -> None:
        for connection in chosen.filter(is_ledger=False):
            self._tell(request, connection, "a comparison is asked for", services.ask_reconciliation)

    @admin.action(description="Test all code mappings")
    def try_mappings(self, request: HttpRequest, chosen: QuerySet[ErpConnection]) -> None:
        for connection in chosen:
            tried = services.try_mappings(mappings=connection.mappings.all())
            unknown = sum(row.test_ok is False for row in tried)
            self.message_user(request, f"{connection.name}: {len(tried)} tried, {unknown} unknown to ERP")

    def _tell(
        self, request: HttpRequest, connection: ErpConnection, said: str, ask: Any, **more: Any
    ) -> None:
        try:
            ask(connection=connection, **more)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            self.message_user(request, f"{connection.name}: {said}; a worker takes it up.")


def said_of(trial: services.Trial) -> str:
    """A trial in one line."""
    if not trial.ok:
        return f"no, {trial.detail}"
    parts = [trial.version or "answers", f"{trial.latency_ms} ms"]
    if trial.skew_ms is not None:
        parts.append(skew_words(trial.skew_ms))
    if trial.login:
        parts.append(f"in as {trial.login}")
    return ", ".join(parts)


def skew_words(milliseconds: int) -> str:
    """How the ERP's clock goes against ours."""
    if abs(milliseconds) < 1500:  # an HTTP date is only told to the second
        return "its clock goes with ours"
    return f"its clock is {abs(milliseconds) / 1000:.1f} s {'ahead' if milliseconds > 0 else 'behind'}"


def state_of(connection: ErpConnection) -> str:
    """How a connection is doing, in a word or two."""
    if not connection.enabled:
        return "switched off"
    if connection.circuit_open:
        return "silent"
    return "on trial" if connection.on_trial else "open for postings"


def head_of(connection: ErpConnection) -> dict[str, Any]:
    """What a connection's page says above its form."""
    profile = port.profile_of(connection.kind)
    run = PullRun.objects.filter(connection=connection).first()
    return {
        "connection": connection,
        "label": profile.label,
        "proof": profile.proof,
        "proof_words": PROOFS[profile.proof],
        "state": state_of(connection),
        "skew": skew_words(connection.skew_ms) if connection.skew_at is not None else "",
        "own": connection.password_source == access.INSTALLATION,
        "run": run,
        "disbelieved": [mark for mark in connection.watermarks.exclude(gone=[]) if sweep_state(mark).refused],
        "mappings": connection.mappings.count(),
    }
