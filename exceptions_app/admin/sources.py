"""Senders in the admin: their place, their settings and keys, and the workbench where a payload becomes fields."""

import json
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from core.admin import ModelAdmin
from exceptions_app import services
from exceptions_app.admin.source_form import NewSourceForm, field_groups, form_for
from exceptions_app.channels.adapters import adapter_of
from exceptions_app.models import Signal, Source

RECENT = 12
SPARE = 4
#: Lines the workbench always offers: the envelope, then what is linked most.
OFFERED = (
    "text", "external_id", "occurred_at", "reporter", "type", "work_unit", "work_centre", "work_order", "item", "lot",
    "quantity", "reason",
)  # fmt: skip


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    """Senders. A new one is chosen by what it speaks; its page then asks for what that needs."""

    list_display = ("code", "name", "speaks", "site", "trusted", "active", "last_heard")
    list_filter = ("channel", "adapter", "site", "trusted", "active")
    search_fields = ("code", "name")
    change_form_before_template = "admin/exceptions_app/source_head.html"
    list_select_related = ("site",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        found: QuerySet[Source] = super().get_queryset(request)
        return found.annotate(heard_at=Max("signals__received_at"))

    @admin.display(description="speaks", ordering="adapter")
    def speaks(self, source: Source) -> str:
        adapter = adapter_of(source.adapter)
        return adapter.name if adapter else source.get_channel_display()

    @admin.display(description="last heard", ordering="heard_at")
    def last_heard(self, source: Source) -> Any:
        return getattr(source, "heard_at", None)

    def get_form(
        self, request: HttpRequest, obj: Source | None = None, change: bool = False, **kwargs: Any
    ) -> "type[forms.ModelForm[Source]]":
        return NewSourceForm if obj is None else form_for(obj)

    def get_fieldsets(self, request: HttpRequest, obj: Source | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("adapter", "code", "name", "site")}),)
        return [(head or None, {"fields": names}) for head, names in field_groups(adapter_of(obj.adapter))]

    def response_add(
        self, request: HttpRequest, obj: Source, post_url_continue: str | None = None
    ) -> HttpResponse:
        messages.success(request, f"{obj.name} is there; now fill in what it needs.")
        return redirect("admin:exceptions_app_source_change", obj.pk)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        source = self.get_object(request, object_id) if object_id else None
        extra = dict(extra_context or {})
        if isinstance(source, Source):
            extra["source_head"] = head_of(request, source)
        return super().changeform_view(request, object_id, form_url, extra)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        rest: list[URLPattern] = super().get_urls()
        mapping = self.admin_site.admin_view(self.mapping_view)
        return [path("<int:pk>/mapping/", mapping, name="exceptions_app_source_mapping"), *rest]

    def mapping_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A payload, the mapping, and what comes of it, side by side. A POST tries the lines, or saves them."""
        source = get_object_or_404(Source.objects.select_related("site"), pk=pk)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        adapter = adapter_of(source.adapter)
        if adapter is None or not adapter.mapped:
            return redirect("admin:exceptions_app_source_change", pk)
        mapping = dict(source.mapping or adapter.mapping)
        recent = list(
            Signal.objects.filter(source=source, redacted_at=None).order_by("-received_at", "-pk")[:RECENT]
        )
        chosen = _chosen(request, recent)
        body = _body_of(chosen)
        if request.method == "POST":
            mapping, body = _lines(request), request.POST.get("body", "")
            if request.POST.get("do") == "save":
                source.mapping = mapping
                source.save(update_fields=["mapping"])
                self.log_change(request, source, [{"changed": {"fields": ["mapping"]}}])
                messages.success(request, "The mapping is saved; the next message is read by it.")
                return redirect(
                    f"{request.path}?{urlencode({'signal': chosen.pk})}" if chosen else request.path
                )
        trial = (
            services.try_message(
                source=source, mapping=mapping, body=body.encode(), content_type="application/json"
            )
            if body.strip()
            else None
        )
        names = [*OFFERED, *(name for name in mapping if name not in OFFERED)]
        found = trial.found if trial else {}
        context = {
            **self.admin_site.each_context(request),
            "title": f"Mapping of {source.name}", "opts": Source._meta, "source": source, "recent": recent,
            "chosen": chosen, "body": body, "trial": trial, "changed": mapping != (source.mapping or adapter.mapping),
            "rows": [(name, mapping.get(name, ""), found.get(name, "")) for name in names], "spare": range(SPARE),
        }  # fmt: skip
        return TemplateResponse(request, "admin/exceptions_app/mapping.html", context)


def head_of(request: HttpRequest, source: Source) -> dict[str, Any]:
    """What a source's page says above its form: its address, when it was last heard, where to go on."""
    adapter = adapter_of(source.adapter)
    last = (
        Signal.objects.filter(source=source)
        .order_by("-received_at")
        .values_list("received_at", flat=True)
        .first()
    )
    address = adapter.path.format(code=source.code) if adapter and adapter.path else ""
    signals = reverse("admin:exceptions_app_signal_changelist")
    return {
        "address": request.build_absolute_uri(address) if address else "",
        "speaks": adapter.name if adapter else source.get_channel_display(),
        "last": last,
        "signals": f"{signals}?{urlencode({'source__id__exact': source.pk})}",
        "mapping": reverse("admin:exceptions_app_source_mapping", args=[source.pk])
        if adapter and adapter.mapped
        else "",
    }


def _chosen(request: HttpRequest, recent: list[Signal]) -> Signal | None:
    wanted = request.GET.get("signal") or request.POST.get("signal") or ""
    return next((one for one in recent if str(one.pk) == wanted), recent[0] if recent else None)


def _body_of(signal: Signal | None) -> str:
    """A stored message as it would be posted; an alert stands in its group again."""
    if signal is None:
        return ""
    payload = signal.payload
    if isinstance(payload, dict) and isinstance(payload.get("alert"), dict) and "alerts" not in payload:
        rest = {name: value for name, value in payload.items() if name != "alert"}
        payload = {**rest, "alerts": [payload["alert"]]}
    return json.dumps(payload, indent=2, ensure_ascii=False) if payload else signal.text


def _lines(request: HttpRequest) -> dict[str, str]:
    names, paths = request.POST.getlist("name"), request.POST.getlist("path")
    pairs = zip(names, paths, strict=False)
    return {name.strip()[:60]: path.strip()[:300] for name, path in pairs if name.strip() and path.strip()}
