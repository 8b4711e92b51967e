"""Ladders and clock limits in the admin, and what a site asks before publishing.

Saves drafts; what may be saved is checked by the models. Must not publish.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin import TabularInline
from routing_app.admin_base import AdministratorsOnly, ConfigAdmin
from routing_app.forms import LadderStepForm
from routing_app.models import ClockLimit, Ladder, LadderStep, OtherAcknowledgeLimit, PublishingPolicy


class LadderStepInline(AdministratorsOnly, TabularInline):
    hide_title = True
    model = LadderStep
    form = LadderStepForm


@admin.register(Ladder)
class LadderAdmin(ConfigAdmin):
    list_display = ("code", "name", "climbs")
    inlines = (LadderStepInline,)

    class Media:
        css = {"all": ("routing_app/rules.css",)}
        js = ("routing_app/picks.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ladder]:
        found: QuerySet[Ladder] = super().get_queryset(request)
        return found.prefetch_related("steps")

    @admin.display(description="Steps")
    def climbs(self, ladder: Ladder) -> str:
        return ", then ".join(
            f"{' + '.join(role.replace('_', ' ') for role in step.roles)} "
            f"({f'{step.minutes} min' if step.minutes is not None else f'× {step.factor:g}'})"
            for step in ladder.steps.all()
        )


@admin.register(ClockLimit)
class ClockLimitAdmin(ConfigAdmin):
    list_display = ("type_code", "urgency", "acknowledge", "decide", "resolve", "contain")
    list_editable = ("acknowledge", "decide", "resolve", "contain")
    list_filter = ("type_code", "urgency")
    list_per_page = 100


@admin.register(OtherAcknowledgeLimit)
class OtherAcknowledgeLimitAdmin(ConfigAdmin):
    list_display = ("urgency", "acknowledge")
    list_editable = ("acknowledge",)


@admin.register(PublishingPolicy)
class PublishingPolicyAdmin(ConfigAdmin):
    list_display = ("site", "second_person")
    list_select_related = ("site",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("site",) if obj is not None else ()
