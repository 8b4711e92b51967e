"""Rules in files, in the admin: download, upload with a preview of what would change, apply.

Parses, calls a service, renders. An upload changes nothing; only the POST on its preview does.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_http_methods

from core import clock
from core.errors import DomainError
from routing_app import diff, services
from routing_app.admin_pages import CHANGELIST, administrator
from routing_app.models import ImportMode, Rule, RuleImport
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import draft_spec, problems_of, spec_digest


class ImportForm(forms.Form):
    file = forms.FileField(
        label="File",
        help_text="CSV (the rules), XLSX or JSON (rules, ladders and limits), as exported here.",
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.json"}),
    )
    mode = forms.ChoiceField(
        choices=ImportMode.choices,
        initial=ImportMode.REPLACE,
        label="What happens to the others",
        widget=forms.RadioSelect,
    )


@require_GET
def export_view(request: HttpRequest, site: AdminSite, kind: str) -> HttpResponse:
    """The draft as a file."""
    administrator(request)
    if kind not in services.FORMATS:
        raise Http404
    day = clock.now().date().isoformat()
    answer = HttpResponse(
        services.export_file(spec=draft_spec(), kind=kind), content_type=services.CONTENT_TYPES[kind]
    )
    answer["Content-Disposition"] = f'attachment; filename="rules-{day}.{kind}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Choose a file; its faults are listed row by row, a file without one is kept and shown."""
    actor = administrator(request)
    form = ImportForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            kept = services.prepare_import(
                name=file.name, data=file.read(), actor=actor, mode=form.cleaned_data["mode"]
            )
        except services.FileFaults as refusal:
            context = {"refusal": refusal, "faults": refusal.faults, "file_name": file.name}
        except DomainError as refusal:
            context = {"refusal": refusal, "file_name": file.name}
        else:
            return redirect("admin:routing_app_rule_import_preview", pk=kept.pk)
    return TemplateResponse(
        request,
        "admin/routing_app/import.html",
        {
            **site.each_context(request),
            "title": "Import rules",
            "opts": Rule._meta,
            "form": form,
            **context,
        },
        status=400 if context else 200,
    )


@require_http_methods(["GET", "POST"])
def preview_page(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    """What the kept file would change; a POST changes the draft."""
    actor = administrator(request)
    kept = get_object_or_404(RuleImport, pk=pk)
    if request.method == "POST":
        try:
            services.apply_import(pk=pk, actor=actor)
        except DomainError as refusal:
            messages.error(request, f"{refusal.message} {refusal.hint}".strip())
            return redirect("admin:routing_app_rule_import")
        messages.success(request, f"The draft is as in “{kept.name}”. Nothing is published yet.")
        return redirect(CHANGELIST)
    spec, draft = RulesetSpec.from_dict(kept.spec), draft_spec()
    return TemplateResponse(
        request,
        "admin/routing_app/import_preview.html",
        {
            **site.each_context(request),
            "title": f"Import “{kept.name}”",
            "opts": Rule._meta,
            "kept": kept,
            "changes": diff.changes(draft, spec),
            "problems": problems_of(spec),
            "stale": kept.applied_at is None and spec_digest(draft) != kept.draft_digest,
        },
    )
