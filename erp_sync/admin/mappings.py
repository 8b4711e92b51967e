"""Code mappings in the admin: what our codes are called in an ERP, tried against it, kept and brought in as files."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from erp_sync import mapping_files, services
from erp_sync.adapters import port
from erp_sync.admin.base import ForAdministrators, InlineForAdministrators
from erp_sync.models import CodeMapping, ErpConnection

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[CodeMapping]
else:
    _ModelForm = forms.ModelForm

MOST_BYTES = 2_000_000


class MappingForm(_ModelForm):
    """One mapping. Its kind must be one the connection's connector reads, where that says which."""

    class Meta:
        model = CodeMapping
        fields = ("connection", "kind", "ours", "theirs")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "connection" not in self.fields:
            return
        known = self.instance.kind if self.instance.pk is not None else ""
        offered: list[tuple[str, Any]] = [("", "Choose"), *([(known, known)] if known else [])]
        for kind in sorted(set(ErpConnection.objects.filter(is_ledger=False).values_list("kind", flat=True))):
            profile = port.profile_of(kind)
            rows = [(name, f"{name}: {words}") for name, words in sorted(profile.mapping_kinds.items())]
            offered += [(profile.label, [row for row in rows if row[0] != known])] if rows else []
        if any(isinstance(rows, list) for _label, rows in offered):
            self.fields["kind"].widget = UnfoldAdminSelectWidget(choices=offered)
            self.fields["kind"].help_text = "what is mapped; each connector reads kinds of its own"

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        connection = found.get("connection") or getattr(self.instance, "connection", None)
        kinds = port.profile_of(connection.kind).mapping_kinds if connection is not None else {}
        if kinds and found.get("kind") and found["kind"] not in kinds and "kind" in self.changed_data:
            self.add_error("kind", f"This connector reads {', '.join(sorted(kinds))}.")
        return found

    def save(self, commit: bool = True) -> CodeMapping:
        mapping: CodeMapping = super().save(commit=False)
        if self.changed_data:
            services.forget_trial(mapping)
        if commit:
            mapping.save()
        return mapping


class MappingInline(InlineForAdministrators):
    model = CodeMapping
    form = MappingForm
    hide_title = True
    fields = ("kind", "ours", "theirs", "tried")
    readonly_fields = ("tried",)
    verbose_name_plural = "code mappings"

    def get_formset(self, request: HttpRequest, obj: ErpConnection | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        kinds = port.profile_of(obj.kind).mapping_kinds if obj is not None else {}
        field = formset.form.base_fields["kind"]
        if kinds and obj is not None:
            known = set(obj.mappings.values_list("kind", flat=True)) - set(kinds)
            choices = [("", "choose"), *((kind, kind) for kind in sorted(known | set(kinds)))]
            field.widget = UnfoldAdminSelectWidget(choices=choices)
            field.help_text = ""
        else:
            field.widget = UnfoldAdminTextInputWidget()
        return formset

    @admin.display(description="ERP says")
    def tried(self, mapping: CodeMapping) -> str:
        return verdict(mapping)


@admin.register(CodeMapping)
class CodeMappingAdmin(ForAdministrators):
    """What our codes are called in each ERP."""

    form = MappingForm
    list_display = ("connection", "kind", "ours", "theirs", "tried", "tested_at")
    list_filter = ("connection", "kind", "test_ok")
    search_fields = ("kind", "ours", "theirs")
    list_select_related = ("connection",)
    readonly_fields = ("tried", "tested_at")
    actions = ("try_them", "export")
    list_before_template = "admin/erp_sync/mapping_list_head.html"
    change_form_outer_before_template = "admin/erp_sync/mapping_head.html"

    def get_fieldsets(self, request: HttpRequest, obj: CodeMapping | None = None) -> Any:
        fields = ["connection", "kind", "ours", "theirs"]
        return ((None, {"fields": [*fields, "tried", "tested_at"] if obj is not None else fields}),)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("import/", view(self.import_page), name="erp_sync_codemapping_import"),
            path("<int:pk>/try/", view(self.try_one), name="erp_sync_codemapping_try"),
        ]
        rest: list[URLPattern] = super().get_urls()
        return [*own, *rest]

    @admin.display(description="ERP says")
    def tried(self, mapping: CodeMapping) -> str:
        return verdict(mapping)

    @admin.action(description="Test them against the ERP")
    def try_them(self, request: HttpRequest, chosen: QuerySet[CodeMapping]) -> None:
        rows = services.try_mappings(mappings=chosen)
        unknown = [row for row in rows if row.test_ok is False]
        for row in unknown[:10]:
            self.message_user(request, f"{row}: {row.test_said}", messages.WARNING)
        known = sum(row.test_ok is True for row in rows)
        open_ones = len(rows) - known - len(unknown)
        said = f"{known} known to ERP, {len(unknown)} not" + (
            f", {open_ones} it can't say" if open_ones else ""
        )
        self.message_user(request, f"{len(rows)} tried: {said}.")

    @admin.action(description="Export as CSV")
    def export(self, request: HttpRequest, chosen: QuerySet[CodeMapping]) -> HttpResponse:
        rows = chosen.order_by("connection", "kind", "ours").values_list("kind", "ours", "theirs")
        answer = HttpResponse(mapping_files.written(rows), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="code-mappings.csv"'
        return answer

    def try_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button of one mapping's page; POST only."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            for row in services.try_mappings(mappings=CodeMapping.objects.filter(pk=pk)):
                level = {True: messages.SUCCESS, False: messages.ERROR, None: messages.WARNING}[row.test_ok]
                self.message_user(request, f"{row}: {row.test_said}", level)
        return redirect("admin:erp_sync_codemapping_change", pk)

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """A file of mappings for one connection: what is wrong with it, line by line, or all of it at once."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        faults: list[mapping_files.Fault] = []
        if request.method == "POST" and form.is_valid():
            connection: ErpConnection = form.cleaned_data["connection"]
            rows, faults = mapping_files.parsed(
                form.cleaned_data["file"], port.profile_of(connection.kind).mapping_kinds
            )
            if not faults:
                done = services.import_mappings(
                    connection=connection, rows=rows, replace=form.cleaned_data["replace"]
                )
                said = f"{done.created} new, {done.changed} changed, {done.removed} removed."
                self.message_user(request, said)
                return redirect("admin:erp_sync_codemapping_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": "Code mappings from a file",
            "opts": CodeMapping._meta,
            "form": form,
            "faults": faults,
            "columns": mapping_files.COLUMNS,
        }
        return TemplateResponse(request, "admin/erp_sync/mapping_import.html", context)


class ImportForm(forms.Form):
    """Which connection, which file."""

    connection = forms.ModelChoiceField(
        ErpConnection.objects.filter(is_ledger=False), widget=UnfoldAdminSelectWidget
    )
    file = forms.FileField(
        label="File", help_text="CSV with the columns kind, ours and theirs, in UTF-8",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )  # fmt: skip
    replace = forms.BooleanField(
        required=False, label="Remove mappings the file does not name", help_text="otherwise they stay"
    )

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"A file has at most {MOST_BYTES} bytes.")
        try:
            text: str = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not in UTF-8.") from None
        return text


def verdict(mapping: CodeMapping) -> str:
    """What the ERP said of a mapping."""
    if mapping.pk is None or (mapping.tested_at is None and not mapping.test_said):
        return "not tried"
    word = {True: "known", False: "unknown", None: "can't say"}[mapping.test_ok]
    style = {True: "ea-ok", False: "ea-bad", None: "ea-dim"}[mapping.test_ok]
    return format_html('<span class="{}">{}</span> {}', style, word, mapping.test_said)
