"""The rule editor in the admin: the draft with readable sentences, ladders, limits, versions, cases.

Saves drafts and calls services; only administrators see it. Every change is kept with its author (pghistory).
"""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, Func, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin, TabularInline
from routing_app import admin_clocks, admin_files, admin_matrix, admin_pages, services
from routing_app.admin_base import AdministratorsOnly, ConfigAdmin
from routing_app.forms import RuleConditionForm, RuleForm, operator_table
from routing_app.models import (
    RoutingCase,
    Rule,
    RuleCondition,
    RuleFunction,
    RuleVersion,
)
from routing_app.selectors import decided_cases, rule_spec
from routing_app.sentences import parts, sentence

__all__ = ["RoutingCaseAdmin", "RuleAdmin", "RuleVersionAdmin", "admin_clocks"]


class ConditionInline(AdministratorsOnly, TabularInline):
    hide_title = True
    model = RuleCondition
    form = RuleConditionForm
    verbose_name_plural = "When all of these hold"


class FunctionInline(AdministratorsOnly, TabularInline):
    hide_title = True
    model = RuleFunction
    verbose_name_plural = "Affected functions"


@admin.register(Rule)
class RuleAdmin(ConfigAdmin):
    """The draft, in the order it is read."""

    form = RuleForm
    list_display = ("place", "says", "decided_lately", "enabled", "moves")
    list_display_links = ("place",)
    list_filter = ("kind", "enabled", "conditions__fact")
    search_fields = ("name", "code", "note", "conditions__value", "owner_role")
    list_before_template = "admin/routing_app/rule_list_head.html"
    change_form_outer_before_template = "admin/routing_app/rule_form_head.html"
    list_per_page = 200
    list_fullwidth = True
    ordering = ("order",)
    prepopulated_fields = {"code": ("name",)}
    actions = ("switch_on", "switch_off", "clone")
    fieldsets = (
        (None, {"fields": (("name", "code"), ("kind", "enabled"), "note")}),
        (
            "Owner (route rules)",
            {
                "fields": (
                    ("owner_function", "owner_role"),
                    ("owner_place", "owner_skill"),
                    ("playbook", "proposes_type"),
                    "to_triage",
                )
            },
        ),
        (
            "Urgency, clocks and ladder",
            {
                "fields": (
                    ("urgency_floor", "urgency_cap"),
                    ("acknowledge", "decide", "resolve"),
                    "acknowledge_factor",
                    ("ladder", "start_level"),
                    ("early_level", "early_factor"),
                )
            },
        ),
        ("Also", {"fields": (("mark", "lead_follows"),)}),
    )

    class Media:
        css = {"all": ("routing_app/rules.css",)}
        js = ("routing_app/picks.js", "routing_app/rules.js", "routing_app/order.js", "routing_app/checks.js")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        found: QuerySet[Rule] = super().get_queryset(request)
        upto = Rule.objects.filter(order__lte=OuterRef("order")).order_by()
        numbered = upto.annotate(count=Func(F("pk"), function="COUNT")).values("count")
        decided = decided_cases(OuterRef("code"))
        return (
            found.select_related("owner_function", "ladder")
            .prefetch_related("conditions", "functions__function")
            .annotate(
                number=Subquery(numbered, output_field=IntegerField()),
                decided=Subquery(decided, output_field=IntegerField()),
            )
        )

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, str, Any]] = [
            ("try/", "try", admin_pages.try_page),
            ("publish/", "publish", admin_pages.publish_page),
            ("checks/", "checks", admin_pages.checks_view),
            ("publish/ask/", "ask", admin_pages.ask_view),
            ("publish/<int:pk>/<slug:answer>/", "answer", admin_pages.answer_view),
            ("matrix/", "matrix", admin_matrix.matrix_page),
            ("history/", "whole_history", admin_pages.history_page),
            ("import/", "import", admin_files.import_page),
            ("import/<int:pk>/", "import_preview", admin_files.preview_page),
            ("export/<slug:kind>/", "export", admin_files.export_view),
            ("<int:pk>/place/", "place", admin_pages.place_view),
            ("<int:pk>/move/up/", "up", partial(admin_pages.move_view, direction="up")),
            ("<int:pk>/move/down/", "down", partial(admin_pages.move_view, direction="down")),
        ]
        own = [
            path(route, self.on_site(view), name=f"routing_app_rule_{name}") for route, name, view in pages
        ]
        rest: list[URLPattern] = super().get_urls()
        return [*own, *rest]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        extra = kwargs.pop("extra_context", None) or (args[0] if args else None) or {}
        if admin_pages.is_administrator(request):
            extra = {**extra, **admin_pages.draft_state()}
        return super().changelist_view(request, extra_context=extra)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        rule = (
            self.get_object(request, object_id)
            if object_id and admin_pages.is_administrator(request)
            else None
        )
        said = sentence(rule_spec(rule, 0)) if isinstance(rule, Rule) else ""
        extra = {**(extra_context or {}), **operator_table(), "sentence": said}
        return super().changeform_view(request, object_id, form_url, extra)

    def get_inlines(self, request: HttpRequest, obj: Rule | None) -> list[type[TabularInline]]:
        if obj is not None and obj.is_catch_all:
            return [FunctionInline]
        return [ConditionInline, FunctionInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> tuple[str, ...]:
        return ("kind", "enabled") if obj is not None and obj.is_catch_all else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, Rule) and obj.is_catch_all:
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        if not change:
            obj.order = services.next_order()
        super().save_model(request, obj, form, change)

    @admin.display(description="#", ordering="order")
    def place(self, rule: Rule) -> str:
        return str(getattr(rule, "number", ""))

    @admin.display(description="Rule")
    def says(self, rule: Rule) -> SafeString:
        text = format_html_join(
            "",
            "{}",
            (
                (format_html("<b>{}</b>", text) if strong else text,)
                for text, strong in parts(rule_spec(rule, 0))
            ),
        )
        kind = "rt-add" if rule.kind == "add" else ""
        off = "" if rule.enabled else "rt-off"
        return format_html(
            '<div class="rt-rule {} {}"><span class="rt-name">{}</span><span class="rt-says">{}</span></div>',
            kind,
            off,
            rule.name,
            text,
        )

    @admin.display(description="Decided, 30 days")
    def decided_lately(self, rule: Rule) -> str:
        return "" if rule.kind == "add" else str(getattr(rule, "decided", 0))

    @admin.display(description="Order")
    def moves(self, rule: Rule) -> SafeString | str:
        if rule.is_catch_all:
            return "last, always"
        grip = format_html(
            '<span class="rt-grip" data-place="{}" data-rule="{}" title="Drag to another place">⠿</span>',
            reverse("admin:routing_app_rule_place", args=[rule.pk]),
            rule.pk,
        )
        return grip + format_html_join(
            "",
            '<button type="submit" form="rt-move" formaction="{}" class="rt-move" aria-label="Move {}: {}">{}</button>',
            (
                (reverse(f"admin:routing_app_rule_{way}", args=[rule.pk]), way, rule.name, sign)
                for way, sign in (("up", "↑"), ("down", "↓"))
            ),
        )

    @admin.action(description="Switch on")
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Switch off")
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Rule], *, enabled: bool) -> None:
        changed = services.set_enabled(rules=queryset, enabled=enabled)
        state = "on" if enabled else "off"
        self.message_user(
            request, f"{changed} rule{'' if changed == 1 else 's'} switched {state} in the draft."
        )

    @admin.action(description="Clone")
    def clone(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        copies = [services.clone_rule(rule=rule) for rule in queryset if not rule.is_catch_all]
        if not copies:
            self.message_user(request, "The catch-all can't be copied.", messages.WARNING)
            return
        names = ", ".join(f"“{copy.name}”" for copy in copies)
        self.message_user(request, f"{names}: copied below, switched off.")


class ReadOnlyForAdministrators(ReadOnlyAdmin):
    """Nobody changes these rows; administrators read them."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return admin_pages.is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin_pages.is_administrator(request)


@admin.register(RuleVersion)
class RuleVersionAdmin(ReadOnlyForAdministrators):
    list_display = ("number", "published_at", "published_by", "approved_by", "note", "differs")
    list_select_related = ("published_by", "approved_by")
    fields = (
        "number", "published_at", "published_by", "approved_by", "approved_at", "restores", "note",
        "what_changed", "what_checks_said", "rules",
    )  # fmt: skip
    readonly_fields = fields
    change_form_outer_before_template = "admin/routing_app/version_head.html"

    class Media:
        css = {"all": ("routing_app/rules.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleVersion]:
        found: QuerySet[RuleVersion] = super().get_queryset(request)
        return found.defer("snapshot")

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:number>/roll-back/",
            self.admin_site.admin_view(admin_pages.roll_back_view),
            name="routing_app_ruleversion_roll_back",
        )
        rest: list[URLPattern] = super().get_urls()
        return [own, *rest]

    @admin.display(description="Changes")
    def differs(self, version: RuleVersion) -> str:
        texts = [change["text"] for change in version.changes]
        more = f" And {len(texts) - 2} more." if len(texts) > 2 else ""
        return f"{' '.join(texts[:2])}{more}"

    @admin.display(description="Changes")
    def what_changed(self, version: RuleVersion) -> str:
        return render_to_string("admin/routing_app/_changes.html", {"changes": version.changes})

    @admin.display(description="Checks")
    def what_checks_said(self, version: RuleVersion) -> str:
        return render_to_string("admin/routing_app/_problems.html", {"problems": version.checks})

    @admin.display(description="Rules")
    def rules(self, version: RuleVersion) -> str:
        return render_to_string(
            "admin/routing_app/_rules.html", {"rules": admin_pages.version_sentences(version)}
        )


@admin.register(RoutingCase)
class RoutingCaseAdmin(ReadOnlyForAdministrators):
    list_display = ("origin_ref", "created_at", "rule_number", "rule_code", "urgency", "version", "opening")
    list_filter = ("urgency", "rule_code")
    search_fields = ("origin_ref",)
    list_select_related = ("version", "opening__version")
    fields = ("origin_ref", "created_at", "version", "opening", "rule_code", "facts", "outcome", "trace")
    readonly_fields = fields
