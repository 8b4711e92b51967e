"""The language model in the admin: off until somebody switches it on; its key is never shown again."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget

from core.admin import ModelAdmin, ReadOnlyAdmin
from exceptions_app.models import LanguageModel, ReadingAdvice


@admin.register(LanguageModel)
class LanguageModelAdmin(ModelAdmin):
    """Which server is asked about what the reader is not sure of."""

    list_display = ("model", "site", "url", "active", "below", "most_a_day")
    list_select_related = ("site",)
    fields = (
        "active", "site", "url", "model", "key", "answer_format", "below", "timeout_seconds", "most_a_day",
    )  # fmt: skip

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "key" and isinstance(field, forms.Field):
            field.widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
            field.help_text = "Sent as bearer token. Leave it empty to keep what is stored."
        return field

    def save_model(self, request: HttpRequest, obj: LanguageModel, form: Any, change: bool) -> None:
        if change and not obj.key:
            obj.key = LanguageModel.objects.values_list("key", flat=True).get(pk=obj.pk)
        super().save_model(request, obj, form, change)


@admin.register(ReadingAdvice)
class ReadingAdviceAdmin(ReadOnlyAdmin):
    """What was asked, and what counted."""

    list_display = ("created_at", "signal", "status", "verdict", "type_code", "words", "asked_of", "error")
    list_filter = ("status", "verdict", "type_code")
    list_select_related = ("signal__source",)
