"""Pages of the rule editor beside the plain admin forms: try with facts, publish, move.

Parses, calls a service, renders. State changes only by POST. Must not be reachable but through the admin site, which
checks the login; each page checks that it is an administrator's.
"""

from typing import Any

import pghistory
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import DomainError
from plant_app.models import User
from routing_app import services
from routing_app.forms import TryForm
from routing_app.history import whole_history
from routing_app.models import Rule, RuleApproval, RuleVersion
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import (
    draft_authors,
    draft_changes,
    draft_spec,
    latest_version,
    may_edit_rules,
    second_person_wanted,
    spec_digest,
    waiting_approval,
)
from routing_app.sentences import explain_line, sentence

CHANGELIST = "admin:routing_app_rule_changelist"
PUBLISH = "admin:routing_app_rule_publish"


def is_administrator(request: HttpRequest) -> bool:
    """Whether the signed-in person may edit rules; asked once per request, however often the theme asks."""
    known: bool | None = getattr(request, "_may_edit_rules", None)
    if known is None:
        known = may_edit_rules(request.user)
        request._may_edit_rules = known  # type: ignore[attr-defined]
    return known


def administrator(request: HttpRequest) -> User:
    """The signed-in administrator, or PermissionDenied."""
    if not isinstance(request.user, User) or not is_administrator(request):
        raise PermissionDenied
    return request.user


def draft_state() -> dict[str, Any]:
    """What the head of the rule list says about draft and version; the checks as they are kept, never made here."""
    spec = draft_spec()
    return {
        "version": latest_version(),
        "changes": draft_changes(spec),
        "checked": services.kept_checks(spec),
        "digest": spec_digest(spec),
    }


@require_GET
def checks_view(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The line about the checks of the draft as it is now, made where none are kept or they are old: a page fetches it
    once it is shown. `digest` names the state the page shows, so that it hears of an edit made meanwhile.
    """
    administrator(request)
    spec = draft_spec()
    checked = services.kept_checks(spec)
    if checked is None or not checked.fresh:
        checked = services.check_draft(spec)
    shown = request.GET.get("digest", "")
    context = {"checked": checked, "moved": bool(shown) and shown != checked.digest}
    return TemplateResponse(request, "admin/routing_app/_checked.html", context)


@require_GET
def try_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Facts in, route and full trace out; the address holds the facts, so that it can be passed on."""
    administrator(request)
    form = TryForm(request.GET or None)
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": "Try with facts",
        "opts": Rule._meta,
        "form": form,
        "lists": form.lists,
    }
    if form.is_bound and form.is_valid():
        try:
            tried = services.try_facts(facts=form.facts(), draft=form.cleaned_data["rules"] != "published")
        except DomainError as refusal:
            context["refusal"] = refusal
        else:
            context |= _result(tried)
    return TemplateResponse(request, "admin/routing_app/try.html", context)


def _result(tried: services.Tried) -> dict[str, Any]:
    outcome = tried.outcome
    lines = [
        {
            **line,
            "sentence": sentence(tried.rules[line["number"]]),
            "state": _state(line, outcome.rule_number),
            "said": [(one["result"], explain_line(one)) for one in line["conditions"]],
        }
        for line in tried.lines
    ]
    return {
        "tried": tried,
        "outcome": outcome,
        "lines": lines,
        "decider": sentence(tried.rules[outcome.rule_number]),
        "adders": [sentence(tried.rules[number]) for number in outcome.added_by],
    }


def _state(line: dict[str, Any], decided_by: int) -> str:
    if line["result"] == "error":
        return "error"
    if line["number"] == decided_by:
        return "decides"
    if line["number"] > decided_by:
        return "not reached"
    return "adds" if line["result"] == "matched" else "no"


@require_http_methods(["GET", "POST"])
def publish_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """What would change and what the checks say; a POST publishes, where no second person is asked for."""
    actor = administrator(request)
    if request.method == "POST":
        try:
            version = services.publish(actor=actor, note=request.POST.get("note", "")[:300])
        except DomainError as refusal:
            messages.error(request, f"{refusal.message} {refusal.hint}".strip())
            return redirect(PUBLISH)
        messages.success(request, f"Version {version.number} routes from now on.")
        return redirect(CHANGELIST)
    waiting = waiting_approval()
    spec = draft_spec()
    checked = services.check_draft(spec)
    context = {
        **site.each_context(request),
        "title": "Publish the draft",
        "opts": Rule._meta,
        "version": latest_version(),
        "changes": draft_changes(spec),
        "checked": checked,
        "problems": checked.problems,
        "second_person": second_person_wanted(),
        "waiting": waiting,
        "stale": waiting is not None and services.approval_is_stale(waiting),
        "mine": waiting is not None and waiting.asked_by_id == actor.pk,
        "author": actor.pk in draft_authors(),
        "answered": RuleApproval.objects.filter(status="refused").select_related("decided_by").first(),
    }
    context["blocked"] = checked.errors > 0
    return TemplateResponse(request, "admin/routing_app/publish.html", context)


@require_POST
def ask_view(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask a second person to approve the draft."""
    actor = administrator(request)
    try:
        services.ask_approval(actor=actor, note=request.POST.get("note", "")[:300])
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Another administrator can approve the draft now.")
    return redirect(PUBLISH)


@require_POST
def answer_view(request: HttpRequest, site: AdminSite, pk: int, answer: str) -> HttpResponse:
    """Approve and publish, send back with a reason, or take one's own request back."""
    actor = administrator(request)
    try:
        if answer == "approve":
            version = services.approve(pk=pk, actor=actor)
            messages.success(request, f"Approved. Version {version.number} routes from now on.")
            return redirect(CHANGELIST)
        if answer == "send-back":
            services.send_back(pk=pk, actor=actor, reason=request.POST.get("reason", ""))
            messages.success(request, "Sent back; the draft stays as it is.")
        elif answer == "withdraw":
            services.withdraw(pk=pk, actor=actor)
            messages.success(request, "The request is taken back.")
        else:
            raise Http404
    except DomainError as refusal:
        messages.error(request, f"{refusal.message} {refusal.hint}".strip())
    return redirect(PUBLISH)


@require_GET
def history_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Who changed what of all rules, ladders and limits, also of what is gone by now."""
    administrator(request)
    context = {
        **site.each_context(request),
        "title": "History of the rules",
        "opts": Rule._meta,
        "entries": whole_history(),
    }
    return TemplateResponse(request, "admin/routing_app/history.html", context)


@require_POST
def move_view(request: HttpRequest, site: AdminSite, pk: int, direction: str) -> HttpResponse:
    """One place up or down."""
    actor = administrator(request)
    rule = get_object_or_404(Rule, pk=pk)
    try:
        with pghistory.context(user=actor.pk, url=request.path):
            moved = services.move_rule(rule=rule, up=direction == "up")
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        if not moved:
            messages.info(request, f"“{rule.name}” can't go further {direction}.")
    return redirect(CHANGELIST)


@require_POST
def place_view(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    """Put a dragged rule before another; answers with nothing but the state, the page draws itself again."""
    actor = administrator(request)
    rule = get_object_or_404(Rule, pk=pk)
    given = request.POST.get("before", "")
    before = get_object_or_404(Rule, pk=int(given)) if given.isdecimal() and len(given) < 19 else None
    try:
        with pghistory.context(user=actor.pk, url=request.path):
            services.place_rule(rule=rule, before=before)
    except DomainError as refusal:
        messages.error(request, refusal.message)
    return redirect(CHANGELIST)


@require_POST
def roll_back_view(request: HttpRequest, number: int) -> HttpResponse:
    """Take an earlier version back and publish it."""
    actor = administrator(request)
    try:
        version = services.roll_back(number=number, actor=actor)
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Version {version.number} routes from now on; it equals version {number}.")
    return redirect("admin:routing_app_ruleversion_changelist")


def version_sentences(version: RuleVersion) -> list[tuple[int, str, str, bool]]:
    """Number, name, sentence and switch of every rule of a version."""
    spec = RulesetSpec.from_dict(version.snapshot)
    return [(rule.number, rule.name, sentence(rule), rule.enabled) for rule in spec.rules]
