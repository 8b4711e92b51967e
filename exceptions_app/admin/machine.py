"""Machine signals in the admin: defined in a form or a table, read back as a sentence, with their last value beside."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core import clock
from core.admin import ModelAdmin, ReadOnlyAdmin
from exceptions_app.channels.mqtt import BRIDGED
from exceptions_app.machine_live import Live, live_of_node, live_signals
from exceptions_app.models import BridgeNode, MachineSignal, Source
from exceptions_app.services.machine.definitions import (
    COLUMNS,
    check_definition,
    import_definitions,
    sentence_of,
)

MOST_SHOWN = 3
MOST_BYTES = 4_000_000
STYLES = {"all": ("exceptions_app/sources.css", "exceptions_app/machine.css")}


class SignalForm(forms.ModelForm):
    """A definition, refused beside the field that could never work."""

    class Meta:
        model = MachineSignal
        fields = (
            "source", "code", "active", "topic", "metric", "time_path", "quality_path", "work_unit", "kind", "operator",
            "operand", "deadband", "on_delay", "off_delay", "exception_type", "reason", "text", "reopen_within",
            "silence_after", "chatter_count", "chatter_minutes", "shelve_minutes", "reorder_within",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "source" in self.fields:
            self.fields["source"].queryset = Source.objects.filter(adapter__in=BRIDGED)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.errors:
            check_definition(self._made())
        return cleaned

    def _made(self) -> MachineSignal:
        return MachineSignal(**{name: value for name, value in self.cleaned_data.items() if name != "id"})


class TableForm(forms.Form):
    """A table of definitions for one source: pasted, or a file."""

    source = forms.ModelChoiceField(Source.objects.filter(adapter__in=BRIDGED))
    file = forms.FileField(required=False, label="A file")
    text = forms.CharField(
        required=False,
        label="or the table itself",
        widget=forms.Textarea(attrs={"rows": 10}),
        max_length=MOST_BYTES,
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        sent = cleaned.get("file")
        if sent is not None and sent.size > MOST_BYTES:
            raise forms.ValidationError("The file is too large.")
        if sent is not None:
            cleaned["text"] = sent.read().decode("utf-8-sig", errors="replace")
        if not str(cleaned.get("text") or "").strip():
            raise forms.ValidationError("Paste a table, or choose a file.")
        return cleaned


def _told(live: list[Live]) -> Any:
    """Values of the first few units, a line each, and how many more there are."""
    if not live:
        return "nothing yet"
    lines = [
        f"{one.unit} {'—' if one.value is None else one.value}: {one.words}" for one in live[:MOST_SHOWN]
    ]
    if len(live) > MOST_SHOWN:
        lines.append(f"and {len(live) - MOST_SHOWN} more")
    return format_html(
        '<div class="sm-live">{}</div>', format_html_join("", "<span>{}</span>", ((line,) for line in lines))
    )


@admin.register(MachineSignal)
class MachineSignalAdmin(ModelAdmin):
    """What each signal means. Imported as a table, or written here."""

    class Media:
        css = STYLES

    form = SignalForm
    list_display = ("code", "source", "sentence", "now", "active")
    list_filter = ("source", "exception_type", "kind", "active")
    search_fields = ("code", "topic", "metric", "work_unit__code")
    list_select_related = ("source", "work_unit", "exception_type", "reason")
    readonly_fields = ("sentence", "now")
    list_before_template = "admin/exceptions_app/signals_head.html"
    fieldsets: ClassVar = (
        (None, {"fields": ("sentence", "now", "source", "code", "active")}),
        ("Where it is found", {"fields": ("topic", "metric", "time_path", "quality_path", "work_unit")}),
        (
            "When it is a stop",
            {"fields": ("kind", "operator", "operand", "deadband", "on_delay", "off_delay")},
        ),
        (
            "What it is",
            {"fields": ("exception_type", "reason", "text")},
        ),
        (
            "What does not count",
            {
                "fields": (
                    "reopen_within",
                    "silence_after",
                    "chatter_count",
                    "chatter_minutes",
                    "shelve_minutes",
                    "reorder_within",
                )
            },
        ),
    )

    @admin.display(description="in a sentence")
    def sentence(self, row: MachineSignal) -> str:
        return sentence_of(row) if row.pk else "Comes when it is saved."

    @admin.display(description="last stored")
    def now(self, row: MachineSignal) -> Any:
        if row.pk is None:
            return "nothing yet"
        live = vars(row).get("live")
        return _told(live if live is not None else live_signals([row])[row.pk])

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page's rows get their live state with one query."""
        page = super().get_changelist_instance(request)
        rows = list(page.result_list)
        found = live_signals(rows)
        for row in rows:
            vars(row)["live"] = found[row.pk]
        page.result_list = rows
        return page

    def save_model(self, request: HttpRequest, obj: MachineSignal, form: Any, change: bool) -> None:
        obj.changed_at = clock.now()
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        rest: list[URLPattern] = super().get_urls()
        table = self.admin_site.admin_view(self.table_view)
        return [path("table/", table, name="exceptions_app_machinesignal_table"), *rest]

    def table_view(self, request: HttpRequest) -> HttpResponse:
        """A table of definitions; with any problem nothing is written and each is named with its line."""
        if not self.has_add_permission(request) or not self.has_change_permission(request):
            raise PermissionDenied
        form = TableForm(request.POST or None, request.FILES or None)
        problems: list[tuple[int, str]] = []
        if request.method == "POST" and form.is_valid():
            source = form.cleaned_data["source"]
            done = import_definitions(source=source, text=form.cleaned_data["text"])
            problems = done.problems
            if not problems:
                self.log_change(
                    request, source, f"{done.added} signals added, {done.changed} changed by a table"
                )
                messages.success(request, f"{done.added} signals added, {done.changed} changed.")
                return redirect("admin:exceptions_app_machinesignal_changelist")
        context = {
            **self.admin_site.each_context(request), "title": "Signals from a table", "opts": MachineSignal._meta,
            "form": form, "problems": problems, "columns": COLUMNS,
        }  # fmt: skip
        return TemplateResponse(request, "admin/exceptions_app/signals_table.html", context)


@admin.register(BridgeNode)
class BridgeNodeAdmin(ReadOnlyAdmin):
    """What a bridge knows of each node it reads."""

    class Media:
        css = STYLES

    list_display = ("key", "source", "online", "held_by", "heard_at", "signals", "fault")
    list_filter = ("source", "online")
    search_fields = ("key", "owner")
    list_select_related = ("source",)
    readonly_fields = ("held_by", "table", "counts", "known_aliases")
    fields = (
        "source", "key", "online", "held_by", "lease_until", "heard_at", "stored_at", "seq", "bd_seq", "fault",
        "fault_at", "counts", "known_aliases", "table",
    )  # fmt: skip

    @admin.display(description="held by", ordering="owner")
    def held_by(self, node: BridgeNode) -> str:
        slot, _, where = node.owner.partition("@")
        return f"slot {slot} on {where.partition(':')[0]}" if slot else "nobody"

    @admin.display(description="signals")
    def signals(self, node: BridgeNode) -> int:
        return len(node.state.get("states", {}))

    @admin.display(description="counted")
    def counts(self, node: BridgeNode) -> str:
        counters = sorted(node.counters.items())
        return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counters) or "nothing"

    @admin.display(description="aliases known")
    def known_aliases(self, node: BridgeNode) -> int:
        return len(node.birth.get("aliases", {}))

    @admin.display(description="signals")
    def table(self, node: BridgeNode) -> SafeString:
        codes = dict(MachineSignal.objects.filter(source=node.source_id).values_list("pk", "code"))
        rows = (
            (
                codes.get(one.signal, "deleted"),
                one.unit,
                "—" if one.value is None else one.value,
                one.words,
                one.late,
            )
            for one in live_of_node(node)
        )
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        head = "<tr><th>signal</th><th>work unit</th><th>value</th><th>state</th><th>late samples</th></tr>"
        return format_html(
            '<table class="sm-table"><thead>{}</thead><tbody>{}</tbody></table>', SafeString(head), body
        )
