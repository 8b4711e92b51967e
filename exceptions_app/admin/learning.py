"""What the reader was taught, in the admin: names, words and rules to edit; reviews and readers to look at.

A trained reader is put into use, or the shipped one brought back, by one act on its row. Every change goes through the
services, so it is checked as on the desk.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from core import clock
from core.admin import ModelAdmin, ReadOnlyAdmin
from core.errors import DomainError
from exceptions_app import services
from exceptions_app.admin.records import ReadOnlyInline
from exceptions_app.models import (
    AcceptancePolicy,
    Correction,
    CueStatus,
    LearnedAlias,
    PlantCue,
    ReaderModel,
    Review,
)
from exceptions_app.reading.normalise import key_of
from exceptions_app.services.learning.names import why_not_learn


class CorrectionInline(ReadOnlyInline):
    model = Correction
    fields = ("field", "before", "after", "right", "words", "method", "confidence")
    show_change_link = False


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """What people said about readings."""

    list_display = (
        "at",
        "exception",
        "verdict",
        "read_type",
        "true_type",
        "channel",
        "site",
        "by",
        "reader_model",
    )
    list_filter = ("verdict", "site", "channel", "true_type", "unchanged")
    list_select_related = ("exception", "site", "by")
    date_hierarchy = "at"
    inlines = (CorrectionInline,)


@admin.register(LearnedAlias)
class LearnedAliasAdmin(ModelAdmin):
    """Names a site's people use. Switching one off forgets it, from the next message on."""

    list_display = ("words", "kind", "code", "site", "active", "created_by", "created_at", "note")
    list_filter = ("site", "kind", "active")
    search_fields = ("words", "code")
    list_select_related = ("site", "created_by")
    fields = ("site", "words", "kind", "code", "active", "note")

    def save_model(self, request: HttpRequest, obj: LearnedAlias, form: Any, change: bool) -> None:
        obj.key = key_of(obj.words)
        if not change:
            obj.created_by, obj.created_at = request.user, clock.now()  # type: ignore[assignment]
        if not obj.active and obj.withdrawn_at is None:
            obj.withdrawn_by, obj.withdrawn_at = request.user, clock.now()  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)

        class Checked(form):  # type: ignore[valid-type,misc]
            def clean(self) -> Any:
                data = super().clean()
                if data.get("active") and data.get("site") and data.get("words"):
                    why = why_not_learn(
                        site=data["site"],
                        words=data["words"],
                        kind=data.get("kind", ""),
                        code=data.get("code", ""),
                    )
                    if why and why != "known":
                        raise ValidationError({"words": f"This can't be a name: {why}."})
                    twin = LearnedAlias.objects.filter(
                        site=data["site"], key=key_of(data["words"]), active=True
                    ).exclude(pk=self.instance.pk)
                    if twin.exists():
                        raise ValidationError({"words": "These words mean something here already."})
                return data

        return Checked


@admin.register(PlantCue)
class PlantCueAdmin(ModelAdmin):
    """The plant dictionary: cue words of types, and abbreviations of cue words."""

    list_display = ("phrase", "type", "stands_for", "strong", "status", "count", "site", "settled_by")
    list_filter = ("status", "site", "type")
    search_fields = ("phrase", "stands_for")
    list_select_related = ("site", "type", "settled_by")
    fields = ("site", "phrase", "type", "stands_for", "strong", "status", "count", "examples")
    readonly_fields = ("count", "examples")
    actions = ("use", "refuse")

    def save_model(self, request: HttpRequest, obj: PlantCue, form: Any, change: bool) -> None:
        obj.key = key_of(obj.phrase)
        if obj.status != CueStatus.PROPOSED:
            obj.settled_by, obj.settled_at = request.user, clock.now()  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    @admin.action(description="Read by the chosen words")
    def use(self, request: HttpRequest, rows: QuerySet[PlantCue]) -> None:
        for cue in rows:
            services.settle_cue(cue_id=cue.pk, use=True, actor=request.user)  # type: ignore[arg-type]
        messages.success(request, "They are read by from the next message.")

    @admin.action(description="Refuse the chosen words")
    def refuse(self, request: HttpRequest, rows: QuerySet[PlantCue]) -> None:
        for cue in rows:
            services.settle_cue(cue_id=cue.pk, use=False, actor=request.user)  # type: ignore[arg-type]
        messages.success(request, "They are not read by.")


@admin.register(AcceptancePolicy)
class AcceptancePolicyAdmin(ModelAdmin):
    """Who looks first at a type on a channel. Order changes always need a person."""

    list_display = ("site", "type", "channel", "mode", "least", "changed_by", "changed_at")
    list_filter = ("site", "channel", "mode")
    list_select_related = ("site", "type", "changed_by")
    fields = ("site", "type", "channel", "mode", "least")

    def save_model(self, request: HttpRequest, obj: AcceptancePolicy, form: Any, change: bool) -> None:
        obj.changed_by, obj.changed_at = request.user, clock.now()  # type: ignore[assignment]
        super().save_model(request, obj, form, change)


@admin.register(ReaderModel)
class ReaderModelAdmin(ReadOnlyAdmin):
    """Trained readers and what they were measured at."""

    list_display = (
        "version",
        "site",
        "status",
        "rows",
        "held_out",
        "note",
        "trained_at",
        "promoted_at",
        "promoted_by",
    )
    list_filter = ("site", "status")
    list_select_related = ("site", "promoted_by")
    exclude = ("data",)
    actions = ("put_into_use", "shipped_again")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReaderModel]:
        found: QuerySet[ReaderModel] = super().get_queryset(request)
        return found.defer("data")

    @admin.action(description="Put the chosen reader into use", permissions=["view"])
    def put_into_use(self, request: HttpRequest, rows: QuerySet[ReaderModel]) -> None:
        for row in rows[:1]:
            try:
                services.promote_reader(model_id=row.pk, actor=request.user)  # type: ignore[arg-type]
            except DomainError as error:
                messages.error(request, f"{error.message} {error.hint}")
            else:
                messages.success(request, f"{row.version} reads from the next message.")

    @admin.action(description="Go back to the shipped reader at the site of the chosen", permissions=["view"])
    def shipped_again(self, request: HttpRequest, rows: QuerySet[ReaderModel]) -> None:
        for row in rows[:1]:
            try:
                services.use_shipped_reader(site=row.site, actor=request.user)  # type: ignore[arg-type]
            except DomainError as error:
                messages.error(request, f"{error.message} {error.hint}")
            else:
                messages.success(request, f"{row.site} is read by the shipped reader from the next message.")
