"""The outbox in the admin: postings with their tries and edits, operated only through their verbs."""

import json
from collections import Counter
from typing import Any, Final

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
from erp_sync import lifecycle, selectors, services
from erp_sync.admin import operating
from erp_sync.admin.base import ReadOnlyInline
from erp_sync.forms import HandForm, OperateForm
from erp_sync.models import Posting, PostingAttempt, PostingEdit
from erp_sync.reversals import REVERSALS
from erp_sync.services.bulk import MOST
from plant_app.models import User
from plant_app.selectors import can

TOO_MANY: Final = f"At most {MOST} postings at once, and more are chosen: narrow the list with its filters."


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
    actions = ("send_again", "operate_chosen")

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
        if posting.status == lifecycle.Status.CANCELLED or (posting.kind == "reversal" and posting.settled):
            return ""
        return format_html(
            '<a href="{}">Operate</a>', reverse("admin:erp_sync_posting_operate", args=[posting.pk])
        )

    @admin.action(description="Send again (refused, held and waiting ones)")
    def send_again(self, request: HttpRequest, chosen: QuerySet[Posting]) -> None:
        actor, ids = _person(request), _ids(chosen)
        if len(ids) > MOST:
            self.message_user(request, TOO_MANY, messages.ERROR)
            return
        found = operating.operate_many("retry", ids, actor, reason="", assignee=None)
        for one in found:
            if not one.done:
                self.message_user(request, f"{one.business_key}: {one.message}", messages.WARNING)
        self.message_user(request, f"{sum(one.done for one in found)} postings go again.")

    @admin.action(description="Operate what is chosen ...")
    def operate_chosen(self, request: HttpRequest, chosen: QuerySet[Posting]) -> HttpResponse | None:
        """Ask what to do with the chosen ones and why, do it, and say of each what came of it."""
        actor, ids = _person(request), _ids(chosen)
        if len(ids) > MOST:
            self.message_user(request, TOO_MANY, messages.ERROR)
            return None
        postings = list(
            Posting.objects.filter(pk__in=ids).select_related("connection", "site").order_by("pk")
        )
        fits = Counter(name for posting in postings for name in operating.verbs_for(posting, actor))
        verbs = {
            name: (f"{verb.words} ({fits[name]} of {len(ids)}): {verb.said}", verb.reason)
            for name, verb in operating.VERBS.items()
            if verb.many and fits[name]
        }
        form = HandForm(
            request.POST if "go" in request.POST else None,
            verbs=verbs,
            people=operating.carers({posting.site_id for posting in postings}),
            auto_id="many_%s",
        )
        context = {**self._page(request, "Operate what is chosen"), "form": form, "postings": postings}
        if form.is_bound and form.is_valid():
            verb = form.cleaned_data["verb"]
            found = operating.operate_many(
                verb, ids, actor, reason=form.cleaned_data["reason"],
                assignee=form.cleaned_data.get("assignee"),
            )  # fmt: skip
            named = {posting.pk: posting for posting in postings}
            context |= {
                "came": [(one, named[one.posting_id]) for one in sorted(found, key=lambda one: one.done)],
                "done": sum(one.done and one.changed for one in found),
                "same": sum(one.done and not one.changed for one in found),
                "bad": sum(not one.done for one in found),
                "verb": operating.VERBS[verb].words,
            }
        return TemplateResponse(request, "admin/erp_sync/operate_many.html", context)

    def operate_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One verb on one posting, with its reason."""
        posting = selectors.posting_in_full(request.user, pk)
        if posting is None:
            raise Http404
        actor = _person(request)
        if not any(can(actor, verb.action, posting.site_id) for verb in operating.VERBS.values()):
            raise PermissionDenied
        offered = operating.verbs_for(posting, actor)
        asked = request.POST.get("verb", "")
        if asked in operating.VERBS and asked not in offered:
            # The page is old, or somebody may not: the service says which, in its own words.
            if not can(actor, operating.VERBS[asked].action, posting.site_id):
                raise PermissionDenied
            offered.append(asked)
        form = OperateForm(
            request.POST or None,
            posting=posting,
            verbs={name: _said(operating.VERBS[name], posting.kind) for name in offered},
            people=operating.carers([posting.site_id]),
        )
        context = {
            **self._page(request, f"Operate {posting.business_key}"),
            "posting": posting,
            "form": form,
            "differences": services.differences_of(posting),
        }
        if request.method == "POST" and form.is_valid():
            try:
                after = operating.operate(posting.pk, actor, form.cleaned_data)
            except DomainError as refusal:
                context["refusal"] = refusal
            else:
                words = operating.VERBS[form.cleaned_data["verb"]].words.lower()
                self.message_user(request, f"{posting.business_key}: done ({words}).", messages.SUCCESS)
                return redirect("admin:erp_sync_posting_change", after.pk)
        return TemplateResponse(request, "admin/erp_sync/operate.html", context)

    def _page(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": Posting._meta}


def _said(verb: operating.Verb, kind: str) -> tuple[str, bool]:
    """A step in words; a reversal says what it does in ERP to this kind."""
    means = f"{REVERSALS[kind].words}; say why" if verb is operating.VERBS["reverse"] else verb.said
    return f"{verb.words}: {means}", verb.reason


def _ids(chosen: QuerySet[Posting]) -> list[int]:
    """First made first, as chains go; one more than may go at once tells that there are too many."""
    return list(chosen.order_by("pk").values_list("pk", flat=True)[: MOST + 1])


def _person(request: HttpRequest) -> User:
    """Who lays a hand on postings. Whether they may, each posting answers for its site."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
